"""Labels as people have them, made one float array of 0, 1 and NaN."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skcxr._multilabel._names import check_names

_DUMMIES = (
    'labels as text such as "Mass|Edema" become columns with y.str.get_dummies("|"), lists of '
    "names with sklearn.preprocessing.MultiLabelBinarizer"
)
_POLICIES = (
    "-1 usually stands for uncertain: skcxr.datasets.load_table(uncertain=...) has policies for "
    "it, y.replace(-1, float('nan')) makes it unknown"
)


class Targets(NamedTuple):
    """What an estimator needs to know of y."""

    Y: np.ndarray  # (n, k) float32 of 0, 1, NaN
    label_names: np.ndarray  # (k,) object
    classes: np.ndarray  # (2,) the two classes of 1-D y; (k, 2) of 0, 1 for 2-D y
    binary: bool  # y was 1-D


def encode_targets(y, estimator_name="MultilabelNet", *, soft=False):
    """Check y and bring it to (n, k) float32.

    Parameters
    ----------
    y : array-like, sparse matrix or DataFrame of shape (n, k), or array-like of shape (n,)
        Two-dimensional: as for :func:`read_labels`. One-dimensional: any two classes, or 0, 1 and
        NaN.
    estimator_name : str
        For the message where y is None.
    soft : bool, default=False
        Whether values between 0 and 1 are taken.

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
    values = _as_array(y, "y")
    if values.ndim == 2:
        Y, names = read_labels(y, soft=soft)
        return Targets(Y.astype(np.float32), names, np.tile([0, 1], (Y.shape[1], 1)), False)
    if values.ndim != 1:
        raise ValueError(f"y must be (n,) or (n, k), got the shape {values.shape}")
    name = getattr(y, "name", None)
    names = check_names(None if name is None else [name], 1)
    if soft and values.dtype.kind == "f" and ((values > 0) & (values < 1)).any():
        Y = _check_values(values[:, None].astype(np.float64), names, True, "y")
        return Targets(Y.astype(np.float32), names, np.array([0, 1]), True)
    Y, classes = _encode_binary(values)
    return Targets(Y, names, classes, True)


def read_labels(y, label_names=None, *, name="y", soft=False):
    """Return a table of labels as numbers, and their names.

    Parameters
    ----------
    y : array-like, sparse matrix or DataFrame of shape (n, k)
        0, 1, True, False; unknown are NaN, None and pandas' NA, of any dtype.
    label_names : sequence of str or None, default=None
        Names of the labels; the columns where y is a DataFrame, else ``label0``, ``label1``, …
    name : str, default="y"
        What y is called in an error.
    soft : bool, default=False
        Whether values between 0 and 1 are taken.

    Returns
    -------
    Y : ndarray of shape (n, k), float64
        0, 1 and NaN.
    names : ndarray of shape (k,), object

    Raises
    ------
    ValueError
        Where y is no such table; the message names the row and the label.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr._multilabel._labels import read_labels
    >>> read_labels(pd.DataFrame({"Mass": [1, None], "Edema": [False, True]}))[0]
    array([[ 1.,  0.],
           [nan,  1.]])
    """
    values = _as_array(y, name)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"{name} must be a non-empty (n, k) table of labels, got the shape {values.shape}; "
            "for one label pass a single column"
        )
    names = getattr(y, "columns", None) if label_names is None else label_names
    names = check_names(names, values.shape[1], name)
    if values.dtype.kind not in "biuf":
        values = _numbers(values, names, name)
    return _check_values(values.astype(np.float64), names, soft, name), names


def _as_array(y, name):
    """Return y as an array: numbers with NaN, or objects; refuse what is no table of labels."""
    if hasattr(y, "toarray"):  # scipy's sparse matrices
        return np.asarray(y.toarray())
    if hasattr(y, "dtypes") and hasattr(y, "to_numpy"):
        dtypes = np.atleast_1d(np.asarray(y.dtypes, dtype=object))
        if all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes):
            return y.to_numpy(dtype=np.float64, na_value=np.nan)  # nullable and Arrow as well
        values = y.to_numpy()
    else:
        try:
            values = np.asarray(y)
        except ValueError as error:
            raise ValueError(f"{name} has rows of different lengths; {_DUMMIES}") from error
    if values.dtype.kind in "OUSTV":
        _refuse_lists(values, name)
    return values


def _refuse_lists(values, name):
    """Refuse "A|B", and lists or sets of label names."""
    for value in values.astype(object).flat:
        listed = isinstance(value, (list, tuple, set, frozenset, dict, np.ndarray))
        if listed or (isinstance(value, str) and "|" in value):
            raise ValueError(f"{name} must hold 0, 1 or NaN (unknown), got {value!r}; {_DUMMIES}")


def _numbers(values, names, name):
    """Return an (n, k) array of objects or text as float64, None and NA as NaN."""
    import pandas as pd

    numbers = np.full(values.shape, np.nan)
    for (row, column), value in np.ndenumerate(values.astype(object)):
        if value is None or value is pd.NA or value is pd.NaT:
            continue
        try:
            numbers[row, column] = float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} must hold 0, 1 or NaN (unknown), got {value!r} in row {row} of label "
                f"{names[column]!r}; {_DUMMIES}"
            ) from error
    return numbers


def _check_values(Y, names, soft, name):
    """Return Y where it holds 0, 1 and NaN only, or anything between 0 and 1 where `soft`."""
    right = (Y >= 0) & (Y <= 1) if soft else (Y == 0) | (Y == 1)
    wrong = ~(np.isnan(Y) | right)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = Y[row, column]
        accepted = "0 to 1 or NaN (unknown)" if soft else "0, 1 or NaN (unknown)"
        hint = f"; {_POLICIES}" if value == -1 else ""
        if not soft and 0 < value < 1:
            hint = "; values between them are taken by nets with soft_labels=True"
        raise ValueError(
            f"{name} holds {value:g} in row {row} of label {names[column]!r} and "
            f"{int(wrong.sum())} such values in all; labels are {accepted}{hint}"
        )
    return Y


def _encode_binary(values):
    """Return 1-D labels of any two classes as (n, 1) float32, and the classes."""
    import pandas as pd

    known = ~pd.isna(values)
    if values.dtype.kind == "f":
        assert_all_finite(values, allow_nan=True, input_name="y")
    if not known.any():
        raise ValueError("Input y contains NaN only: no label is known.")
    present = values[known]
    if not known.all() and present.dtype.kind == "O":
        present = np.array(present.tolist())  # numbers among None are numbers again
    y_type = type_of_target(present, input_name="y", raise_unknown=True)
    check_classification_targets(present)
    if y_type != "binary":
        hint = f" Here, {_POLICIES}." if present.dtype.kind in "if" and -1 in present else ""
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {y_type}. "
            f"For several labels pass y of shape (n, k) with 0, 1 or NaN; {_DUMMIES}.{hint}"
        )
    classes, codes = np.unique(present, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"Classifier needs two classes in 1-D y; got one class: {classes[0]!r}")
    Y = np.full((len(values), 1), np.nan, dtype=np.float32)
    Y[known, 0] = codes
    return Y, classes
