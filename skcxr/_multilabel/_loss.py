"""Losses over the labels that are known."""

import torch


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
