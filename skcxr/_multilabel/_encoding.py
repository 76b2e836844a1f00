"""Unknown labels that scikit-learn would make a class of."""

import sys

import numpy as np
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline

_ENCODES = ("decision_function", "predict_log_proba", "predict_proba")
_CODE = getattr(cross_val_predict, "__wrapped__", cross_val_predict).__code__
_PIPELINE_CODE = Pipeline.__sklearn_tags__.__code__


def refuse_encoded_nan():
    """Raise where ``cross_val_predict`` is about to encode NaN in y as a class.

    For probabilities scikit-learn runs each column of y through a LabelEncoder before any
    estimator is fitted: a column of 1 and NaN arrives as 0 and 1, and its probabilities come out
    inverted. No estimator can tell that from its y. But before it does so, ``cross_val_predict``
    asks the estimator for its tags; called from there, this looks at what it was given.

    Raises
    ------
    ValueError
        Where y holds NaN; a RuntimeError inside a Pipeline, which ignores a ValueError here.
    """
    frame, error = sys._getframe(1), ValueError
    while frame is not None and frame.f_code is not _CODE:
        if frame.f_code is _PIPELINE_CODE:
            error = RuntimeError
        frame = frame.f_back
    if frame is None or frame.f_locals.get("method") not in _ENCODES:
        return
    import pandas as pd

    values = np.asarray(frame.f_locals.get("y"))
    if values.dtype.kind in "fO" and pd.isna(values).any():
        raise error(
            "y holds NaN, which scikit-learn's cross_val_predict would make a class of its own; "
            "skcxr.model_selection.out_of_fold_predict(estimator, X, y, groups=..., cv=...) knows "
            "unknown labels"
        )
