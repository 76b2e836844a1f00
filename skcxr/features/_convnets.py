"""ResNets and DenseNet-121 as stages, from MONAI's definitions, by torchvision's names."""

from collections import OrderedDict

from torch import nn

from ._stem import StemMaxPool

_LAYERS = ("layer1", "layer2", "layer3", "layer4")
_DENSENET_PARTS = ("conv0", "norm0", "denseblock", "transition", "norm5")
# Children of torchvision's ResNet by position, as they are called in an nn.Sequential of them.
_RESNET_PARTS = {
    "0": "conv1",
    "1": "bn1",
    "4": "layer1",
    "5": "layer2",
    "6": "layer3",
    "7": "layer4",
}


def convnet(name):
    """Build a network with random weights and a head of 1,000 classes.

    Parameters
    ----------
    name : {"resnet18", "resnet34", "resnet50", "densenet121"}

    Returns
    -------
    nn.Module
    """
    from monai.networks.nets import DenseNet121, resnet

    if name == "densenet121":
        return DenseNet121(spatial_dims=2, in_channels=3, out_channels=1000)
    return getattr(resnet, name)(
        spatial_dims=2,
        n_input_channels=3,
        num_classes=1000,
        conv1_t_stride=2,
        shortcut_type="B",
        bias_downsample=False,
    )


def first_convolution(name):
    """The parameter of a network's first convolution."""
    return "features.conv0.weight" if name == "densenet121" else "conv1.weight"


def one_channel(net, name):
    """Give a network a first convolution of one channel, in place."""
    parent = net.features if name == "densenet121" else net
    place = first_convolution(name).split(".")[-2]
    old = getattr(parent, place)
    new = nn.Conv2d(1, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)
    setattr(parent, place, new)


def convnet_stages(net, name):
    """The stages ``stem``, ``layer1`` … ``layer4``."""
    if name == "densenet121":
        return _densenet_stages(net.features)
    stages = OrderedDict(stem=nn.Sequential(net.conv1, net.bn1, net.act, StemMaxPool()))
    for stage in _LAYERS:
        stages[stage] = getattr(net, stage)
    return nn.Sequential(stages)


def _densenet_stages(features):
    parts = dict(features.named_children())
    groups = {
        "stem": ["conv0", "norm0", "relu0", "pool0"],
        "layer1": ["denseblock1"],
        "layer2": ["transition1", "denseblock2"],
        "layer3": ["transition2", "denseblock3"],
        "layer4": ["transition3", "denseblock4", "norm5"],
    }
    stages = OrderedDict(
        (stage, nn.Sequential(*(parts[name] for name in names))) for stage, names in groups.items()
    )
    stages["stem"][-1] = StemMaxPool()
    stages["layer4"].append(nn.ReLU())
    return nn.Sequential(stages)


def renamings(name):
    """Functions from published names to the network's, or to None.

    torchvision's and timm's names of a ResNet are the network's own.
    """
    return (_densenet_name, _densenet_part) if name == "densenet121" else (_resnet_part,)


def _densenet_name(key):
    """Turn torchvision's ``denselayer1.norm1.weight`` (or ``norm.1``) into MONAI's names."""
    parts = key.split(".")
    for i, part in enumerate(parts):
        rest = parts[i + 1 :]
        if part.startswith("denselayer") and len(rest) > 1:
            if rest[0] in ("norm", "relu", "conv"):
                rest = [rest[0] + rest[1], *rest[2:]]
            if rest[0] != "layers":
                rest = ["layers", *rest]
            return ".".join([*parts[: i + 1], *rest])
    return key.replace("classifier.", "class_layers.out.")


def _densenet_part(key):
    """Names of the feature part alone."""
    return _densenet_name(f"features.{key}") if key.startswith(_DENSENET_PARTS) else None


def _resnet_part(key):
    head, _, rest = key.partition(".")
    return f"{_RESNET_PARTS[head]}.{rest}" if head in _RESNET_PARTS else None
