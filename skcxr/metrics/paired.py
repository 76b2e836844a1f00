"""One model against another on the same images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import read_pair
from skcxr.metrics._result import Result, percent
from skcxr.metrics._statistics import METRICS, MultilabelStatistics
from skcxr.metrics.multilabel import warn_left_out


@dataclass(frozen=True, repr=False, eq=False)
class PairedTest(Result):
    """What :func:`paired_bootstrap_test` found.

    Attributes
    ----------
    metric : str
        Name of the metric.
    value_a, value_b : float
        The metric of each model on all images.
    difference : float
        ``value_a - value_b``.
    low, high : float
        Percentile interval of the difference.
    p_value : float
        Two-sided.
    n_bootstraps, n_groups : int
        Resamples, and units resampled.
    confidence_level : float
        Of the interval.
    resamples : ndarray of shape (n_bootstraps,)
        The difference on each resample.

    Examples
    --------
    >>> from skcxr.metrics import paired_bootstrap_test
    >>> y, a, b = [[1], [0], [1], [0]], [[0.9], [0.2], [0.6], [0.1]], [[0.9], [0.8], [0.6], [0.7]]
    >>> test = paired_bootstrap_test(y, a, b, n_bootstraps=20, random_state=0)
    >>> test.difference
    0.5
    """

    metric: str
    value_a: float
    value_b: float
    difference: float
    low: float
    high: float
    p_value: float
    n_bootstraps: int
    n_groups: int
    confidence_level: float
    resamples: np.ndarray

    def __str__(self):
        return (
            f"{METRICS[self.metric]} {self.value_a:.3f} against {self.value_b:.3f}: difference "
            f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f}), p = {self.p_value:.3g}"
        )

    def frame(self):
        """Return the test as a table of one row.

        Returns
        -------
        DataFrame
        """
        names = ("value_a", "value_b", "difference", "low", "high", "p_value")
        return pd.DataFrame([{"metric": self.metric} | {n: getattr(self, n) for n in names}])

    def _tables(self, digits=3):
        return [self.frame().assign(metric=METRICS[self.metric]).set_index("metric")]

    def _head(self):
        return (
            f"PairedTest: {self.n_groups} units resampled {self.n_bootstraps} times, "
            f"{percent(self.confidence_level)} interval"
        )


def check_metric(metric):
    """Raise a ValueError that lists the metrics unless `metric` is one."""
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {list(METRICS)}; got {metric!r}.")


def two_sided(differences):
    """Two-sided bootstrap p-value of each row of resampled differences, NaN where all are NaN.

    Twice the smaller share of resamples on either side of 0, with one added to count and total.
    """
    known = (~np.isnan(differences)).sum(axis=-1)
    smaller = np.minimum((differences <= 0).sum(axis=-1), (differences >= 0).sum(axis=-1))
    p = np.minimum(1.0, 2 * (smaller + 1) / (known + 1))
    return np.where(known > 0, p, np.nan)


def holm(p_values):
    """Adjust p-values for their number by Holm's step-down method; NaN is no test.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def paired_bootstrap_test(
    y_true,
    prob_a,
    prob_b,
    *,
    metric="macro_auc",
    groups=None,
    thresholds_a=None,
    thresholds_b=None,
    pred_a=None,
    pred_b=None,
    sample_weight=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """Compare two models by resampling patients, the same for both.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k)
        0, 1, or NaN where unknown.
    prob_a, prob_b : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        Probabilities of the two models for the same images; labels and rows are matched as in
        :func:`multilabel_report`.
    metric : {"macro_auc", "macro_ap", "micro_f1", "macro_f1", "hamming_loss"}
        What is compared. Of a loss, a negative difference favours model a.
    groups : array-like of shape (n,), default=None
        Patients, resampled whole; images otherwise.
    thresholds_a, thresholds_b : float, array-like of shape (k,) or dict by label, default=None
        For F1 and Hamming loss, as in :func:`multilabel_report`.
    pred_a, pred_b : array-like of shape (n, k), default=None
        Decisions, used in place of the thresholds.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image.
    n_bootstraps : int, default=1000
        Resamples, at least 1. The p-value is no smaller than ``2 / (n_bootstraps + 1)``.
    confidence_level : float, default=0.95
        Of the percentile interval.
    random_state : int, RandomState or None, default=None
        Draws the resamples.
    label_names : sequence of str, default=None
        Names of the labels.

    Returns
    -------
    PairedTest
        Difference, interval and p-value. The p-value is twice the smaller share of resamples on
        either side of 0, with one added to count and total; it agrees with the interval.

    Notes
    -----
    DeLong's test is not offered: it takes images as independent, and patients have several.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 15.
    Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2 (the added one).

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import paired_bootstrap_test
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(2, size=(100, 2))
    >>> good, bad = 0.5 * y + 0.5 * rng.uniform(size=y.shape), rng.uniform(size=y.shape)
    >>> test = paired_bootstrap_test(y, good, bad, n_bootstraps=99, random_state=0)
    >>> test.low > 0, test.p_value
    (True, 0.02)
    """
    check_metric(metric)
    pair = read_pair(
        y_true, prob_a, prob_b, pred_a, pred_b, thresholds_a, thresholds_b, groups, sample_weight,
        label_names,
    )  # fmt: skip
    warn_left_out(pair["a"].y, pair["a"].names, pair["a"].weight)
    return bootstrap_pair(pair, metric, n_bootstraps, confidence_level, random_state)


def resample_pair(pair, metric, n_bootstraps, random_state):
    """Return the MultilabelStatistics of both models, their metric, and it on the resamples."""
    if n_bootstraps < 1:
        raise ValueError(f"n_bootstraps must be at least 1 for a test; got {n_bootstraps}.")
    statistics = {
        which: MultilabelStatistics(s.y, s.prob, s.pred, s.unit, s.n_units, s.weight)
        for which, s in pair.items()
    }
    point, samples = resample(
        lambda weights: {which: s(weights)[metric] for which, s in statistics.items()},
        pair["a"].n_units,
        n_bootstraps,
        check_random_state(random_state),
    )
    return statistics, point, samples


def bootstrap_pair(pair, metric, n_bootstraps, confidence_level, random_state):
    """Test two models whose answers are checked already."""
    check_metric(metric)
    _, point, samples = resample_pair(pair, metric, n_bootstraps, random_state)
    difference = samples["a"] - samples["b"]
    low, high = percentile_interval(difference, confidence_level)
    return PairedTest(
        metric=metric,
        value_a=float(point["a"]),
        value_b=float(point["b"]),
        difference=float(point["a"] - point["b"]),
        low=float(low),
        high=float(high),
        p_value=float(two_sided(difference)),
        n_bootstraps=n_bootstraps,
        n_groups=pair["a"].n_units,
        confidence_level=confidence_level,
        resamples=difference,
    )
