"""Labels with too few patients for an interval, and intervals that resampling cannot give."""

import numpy as np

#: A resample of fewer patients says next to nothing about the next hospital's.
MIN_UNITS = 5


def blank_few(low, high, n_units):
    """Return the ends with NaN where fewer than five units stand behind a figure."""
    enough = np.asarray(n_units) >= MIN_UNITS
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def note_few(names, n_units, what, grouped=True):
    """Return a sentence that names the labels with fewer than five units, or None.

    Parameters
    ----------
    names : sequence of k str
    n_units : array-like of shape (k,)
    what : str
        ``"positive"`` or ``"negative"``.
    grouped : bool
        Whether units are patients.
    """
    few = [f"{name} ({n})" for name, n in zip(names, n_units, strict=True) if 0 < n < MIN_UNITS]
    if not few:
        return None
    unit = "patients" if grouped else "images"
    return f"No interval with fewer than {MIN_UNITS} {what} {unit}: {', '.join(few)}."


def widen_certain(value, low, high, n_units, confidence_level):
    """Return the ends of proportions, exact where all resamples agree on 0 or 1.

    Resampling units that were all right gives 1 each time, an interval without width. There the
    exact binomial interval of that many units is taken.

    References
    ----------
    Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the
    binomial, 1934.
    """
    tail = ((1 - confidence_level) / 2) ** (1 / np.maximum(n_units, 1))
    resampled = ~np.isnan(low)
    low = np.where(resampled & (value == 1), tail, low)
    high = np.where(resampled & (value == 0), 1 - tail, high)
    return low, high


def count_units(part, unit, n_units):
    """Number of units with at least one True in each column of an (n, k) bool array."""
    return np.array(
        [np.count_nonzero(np.bincount(unit[rows], minlength=n_units)) for rows in part.T]
    )
