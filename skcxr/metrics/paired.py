"""One model against another on the same images."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import check_random_state

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import check_labels, check_predictions, check_probabilities, check_units
from skcxr.metrics._statistics import METRICS, MultilabelStatistics
from skcxr.metrics.multilabel import warn_left_out


@dataclass(frozen=True)
class PairedTest:
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
    resamples : ndarray of shape (n_bootstraps,)
        The difference on each resample.
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
    resamples: np.ndarray = field(repr=False, compare=False)

    def __str__(self):
        return (
            f"{METRICS[self.metric]} {self.value_a:.3f} against {self.value_b:.3f}: difference "
            f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f}), p = {self.p_value:.3g}"
        )


def check_metric(metric):
    """Raise a ValueError that lists the metrics unless `metric` is one."""
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {list(METRICS)}; got {metric!r}.")


def paired_bootstrap_test(
    y_true,
    prob_a,
    prob_b,
    *,
    metric="macro_auc",
    groups=None,
    thresholds_a=0.5,
    thresholds_b=0.5,
    pred_a=None,
    pred_b=None,
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
    prob_a, prob_b : array-like of shape (n, k)
        Probabilities of the two models for the same images in the same order.
    metric : {"macro_auc", "macro_ap", "micro_f1", "macro_f1", "hamming_loss"}
        What is compared. Of a loss, a negative difference favours model a.
    groups : array-like of shape (n,), default=None
        Patients, resampled whole; images otherwise.
    thresholds_a, thresholds_b : float or array-like of shape (k,), default=0.5
        For F1 and Hamming loss, as in :func:`multilabel_report`.
    pred_a, pred_b : array-like of shape (n, k), default=None
        Decisions, used in place of the thresholds.
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

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 15.
    Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2 (the added one).
    """
    check_metric(metric)
    if n_bootstraps < 1:
        raise ValueError(f"n_bootstraps must be at least 1 for a test; got {n_bootstraps}.")
    y, names = check_labels(y_true, label_names)
    unit, n_units = check_units(groups, len(y))
    warn_left_out(y, names)
    statistics = {}
    for which, prob, pred, thresholds in (
        ("a", prob_a, pred_a, thresholds_a),
        ("b", prob_b, pred_b, thresholds_b),
    ):
        prob = check_probabilities(prob, y, names, what=f"prob_{which}")
        pred = check_predictions(pred, prob, names, thresholds)
        statistics[which] = MultilabelStatistics(y, prob, pred, unit, n_units)
    point, samples = resample(
        lambda weights: {which: s(weights)[metric] for which, s in statistics.items()},
        n_units,
        n_bootstraps,
        check_random_state(random_state),
    )
    difference = samples["a"] - samples["b"]
    low, high = percentile_interval(difference, confidence_level)
    known = difference[~np.isnan(difference)]
    smaller = min((known <= 0).sum(), (known >= 0).sum())
    return PairedTest(
        metric=metric,
        value_a=float(point["a"]),
        value_b=float(point["b"]),
        difference=float(point["a"] - point["b"]),
        low=float(low),
        high=float(high),
        p_value=float(min(1.0, 2 * (smaller + 1) / (len(known) + 1))),
        n_bootstraps=n_bootstraps,
        n_groups=n_units,
        resamples=difference,
    )
