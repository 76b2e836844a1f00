"""Multi-label metrics of many resamples at once.

Every metric here is a function of sums over resampling units. The sums are sparse or dense
matrix products with the (units, resamples) weights; the functions are applied to the result.
"""

import numpy as np
from scipy import sparse

#: Name of a metric to the heading it has in a table.
METRICS = {
    "micro_f1": "Micro-F1",
    "macro_f1": "Macro-F1",
    "hamming_loss": "Hamming Loss",
    "macro_auc": "Macro AUC",
    "macro_ap": "Macro AP",
}

#: Proportions of a label at its threshold; positive and negative predictive value are the last.
SHARES = ("sensitivity", "specificity", "ppv", "npv")


class RankSums:
    """AUC and average precision of one label as sums over units.

    Images are sorted by falling score and cut after each distinct score that a positive has:
    between two such scores only the number of negatives matters.

    Parameters
    ----------
    y : ndarray of shape (n,), bool or float in [0, 1]
        Labels; a soft one counts as that much of a positive and the rest of a negative.
    score : ndarray of shape (n,)
        Scores; ties count one half, as in the trapezoidal ROC.
    unit : ndarray of shape (n,), int
        Unit of each image.
    n_units : int
        Number of units.
    weight : ndarray of shape (n,) or None
        Weight of each image; each counts once by default.
    """

    def __init__(self, y, score, unit, n_units, weight=None):
        order = np.argsort(-score, kind="stable")
        y, score, unit = y[order], score[order], unit[order]
        weight = np.ones(len(y)) if weight is None else weight[order]
        share = y.astype(np.float64)
        block = np.concatenate([[0], np.cumsum(np.diff(score) != 0)]) if len(y) else y.astype(int)
        has_positive = np.bincount(block, weights=share, minlength=1) > 0
        # The first score of a positive that is not above this one; m below them all.
        row = (np.cumsum(has_positive) - has_positive)[block] if len(y) else block
        self.m = int(has_positive.sum())
        tied = (share < 1) & has_positive[block] if len(y) else y

        def sums(mass, rows, shape):
            where = (row[rows], unit[rows])
            return sparse.csr_array((mass[rows], where), shape=(shape, n_units))

        positive, negative = weight * share, weight * (1 - share)
        self.positive = sums(positive, share > 0, self.m)
        self.negative = sums(negative, share < 1, self.m + 1)
        self.tied = sums(negative, tied, self.m) if tied.any() else None

    def __call__(self, weights):
        """Return ``(U, pairs, ap)`` for weights (units, b), each of shape (b,).

        ``U / pairs`` is the AUC: U counts the concordant pairs and half the tied ones.
        """
        positive = self.positive @ weights
        negative = np.cumsum(self.negative @ weights, axis=0)
        hits = np.cumsum(positive, axis=0)
        n_positive = positive.sum(axis=0)
        below = negative[-1] - negative[: self.m]
        if self.tied is not None:
            below += 0.5 * (self.tied @ weights)
        u = np.einsum("ij,ij->j", positive, below)
        hits /= np.maximum(hits + negative[: self.m], np.finfo(float).tiny)
        with np.errstate(invalid="ignore"):
            ap = np.einsum("ij,ij->j", positive, hits) / n_positive
        return u, n_positive * negative[-1], ap


def rank_sums(scored, j, rows):
    """Return the RankSums of label `j` over those of the images `rows` (bool) where it is known."""
    rows = rows & ~np.isnan(scored.y[:, j])
    y, prob, weight = scored.y[rows, j], scored.prob[rows, j], scored.weight
    weight = None if weight is None else weight[rows]
    return RankSums(y == 1, prob, scored.unit[rows], scored.n_units, weight)


class MultilabelStatistics:
    """All multi-label metrics as a function of resampling weights.

    Parameters
    ----------
    y : ndarray of shape (n, k)
        0, 1, anything between for soft labels, or NaN, which is left out.
    prob : ndarray of shape (n, k)
        Probabilities.
    pred : ndarray of shape (n, k), bool
        Decisions.
    unit, n_units
        See ``check_units``.
    weight : ndarray of shape (n,) or None
        Weight of each image.
    """

    def __init__(self, y, prob, pred, unit, n_units, weight=None):
        known = ~np.isnan(y)
        true = np.where(known, y, 0.0)
        weight = np.ones(len(unit)) if weight is None else weight
        to_units = sparse.csr_array(
            (weight, (unit, np.arange(len(unit)))), shape=(n_units, len(unit))
        )
        outcomes = (true * pred, (known - true) * pred, true * ~pred, (known - true) * ~pred)
        # True and false positives, false and true negatives: (4, k, units).
        self.counts = np.stack([(to_units @ part).T for part in outcomes])
        self.ranks = [
            RankSums(true[rows, j], prob[rows, j], unit[rows], n_units, weight[rows])
            for j, rows in enumerate(known.T)
        ]

    def units_with(self):
        """Return how many units hold what each proportion is a share of.

        Returns
        -------
        dict of {str: ndarray of shape (k,), int}
            sensitivity: units with a positive; specificity: with a negative; ppv: with an image
            called positive; npv: with one called negative.
        """
        tp, fp, fn, tn = self.counts
        parts = (tp + fn, fp + tn, tp + fp, fn + tn)
        return {name: (part > 0).sum(axis=1) for name, part in zip(SHARES, parts, strict=True)}

    def __call__(self, weights):
        """Return a dict: the metrics of shape (b,), per label (k, b) f1, auc, ap and shares."""
        tp, fp, fn, tn = np.tensordot(self.counts, weights, axes=1)
        u, pairs, ap = (
            np.stack(part) for part in zip(*(rank(weights) for rank in self.ranks), strict=True)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            # A label without a positive or without a negative has no pairs: left out, as NaN.
            undefined = np.where(pairs > 0, 0.0, np.nan)
            out = {
                "f1": 2 * tp / (2 * tp + fp + fn) + undefined,
                "auc": u / pairs,
                "ap": ap + undefined,
                "micro_f1": 2 * tp.sum(0) / (2 * tp + fp + fn).sum(0),
                "hamming_loss": (fp + fn).sum(0) / (tp + fp + fn + tn).sum(0),
            }
            shares = ((tp, tp + fn), (tn, fp + tn), (tp, tp + fp), (tn, fn + tn))
            out |= {name: a / b for name, (a, b) in zip(SHARES, shares, strict=True)}
            for name in ("f1", "auc", "ap"):
                out[f"macro_{name}"] = np.nansum(out[name], 0) / (pairs > 0).sum(0)
        return out
