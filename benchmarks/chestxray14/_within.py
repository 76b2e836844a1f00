"""AUC within sources, and its paired difference between models."""

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import resample
from skcxr.metrics._statistics import RankSums

NAME = "AUC within source"


def within_source(y, prob, source, groups, reference, *, n_bootstraps=1000, seed=0):
    """Macro AUC over pairs of films of the same source, as ``auc_within`` defines it.

    Parameters
    ----------
    y : DataFrame of shape (n, k)
    prob : dict of {str: ndarray of shape (n, k)}
    source, groups : array-like of shape (n,)
    reference : str
        The model that the others are compared with on the same resamples of patients.
    n_bootstraps, seed : int

    Returns
    -------
    DataFrame
        A row per model: value, low, high, and gain over the reference with low and high.
    """
    unit, names = pd.factorize(np.asarray(groups))
    Y, source = y.to_numpy(dtype=float), pd.factorize(np.asarray(source))[0]
    found = {
        name: _resampled(Y, p, source, unit, len(names), n_bootstraps, seed)
        for name, p in prob.items()
    }
    rows = {}
    for name, (value, samples) in found.items():
        row = {NAME: value, f"{NAME} gain": value - found[reference][0]}
        if n_bootstraps:
            row[f"{NAME} low"], row[f"{NAME} high"] = _ends(samples)
            if name != reference:
                ends = _ends(samples - found[reference][1])
                row[f"{NAME} gain low"], row[f"{NAME} gain high"] = ends
        rows[name] = row
    order = ["", " low", " high", " gain", " gain low", " gain high"]
    return pd.DataFrame(rows).T.reindex(columns=[f"{NAME}{end}" for end in order])


def _ends(samples):
    return np.nanquantile(samples, [0.025, 0.975])


def _resampled(Y, prob, source, unit, n_units, n_bootstraps, seed):
    """Macro AUC within sources, and on resamples of the units."""
    labels = []
    for j in range(Y.shape[1]):
        parts = []
        for s in np.unique(source):
            rows = (source == s) & ~np.isnan(Y[:, j])
            if len(np.unique(Y[rows, j])) == 2:
                parts.append(RankSums(Y[rows, j] == 1, prob[rows, j], unit[rows], n_units))
        if parts:
            labels.append(parts)

    def statistic(weights):
        auc = []
        for parts in labels:
            won, pairs = np.sum([part(weights)[:2] for part in parts], axis=0)
            with np.errstate(invalid="ignore"):
                auc.append(won / pairs)
        return {"auc": np.nanmean(auc, axis=0)}

    point, samples = resample(statistic, n_units, n_bootstraps, seed)
    return float(point["auc"]), samples["auc"]
