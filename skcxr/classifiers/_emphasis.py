"""How much each label's positives and each row count in a training."""

import numpy as np

from skcxr._multilabel._names import by_name


def resolve_pos_weight(pos_weight, positives, negatives, label_names):
    """Weights of the positives, (k,) float32 or None; ``"balanced"`` is negatives / positives."""
    if pos_weight is None:
        return None
    if isinstance(pos_weight, str):
        weight = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
        return np.maximum(weight, 1e-3).astype(np.float32)
    weight = by_name(pos_weight, label_names, default=1.0, what="pos_weight")
    if (weight <= 0).any():
        raise ValueError(f"pos_weight must be {len(positives)} positive numbers: {pos_weight!r}")
    return weight.astype(np.float32)


def class_balanced_chances(Y):
    """Chance of each row to be drawn, so that rare labels are seen about as often as common ones.

    The chance goes with 1 / E of the rarest label that the row is positive for, where
    E = (1 - β^m) / (1 - β) is the effective number of its m positives and β = (n - 1) / n [1]_.
    Rows that are positive for nothing count as a label of their own.

    Parameters
    ----------
    Y : ndarray of shape (n, k)
        0 to 1 (positive from 0.5), or NaN.

    Returns
    -------
    ndarray of shape (n,)
        They add up to 1.

    References
    ----------
    .. [1] Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie. "Class-balanced loss based on
       effective number of samples". CVPR, 2019, eq. 3 and section 4.
    """
    n = len(Y)
    positive = np.nan_to_num(Y) >= 0.5
    positive = np.column_stack([positive, ~positive.any(axis=1)])
    beta = (n - 1) / n
    effective = (1 - beta ** positive.sum(axis=0)) / (1 - beta)
    weight = np.where(positive, 1 / np.maximum(effective, 1.0), 0.0).max(axis=1)
    return weight / weight.sum()


def count_labels(Y, weight=None, chances=None):
    """Positives and negatives of each label as a training meets them in a pass.

    Parameters
    ----------
    Y : ndarray of shape (n, k)
        0 to 1, or NaN.
    weight, chances : ndarray of shape (n,) or None
        Weights in the loss, and chances to be drawn.

    Returns
    -------
    positives, negatives : ndarray of shape (k,)
    """
    Y = Y.astype(np.float64)
    if weight is None and chances is None:
        return np.nansum(Y, axis=0), np.nansum(1 - Y, axis=0)
    share = np.ones(len(Y)) if weight is None else weight.astype(float)
    if chances is not None:
        share = share * chances * len(Y)
    return np.nansum(share[:, None] * Y, axis=0), np.nansum(share[:, None] * (1 - Y), axis=0)
