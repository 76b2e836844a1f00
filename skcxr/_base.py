"""Base classes of the stages that take images, and the one door to what `memory` keeps."""

import os
import sys
import warnings
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._image_input import as_images
from ._rows import Images
from ._rows._usable import name_bad, on_usable_rows
from ._sklearn import ADAPTERS_MANAGER, HasMethods, _get_output_config
from ._store import open_store

MEMORY = [None, str, os.PathLike, HasMethods("cache")]
_MEMORY_DOC = """memory : None, str, path or joblib.Memory, default=None
        Where results are kept per image, and fits, for the next run. A relative path is resolved
        where fit is called and stays that folder; unpickled where that folder is not, an estimator
        keeps nothing. :func:`~skcxr.memory.set_memory` names another one."""


class _DocLinkMixin:
    """The link from an estimator's box in a notebook to its page of the reference.

    There is one where ``SKCXR_DOCS_URL`` in the environment names a built site: its address, or
    ``file://`` and the folder.
    """

    _doc_link_module = "skcxr"

    @property
    def _doc_link_template(self):
        site = os.environ.get("SKCXR_DOCS_URL")
        return f"{site.rstrip('/')}/api/{{page}}.html" if site else ""

    def _doc_link_url_param_generator(self):
        subpackage = ".".join(type(self).__module__.split(".")[:2])
        return {"page": f"{subpackage}.{type(self).__name__}"}


