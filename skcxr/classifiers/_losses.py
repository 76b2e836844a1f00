"""Losses on logits over the labels that are known."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from skcxr._multilabel._loss import masked_mean


class _MaskedLoss(nn.Module):
    """Mean over the entries of y that are not NaN; rows may have weights.

    Parameters
    ----------
    pos_weight : tensor of shape (k,) or None, default=None
        Weight of the positives of each label.
    """

    def __init__(self, pos_weight=None):
        super().__init__()
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits, y):
        """Loss of logits (m, k).

        Parameters
        ----------
        logits : tensor of shape (m, k)
        y : tensor of shape (m, k), or a pair of it and weights of shape (m,)
            0 to 1, or NaN.

        Returns
        -------
        tensor of shape ()
            Zero where nothing is known.
        """
        y, weight = y if isinstance(y, (tuple, list)) else (y, None)
        known = ~torch.isnan(y)
        return masked_mean(self.entries(logits, torch.where(known, y, 0.0)), known, weight)

    def _weighted(self, positive, negative, y):
        """Losses of an entry as a positive and as a negative, mixed by y in [0, 1]."""
        weight = 1.0 if self.pos_weight is None else self.pos_weight
        return weight * y * positive + (1 - y) * negative


class BinaryCrossEntropy(_MaskedLoss):
    """Binary cross-entropy with logits, as :class:`torch.nn.BCEWithLogitsLoss`."""

    def entries(self, logits, y):
        """Loss of each entry, y without NaN."""
        return binary_cross_entropy_with_logits(
            logits, y, pos_weight=self.pos_weight, reduction="none"
        )


class FocalLoss(_MaskedLoss):
    """Focal loss: -(1 - p_t)^g · log p_t, which counts what is easy for less.

    Parameters
    ----------
    pos_weight : tensor of shape (k,) or None, default=None
    gamma : float, default=2.0
        The exponent g; 0 is the binary cross-entropy.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár. "Focal loss for dense object detection".
    ICCV, 2017. Its α is what `pos_weight` does.
    """

    def __init__(self, pos_weight=None, gamma=2.0):
        super().__init__(pos_weight)
        self.gamma = gamma

    def entries(self, logits, y):
        """Loss of each entry, y without NaN."""
        # Powers of p by its logarithm: their gradient is finite where p rounds to 0.
        log_p, log_rest = logsigmoid(logits), logsigmoid(-logits)
        positive = -torch.exp(self.gamma * log_rest) * log_p
        negative = -torch.exp(self.gamma * log_p) * log_rest
        return self._weighted(positive, negative, y)


class AsymmetricLoss(_MaskedLoss):
    """Asymmetric loss: a stronger focus on the negatives, of which the easiest do not count.

    A positive costs -(1 - p)^a · log p, a negative -p_m^b · log(1 - p_m), p_m = max(p - m, 0).

    Parameters
    ----------
    pos_weight : tensor of shape (k,) or None, default=None
    gamma_pos, gamma_neg : float, default=0.0 and 4.0
        The exponents a and b.
    margin : float, default=0.05
        The margin m.

    References
    ----------
    T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter, L. Zelnik-Manor.
    "Asymmetric loss for multi-label classification". ICCV, 2021, eq. 4 to 7.
    """

    def __init__(self, pos_weight=None, gamma_pos=0.0, gamma_neg=4.0, margin=0.05):
        super().__init__(pos_weight)
        self.gamma_pos, self.gamma_neg, self.margin = gamma_pos, gamma_neg, margin

    def entries(self, logits, y):
        """Loss of each entry, y without NaN."""
        p = torch.sigmoid(logits)
        positive = -torch.exp(self.gamma_pos * logsigmoid(-logits)) * logsigmoid(logits)
        shifted = (p - self.margin).clamp(min=1e-8)  # a power of 0 has no gradient
        log_rest = torch.log1p(-shifted) if self.margin > 0 else logsigmoid(-logits)
        negative = -(shifted**self.gamma_neg) * log_rest
        return self._weighted(positive, negative, y)


LOSSES = {"bce": BinaryCrossEntropy, "focal": FocalLoss, "asymmetric": AsymmetricLoss}
