"""Binary cross-entropy over the labels that are known."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


class MaskedBCEWithLogits(nn.Module):
    """Mean binary cross-entropy with logits over the entries of y that are not NaN.

    Parameters
    ----------
    pos_weight : tensor of shape (k,) or None, default=None
        Weight of the positives of each label, as in :class:`torch.nn.BCEWithLogitsLoss`.
    """

    def __init__(self, pos_weight=None):
        super().__init__()
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits, y):
        """Loss of logits (m, k) against y (m, k) of 0, 1, NaN; zero where nothing is known."""
        known = ~torch.isnan(y)
        losses = binary_cross_entropy_with_logits(
            logits, torch.where(known, y, 0.0), pos_weight=self.pos_weight, reduction="none"
        )
        return (losses * known).sum() / known.sum().clamp(min=1)
