"""Networks that turn one grey channel into one mask channel."""

import math

import torch
from torch import nn

NETWORKS = ("unet", "attention_unet", "unet++")


class _Unit(nn.Sequential):
    """Convolution, batch norm, ReLU; transposed to double the resolution."""

    def __init__(self, inputs, outputs, stride=1, up=False):
        if up:
            conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
        else:
            conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class _Residual(nn.Module):
    """Units with a shortcut around them."""

    def __init__(self, units, shortcut):
        super().__init__()
        self.units = units
        self.shortcut = shortcut

    def forward(self, x):
        return self.units(x) + self.shortcut(x)


def _down(inputs, outputs, stride):
    kernel = 3 if stride > 1 else 1
    return _Residual(
        nn.Sequential(_Unit(inputs, outputs, stride), _Unit(outputs, outputs)),
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2),
    )


class ResidualUNet(nn.Module):
    """U-Net of residual units that works at half the resolution and below.

    Inside as ``monai.networks.nets.UNet(..., num_res_units=2, act="relu", norm="batch")`` with
    strides of 2, but with all top-level channels up to the last convolution, which predicts the
    four pixels of each cell (sub-pixel convolution). MONAI narrows to one rectified channel
    before it, which in many a run is dead for the first hundred steps.

    Parameters
    ----------
    inputs, outputs : int
    channels : sequence of int
        From the top level down.
    top : bool, default=True
        Whether this is the whole network and gives logits.

    References
    ----------
    Shi et al. Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network. CVPR 2016.
    """

    def __init__(self, inputs, outputs, channels, top=True):
        super().__init__()
        first, below = channels[0], channels[1:]
        self.down = _down(inputs, first, 2)
        if len(below) > 1:
            self.inner = ResidualUNet(first, first, below, top=False)
            wide = 2 * first
        else:
            self.inner = _down(first, below[0], 1)
            wide = first + below[0]
        if top:
            last = nn.Conv2d(first, 4 * outputs, 3, padding=1)
            self.up = nn.Sequential(_Unit(wide, first), last, nn.PixelShuffle(2))
        else:
            unit = _Residual(_Unit(outputs, outputs), nn.Identity())
            self.up = nn.Sequential(_Unit(wide, outputs, up=True), unit)

    def forward(self, x):
        """(n, inputs, h, w) to (n, outputs, h, w); h and w multiples of 2 ** (levels - 1)."""
        x = self.down(x)
        return self.up(torch.cat([x, self.inner(x)], 1))


class _LastOutput(nn.Module):
    """Deep supervision returns one map per depth; the last is the full one."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        out = self.network(x)
        return out[-1] if isinstance(out, list | tuple) else out


def build_network(name, width=16):
    """Build a segmentation network by name.

    Parameters
    ----------
    name : {"unet", "attention_unet", "unet++"}
        ``"unet"`` is a residual U-Net, the network of the shipped weights: its first
        convolution halves the resolution, which makes it ten times as fast on a CPU as a U-Net
        that convolves at full size. The others are MONAI's.
    width : int, default=16
        Channels at the top level; they double four times on the way down.

    Returns
    -------
    network : torch.nn.Module
        (n, 1, h, w) grey in [-1, 1] to (n, 1, h, w) logits, h and w multiples of 16.

    References
    ----------
    Ronneberger, Fischer, Brox. U-Net. MICCAI 2015. Kerfoot et al. Left-ventricle quantification
    using residual U-Net. STACOM 2018. Oktay et al. Attention U-Net. MIDL 2018. Zhou et al.
    UNet++. DLMIA 2018.

    Examples
    --------
    >>> import torch
    >>> from skcxr.segmentation import build_network
    >>> tuple(build_network("unet", width=4)(torch.zeros(1, 1, 32, 32)).shape)
    (1, 1, 32, 32)
    """
    channels = tuple(width * 2**i for i in range(5))
    if name == "unet":
        return ResidualUNet(1, 1, channels)
    if name not in NETWORKS:
        raise ValueError(f"network={name!r}: accepted are {NETWORKS} and a torch.nn.Module")
    from monai.networks import nets

    common = {"spatial_dims": 2, "in_channels": 1, "out_channels": 1}
    if name == "attention_unet":
        return nets.AttentionUnet(**common, channels=channels, strides=(2, 2, 2, 2))
    features = (*channels, width)
    return _LastOutput(
        nets.BasicUNetPlusPlus(**common, features=features, norm=("batch", {"affine": True}))
    )


def start_at_prior(network, share):
    """Set the bias of the last convolution so that the first prediction is the mean mask.

    With sparse masks a net that starts at one half spends its first epochs, and its first large
    gradients, on learning that most pixels are background.

    Parameters
    ----------
    network : torch.nn.Module
    share : float
        Share of the pixels inside the masks, between 0 and 1.
    """
    last = None
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            last = layer
    if last is not None and last.out_channels in (1, 4) and last.bias is not None:
        with torch.no_grad():
            last.bias.fill_(math.log(share / (1 - share)))
