"""Patients: which rows belong together."""

import contextlib
import contextvars
import numbers
import sys

import numpy as np


def check_groups(groups, n):
    """Return a code for each row, patients numbered in the order of their first row.

    Parameters
    ----------
    groups : array-like of shape (n,) or None
        Patient of each row; None: every row is a patient of its own.
    n : int
        Number of rows.

    Returns
    -------
    codes : ndarray of shape (n,), int
    n_groups : int

    Raises
    ------
    ValueError
        Where there is not one patient per row, one is missing (None, NaN, NA, blank text), or
        text and numbers are mixed, so that 7 and "7" would be two patients.

    Examples
    --------
    >>> from skcxr._multilabel._groups import check_groups
    >>> check_groups(["b", "a", "b"], 3)
    (array([0, 1, 0]), 2)
    """
    if groups is None:
        return np.arange(n), n
    import pandas as pd

    values = groups if isinstance(groups, (pd.Series, pd.Index)) else np.asarray(groups)
    if getattr(values, "shape", None) != (n,):
        shape = getattr(values, "shape", None)
        raise ValueError(
            f"groups must hold the patient of each of the {n} rows, got the shape {shape}"
        )
    codes, patients = pd.factorize(values)
    codes = np.asarray(codes)
    text = np.array([isinstance(patient, str) for patient in patients], dtype=bool)
    if values.dtype == object and not text.all():
        given = [isinstance(v, (str, numbers.Number, np.generic)) for v in patients]
        if text.any() and all(given):
            row = int(np.flatnonzero(codes == int(np.argmin(text)))[0])
            raise ValueError(
                f"groups mixes text and numbers: row {row} is {np.asarray(values)[row]!r}; make "
                "all patients one kind, for instance with groups.astype(str)"
            )
    blank = [not patient.strip() if isinstance(patient, str) else False for patient in patients]
    missing = (codes < 0) | np.append(np.array(blank, dtype=bool), False)[codes]
    if missing.any():
        raise ValueError(
            f"groups has no patient in row {int(np.argmax(missing))} and in {int(missing.sum())} "
            "rows in all: every row needs one (a number of its own where the patient is unknown)"
        )
    return codes, len(patients)


_GIVEN = contextvars.ContextVar("groups were given to the fit that runs", default=False)


@contextlib.contextmanager
def fitting_with(groups):
    """Context of a fit: splitters inside that get no groups warn where the fit was given some."""
    token = _GIVEN.set(groups is not None or _GIVEN.get())
    try:
        yield
    finally:
        _GIVEN.reset(token)


def groups_were_given():
    """Whether a fit around was given groups; for workers, which begin with their own context."""
    return _GIVEN.get()


def complaint_of_lost_groups(splitter, in_search=False):
    """A text for a warning, where the fit around was given groups and `splitter` was not.

    `splitter` is what deals rows: a splitter, or an estimator that does so itself. With `in_search`
    also where a search or cross-validation of scikit-learn was given some, which hands them to its
    own splitter only.
    """
    if not (_GIVEN.get() or (in_search and _search_has_groups())):
        return None
    return (
        f"{type(splitter).__name__} got no groups inside a fit that was given some: it splits "
        "the images of a patient. What lies between hands none on: give them to the step as "
        "<step>__groups=, or use sklearn.set_config(enable_metadata_routing=True)."
    )


def _search_has_groups():
    """Whether a function of scikit-learn's model_selection that runs was given groups."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("sklearn.model_selection."):
            given = frame.f_locals
            params = given.get("params")
            if given.get("groups") is not None or (
                isinstance(params, dict) and params.get("groups") is not None
            ):
                return True
        frame = frame.f_back
    return False
