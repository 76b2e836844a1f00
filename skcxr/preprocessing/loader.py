"""ImageLoader: files and arrays of any size to images of one size."""

from functools import partial
from numbers import Integral

from .._base import MEMORY, _ImagePreprocessor
from .._decode import read_image
from .._sklearn import Interval, StrOptions, _fit_context

__all__ = ["ImageLoader", "read_image"]


class ImageLoader(_ImagePreprocessor, auto_wrap_output_keys=None):
    """Bring X-rays to one size, as grey uint8.

    Files are decoded when a later step asks for them and none is kept in memory: the result
    of `transform` is a lazy stack that behaves as an array of shape (n, size, size). Shrinking
    averages areas, growing interpolates linearly (OpenCV).

    Parameters
    ----------
    size : int, default=224
        Height and width of the images that come out, in pixels. An image that is not square is
        stretched, as ChestX-ray14 itself was.
    value_range : (float, float) or None, default=None
        Values that become 0 and 255 in images that are not 8-bit; None stretches each such image
        from its own minimum to its own maximum. 8-bit images are taken as they are.
    voi : str or None, default="first"
        Which window or VOI table of a DICOM file is applied: ``"first"``, one by its explanation
        (for instance ``"HARDER"``), or None for none.
    modality : {"warn", "raise", "ignore"}, default="warn"
        What to do with a DICOM file that is no projection radiograph of the chest.
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; one of them may be -1. None takes rows
        as square images.
    %(memory)s

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels of a flat row; only when X came as flat rows.
    feature_names_in_ : ndarray of str
        Column names; only when X came as a DataFrame of flat rows.

    See Also
    --------
    HistEqualizer : The next stage.

    Notes
    -----
    DICOM files go through their modality and VOI tables, and MONOCHROME1 is inverted. A JPEG file
    of four times ``size`` or more is decoded at a half, a quarter or an eighth of its size, which
    takes a part of the time and memory; the result may differ by a grey level or two.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.preprocessing import ImageLoader
    >>> ImageLoader(size=4).fit_transform(np.zeros((2, 8, 8), dtype=np.uint8)).shape
    (2, 4, 4)
    """

    _one_size = False
    _parameter_constraints = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "value_range": [tuple, list, None],
        "voi": [str, None],
        "modality": [StrOptions({"warn", "raise", "ignore"})],
        "image_shape": [tuple, list, None],
        "memory": MEMORY,
    }

    def __init__(
        self,
        size=224,
        *,
        value_range=None,
        voi="first",
        modality="warn",
        image_shape=None,
        memory=None,
    ):
        self.size = size
        self.value_range = value_range
        self.voi = voi
        self.modality = modality
        self.image_shape = image_shape
        self.memory = memory

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        return self._validate_images(X, reset=True)

    def transform(self, X):
        """Images of one size.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        lazy stack of shape (n, size, size), uint8, or ndarray of shape (n, size·size) when X \
                is flat rows

        Raises
        ------
        FileNotFoundError
            Naming the files that are missing.
        ValueError
            Naming a file that is no image, when it is read.
        """
        return self._transform(self._validate_images(X, reset=False), X)

    def _change(self, images):
        store = self._open_memory()
        size = (self.size, self.size)
        images = images.map(partial(_resize, size=size), f"resize area/linear {size}", size)
        if store is not None:
            return images.stored(store)
        return images if images.is_flat else images.spooled()

    def _decode_options(self):
        # Twice the size, so that areas are still averaged to it.
        return {"min_size": 2 * self.size, "voi": self.voi, "modality": self.modality}

    def _output_size(self):
        return self.size, self.size


def _resize(image, size):
    """Area average where an image shrinks, linear interpolation where it grows."""
    import cv2

    if image.shape == size:
        return image
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=interpolation)
