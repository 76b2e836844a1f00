"""One table of multi-label metrics, overall and per label, with bootstrap intervals."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import (
    check_labels,
    check_predictions,
    check_probabilities,
    check_units,
)
from skcxr.metrics._statistics import METRICS, MultilabelStatistics
from skcxr.metrics._tables import interval_frame, markdown_table


def warn_left_out(y, names):
    """Name in one warning, shown at the caller's caller, the labels without both classes."""
    left_out = {
        name: what
        for j, name in enumerate(names)
        for what, value in (("no positive", 1), ("no negative", 0))
        if not (y[:, j] == value).any()
    }
    if left_out:
        listed = ", ".join(f"{name!r} ({what})" for name, what in left_out.items())
        warnings.warn(
            f"Left out of the macro averages: {listed}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return left_out


@dataclass(frozen=True, repr=False)
class MultilabelReport:
    """What :func:`multilabel_report` found.

    Attributes
    ----------
    overall : DataFrame
        Rows Micro-F1, Macro-F1, Hamming Loss, Macro AUC, Macro AP; columns value, low, high.
    per_label : DataFrame
        One row per label: images (with a known value), positives, threshold-dependent F1, and AUC
        and AP, each with low and high. NaN for a label without a positive or without a negative.
    resamples : DataFrame of shape (n_bootstraps, 5)
        The overall metrics on each resample.
    left_out : dict of {str: str}
        Labels left out of the macro averages, and why.
    n_images, n_groups : int
        Images, and units that were resampled (images when no groups were given).
    confidence_level : float
        Of the intervals.
    """

    overall: pd.DataFrame
    per_label: pd.DataFrame
    resamples: pd.DataFrame
    left_out: dict
    n_images: int
    n_groups: int
    confidence_level: float

    def _formatted(self, digits=3):
        wide = pd.concat({"value": self.overall}, axis=1)
        overall = interval_frame(wide, digits)
        labels = self.per_label
        per_label = labels[["images", "positives"]].copy()
        columns = pd.MultiIndex.from_product([["F1", "AUC", "AP"], ["value", "low", "high"]])
        values = labels.drop(columns=["images", "positives"]).set_axis(columns, axis=1)
        return overall, per_label.join(interval_frame(values, digits))

    def to_markdown(self, digits=3):
        """Return both tables as Markdown.

        Parameters
        ----------
        digits : int, default=3
            Decimals of the numbers.

        Returns
        -------
        str
        """
        overall, per_label = self._formatted(digits)
        return f"{markdown_table(overall)}\n\n{markdown_table(per_label)}"

    def __repr__(self):
        overall, per_label = self._formatted()
        unit = "groups" if self.n_groups != self.n_images else "images"
        head = (
            f"MultilabelReport: {self.n_images} images, {len(self.per_label)} labels; "
            f"{self.confidence_level:.0%} intervals from {len(self.resamples)} resamples of "
            f"{self.n_groups} {unit}"
        )
        return f"{head}\n{overall.to_string(header=False)}\n\n{per_label.to_string()}"

    def _repr_html_(self):
        overall, per_label = self._formatted()
        return overall.to_html() + per_label.to_html()


def multilabel_scores(y_true, y_prob, *, thresholds=0.5, y_pred=None, label_names=None):
    """Return the five overall metrics, without intervals.

    Parameters
    ----------
    y_true, y_prob, thresholds, y_pred, label_names
        As in :func:`multilabel_report`.

    Returns
    -------
    dict of {str: float}
        micro_f1, macro_f1, hamming_loss, macro_auc, macro_ap. A macro average is NaN when every
        label is left out.

    Examples
    --------
    >>> from skcxr.metrics import multilabel_scores
    >>> y_true, y_prob = [[1, 0], [0, 1], [0, 0]], [[0.9, 0.2], [0.1, 0.6], [0.2, 0.7]]
    >>> multilabel_scores(y_true, y_prob)["macro_auc"]
    0.75
    """
    y, names = check_labels(y_true, label_names)
    prob = check_probabilities(y_prob, y, names)
    pred = check_predictions(y_pred, prob, names, thresholds)
    warn_left_out(y, names)
    statistics = MultilabelStatistics(y, prob, pred, np.arange(len(y)), len(y))
    point, _ = resample(statistics, len(y), 0, 0)
    return {name: float(point[name]) for name in METRICS}


def multilabel_report(
    y_true,
    y_prob,
    *,
    thresholds=0.5,
    y_pred=None,
    groups=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """Score multi-label probabilities, overall and per label, with bootstrap intervals.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k)
        0, 1, or NaN where unknown; NaN is left out of every metric.
    y_prob : array-like of shape (n, k), or list of k arrays of shape (n, 2)
        Probabilities in [0, 1].
    thresholds : float or array-like of shape (k,), default=0.5
        A label is predicted where its probability is above its threshold. For F1 and
        Hamming loss only.
    y_pred : array-like of shape (n, k), default=None
        Decisions of 0 and 1, used in place of `thresholds`.
    groups : array-like of shape (n,), default=None
        Patients. Resampled whole when given; images are resampled otherwise, which makes intervals
        too narrow where patients have several images.
    n_bootstraps : int, default=1000
        Resamples; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Draws the resamples. The same seed gives the same resamples for any model.
    label_names : sequence of str, default=None
        Names of the labels; the columns of `y_true` where it is a DataFrame.

    Returns
    -------
    MultilabelReport
        With the DataFrames ``overall`` and ``per_label``.

    Warns
    -----
    UndefinedMetricWarning
        Once, naming the labels without a positive or without a negative. They are left out of the
        macro averages, and count in Micro-F1 and Hamming loss. A label that loses its positives in
        a resample is left out of that resample's averages in the same way.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
    The metrics are those of :func:`sklearn.metrics.f1_score`, ``hamming_loss``, ``roc_auc_score``
    and ``average_precision_score``.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import multilabel_report
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(2, size=(200, 2))
    >>> prob = np.clip(0.4 * y + 0.6 * rng.uniform(size=y.shape), 0, 1)
    >>> report = multilabel_report(y, prob, n_bootstraps=100, random_state=0)
    >>> bool(report.overall.loc["Macro AUC", "low"] > 0.8)
    True
    """
    y, names = check_labels(y_true, label_names)
    prob = check_probabilities(y_prob, y, names)
    pred = check_predictions(y_pred, prob, names, thresholds)
    unit, n_units = check_units(groups, len(y))
    left_out = warn_left_out(y, names)
    point, samples = resample(
        MultilabelStatistics(y, prob, pred, unit, n_units), n_units, n_bootstraps, random_state
    )

    def columns(name):
        low, high = percentile_interval(samples[name], confidence_level)
        return np.stack(np.broadcast_arrays(point[name], low, high), axis=-1)

    overall = pd.DataFrame(
        [columns(name) for name in METRICS],
        index=pd.Index(METRICS.values(), name="metric"),
        columns=["value", "low", "high"],
    )
    per_label = pd.DataFrame(
        np.concatenate([columns(name) for name in ("f1", "auc", "ap")], axis=1),
        index=pd.Index(names, name="label"),
        columns=[f"{m}{end}" for m in ("F1", "AUC", "AP") for end in ("", " low", " high")],
    )
    per_label.insert(0, "images", (~np.isnan(y)).sum(axis=0))
    per_label.insert(1, "positives", (y == 1).sum(axis=0))
    resamples = pd.DataFrame({heading: samples[name] for name, heading in METRICS.items()})
    return MultilabelReport(
        overall, per_label, resamples, left_out, len(y), n_units, confidence_level
    )
