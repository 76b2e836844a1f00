"""AUC among images of one source, which a model that sees only the source cannot raise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import check_labels, check_probabilities, check_units
from skcxr.metrics._statistics import RankSums
from skcxr.metrics._tables import markdown_table
from skcxr.metrics.multilabel import warn_left_out


@dataclass(frozen=True, repr=False)
class StratifiedAUC:
    """What :func:`auc_within` found.

    Attributes
    ----------
    overall : DataFrame
        Rows "AUC" and "AUC within strata", macro-averaged over the same labels; columns value,
        low, high.
    per_label : DataFrame
        AUC, AUC within strata with low and high, the share of all positive-negative pairs that
        are within a stratum, and the number of strata that hold both.
    """

    overall: pd.DataFrame
    per_label: pd.DataFrame

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
        return f"{markdown_table(self.overall, digits)}\n\n{markdown_table(self.per_label, digits)}"

    def __repr__(self):
        return f"{self.overall.round(3).to_string()}\n\n{self.per_label.round(3).to_string()}"


def auc_within(
    y_true,
    y_prob,
    strata,
    *,
    groups=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """AUC per label over pairs of images of the same stratum.

    Where a label is more common in one source of images than in another, a model that recognises
    the source ranks well without seeing the disease. Here a positive is compared only with
    negatives of its own stratum: the weighted mean of the strata's AUCs, weights being their
    numbers of pairs.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k)
        0, 1, or NaN where unknown.
    y_prob : array-like of shape (n, k)
        Probabilities.
    strata : array-like of shape (n,)
        What each image belongs to: collection, hospital, machine, view position.
    groups : array-like of shape (n,), default=None
        Patients, resampled whole.
    n_bootstraps : int, default=1000
        Resamples; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Draws the resamples.
    label_names : sequence of str, default=None
        Names of the labels.

    Returns
    -------
    StratifiedAUC
        A label with no pair within a stratum is NaN, and in neither macro average.

    References
    ----------
    van Elteren, On the combination of independent two-sample tests of Wilcoxon, 1960 (stratified
    Mann-Whitney statistics; here weighted by pairs).
    """
    y, names = check_labels(y_true, label_names)
    prob = check_probabilities(y_prob, y, names)
    unit, n_units = check_units(groups, len(y))
    stratum, _ = check_units(strata, len(y))
    warn_left_out(y, names)
    known = ~np.isnan(y)

    def ranks(j, rows):
        rows = rows & known[:, j]
        return RankSums(y[rows, j] == 1, prob[rows, j], unit[rows], n_units)

    everything = np.ones(len(y), dtype=bool)
    plain = [ranks(j, everything) for j in range(len(names))]
    mixed = [
        [s for s in np.unique(stratum) if {0, 1} <= set(y[stratum == s, j])]
        for j in range(len(names))
    ]
    within = [[ranks(j, stratum == s) for s in mixed[j]] for j in range(len(names))]
    usable = np.array([bool(m) for m in mixed])

    def statistic(weights):
        b = weights.shape[1]
        with np.errstate(invalid="ignore"):
            pooled = [rank(weights)[:2] for rank in plain]
            pairs = np.zeros((len(names), b))
            u = np.zeros((len(names), b))
            for j, parts in enumerate(within):
                for part in parts:
                    concordant, n_pairs, _ = part(weights)
                    u[j] += concordant
                    pairs[j] += n_pairs
            auc = np.stack([a / n for a, n in pooled])
            inside = u / pairs
            share = pairs / np.stack([n for _, n in pooled])
            out = {"auc": auc, "within": inside, "share": share}
            for name in ("auc", "within"):
                values = out[name][usable]
                out[f"macro_{name}"] = np.nansum(values, 0) / (~np.isnan(values)).sum(0)
        return out

    point, samples = resample(statistic, n_units, n_bootstraps, random_state)
    low, high = percentile_interval(samples["within"], confidence_level)
    per_label = pd.DataFrame(
        {
            "AUC": point["auc"],
            "AUC within strata": point["within"],
            "low": low,
            "high": high,
            "pairs within": point["share"],
            "strata": [len(m) for m in mixed],
        },
        index=pd.Index(names, name="label"),
    )
    overall = pd.DataFrame(
        [
            [point[k], *percentile_interval(samples[k], confidence_level)]
            for k in ("macro_auc", "macro_within")
        ],
        index=pd.Index(["AUC", "AUC within strata"], name="macro average"),
        columns=["value", "low", "high"],
    ).astype(float)
    return StratifiedAUC(overall, per_label)
