"""The percentile bootstrap over images or patients, as weighted sums."""

import numbers

import numpy as np
from sklearn.utils import check_random_state, check_scalar

# Elements of one block of resampling weights: 32 MB of float64.
_BLOCK = 2**22


def resample(statistic, n_units, n_bootstraps, random_state):
    """Evaluate a statistic on all data and on bootstrap resamples.

    A resample draws `n_units` units with replacement; it is passed on as how often each unit was
    drawn, so that a statistic which is made of sums over units needs one matrix product for a
    block of resamples and never copies the data.

    Parameters
    ----------
    statistic : callable
        Takes weights of shape (n_units, b), returns a dict of arrays whose last axis is b.
    n_units : int
        Units (images or patients).
    n_bootstraps : int
        Resamples; 0 for none.
    random_state : int, RandomState or None
        Where the draws come from: ``randint(n_units, size=n_units)`` per resample.

    Returns
    -------
    point, resamples : dict of ndarray
        The statistic on all data (last axis dropped) and on the resamples (last axis
        `n_bootstraps`).
    """
    check_scalar(n_bootstraps, "n_bootstraps", numbers.Integral, min_val=0)
    rng = check_random_state(random_state)
    point = {k: v[..., 0] for k, v in statistic(np.ones((n_units, 1))).items()}
    blocks = []
    step = max(1, min(128, _BLOCK // n_units))
    for start in range(0, n_bootstraps, step):
        b = min(step, n_bootstraps - start)
        drawn = [np.bincount(rng.randint(n_units, size=n_units), minlength=n_units)
                 for _ in range(b)]  # fmt: skip
        blocks.append(statistic(np.stack(drawn, axis=1).astype(np.float64)))
    empty = {k: np.empty((*np.shape(v), 0)) for k, v in point.items()}
    return point, {
        k: np.concatenate([block[k] for block in blocks], axis=-1) if blocks else empty[k]
        for k in point
    }


def percentile_interval(samples, confidence_level):
    """Percentile interval over the last axis; resamples where the figure is undefined drop out.

    Returns
    -------
    low, high : ndarray
        NaN where no resample defines the figure.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    check_scalar(
        confidence_level,
        "confidence_level",
        numbers.Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    samples = np.asarray(samples, dtype=np.float64)
    low = np.full(samples.shape[:-1], np.nan)
    high = low.copy()
    tail = 50 * (1 - confidence_level)
    for index in np.ndindex(low.shape):
        row = samples[index]
        row = row[~np.isnan(row)]
        if len(row):
            low[index], high[index] = np.percentile(row, [tail, 100 - tail])
    return low, high
