"""ROC and precision-recall curves of labels, with bands of patients drawn again."""

import numpy as np
import pandas as pd
from scipy import sparse

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._few import MIN_UNITS

GRID = np.linspace(0, 1, 101)


class Counts:
    """Positives and negatives above each distinct score, as a function of resampling weights.

    Parameters
    ----------
    y : ndarray of shape (n,)
        0 and 1.
    score : ndarray of shape (n,)
    unit : ndarray of shape (n,)
        Patient of each.
    n_units : int
    """

    def __init__(self, y, score, unit, n_units):
        levels, level = np.unique(-score, return_inverse=True)
        shape = len(levels), n_units

        def sums(rows):
            ones = np.ones(rows.sum())
            return sparse.csr_array((ones, (level[rows], unit[rows])), shape=shape)

        self.positive, self.negative = sums(y == 1), sums(y == 0)

    def __call__(self, weights):
        """Return true and false positives at every level, from none on, each (m + 1, b)."""
        start = np.zeros((1, weights.shape[1]))
        return [
            np.concatenate([start, np.cumsum(side @ weights, axis=0)])
            for side in (self.positive, self.negative)
        ]


def roc_curve(true, false):
    """Sensitivity at the false positive rates of the grid, and the area, from counts (m, b)."""
    with np.errstate(invalid="ignore"):
        x, y = false / false[-1], true / true[-1]
    curve = np.stack([np.interp(GRID, *pair) for pair in zip(x.T, y.T, strict=True)], axis=1)
    curve[:, np.isnan(x[-1] + y[-1])] = np.nan
    return curve, np.trapezoid(y, x, axis=0)


def precision_recall_curve(true, false):
    """Precision at the recalls of the grid, and average precision, from counts (m, b)."""
    with np.errstate(invalid="ignore"):
        recall = true / true[-1]
        precision = true[1:] / np.maximum(true[1:] + false[1:], 1e-12)
    average = (np.diff(recall, axis=0) * precision).sum(axis=0)
    curve = np.full((len(GRID), true.shape[1]), np.nan)
    for b in np.flatnonzero(true[-1] > 0):
        # the first level where the recall is reached
        at = np.searchsorted(recall[1:, b], GRID - 1e-12)
        curve[:, b] = precision[np.minimum(at, len(precision) - 1), b]
    return curve, np.where(true[-1] > 0, average, np.nan)


def curves_of(scored_models, make, *, n_bootstraps, confidence_level, random_state):
    """Compute the curves of every label of every model.

    Parameters
    ----------
    scored_models : iterable of (str, Scored)
        Name and checked answers of each model.
    make : callable
        :func:`roc_curve` or :func:`precision_recall_curve`.

    Returns
    -------
    curves : DataFrame
        Columns model, label, x, y, low, high.
    scores : DataFrame
        A row per model and label: images, positives, value, low, high.
    """
    curves, scores = [], []
    for model, scored in scored_models:
        for j, name in enumerate(scored.names):
            known = ~np.isnan(scored.y[:, j])
            y, unit = scored.y[known, j], scored.unit[known]
            counts = Counts(y, scored.prob[known, j], unit, scored.n_units)

            def statistic(weights, counts=counts):
                curve, score = make(*counts(weights))
                return {"curve": curve, "score": score}

            fewest = min(len(np.unique(unit[y == side])) for side in (0, 1))
            if fewest:
                point, drawn = resample(statistic, scored.n_units, n_bootstraps, random_state)
            else:
                point = {"curve": np.full(len(GRID), np.nan), "score": np.nan}
            if fewest < MIN_UNITS:
                drawn = {"curve": np.empty((len(GRID), 0)), "score": np.empty(0)}
            low, high = percentile_interval(drawn["curve"], confidence_level)
            curves.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "label": name,
                        "x": GRID,
                        "y": point["curve"],
                        "low": low,
                        "high": high,
                    }
                )
            )
            ends = percentile_interval(drawn["score"], confidence_level)
            scores.append(
                (model, name, len(y), int(y.sum()), float(point["score"]), *map(float, ends))
            )
    columns = ["model", "label", "images", "positives", "value", "low", "high"]
    return pd.concat(curves, ignore_index=True), pd.DataFrame(scores, columns=columns)
