"""Base classes of the transformers that take images."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config
from sklearn.utils.validation import check_is_fitted, validate_data

from ._image_input import Images, array_images, as_images, paths_of


class _ImageInputMixin:
    """Validation of X for estimators with `image_shape` (and perhaps `value_range`) parameters.

    ``_one_size = True`` (the default) makes transform refuse images of another size than fit saw.
    """

    _one_size = True

    def _validate_images(self, X, *, reset):
        options = {
            "image_shape": getattr(self, "image_shape", None),
            "value_range": getattr(self, "value_range", None),
        }
        if isinstance(X, tuple):
            X = list(X)
        flat = not isinstance(X, Images | list) and paths_of(X) is None and _ndim(X) != 3
        if flat or (isinstance(X, list) and _is_numeric_rows(X)):
            X = validate_data(self, X, reset=reset, dtype="numeric", allow_nd=True)
            return array_images(X, **options)
        images = as_images(X, **options)
        if not self._one_size:
            return images
        size = images.shape[1:]
        n_pixels = int(np.prod(size))
        if reset:
            self.n_features_in_ = n_pixels
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif n_pixels != getattr(self, "n_features_in_", n_pixels):
            raise ValueError(
                f"X has images of {size[0]}×{size[1]} = {n_pixels} pixels, but "
                f"{type(self).__name__} was fitted on images of {self.n_features_in_} pixels."
            )
        return images

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


def _ndim(X):
    """Number of axes, of anything that turns into an array."""
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def _is_numeric_rows(X):
    """Whether a list holds flat rows, not paths and not (H, W) images."""
    return len(X) == 0 or (paths_of(X) is None and np.ndim(X[0]) != 2)


class _BaseImageTransformer(_ImageInputMixin, TransformerMixin, BaseEstimator):
    """Images in, rows of features out."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class _ImageToImage(_ImageInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Images in, images out; flat rows in, flat rows out.

    Subclasses are declared with ``auto_wrap_output_keys=None`` too: images cannot be columns of
    a table, so only flat rows follow `set_output`.
    """

    def set_output(self, *, transform=None):
        """Set the container of transformed flat rows; images stay arrays of images.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            As in every scikit-learn transformer; None leaves the setting.

        Returns
        -------
        self : object
        """
        if transform is not None:
            if transform != "default" and transform not in ADAPTERS_MANAGER.supported_outputs:
                raise ValueError(
                    f"output config must be in {sorted(ADAPTERS_MANAGER.supported_outputs)}, "
                    f"got {transform!r}"
                )
            self._sklearn_output_config = {
                **getattr(self, "_sklearn_output_config", {}),
                "transform": transform,
            }
        return self

    def _contain(self, images, X):
        """`images` in the container that the caller asked for."""
        if not images.is_flat:
            return images
        rows = images.restore(np.asarray(images))
        container = _get_output_config("transform", self)["dense"]
        if container == "default":
            return rows
        adapter = ADAPTERS_MANAGER.adapters[container]
        return adapter.create_container(rows, X, columns=pixel_names(*images.shape[1:]))

    def get_feature_names_out(self, input_features=None):
        """Names of the pixels when images are flat rows: ``pixel_<row>_<column>``.

        Parameters
        ----------
        input_features : ignored
            Present for API consistency.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        return pixel_names(*self._output_size())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def pixel_names(height, width):
    """``pixel_<row>_<column>`` in row order."""
    return np.array([f"pixel_{i}_{j}" for i in range(height) for j in range(width)], dtype=object)
