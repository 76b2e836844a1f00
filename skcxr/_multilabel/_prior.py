"""Outputs that begin at the labels' prevalence, which spares the first epochs of rare labels."""

import numpy as np


def prior_logits(positives, negatives, pos_weight=1):
    """Logit of the smoothed share of positives, (positives + 1) / (known + 2), of each label.

    With `pos_weight` the one that is best under a loss that weights the positives so.
    """
    return np.log((positives + 1) / (negatives + 1) * pos_weight)


def start_at_prior(layer, logits):
    """Set the bias of a layer, where it has one.

    Parameters
    ----------
    layer : torch.nn.Module or None
        A linear or convolutional layer whose outputs are logits.
    logits : float or ndarray of shape (k,)
        What it is to predict at first: one number, or one per output.
    """
    import torch

    bias = getattr(layer, "bias", None)
    if isinstance(bias, torch.Tensor):
        with torch.no_grad():
            bias.copy_(torch.as_tensor(logits, dtype=torch.float64))
