"""Texture features of chest X-rays: local binary patterns and oriented gradients."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils.validation import check_is_fitted

from .._base import MEMORY, _BaseImageTransformer
from .._rows import Computed
from .._sklearn import Interval, StrOptions, _fit_context
from ._hog import BLOCK_NORMS, MAX_ORIENTATIONS, hog_features, hog_shape
from ._lbp import METHODS, lbp_bins, lbp_histograms

_COMPUTATION = "1"  # to be raised when the same settings begin to give other numbers


class LBPHOGExtractor(_BaseImageTransformer):
    """Histogram of local binary patterns, followed by histograms of oriented gradients.

    Patterns are those of :func:`skimage.feature.local_binary_pattern`, pixel by pixel, and the
    descriptor is that of :func:`skimage.feature.hog` within 1e-5, for whole batches.

    A 224×224 image has 10 + 6·6·2·2·9 = 1,306 features by default: 7×7 cells of 32 pixels, in 6×6
    overlapping blocks of 2×2 cells. scikit-image's own defaults, 8-pixel cells and 3×3 blocks,
    would give a descriptor of 26·26·3·3·9 = 54,756 values, which is more than most collections
    have images.

    Parameters
    ----------
    lbp, hog : bool, default=True
        Which of the two to compute.
    lbp_points : int, default=8
        Number of neighbours P on the circle; up to 16 for "ror" and "default", whose codes are
        P-bit patterns.
    lbp_radius : float, default=1
        Radius of the circle in pixels.
    lbp_method : {"uniform", "ror", "default"}, default="uniform"
        "uniform": P + 2 bins. "ror": one bin per class of rotated patterns, 36 for P = 8.
        "default": all 2**P patterns. scikit-image's "nri_uniform" and "var" are not supported.
    lbp_grid : (int, int), default=(1, 1)
        The image is divided into this many rows and columns, each with its own histogram.
    orientations : int, default=9
        Number of orientation bins over 180°, up to 254.
    pixels_per_cell : (int, int), default=(32, 32)
        Height and width of a cell in pixels. Pixels beyond the last whole cell are not counted.
    cells_per_block : (int, int), default=(2, 2)
        Rows and columns of cells that are normalised together.
    block_norm : {"L2-Hys", "L2", "L1", "L1-sqrt"}, default="L2-Hys"
        Normalisation of a block.
    transform_sqrt : bool, default=False
        Take the square root of the pixels before their gradients; four times slower.
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; None takes them as square.
    batch_size : int, default=128
        Images that are held at a time.
    n_jobs : int or None, default=None
        Workers among which a batch is divided, as everywhere in scikit-learn: None is one
        unless in a :func:`joblib.parallel_config` context.
    %(memory)s
    verbose : int, default=0
        Above 0, report progress on standard error.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels of an image.
    feature_names_in_ : ndarray of str
        Names of the columns, when `X` is a table of flat rows with names.
    image_shape_ : (int, int)
        Height and width of the images seen in fit.

    See Also
    --------
    skimage.feature.local_binary_pattern : The codes of one image.
    skimage.feature.hog : The descriptor of one image, also of colour images.

    References
    ----------
    .. [1] T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution gray-scale and rotation
       invariant texture classification with local binary patterns", IEEE TPAMI 24(7), 971-987,
       2002.
    .. [2] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.features import LBPHOGExtractor
    >>> X = np.random.default_rng(0).integers(0, 256, (3, 224, 224), dtype=np.uint8)
    >>> LBPHOGExtractor().fit_transform(X).shape
    (3, 1306)
    """

    __metadata_request__fit = {"groups": True}  # patients, where metadata are routed
    _parameter_constraints: dict = {
        "lbp": ["boolean"],
        "hog": ["boolean"],
        "lbp_points": [Interval(Integral, 1, None, closed="left")],
        "lbp_radius": [Interval(Real, 0, None, closed="neither")],
        "lbp_method": [StrOptions(set(METHODS))],
        "lbp_grid": ["array-like"],
        "orientations": [Interval(Integral, 1, MAX_ORIENTATIONS, closed="both")],
        "pixels_per_cell": ["array-like"],
        "cells_per_block": ["array-like"],
        "block_norm": [StrOptions(set(BLOCK_NORMS))],
        "transform_sqrt": ["boolean"],
        "image_shape": ["array-like", None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "memory": MEMORY,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        lbp=True,
        hog=True,
        *,
        lbp_points=8,
        lbp_radius=1,
        lbp_method="uniform",
        lbp_grid=(1, 1),
        orientations=9,
        pixels_per_cell=(32, 32),
        cells_per_block=(2, 2),
        block_norm="L2-Hys",
        transform_sqrt=False,
        image_shape=None,
        batch_size=128,
        n_jobs=None,
        memory=None,
        verbose=0,
    ):
        self.lbp = lbp
        self.hog = hog
        self.lbp_points = lbp_points
        self.lbp_radius = lbp_radius
        self.lbp_method = lbp_method
        self.lbp_grid = lbp_grid
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.memory = memory
        self.verbose = verbose

    def fit(self, X, y=None, groups=None):
        """Check the settings against the images' size; nothing is learned.

        Parameters
        ----------
        X : paths, DataFrame, array (n, H, W) or flat rows (n, H·W)
            Images of one size.
        y, groups : ignored
            Present for API consistency, and for a FeatureUnion that hands patients to its branches.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If an image is smaller than one block or than the grid, or a setting is not supported.
        """
        self._fit(X)
        return self

    def fit_transform(self, X, y=None, groups=None):
        """Fit and transform, looking at X once.

        Parameters
        ----------
        X : paths, DataFrame, array (n, H, W) or flat rows (n, H·W)
            Images of one size.
        y, groups : ignored
            Present for API consistency, and for a FeatureUnion that hands patients to its branches.

        Returns
        -------
        ndarray of shape (n, n_features), float32
            As :meth:`transform` returns it.
        """
        return self._features(self._fit(X))

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X):
        images = self._validate_images(X, reset=True)
        self.image_shape_ = images.shape[1:]
        self._layout()
        return images

    def transform(self, X):
        """Compute the features of each image.

        Parameters
        ----------
        X : paths, DataFrame, array (n, H, W) or flat rows (n, H·W)
            Images of the size seen in fit.

        Returns
        -------
        ndarray of shape (n, n_features), float32
            Shares of the patterns, which sum to 1 per histogram, then the descriptor.
        """
        check_is_fitted(self)
        images = self._validate_images(X, reset=False)
        if images.shape[1:] != self.image_shape_:
            raise ValueError(
                f"X has images of {images.shape[1]}×{images.shape[2]} pixels, but "
                f"{type(self).__name__} was fitted on images of "
                f"{self.image_shape_[0]}×{self.image_shape_[1]}."
            )
        return self._features(images)

    def _features(self, images):
        lbp, hog = self._settings()
        rows = Computed(
            images,
            partial(_texture_on_workers, lbp=lbp, hog=hog, n_jobs=self.n_jobs),
            kind="texture",
            config=f"{_COMPUTATION} lbp={lbp} hog={hog}",
            shelf=self._open_memory(),
            verbose=self.verbose,
        )
        features = np.empty((len(images), self._n_features_out), np.float32)
        for where, values in rows.batches(self.batch_size):
            features[where] = values
        return self._contain(features, images)

    def get_feature_names_out(self, input_features=None):
        """Names of the features.

        Parameters
        ----------
        input_features : ignored
            Present for API consistency.

        Returns
        -------
        ndarray of str
            ``lbp_<code>``, or ``lbp_<row>_<column>_<code>`` with a grid; then
            ``hog_<block row>_<block column>_<cell row>_<cell column>_<orientation>``, where the
            cell is counted within its block.
        """
        check_is_fitted(self)
        bins, grid, shape = self._layout()
        names = [
            f"lbp_{code}" if grid == (1, 1) else f"lbp_{i}_{j}_{code}"
            for i, j in np.ndindex(*grid)
            for code in bins
        ]
        if shape is not None:
            names += ["hog_" + "_".join(map(str, index)) for index in np.ndindex(*shape)]
        return np.array(names, dtype=object)

    @property
    def _n_features_out(self):
        bins, grid, shape = self._layout()
        return len(bins) * grid[0] * grid[1] + (0 if shape is None else int(np.prod(shape)))

    def _layout(self):
        """LBP codes with a bin, the grid, and the shape of the HOG descriptor or None."""
        lbp, hog = self._settings()
        if lbp is None and hog is None:
            raise ValueError("lbp=False and hog=False leave no feature; switch one of them on.")
        bins, grid, shape = (), (1, 1), None
        if lbp is not None:
            bins, grid = lbp_bins(lbp["points"], lbp["method"]), lbp["grid"]
            if grid[0] > self.image_shape_[0] or grid[1] > self.image_shape_[1]:
                raise ValueError(
                    f"lbp_grid={grid} does not fit images of "
                    f"{self.image_shape_[0]}×{self.image_shape_[1]} pixels."
                )
        if hog is not None:
            shape = hog_shape(
                self.image_shape_,
                hog["orientations"],
                hog["pixels_per_cell"],
                hog["cells_per_block"],
            )
        return bins, grid, shape

    def _settings(self):
        """Arguments of `lbp_histograms` and `hog_features`, each None when it is off.

        Plain Python values, so that equal settings have one spelling in the store.
        """
        lbp = hog = None
        if self.lbp:
            lbp = {
                "points": int(self.lbp_points),
                "radius": float(self.lbp_radius),
                "method": self.lbp_method,
                "grid": _pair("lbp_grid", self.lbp_grid),
            }
        if self.hog:
            hog = {
                "orientations": int(self.orientations),
                "pixels_per_cell": _pair("pixels_per_cell", self.pixels_per_cell),
                "cells_per_block": _pair("cells_per_block", self.cells_per_block),
                "block_norm": self.block_norm,
                "transform_sqrt": bool(self.transform_sqrt),
            }
        return lbp, hog


def _pair(name, value):
    """Two positive integers, or an error with the parameter's name."""
    value = tuple(value)
    if len(value) != 2 or not all(isinstance(v, Integral) and v >= 1 for v in value):
        raise ValueError(f"{name} must be two integers of at least 1, got {value!r}.")
    return int(value[0]), int(value[1])


def _texture(images, lbp, hog):
    """Feature rows of (m, H, W) uint8 images."""
    parts = []
    if lbp is not None:
        parts.append(lbp_histograms(images, **lbp))
    if hog is not None:
        parts.append(hog_features(images, **hog))
    return np.concatenate([part.reshape(len(images), -1) for part in parts], axis=1)


def _texture_on_workers(images, lbp, hog, n_jobs):
    """`_texture`, with the batch divided among joblib's workers."""
    n_parts = min(effective_n_jobs(n_jobs), len(images))
    if n_parts < 2:
        return _texture(images, lbp, hog)
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_texture)(part, lbp, hog) for part in np.array_split(images, n_parts)
    )
    return np.concatenate(parts)
