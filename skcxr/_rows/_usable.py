"""Work on the rows that can be used; the others are NaN in what comes out."""

import functools
import warnings

import numpy as np

from .._sklearn import _safe_indexing

NAMED = 10  # bad images that a message names


def on_usable_rows(method):
    """Let a method of an estimator see only the rows of X that can be used.

    X, y and all other arguments that have a row for each of X lose the rows that
    ``_usable_rows(X)`` says are not usable; the result, if it has rows, gets them back as NaN.
    Where no row is usable, its other axes are those of the answer to ``_stand_in(X)``.
    """

    @functools.wraps(method)
    def on_usable(self, X, *args, **kwargs):
        usable = self._usable_rows(X)
        if usable is None:
            return method(self, X, *args, **kwargs)
        rows, n = np.flatnonzero(usable), len(usable)
        if len(rows) == 0 and method.__name__ in ("fit", "fit_transform"):
            raise ValueError(f"None of the {n} rows of X can be used by {type(self).__name__}.")
        if len(rows) == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is about a film that nobody has
                answer = method(self, self._stand_in(X), *args, **kwargs)
            return spread(answer[:0], usable, getattr(X, "index", None))
        args = [_rows_of(value, rows, n) for value in args]
        kwargs = {name: _rows_of(value, rows, n) for name, value in kwargs.items()}
        result = method(self, _rows_of(X, rows, n), *args, **kwargs)
        if result is not self:
            return spread(result, usable, getattr(X, "index", None))
        self._fitted_on_usable_rows(rows)
        return self

    return on_usable


def _rows_of(value, rows, n):
    """Rows of what has n of them; anything else as it is."""
    if hasattr(value, "take") and hasattr(value, "source"):
        return value.take(rows)  # images
    has_rows = hasattr(value, "__len__") and not isinstance(value, str | bytes | dict)
    return _safe_indexing(value, rows) if has_rows and len(value) == n else value


def spread(values, usable, index=None):
    """Rows of the usable ones, with rows of NaN between them.

    Parameters
    ----------
    values : ndarray or DataFrame of m rows
    usable : ndarray of shape (n,), bool
        m of them true.
    index : Index of length n or None
        Of a DataFrame.

    Returns
    -------
    ndarray or DataFrame of n rows
        Whole numbers become float64, text becomes objects.
    """
    if hasattr(values, "iloc"):
        import pandas as pd

        table = spread(values.to_numpy(), usable)
        return pd.DataFrame(table, columns=values.columns, index=index)
    kind = values.dtype.kind
    dtype = values.dtype if kind in "fc" else np.float64 if kind in "biu" else object
    whole = np.full((len(usable), *values.shape[1:]), np.nan, dtype)
    whole[usable] = values
    return whole


def try_each(make, index):
    """``make(index)``, or what it makes of those items that raise no error of a bad file.

    Returns
    -------
    made : sequence
        One item for each of `index` that is not among the bad.
    bad : dict of {int: str}
        Why the others cannot be made.
    """
    try:
        return make(index), {}
    except (ValueError, OSError):
        pass
    made, bad = [], {}
    for i in index:
        try:
            made += list(make([i]))
        except (ValueError, OSError) as error:
            bad[int(i)] = " ".join(str(error).split())
    return made, bad


def name_bad(bad, n):
    """One sentence on the bad images among n; `bad` are their reasons, which name them."""
    reasons = [reason.rstrip(".") for reason in bad]
    named = "; ".join(reasons[:NAMED]) + ("; …" if len(reasons) > NAMED else "")
    return f"{len(reasons)} of {n} images cannot be used: {named}."
