"""One table of multi-label metrics, overall and per label, with bootstrap intervals."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skcxr.metrics._bootstrap import resample
from skcxr.metrics._check import read_scored
from skcxr.metrics._multilabel_report import MultilabelReport, make_report
from skcxr.metrics._statistics import METRICS, MultilabelStatistics

__all__ = ["MultilabelReport", "multilabel_report", "multilabel_scores"]


def warn_left_out(y, names, weight=None):
    """Name in one warning, shown at the caller's caller, the labels without both classes."""
    y = y if weight is None else y[weight > 0]
    left_out = {
        name: what
        for j, name in enumerate(names)
        for what, some in (("no positive", y[:, j] > 0), ("no negative", y[:, j] < 1))
        if not some.any()
    }
    if left_out:
        listed = ", ".join(f"{name!r} ({what})" for name, what in left_out.items())
        warnings.warn(
            f"Left out of the macro averages: {listed}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return left_out


def multilabel_scores(
    y_true,
    y_prob=None,
    *,
    thresholds=None,
    y_pred=None,
    sample_weight=None,
    label_names=None,
    soft_labels=False,
):
    """Return the five overall metrics, without intervals.

    Parameters
    ----------
    y_true, y_prob, thresholds, y_pred, sample_weight, label_names
        As in :func:`multilabel_report`.
    soft_labels : bool, default=False
        Whether labels may lie between 0 and 1. An image of label 0.3 then counts as 0.3 of a
        positive and 0.7 of a negative one.

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
    scored = read_scored(
        y_true,
        y_prob,
        y_pred=y_pred,
        thresholds=thresholds,
        sample_weight=sample_weight,
        label_names=label_names,
        soft=soft_labels,
    )
    y, names, prob, pred, _, unit, n_units, _, weight = scored
    warn_left_out(y, names, weight)
    unit, n_units = np.zeros(len(y), dtype=int), 1  # one sum over all images is enough
    statistics = MultilabelStatistics(y, prob, pred, unit, n_units, weight)
    point, _ = resample(statistics, n_units, 0, 0)
    return {name: float(point[name]) for name in METRICS}


def multilabel_report(
    y_true,
    y_prob=None,
    *,
    thresholds=None,
    y_pred=None,
    groups=None,
    sample_weight=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """Score multi-label probabilities, overall and per label, with bootstrap intervals.

    Columns are matched by label name and rows by index wherever both sides have them; position
    counts for arrays, and where an index is a plain range. What cannot be matched is refused.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        0, 1, or NaN where unknown; NaN is left out of every metric. What
        :func:`~skcxr.model_selection.out_of_fold_predict` returns brings labels, probabilities,
        decisions and patients itself, and is then the only argument that is needed.
    y_prob : array-like or DataFrame of shape (n, k), or list of k arrays of shape (n, 2)
        Probabilities in [0, 1], or out-of-fold predictions.
    thresholds : float, array-like of shape (k,), dict or Series by label, default=None
        A label is predicted where its probability is above its threshold; 0.5 where none is given.
        For F1, Hamming loss and operating points.
    y_pred : array-like of shape (n, k), default=None
        Decisions of 0 and 1, used in place of `thresholds`. Those of out-of-fold predictions are
        used where neither is given.
    groups : array-like of shape (n,), default=None
        Patients. Resampled whole when given; images are resampled otherwise, which makes intervals
        too narrow where patients have several images.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image in every metric; counts of images and patients stay counts.
    n_bootstraps : int, default=1000
        Resamples; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Draws the resamples. The same seed gives the same resamples for any model.
    label_names : sequence of str, default=None
        Names of the labels, in the order of the result; the columns of `y_true` where it is a
        DataFrame.

    Returns
    -------
    MultilabelReport
        With the DataFrames ``overall``, ``per_label`` and ``operating_points``. A figure that
        fewer than five positive or five negative patients (images, without groups) stand behind
        has no interval, and ``notes`` names the label.

    Warns
    -----
    UndefinedMetricWarning
        Once, naming the labels without a positive or without a negative. They are left out of the
        macro averages, and count in Micro-F1 and Hamming loss. A label that loses its positives in
        a resample is left out of that resample's averages in the same way.

    Notes
    -----
    Sensitivity and specificity are properties of a threshold; PPV and NPV also of the prevalence
    among these images, which is seldom that of a clinic. Where one of the four is 0 or 1 every
    resample gives the same value, and the other end of the interval is the exact binomial one for
    the number of patients.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
    Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the
    binomial, 1934.
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
    scored = read_scored(
        y_true,
        y_prob,
        y_pred=y_pred,
        thresholds=thresholds,
        groups=groups,
        sample_weight=sample_weight,
        label_names=label_names,
    )
    left_out = warn_left_out(scored.y, scored.names, scored.weight)
    return make_report(scored, left_out, n_bootstraps, confidence_level, random_state)
