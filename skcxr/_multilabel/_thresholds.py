"""The probability above which a label is called present."""

import numpy as np

from skcxr._multilabel._names import by_name

THRESHOLD_METRICS = ("f1", "youden", "sensitivity", "specificity")


def best_threshold(y_true, y_proba, metric="f1", target=None):
    """Find the threshold t that makes ``y_proba > t`` best for one label.

    Every cut between two different probabilities is tried, and those that call all or none
    present. Of equally good cuts the highest is taken.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        0, 1 or NaN (left out).
    y_proba : ndarray of shape (n,)
    metric : {"f1", "youden", "sensitivity", "specificity"}, default="f1"
        F1, or Youden's J = sensitivity + specificity - 1; or the highest threshold whose
        sensitivity is at least `target`, or the lowest whose specificity is.
    target : float or None, default=None
        The wanted sensitivity or specificity.

    Returns
    -------
    float or None
        None where y_true holds no positive (``"specificity"``: no negative; ``"youden"``: not
        both).

    References
    ----------
    Youden, W. J. (1950). Index for rating diagnostic tests. Cancer, 3(1), 32-35.
    """
    known = ~np.isnan(y_true)
    y, p = np.asarray(y_true)[known], np.asarray(y_proba, dtype=float)[known]
    n_pos, n_neg = y.sum(), len(y) - y.sum()
    if (n_pos == 0 and metric != "specificity") or (
        n_neg == 0 and metric in ("youden", "specificity")
    ):
        return None
    order = np.argsort(-p, kind="stable")
    p, y = p[order], y[order]
    last_of_tie = np.append(p[1:] != p[:-1], True)
    tp, called = np.cumsum(y)[last_of_tie], np.flatnonzero(last_of_tie) + 1
    levels = p[last_of_tie]
    if metric == "f1":
        best = int((2 * tp / (called + n_pos)).argmax())
    elif metric == "youden":
        best = int((tp / n_pos - (called - tp) / n_neg).argmax())
    elif metric == "sensitivity":
        best = int((tp >= target * n_pos - 1e-9).argmax())
    else:
        best = int((called - tp <= (1 - target) * n_neg + 1e-9).sum()) - 1
    if best < 0:  # even the highest probability would call too many
        return float((levels[0] + max(levels[0], 1.0)) / 2)
    below = levels[best + 1] if best + 1 < len(levels) else 0.0
    cut = (levels[best] + below) / 2
    return float(cut if cut < levels[best] else np.nextafter(levels[best], -1))


def best_thresholds(Y, proba, metric="f1", target=None, default=0.5):
    """`best_threshold` of each column, and which columns had to take `default`.

    Returns
    -------
    thresholds : ndarray of shape (k,)
    undecided : ndarray of shape (k,), bool
    """
    found = [best_threshold(Y[:, j], proba[:, j], metric, target) for j in range(Y.shape[1])]
    undecided = np.array([t is None for t in found])
    return np.array([default if t is None else t for t in found]), undecided


def check_target(metric, target):
    """Refuse a `target` that the metric has no use for, or the lack of one that it needs."""
    if (metric in ("sensitivity", "specificity")) != (target is not None):
        raise ValueError(
            f"target={target!r} with metric={metric!r}: a target between 0 and 1 belongs to "
            "metric='sensitivity' or 'specificity', and only to them"
        )


def complaint_of_thresholds(Y, proba, thresholds, label_names):
    """A text for a warning of thresholds that call nearly all rows positive.

    Parameters
    ----------
    Y, proba : ndarray of shape (n, k)
        Labels of 0, 1 and NaN, and the probabilities on which the thresholds were chosen.
    thresholds : ndarray of shape (k,)
    label_names : sequence of k names

    Returns
    -------
    str or None
        Names the labels of which nine of ten known rows or more are called positive and fewer
        than three of ten are; None where there is none.
    """
    told = []
    for j, name in enumerate(label_names):
        known = ~np.isnan(Y[:, j])
        called = np.mean(proba[known, j] > thresholds[j]) if known.any() else 0.0
        if called > 0.9 and Y[known, j].mean() < 0.3:
            told.append(
                f"{name} (threshold {thresholds[j]:.3g} calls {called:.0%} of the rows positive, "
                f"{Y[known, j].mean():.1%} are)"
            )
    if not told:
        return None
    return (
        f"Thresholds that call almost everything positive: {', '.join(told)}. Their scores "
        "hardly tell positives from negatives; another metric, or a wanted sensitivity or "
        "specificity, gives another threshold."
    )


def resolve_thresholds(thresholds, label_names):
    """One float per label from a number, an array, or a dict or Series by name (else 0.5)."""
    return by_name(thresholds, label_names, default=0.5, what="thresholds")