class _MemoryMixin(_DocLinkMixin):
    """The door to what is kept: `memory` in every form that scikit-learn knows.

    A class has ``"memory": MEMORY`` among its constraints and ``%(memory)s`` in its docstring.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__doc__:
            cls.__doc__ = cls.__doc__.replace("%(memory)s", _MEMORY_DOC)

    def _open_memory(self, *, reset=False):
        """The store of `memory` or None; a fit (`reset`) settles which folder that is."""
        memory = getattr(self, "memory", None)
        given, folder = vars(self).get("_memory_settled", (None, None))
        if reset or not (given is memory or given == memory):
            folder = _memory_folder(memory)
            if reset:
                self._memory_settled = memory, folder
        return open_store(folder)

    def _fit_memory(self):
        """What joblib keeps fits in: the given ``joblib.Memory``, the folder, or None."""
        folder = _memory_folder(self.memory)
        return folder if folder is None or not hasattr(self.memory, "cache") else self.memory

    def __setstate__(self, state):
        super().__setstate__(state)
        memory, folder = vars(self).get("_memory_settled", (None, None))
        if folder is not None and not os.path.isdir(os.path.join(folder, "skcxr")):
            self._memory_settled = memory, None  # a model that moved makes no store of films here


def _memory_folder(memory):
    """Absolute path of the folder that `memory` names, or None."""
    location = getattr(memory, "location", None) if hasattr(memory, "cache") else memory
    if not isinstance(location, str | os.PathLike):
        return location  # None, or something that the store refuses in a sentence
    return os.path.abspath(os.path.expanduser(location))


class _ImageInputMixin(_MemoryMixin):
    """Validation of X for estimators with `image_shape` (and perhaps `value_range`) parameters.

    ``_one_size = True`` (the default) makes transform refuse images of another size than fit saw.
    Where a stage before let bad images stay as rows, fit and transform see the others alone, and
    the rows of the bad ones become NaN, unless ``_passes_bad_on = True``.
    """

    _one_size = True
    _passes_bad_on = False

    def __init_subclass__(cls, **kwargs):
        for name in ("fit", "fit_transform", "transform", "decision_function"):
            if name in vars(cls) and not cls._passes_bad_on:
                setattr(cls, name, on_usable_rows(vars(cls)[name]))
        super().__init_subclass__(**kwargs)

    def _usable_rows(self, X):
        """Which rows of X can be used, (n,) bool; None where all can."""
        return X.usable if isinstance(X, Images) and X.bad else None

    def _stand_in(self, X):
        """An image to find out from what an answer looks like."""
        return np.zeros((1, *X.shape[1:]), np.uint8)

    def _fitted_on_usable_rows(self, rows):
        """What a fit does in the end that has seen these rows alone."""

    def _validate_images(self, X, *, reset, decode=None):
        if isinstance(X, tuple):
            X = list(X)
        images = as_images(
            X,
            image_shape=getattr(self, "image_shape", None),
            value_range=getattr(self, "value_range", None),
            decode={**(self._decode_options() or {}), **(decode or {})},
            memo=self._open_memory(reset=reset),
            check=partial(self._check_rows, reset=reset),
            on_error=getattr(self, "on_error", "raise"),
        )
        if not self._passes_bad_on and images.bad:
            raise ValueError(
                name_bad(images.bad.values(), len(images))
                + f" X.take(X.usable) are those that {type(self).__name__} can use here."
            )
        if reset:
            self._fitted_on_rows = images.is_flat
        if images.is_flat:
            return images
        if reset and not self._one_size:
            vars(self).pop("n_features_in_", None)
        if reset:
            vars(self).pop("feature_names_in_", None)
        if self._one_size or (not reset and getattr(self, "_fitted_on_rows", False)):
            size = images.shape[1:]
            n_pixels = int(np.prod(size))
            if reset:
                self.n_features_in_, self._image_size = n_pixels, tuple(size)
                return images
            known = None if self._fitted_on_rows else getattr(self, "_image_size", None)
            is_other = known is not None and tuple(size) != known
            if is_other or n_pixels != getattr(self, "n_features_in_", n_pixels):
                raise ValueError(
                    f"X has images of {size[0]}×{size[1]} = {n_pixels} pixels, but "
                    f"{type(self).__name__} was fitted on "
                    f"{'rows' if self._fitted_on_rows else 'images'} of {self.n_features_in_} "
                    f"pixels{'' if known is None else f', {known[0]}×{known[1]}'}."
                )
        return images

    def _decode_options(self):
        """How files are decoded; stages that have settings for it say so."""
        return None

    def _check_rows(self, X, *, reset):
        """Check flat rows as scikit-learn does; a fit on images knows no rows of another width."""
        shape = getattr(X, "shape", ())
        if (
            not reset
            and len(shape) == 2
            and shape[0]
            and not getattr(self, "_fitted_on_rows", True)
        ):
            n_pixels = getattr(self, "n_features_in_", None)
            if n_pixels != shape[1]:
                raise ValueError(
                    f"X has the shape {tuple(shape)}, but {type(self).__name__} was fitted on "
                    f"images{'' if n_pixels is None else f' of {n_pixels} pixels'}, not on flat "
                    "rows; a single image is X[None], of shape (1, H, W)."
                )
        return validate_data(self, X, reset=reset, dtype="numeric", allow_nd=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


class _BaseImageTransformer(_ImageInputMixin, TransformerMixin, BaseEstimator):
    """Images in, rows of features out."""

    def _contain(self, features, images):
        """Features with the index that X had before it became images, where a table is wanted."""
        if images.index is None or _container(self) != "pandas":
            return features
        import pandas as pd

        return pd.DataFrame(features, index=images.index, copy=False)

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

    def _contain(self, rows, X, size):
        """Flat rows of images of `size`, in the container that the caller asked for."""
        container = _container(self)
        if container == "default":
            return rows
        adapter = ADAPTERS_MANAGER.adapters[container]
        return adapter.create_container(rows, X, columns=pixel_names(*size))

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


class _ImagePreprocessor(_ImageToImage, auto_wrap_output_keys=None):
    """A stage that changes each image alone, lazily; subclasses have ``_start`` and ``_change``."""

    _passes_bad_on = True

    def fit(self, X, y=None):
        """Check the parameters and that every file is there; nothing is decoded.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.
        y : ignored
            Present for API consistency.

        Returns
        -------
        self : object
        """
        self._fit(X)
        return self

    def fit_transform(self, X, y=None):
        """Fit and transform, looking at X once.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.
        y : ignored
            Present for API consistency.

        Returns
        -------
        lazy stack of images, or ndarray of flat rows when X is flat rows
            As :meth:`transform` returns it.
        """
        return self._transform(self._fit(X), X)

    def _transform(self, images, X):
        images = self._change(images)
        if not images.is_flat:
            return images
        return self._contain(images.restore(np.asarray(images)), X, images.shape[1:])


def _container(estimator):
    return _get_output_config("transform", estimator)["dense"]


def pixel_names(height, width):
    """``pixel_<row>_<column>`` in row order."""
    return np.array([f"pixel_{i}_{j}" for i in range(height) for j in range(width)], dtype=object)


def warn_at_user(message, category=UserWarning):
    """Warn at the line outside of skcxr, scikit-learn and joblib that called."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_inner(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inner(module):
    return module.partition(".")[0] in ("skcxr", "sklearn", "joblib", "contextlib", "threading")
