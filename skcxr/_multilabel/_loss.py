"""Binary cross-entropy over the labels that are known."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def masked_mean(losses, known, weight=None):
    """Mean of losses (m, k) over the entries that are known; zero where nothing is.

    Parameters
    ----------
    losses : tensor of shape (m, k)
        Finite where `known`.
    known : bool tensor of shape (m, k)
    weight : tensor of shape (m,) or None
        Weight of each row.
    """
    counted = known if weight is None else known * weight[:, None]
    total = counted.sum()
    return (losses * counted).sum() / torch.where(total > 0, total, torch.ones_like(total))


def masked_bce(logits, y, pos_weight=None, weight=None):
    """Mean binary cross-entropy with logits over the entries of y that are not NaN.

    Parameters
    ----------
    logits, y : tensors of shape (m, k)
        y holds 0 to 1, or NaN.
    pos_weight : tensor of shape (k,) or None
        Weight of the positives of each label, as in :class:`torch.nn.BCEWithLogitsLoss`.
    weight : tensor of shape (m,) or None
        Weight of each row.

    Returns
    -------
    tensor of shape ()
        Zero where nothing is known.
    """
    known = ~torch.isnan(y)
    losses = binary_cross_entropy_with_logits(
        logits, torch.where(known, y, 0.0), pos_weight=pos_weight, reduction="none"
    )
    return masked_mean(losses, known, weight)
