"""Rows with NaN among their features, as films that could not be read have: left out, not 0."""

import numpy as np

from skcxr._rows._usable import on_usable_rows

_AT_ONCE = 4096  # rows


class NanRowsMixin:
    """Behind ``nan_rows="skip"`` fit sees no row with a NaN, and such a row is predicted as NaN."""

    def __init_subclass__(cls, **kwargs):
        for name in ("fit", "decision_function", "predict_proba", "predict"):
            if name in vars(cls):
                setattr(cls, name, on_usable_rows(vars(cls)[name]))
        super().__init_subclass__(**kwargs)

    def _usable_rows(self, X):
        """Which rows of X have no NaN, (n,) bool; None where all are taken as they are."""
        if self.nan_rows == "raise" or not hasattr(X, "__len__"):
            return None
        try:
            parts = [_has_nan(X[i : i + _AT_ONCE]) for i in range(0, len(X), _AT_ONCE)]
        except (TypeError, ValueError):  # no numbers: the method says so
            return None
        has = np.concatenate(parts) if parts else np.zeros(0, bool)
        return ~has if has.any() else None

    def _stand_in(self, X):
        """A row to find out from what an answer looks like."""
        return np.zeros((1, *np.shape(X)[1:]), np.float32)

    def _fitted_on_usable_rows(self, rows):
        self.validation_indices_ = rows[self.validation_indices_]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.nan_rows == "skip"
        return tags


def _has_nan(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return np.isnan(rows).any(axis=tuple(range(1, rows.ndim)))
