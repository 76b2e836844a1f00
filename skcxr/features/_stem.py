"""The first layers of a network: one grey channel instead of three, and a faster pooling."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# A network of the caller's own that expects RGB gets grey in [-1, 1] on every channel.
SYMMETRIC = ((0.5,) * 3, (0.5,) * 3)


class GreyStem(nn.Module):
    r"""A network's first convolution, for one grey channel in [-1, 1].

    On grey input the convolution of the scaled image :math:`(v - m_c) / s_c` is one convolution
    with the weights :math:`\sum_c W_c / s_c` plus a constant image convolved with
    :math:`-\sum_c W_c m_c / s_c`. The second part depends on the zero padding at the border, so
    it is kept as a convolution of ones, done once per image size.

    Parameters
    ----------
    conv : nn.Conv2d
        The first convolution.
    mean, std : tuple of float
        The scaling that the network expects of values in [0, 1], for each of its channels.

    Examples
    --------
    >>> import torch
    >>> from skcxr.features.backbones import GreyStem
    >>> stem = GreyStem(torch.nn.Conv2d(3, 8, 3), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    >>> stem(torch.zeros(1, 1, 32, 32)).shape
    torch.Size([1, 8, 30, 30])
    """

    def __init__(self, conv, mean, std):
        super().__init__()
        weight = conv.weight.detach()
        scale = torch.tensor(std, dtype=weight.dtype).view(1, -1, 1, 1)
        shift = torch.tensor(mean, dtype=weight.dtype).view(1, -1, 1, 1)
        # v = (x + 1) / 2 turns grey in [-1, 1] into the network's [0, 1].
        grey = (weight / (2 * scale)).sum(1, keepdim=True)
        constant = (weight * (0.5 - shift) / scale).sum(1, keepdim=True)
        self.conv = copy.deepcopy(conv)
        self.conv.in_channels = 1
        self.conv.weight = nn.Parameter(grey)
        self.border = copy.deepcopy(self.conv)
        self.border.weight = nn.Parameter(constant)
        self.border.bias = None

    @property
    def out_channels(self):
        """Channels of the convolution's output."""
        return self.conv.out_channels

    @property
    def weight(self):
        """Weights of the folded convolution; some networks ask their first layer for its dtype."""
        return self.conv.weight

    def fold(self, norm):
        """Fold the batch norm that follows into both convolutions, in place."""
        border = fuse_conv_bn_eval(self.border, norm)
        border.bias = None
        self.conv, self.border = fuse_conv_bn_eval(self.conv, norm), border

    def forward(self, x):
        """(m, 1, H, W) in [-1, 1] → (m, C, H', W')."""
        ones = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device)
        # In place: a second array of this size would cost as much as the convolution.
        return self.conv(x).add_(self.border(ones))


class RepeatedGrey(nn.Module):
    """A first convolution that computes with its weights first and so cannot be folded.

    Standardised weights, weight norm and other parametrisations are no longer what they were
    once the channels are summed; the image is handed over three times instead.
    """

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        """(m, 1, H, W) → (m, C, H', W')."""
        return self.conv(x.expand(-1, self.conv.in_channels, -1, -1))


class StemMaxPool(nn.Module):
    """``MaxPool2d(3, stride=2, padding=1)``, twice as fast on a CPU: row maxima, then columns."""

    def forward(self, x):
        """(m, C, H, W) → (m, C, ceil(H / 2), ceil(W / 2))."""
        if x.device.type != "cpu" or x.requires_grad or x.shape[2] % 2 or x.shape[3] % 2:
            return nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        x = x.permute(0, 2, 3, 1)
        rows = torch.maximum(x[:, 0::2], x[:, 1::2])
        torch.maximum(rows[:, 1:], x[:, 1:-1:2], out=rows[:, 1:])
        pooled = torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
        torch.maximum(pooled[:, :, 1:], rows[:, :, 1:-1:2], out=pooled[:, :, 1:])
        return pooled.permute(0, 3, 1, 2)


def fold_first_convolution(network, mean, std):
    """Let a network take one grey channel in [-1, 1], in place.

    Parameters
    ----------
    network : nn.Module
        Its first convolution has as many channels as `mean`, or one.
    mean, std : tuple of float
        See :class:`GreyStem`.

    Raises
    ------
    ValueError
        When the first convolution has another number of channels.
    """
    for name, module in network.named_modules():
        if getattr(module, "takes_grey", False):
            return
        if not isinstance(module, nn.Conv2d):
            continue
        if module.in_channels == len(mean):
            parent = network.get_submodule(name.rpartition(".")[0])
            stem = GreyStem(module, mean, std) if _is_plain(module) else RepeatedGrey(module)
            setattr(parent, name.rpartition(".")[2], stem)
        elif module.in_channels != 1:
            raise ValueError(
                f"The first convolution takes {module.in_channels} channels; expected 1 or 3."
            )
        return


def _is_plain(conv):
    known = type(conv) is nn.Conv2d or type(conv).__module__.startswith("efficientnet_lite")
    return known and not conv._forward_pre_hooks
