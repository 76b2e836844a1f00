"""One model against another on the same images, label by label."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval
from skcxr.metrics._check import read_pair
from skcxr.metrics._few import blank_few, note_few
from skcxr.metrics._result import Result, interval_columns, percent
from skcxr.metrics._tables import interval_frame
from skcxr.metrics.multilabel import warn_left_out
from skcxr.metrics.paired import holm, resample_pair, two_sided

#: Metric to its heading, and to the sets of images that it needs patients in.
LABEL_METRICS = {
    "auc": ("AUC", ("sensitivity", "specificity")),
    "ap": ("AP", ("sensitivity", "specificity")),
    "f1": ("F1", ("sensitivity", "specificity")),
    "sensitivity": ("sensitivity", ("sensitivity",)),
    "specificity": ("specificity", ("specificity",)),
}


@dataclass(frozen=True, repr=False, eq=False)
class PairedLabelTests(Result):
    """What :func:`paired_label_tests` found.

    Attributes
    ----------
    table : DataFrame
        One row per label: positives (images), positive patients where groups were given, the
        metric of both models, difference (a minus b) with low and high, p, and p adjusted for the
        number of labels (Holm).
    metric : str
        Name of the metric.
    n_bootstraps, n_groups : int
        Resamples, and units resampled.
    confidence_level : float
        Of the intervals, each for its own label.
    notes : tuple of str
        Labels that were not tested.

    Examples
    --------
    >>> from skcxr.metrics import paired_label_tests
    >>> y, a, b = [[1], [0]] * 6, [[0.9], [0.2]] * 6, [[0.4], [0.3]] * 6
    >>> tests = paired_label_tests(y, a, b, label_names=["Mass"], n_bootstraps=50, random_state=0)
    >>> tests.table.loc["Mass", ["a", "b", "p (Holm)"]].tolist()
    [1.0, 1.0, 1.0]
    """

    table: pd.DataFrame
    metric: str
    n_bootstraps: int
    n_groups: int
    confidence_level: float
    notes: tuple = ()

    def frame(self):
        """Return the table with the label as a column.

        Returns
        -------
        DataFrame
        """
        return self.table.reset_index()

    def _tables(self, digits=3):
        ends = ["difference", "difference low", "difference high"]
        renamed = self.table.rename(columns=dict(zip(["difference", "low", "high"], ends,
                                                     strict=True)))  # fmt: skip
        text = interval_frame(interval_columns(renamed), digits)
        rest = self.table[["p", "p (Holm)"]]
        return [self.table.loc[:, :"b"].join(text).join(rest)]

    def _head(self):
        return (
            f"PairedLabelTests of {LABEL_METRICS[self.metric][0]}: {self.n_groups} units resampled "
            f"{self.n_bootstraps} times, {percent(self.confidence_level)} intervals"
        )


def paired_label_tests(
    y_true,
    prob_a,
    prob_b,
    *,
    metric="auc",
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
    """Compare two models on each label by resampling patients, the same for both.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k)
        0, 1, or NaN where unknown.
    prob_a, prob_b : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        Probabilities of the two models for the same images; labels and rows are matched as in
        :func:`multilabel_report`.
    metric : {"auc", "ap", "f1", "sensitivity", "specificity"}, default="auc"
        What is compared.
    groups, thresholds_a, thresholds_b, pred_a, pred_b, sample_weight
        As in :func:`paired_bootstrap_test`.
    n_bootstraps : int, default=1000
        Resamples, at least 1. An adjusted p-value of k labels is no smaller than
        ``2 k / (n_bootstraps + 1)``.
    confidence_level : float, default=0.95
        Of the percentile intervals, each for its own label.
    random_state, label_names
        As in :func:`paired_bootstrap_test`.

    Returns
    -------
    PairedLabelTests
        A label with fewer than five positive (or negative) patients is not tested and is named in
        ``notes``.

    Notes
    -----
    The p-values are those of :func:`paired_bootstrap_test`, adjusted by Holm's method. DeLong's
    test of two AUCs takes images as independent; patients have several, so it is not offered.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, 1979.
    DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated receiver
    operating characteristic curves, 1988.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import paired_label_tests
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(2, size=(100, 2))
    >>> good, bad = 0.5 * y + 0.5 * rng.uniform(size=y.shape), rng.uniform(size=y.shape)
    >>> tests = paired_label_tests(y, good, bad, n_bootstraps=99, random_state=0)
    >>> tests.table["p (Holm)"].tolist()
    [0.04, 0.04]
    """
    _check_label_metric(metric)
    pair = read_pair(
        y_true, prob_a, prob_b, pred_a, pred_b, thresholds_a, thresholds_b, groups, sample_weight,
        label_names,
    )  # fmt: skip
    warn_left_out(pair["a"].y, pair["a"].names, pair["a"].weight)
    return bootstrap_labels(pair, metric, n_bootstraps, confidence_level, random_state)


def _check_label_metric(metric):
    if metric not in LABEL_METRICS:
        raise ValueError(f"metric must be one of {list(LABEL_METRICS)}; got {metric!r}.")


def bootstrap_labels(pair, metric, n_bootstraps, confidence_level, random_state):
    """Test two models on each label, their answers checked already."""
    _check_label_metric(metric)
    first = pair["a"]
    statistics, point, samples = resample_pair(pair, metric, n_bootstraps, random_state)
    behind = statistics["a"].units_with()
    needed = np.min([behind[name] for name in LABEL_METRICS[metric][1]], axis=0)
    differences = samples["a"] - samples["b"]
    low, high = blank_few(*percentile_interval(differences, confidence_level), needed)
    p, _ = blank_few(two_sided(differences), low, needed)
    table = pd.DataFrame(
        {"positives": (first.y == 1).sum(axis=0)}, index=pd.Index(first.names, name="label")
    )
    if first.grouped:
        table["positive patients"] = behind["sensitivity"]
    table = table.assign(
        a=point["a"], b=point["b"], difference=point["a"] - point["b"], low=low, high=high, p=p
    )
    table["p (Holm)"] = holm(p)
    notes = [
        note_few(first.names, behind[name], what, first.grouped)
        for name, what in (("sensitivity", "positive"), ("specificity", "negative"))
        if name in LABEL_METRICS[metric][1]
    ]
    return PairedLabelTests(
        table,
        metric,
        n_bootstraps,
        first.n_units,
        confidence_level,
        tuple(note for note in notes if note),
    )
