"""EfficientNet-Lite as stages, padded as TensorFlow pads at any image size."""

from collections import OrderedDict

from torch import nn

_STAGES = {0: (1, 3, 5, 11), 1: (1, 4, 7, 15), 2: (1, 4, 7, 15)}  # where the resolution halves


class SamePad(nn.ZeroPad2d):
    """Zero padding before a convolution of stride 2, as TensorFlow's ``padding="SAME"``.

    Of k - 2 pixels in all where the size is even and k - 1 where it is odd, the smaller half
    first, so that the output has ceil(size / 2) pixels. `padding` is that of even sizes.

    Parameters
    ----------
    kernel_size : int
    """

    def __init__(self, kernel_size):
        self.total = kernel_size - 2
        before = self.total // 2
        super().__init__((before, self.total - before) * 2)

    def pads(self, shape):
        """Pixels left, right, above and below of an input of (m, C, H, W)."""
        pads = []
        for size in (shape[3], shape[2]):
            total = self.total + size % 2
            pads += [total // 2, total - total // 2]
        return pads

    def forward(self, x):
        """(m, C, H, W) → the same with a border."""
        return nn.functional.pad(x, self.pads(x.shape))


def efficientnet_lite(name):
    """Build an EfficientNet-Lite of the package of network code, with random weights.

    The package pads as its weights' native size needs it; at other sizes its maps are shifted by
    up to half a pixel of each stage, and short of a row and a column where a size is odd. Here
    every size is padded as TensorFlow, where the weights come from, would.

    Parameters
    ----------
    name : {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}

    Returns
    -------
    nn.Module
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ImportError(
            f'backbone="{name}" needs its network code: pip install efficientnet-lite-pytorch.'
        ) from None
    net = EfficientNet.from_name(name.replace("_", "-"))
    for conv in net.modules():
        if not isinstance(conv, nn.Conv2d) or conv.kernel_size == (1, 1):
            continue
        if conv.stride[0] == 1:
            # Symmetric at any size: the convolution does it without a copy of its input.
            conv.padding = (conv.kernel_size[0] // 2,) * 2
            conv.static_padding = nn.Identity()
        else:
            conv.static_padding = SamePad(conv.kernel_size[0])
    return net


def efficientnet_stages(net, name):
    """The stages ``stem``, ``layer1`` … ``layer4``; they end where the resolution halves."""
    blocks = list(net._blocks)
    one, two, three, four = _STAGES[int(name[-1])]
    return nn.Sequential(
        OrderedDict(
            stem=nn.Sequential(net._conv_stem, net._bn0, net._swish, *blocks[:one]),
            layer1=nn.Sequential(*blocks[one:two]),
            layer2=nn.Sequential(*blocks[two:three]),
            layer3=nn.Sequential(*blocks[three:four]),
            layer4=nn.Sequential(*blocks[four:], net._conv_head, net._bn1, nn.ReLU6()),
        )
    )


def timm_names(name):
    """Function from timm's names (``blocks.1.0.conv_pw.weight``) to this network's, or None.

    timm writes the first stage's blocks as depthwise and pointwise, the others as expansion,
    depthwise and projection. Its ``tf_efficientnet_lite`` weights are the ones that belong here.
    """
    first = {stage: sum(_REPEATS[name[-1]][:stage]) for stage in range(7)}

    def rename(key):
        head, _, rest = key.partition(".")
        if head in ("conv_stem", "conv_head"):
            return f"_{key}"
        if head in ("bn1", "bn2"):  # after the stem and after the head
            return f"_bn{int(head[-1]) - 1}.{rest}"
        if head != "blocks" or rest.count(".") != 3:
            return None
        stage, block, layer, rest = rest.split(".")
        layer = (_SEPARABLE if stage == "0" else _INVERTED).get(layer)
        if layer is None or not stage.isdigit() or not block.isdigit() or int(stage) > 6:
            return None
        return f"_blocks.{first[int(stage)] + int(block)}.{layer}.{rest}"

    return rename


# Blocks of the seven stages of the paper.
_REPEATS = {"0": (1, 2, 2, 3, 3, 4, 1), "1": (1, 3, 3, 4, 4, 5, 1), "2": (1, 3, 3, 4, 4, 5, 1)}
_SEPARABLE = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
_INVERTED = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
