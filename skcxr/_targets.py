"""Labels as people have them, made one float array of 0, 1 and NaN."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target


class Targets(NamedTuple):
    """What an estimator needs to know of y."""

    Y: np.ndarray  # (n, k) float32 of 0, 1, NaN
    label_names: np.ndarray  # (k,) object
    classes: object  # 1-D y: array of the two classes; 2-D y: list of k such arrays
    binary: bool  # y was 1-D


def encode_targets(y, estimator_name="MultilabelNet"):
    """Check y and bring it to (n, k) float32.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n, k), or array-like of shape (n,)
        Two-dimensional: 0, 1 or NaN (unknown). One-dimensional: any two classes, or 0, 1, NaN.
    estimator_name : str
        For the message where y is None.

    Returns
    -------
    Targets

    Raises
    ------
    ValueError
        Where a value is none of 0, 1 and NaN, or 1-D y does not have two classes.
    """
    if y is None:
        raise ValueError(
            f"This {estimator_name} estimator requires y to be passed, but the target y is None."
        )
    names = getattr(y, "columns", None)
    if names is None and getattr(y, "name", None) is not None:
        names = [y.name]
    values = _as_array(y)
    if values.ndim == 1:
        Y, classes = _encode_binary(values)
    elif values.ndim == 2:
        Y, classes = _encode_labels(values, names), [np.array([0, 1])] * values.shape[1]
    else:
        raise ValueError(f"y must be (n,) or (n, k), got the shape {values.shape}")
    if names is None:
        names = [f"label{j}" for j in range(Y.shape[1])]
    return Targets(Y, np.array(list(names), dtype=object), classes, values.ndim == 1)


def _as_array(y):
    if not hasattr(y, "dtypes"):
        return np.asarray(y)
    dtypes = np.atleast_1d(np.asarray(y.dtypes, dtype=object))
    if all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes):
        return y.to_numpy(dtype=np.float64, na_value=np.nan)  # pandas' nullable dtypes as well
    return y.to_numpy()


def _encode_labels(values, names):
    if values.shape[1] == 0:
        raise ValueError("y has no label: its shape is (n, k) with k = 0")
    try:
        Y = values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must hold 0, 1 or NaN (unknown): {error}") from error
    wrong = ~(np.isnan(Y) | (Y == 0) | (Y == 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = column if names is None else repr(names[column])
        raise ValueError(
            f"y holds {values[row, column]} in row {row} of label {name} and "
            f"{int(wrong.sum())} such values in all; labels are 0, 1 or NaN (unknown)"
        )
    return Y


def _encode_binary(values):
    known = np.ones(len(values), dtype=bool)
    if values.dtype.kind == "f":
        assert_all_finite(values, allow_nan=True, input_name="y")
        known = ~np.isnan(values)
        if not known.any():
            raise ValueError("Input y contains NaN only: no label is known.")
    y_type = type_of_target(values[known], input_name="y", raise_unknown=True)
    check_classification_targets(values[known])
    if y_type != "binary":
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {y_type}. "
            "For several labels pass y of shape (n, k) with 0, 1 or NaN."
        )
    classes, codes = np.unique(values[known], return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"Classifier needs two classes in 1-D y; got one class: {classes[0]!r}")
    Y = np.full((len(values), 1), np.nan, dtype=np.float32)
    Y[known, 0] = codes
    return Y, classes
