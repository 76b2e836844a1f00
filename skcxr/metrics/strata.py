"""AUC among images of one source, which a model that sees only the source cannot raise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr._multilabel._matching import align_rows
from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import read_scored, unpack
from skcxr.metrics._few import blank_few, count_units, note_few
from skcxr.metrics._result import Result
from skcxr.metrics._statistics import rank_sums
from skcxr.metrics.multilabel import warn_left_out


@dataclass(frozen=True, repr=False, eq=False)
class StratifiedAUC(Result):
    """What :func:`auc_within` found.

    Attributes
    ----------
    overall : DataFrame
        Rows "AUC" and "AUC within strata", macro-averaged over the same labels; columns value,
        low, high.
    per_label : DataFrame
        AUC, AUC within strata with low and high, the share of all positive-negative pairs that
        are within a stratum, and the number of strata that hold both.
    notes : tuple of str
        Labels with too few positive patients for an interval.

    Examples
    --------
    >>> from skcxr.metrics import auc_within
    >>> y, prob = [[1], [0], [1], [0]], [[0.9], [0.8], [0.2], [0.1]]
    >>> found = auc_within(y, prob, ["a", "a", "b", "b"], n_bootstraps=0)
    >>> found.overall["value"].tolist()
    [0.75, 1.0]
    """

    overall: pd.DataFrame
    per_label: pd.DataFrame
    notes: tuple = ()

    def frame(self):
        """Return the table of labels with the label as a column.

        Returns
        -------
        DataFrame
        """
        return self.per_label.reset_index()

    def _tables(self, digits=3):
        return [self.overall, self.per_label]


def auc_within(
    y_true,
    y_prob=None,
    strata=None,
    *,
    groups=None,
    sample_weight=None,
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
    y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        0, 1, or NaN where unknown.
    y_prob : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        Probabilities; labels and rows are matched as in :func:`multilabel_report`.
    strata : array-like of shape (n,)
        What each image belongs to: collection, hospital, machine, view position.
    groups, sample_weight, n_bootstraps, confidence_level, random_state, label_names
        As in :func:`multilabel_report`.

    Returns
    -------
    StratifiedAUC
        A label with no pair within a stratum is NaN, and in neither macro average. One with fewer
        than five positive (or negative) patients in strata that hold both has no interval.

    References
    ----------
    van Elteren, On the combination of independent two-sample tests of Wilcoxon, 1960 (stratified
    Mann-Whitney statistic; here weighted by pairs).

    Examples
    --------
    A model that sees only the hospital is at chance within each.

    >>> from skcxr.metrics import auc_within
    >>> hospital = ["a", "a", "a", "b", "b", "b"]
    >>> y, prob = [[1], [1], [0], [1], [0], [0]], [[0.9], [0.9], [0.9], [0.1], [0.1], [0.1]]
    >>> found = auc_within(y, prob, hospital, n_bootstraps=0)
    >>> found.per_label[["AUC", "AUC within strata"]].round(2).to_numpy().tolist()
    [[0.67, 0.5]]
    """
    scored, strata = read_beside(
        y_true, y_prob, groups, sample_weight, label_names, "strata", strata
    )
    y, names, _, _, _, unit, n_units, _, weight = scored
    stratum = _check_strata(strata, len(y))
    warn_left_out(y, names, weight)
    everything = np.ones(len(y), dtype=bool)
    plain = [rank_sums(scored, j, everything) for j in range(len(names))]
    mixed = [
        [s for s in np.unique(stratum) if {0, 1} <= set(y[stratum == s, j])]
        for j in range(len(names))
    ]
    within = [[rank_sums(scored, j, stratum == s) for s in mixed[j]] for j in range(len(names))]
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
    paired = np.stack([np.isin(stratum, m) for m in mixed], axis=1)
    behind = [count_units(paired & (y == value), unit, n_units) for value in (1, 0)]
    low, high = percentile_interval(samples["within"], confidence_level)
    low, high = blank_few(low, high, np.minimum(*behind))
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
    notes = [
        note_few(names, count, what, scored.grouped)
        for what, count in zip(("positive", "negative"), behind, strict=True)
    ]
    return StratifiedAUC(overall, per_label, tuple(n for n in notes if n and n_bootstraps))


def read_beside(y_true, y_prob, groups, sample_weight, label_names, name, values):
    """Check one model's answers and bring what lies beside them into the order of `y_true`.

    Returns
    -------
    scored : Scored
    values : object
        What was given as `values`, a ValueError where that is None.
    """
    if values is None:
        raise ValueError(f"{name} is needed, with one value per image.")
    y_true, y_prob, _, groups = unpack(y_true, y_prob, None, groups)
    sides = {"y_true": y_true, "y_prob": y_prob, "groups": groups}
    sides |= {"sample_weight": sample_weight, name: values}
    y_true, y_prob, groups, sample_weight, values = align_rows(sides)
    scored = read_scored(
        y_true, y_prob, groups=groups, sample_weight=sample_weight, label_names=label_names
    )
    return scored, values


def _check_strata(strata, n):
    """Return the stratum of each image as a code."""
    values = strata if hasattr(strata, "dtype") else np.asarray(strata, dtype=object)
    if values.shape != (n,):
        raise ValueError(f"strata must hold one value per image ({n}); got shape {values.shape}.")
    codes, _ = pd.factorize(values)
    if (codes < 0).any():
        raise ValueError(
            f"strata has no value in row {int(np.argmax(codes < 0))} and in "
            f"{int((codes < 0).sum())} rows in all: give unknown ones a name of their own."
        )
    return codes
