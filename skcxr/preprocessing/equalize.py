"""HistEqualizer: contrast enhancement by histogram equalisation."""

from functools import partial
from numbers import Integral, Real

from .._base import _ImagePreprocessor
from .._sklearn import Interval, StrOptions, _fit_context


class HistEqualizer(_ImagePreprocessor, auto_wrap_output_keys=None):
    """Equalise the histogram of each image, globally or with CLAHE.

    Parameters
    ----------
    method : {"global", "clahe", "none"}, default="global"
        ``"global"`` maps grey levels through the image's cumulative histogram; ``"clahe"`` does so
        in tiles with a limit on contrast [1]_; ``"none"`` changes nothing (to grid over).
    clip_limit : float, default=2.0
        Contrast limit of CLAHE, in multiples of a flat histogram's bin height.
    tile_grid : (int, int), default=(8, 8)
        Rows and columns of CLAHE's tiles.
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; one of them may be -1. None takes rows
        as square images.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels of an image.

    See Also
    --------
    ImageLoader : The stage before.

    References
    ----------
    .. [1] K. Zuiderveld. "Contrast limited adaptive histogram equalization". Graphics Gems IV,
       474-485, 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.preprocessing import HistEqualizer
    >>> images = np.full((1, 2, 2), 100, dtype=np.uint8)
    >>> images[0, 0, 0] = 101
    >>> np.asarray(HistEqualizer().fit_transform(images))[0]
    array([[255,   0],
           [  0,   0]], dtype=uint8)
    """

    _parameter_constraints = {
        "method": [StrOptions({"global", "clahe", "none"})],
        "clip_limit": [Interval(Real, 0, None, closed="neither")],
        "tile_grid": [tuple, list],
        "image_shape": [tuple, list, None],
    }

    def __init__(self, method="global", *, clip_limit=2.0, tile_grid=(8, 8), image_shape=None):
        self.method = method
        self.clip_limit = clip_limit
        self.tile_grid = tile_grid
        self.image_shape = image_shape

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        if len(self.tile_grid) != 2 or not all(
            isinstance(tiles, Integral) and tiles > 0 for tiles in self.tile_grid
        ):
            raise ValueError(f"tile_grid={self.tile_grid!r}; expected two positive integers.")
        images = self._validate_images(X, reset=True)
        self._image_size = images.shape[1:]
        return images

    def transform(self, X):
        """Equalised images.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of the size that fit saw.

        Returns
        -------
        lazy stack of shape (n, H, W), uint8, or ndarray of shape (n, H·W) when X is flat rows
        """
        return self._transform(self._validate_images(X, reset=False), X)

    def _change(self, images):
        if self.method == "global":
            return images.map(_equalize, "equalize global")
        if self.method == "clahe":
            settings = {"clip_limit": float(self.clip_limit), "tile_grid": tuple(self.tile_grid)}
            return images.map(partial(_clahe, **settings), f"equalize clahe {settings}")
        return images

    def _output_size(self):
        return self._image_size


def _equalize(image):
    import cv2

    return cv2.equalizeHist(image)


def _clahe(image, clip_limit, tile_grid):
    import cv2

    return cv2.createCLAHE(clip_limit, tile_grid[::-1]).apply(image)
