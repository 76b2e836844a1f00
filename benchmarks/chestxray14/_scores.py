"""What pooled out-of-fold predictions say: scores with patient intervals, paired differences."""

import numpy as np
import pandas as pd
from _operating_points import METHODS, calibrate
from _within import within_source
from sklearn.metrics import roc_auc_score

from skcxr.metrics import compare_models, expected_calibration_error
from skcxr.model_selection import OutOfFoldPredictions

COSTS = ("fit_seconds", "predict_seconds", "peak_gb")


def score(table, found, data, *, n_bootstraps=1000, seed=0):
    """Score the models of a table on the films that all of them predicted.

    Parameters
    ----------
    table : Table
    found : dict of {str: dict of {str: dict}}
        Of each model and fold what ``_predictions.read`` gives.
    data : Bunch
    n_bootstraps, seed : int
        Resamples of patients, the same for all models.

    Returns
    -------
    scores : DataFrame
        A row per model. ``gain`` is the difference from the table's reference. F1 "own" is at the
        model's own thresholds, 0.5 for most; "tuned" at thresholds chosen on the other folds.
    pairs : DataFrame
        Every pair of models, p-values adjusted by Holm's method.
    """
    pooled = Pooled(table, found, data)
    options = {"groups": pooled.groups, "n_bootstraps": n_bootstraps, "random_state": seed}
    plain = compare_models(pooled.prob, None, pooled.y, thresholds=None, **options)
    scores = pd.DataFrame(index=pd.Index(pooled.prob, name="model"))
    for heading in ("Macro AUC", "Macro AP"):
        _add(scores, heading, plain, table.reference)
    pairs = [plain.pairwise("macro_auc").assign(metric="Macro AUC")] if len(scores) > 1 else []
    own = {name: as_they_are(pooled, name) for name in pooled.prob}
    at_own = compare_models(own, None, pooled.y, groups=pooled.groups, n_bootstraps=0)
    for heading in ("Micro-F1", "Macro-F1", "Hamming Loss"):
        scores[f"{heading} own"] = at_own.table[heading]
    if len(np.unique(pooled.fold)) > 1:
        tuned = {name: pooled.calibrated(name, "sigmoid") for name in pooled.prob}
        compared = compare_models(tuned, None, pooled.y, **options)
        for heading in ("Micro-F1", "Macro-F1"):
            _add(scores, heading, compared, table.reference, " tuned")
        if len(scores) > 1:
            pairs.append(compared.pairwise("micro_f1").assign(metric="Micro-F1 tuned"))
        _add_calibration(scores, pooled)
    if data.source is not None:
        source = data.source.iloc[pooled.rows]
        options = {"n_bootstraps": n_bootstraps, "seed": seed}
        scores = scores.join(
            within_source(pooled.y, pooled.prob, source, pooled.groups, table.reference, **options)
        )
    for key in COSTS:
        scores[key] = [np.mean([one[key] for one in found[name].values()]) for name in scores.index]
    scores["folds"], scores["films"] = len(np.unique(pooled.fold)), len(pooled.rows)
    return scores, pd.concat(pairs) if pairs else None


class Pooled:
    """Predictions of several models for the same films.

    Parameters
    ----------
    table, found, data
        As for :func:`score`.
    """

    def __init__(self, table, found, data):
        folds = sorted(set.intersection(*(set(found[name]) for name in found)))
        first = [found[table.reference][fold]["test"] for fold in folds]
        self.rows = np.concatenate(first)
        self._calibrated = {}
        self.fold = np.repeat(np.arange(len(folds)), [len(test) for test in first])
        self.y, self.groups = data.labels.iloc[self.rows], data.groups.iloc[self.rows]
        self.prob, self.pred = (
            {name: np.concatenate([found[name][f][key] for f in folds]) for name in found}
            for key in ("prob", "pred")
        )

    def calibrated(self, name, method):
        """Predictions with calibration and thresholds of the other folds."""
        key = (name, method)
        if key not in self._calibrated:
            self._calibrated[key] = calibrate(
                self.y, self.prob[name], self.fold, self.groups, method
            )
        return self._calibrated[key]


def as_they_are(pooled, name):
    """Predictions as the model made them."""
    y = pooled.y
    return OutOfFoldPredictions(
        y=y,
        proba=pd.DataFrame(pooled.prob[name], y.index, y.columns),
        decisions=pd.DataFrame(pooled.pred[name], y.index, y.columns),
        fold=pd.Series(pooled.fold, y.index),
        thresholds=pd.DataFrame(np.nan, np.unique(pooled.fold), y.columns),
        groups=pooled.groups,
    )


def _add(scores, heading, compared, reference, end=""):
    """A score, its interval, and its paired difference from the reference."""
    name = f"{heading}{end}"
    found = compared.intervals[heading]
    scores[name], scores[f"{name} low"], scores[f"{name} high"] = (
        found[key] for key in ("value", "low", "high")
    )
    samples = {model: report.resamples[heading] for model, report in compared.reports.items()}
    scores[f"{name} gain"] = found["value"] - found.loc[reference, "value"]
    for model, sample in samples.items():
        difference = np.asarray(sample) - np.asarray(samples[reference])
        if model != reference and len(difference):
            ends = np.nanquantile(difference, [0.025, 0.975])
            scores.loc[model, [f"{name} gain low", f"{name} gain high"]] = ends


def _add_calibration(scores, pooled):
    """Calibration error before and after, and how far calibration moves the AUC of a fold."""
    for name, prob in pooled.prob.items():
        scores.loc[name, "ECE"] = expected_calibration_error(pooled.y, prob).mean()
        for method in METHODS:
            after = pooled.calibrated(name, method).proba.to_numpy()
            scores.loc[name, f"ECE {method}"] = expected_calibration_error(pooled.y, after).mean()
            scores.loc[name, f"AUC moved by {method}"] = _auc_moved(pooled, prob, after)


def _auc_moved(pooled, before, after):
    """Largest change of a label's AUC in any fold."""
    moved, y = 0.0, pooled.y.to_numpy()
    for fold in np.unique(pooled.fold):
        here = pooled.fold == fold
        for j in range(y.shape[1]):
            rows = here & ~np.isnan(y[:, j])
            if len(np.unique(y[rows, j])) == 2:
                auc = [roc_auc_score(y[rows, j], p[rows, j]) for p in (before, after)]
                moved = max(moved, abs(auc[0] - auc[1]))
    return moved
