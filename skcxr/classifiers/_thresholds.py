"""The probability above which a label is called present."""

import numpy as np


def best_threshold(y_true, y_proba, metric="f1"):
    """Find the threshold t that makes ``y_proba > t`` best for one label.

    Every cut between two different probabilities is tried, and those that call all or none
    present. Of equally good cuts the highest is taken.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        0, 1 or NaN (left out).
    y_proba : ndarray of shape (n,)
    metric : {"f1", "youden"}, default="f1"
        F1, or Youden's J = sensitivity + specificity - 1.

    Returns
    -------
    float or None
        None where y_true holds no positive, or for ``"youden"`` no negative.

    References
    ----------
    Youden, W. J. (1950). Index for rating diagnostic tests. Cancer, 3(1), 32-35.
    """
    known = ~np.isnan(y_true)
    y, p = np.asarray(y_true)[known], np.asarray(y_proba, dtype=float)[known]
    n_pos, n_neg = y.sum(), len(y) - y.sum()
    if n_pos == 0 or (metric == "youden" and n_neg == 0):
        return None
    order = np.argsort(-p, kind="stable")
    p, y = p[order], y[order]
    last_of_tie = np.append(p[1:] != p[:-1], True)
    tp, called = np.cumsum(y)[last_of_tie], np.flatnonzero(last_of_tie) + 1
    levels = p[last_of_tie]
    if metric == "f1":
        value = 2 * tp / (called + n_pos)
    else:
        value = tp / n_pos - (called - tp) / n_neg
    best = int(value.argmax())
    below = levels[best + 1] if best + 1 < len(levels) else 0.0
    cut = (levels[best] + below) / 2
    return float(cut if cut < levels[best] else np.nextafter(levels[best], -1))


def best_thresholds(Y, proba, metric="f1", default=0.5):
    """`best_threshold` of each column, and which columns had to take `default`.

    Returns
    -------
    thresholds : ndarray of shape (k,)
    undecided : ndarray of shape (k,), bool
    """
    found = [best_threshold(Y[:, j], proba[:, j], metric) for j in range(Y.shape[1])]
    undecided = np.array([t is None for t in found])
    return np.array([default if t is None else t for t in found]), undecided


def resolve_thresholds(thresholds, label_names):
    """One float per label from a number, an array or a dict (labels left out of it get 0.5)."""
    k = len(label_names)
    if isinstance(thresholds, dict):
        unknown = [name for name in thresholds if name not in set(label_names)]
        if unknown:
            raise ValueError(f"thresholds name {unknown}; the labels are {list(label_names)}")
        return np.array([float(thresholds.get(name, 0.5)) for name in label_names])
    values = np.asarray(thresholds, dtype=float)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != k):
        raise ValueError(f"thresholds has the shape {values.shape}; y has {k} labels")
    return np.broadcast_to(values, (k,)).copy()
