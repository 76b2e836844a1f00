"""ImageLoader: files and arrays of any size to images of one size."""

from functools import partial
from numbers import Integral

from .._base import MEMORY, _ImagePreprocessor, warn_at_user
from .._decode import read_image
from .._rows import Images
from .._rows._prefetch import map_readers
from .._rows._usable import name_bad
from .._sklearn import Interval, StrOptions, _fit_context
from .geometry import ASPECTS, FilmGeometry, fit_to, size_pair

__all__ = ["ImageLoader", "read_image"]


class ImageLoader(_ImagePreprocessor, auto_wrap_output_keys=None):
    """Bring X-rays to one size, as grey uint8.

    Files are decoded when a later step asks for them and none is kept in memory: the result
    of `transform` is a lazy stack that behaves as an array of shape (n, height, width). Shrinking
    averages areas, growing interpolates linearly (OpenCV).

    Parameters
    ----------
    size : int or (int, int), default=224
        Height and width of the images that come out, in pixels; one number is both.
    aspect : {"stretch", "pad", "crop"}, default="stretch"
        What becomes of a film of another aspect: ``"stretch"`` brings height and width to the size
        each for itself; ``"pad"`` shows the whole film undistorted, with black on two sides;
        ``"crop"`` shows its middle undistorted and cuts off the rest. The way back for boxes, maps
        and masks is in :meth:`geometry`.
    value_range : (float, float) or None, default=None
        Values that become 0 and 255 in images that are not 8-bit; None stretches each such image
        from its own minimum to its own maximum. 8-bit images are taken as they are.
    voi : str or None, default="first"
        Which window or VOI table of a DICOM file is applied: ``"first"``, one by its explanation
        (for instance ``"HARDER"``), or None for none.
    modality : {"warn", "raise", "ignore"}, default="warn"
        What to do with a DICOM file that says that it is no frontal radiograph of the chest.
    on_error : {"raise", "nan"}, default="raise"
        What to do with images that cannot be used: missing, damaged, refused, with NaN in them.
        ``"raise"`` names them, up to ten. ``"nan"`` keeps their rows: one warning names them, the
        stages that follow fit on the other films alone, and features and probabilities of these
        are NaN (the classifier needs ``nan_rows="skip"`` for it). All images are then read at once.
        Flat rows with NaN are refused in any case.
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
    bad_images_ : DataFrame
        ``row``, ``name`` and ``error`` of the images in the last fit that cannot be used, with the
        index of X where it is a table; with ``on_error="nan"``. What `transform` returns has those
        of its own images as ``bad_images``.

    See Also
    --------
    HistEqualizer : The next stage.
    check_images : Looks for films that are damaged, and for much else.

    Notes
    -----
    X may be paths, a DataFrame with a column ``path``, an array or a tensor (n, H, W), with
    channels (n, 1, H, W), (n, 3, H, W) or (n, H, W, 3), or a list of arrays, tensors, PIL images
    and datasets of pydicom, of any sizes. Colours become luma (ITU-R BT.601); shapes in which the
    channels could be the first or the last axis are refused.

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
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "aspect": [StrOptions(set(ASPECTS))],
        "value_range": [tuple, list, None],
        "voi": [str, None],
        "modality": [StrOptions({"warn", "raise", "ignore"})],
        "on_error": [StrOptions({"raise", "nan"})],
        "image_shape": [tuple, list, None],
        "memory": MEMORY,
    }

    def __init__(
        self,
        size=224,
        *,
        aspect="stretch",
        value_range=None,
        voi="first",
        modality="warn",
        on_error="raise",
        image_shape=None,
        memory=None,
    ):
        self.size = size
        self.aspect = aspect
        self.value_range = value_range
        self.voi = voi
        self.modality = modality
        self.on_error = on_error
        self.image_shape = image_shape
        self.memory = memory

    def fit(self, X, y=None):
        """Check the parameters and that every file is there.

        Nothing is decoded, unless ``on_error="nan"``.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.
        y : ignored
            Present for API consistency.

        Returns
        -------
        self : ImageLoader
        """
        images = self._fit(X)
        if self.on_error == "nan":
            self._note_bad(self._change(images))
        return self

    def fit_transform(self, X, y=None):
        """Fit and transform, looking at X once.

        Parameters
        ----------
        X, y : as in :meth:`fit`

        Returns
        -------
        lazy stack of images, or ndarray of flat rows when X is flat rows
            As :meth:`transform` returns it.
        """
        images = self._transform(self._fit(X), X)
        if self.on_error == "nan":
            self._note_bad(images)
        return images

    def _note_bad(self, images):
        """Flat rows, which are an array by now, have been checked."""
        if isinstance(images, Images):
            self.bad_images_ = images.bad_images

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        size_pair(self.size)
        return self._validate_images(X, reset=True)

    def transform(self, X):
        """Images of one size.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        lazy stack of shape (n, height, width), uint8, or ndarray of shape (n, height·width) \
                when X is flat rows

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
        size = size_pair(self.size)
        how = "resize" if self.aspect == "stretch" else self.aspect
        resize = partial(fit_to, size=size, aspect=self.aspect)
        images = images.map(resize, f"{how} area/linear {size}", size)
        if images.is_flat:
            return images if store is None else images.stored(store)
        images = images.spooled() if store is None else images.stored(store)
        if self.on_error == "nan":
            images = images.without(images.source.fill())
            if images.bad:
                warn_at_user(
                    name_bad(images.bad.values(), len(images))
                    + " Their features and predictions are NaN."
                )
        return images

    def geometry(self, X):
        """How each film becomes an image, for boxes, maps and masks on their way back.

        Every film is read once more for it. Where height and width of the films are known,
        :class:`FilmGeometry` needs no film.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        list of n FilmGeometry
            None for a film that cannot be used, with ``on_error="nan"``.
        """
        images = self._validate_images(X, reset=False, decode={"min_size": None})
        usable = images.usable

        def shape(i):
            try:
                return images[i].shape if usable[i] else None
            except ValueError:
                if self.on_error == "raise":
                    raise
                return None

        shapes = map_readers(shape, range(len(images)))
        return [
            None if found is None else FilmGeometry(found, self.size, self.aspect)
            for found in shapes
        ]

    def _decode_options(self):
        # Twice the size, so that areas are still averaged to it. Where the aspect is kept, the
        # rounding of a reduced film's height and width would move the image by a pixel.
        least = 2 * max(size_pair(self.size)) if self.aspect == "stretch" else None
        return {"min_size": least, "voi": self.voi, "modality": self.modality}

    def _output_size(self):
        return size_pair(self.size)
