"""Trained networks as rounded differences from the published weights that they began with.

A fine-tuning moves weights by a hundredth of their size, so that the differences, in steps of an
eighth of the root mean square in their channel, take some five bits each, and lose less than
float16 would.
"""

import zlib

import numpy as np

from .._store._container import Unreadable
from ._published import find_published, published_tensors

_MARK = "difference:"
_STEP = 0.125  # of the root mean square of a channel's differences
_LARGEST = 127


def starts_of(state):
    """Published tensors that the tensors of an estimator's trained networks began as.

    Parameters
    ----------
    state : dict
        Attributes of an estimator.

    Returns
    -------
    dict of {int: (Tensor, str)}
        Each trained tensor and the name of its published one, by the address of its data.
    """
    by_key = {name.split("/")[1]: name for name in published_tensors(state).values()}
    starts = {}
    for tail in state.get("tails_", ()) if by_key else ():
        for key, tensor in (*tail.named_parameters(), *tail.named_buffers()):
            if key in by_key and tensor.ndim > 1:
                starts[tensor.data_ptr()] = tensor, by_key[key]
    return starts


def take_difference(tensor, start):
    """A float32 tensor as what is added to a published one.

    Parameters
    ----------
    tensor : Tensor of shape (channels, ...)
    start : str
        Name of the published one.

    Returns
    -------
    packed : Tensor of uint8
        The differences in steps, packed.
    steps : Tensor of shape (channels,), float32
    """
    import torch

    rows = (tensor - find_published(start)).flatten(1)
    steps = torch.maximum(_STEP * rows.square().mean(1).sqrt(), rows.abs().amax(1) / _LARGEST)
    codes = torch.round(rows / steps.clamp_min(torch.finfo(torch.float32).tiny)[:, None])
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    packed = packer.compress(codes.to(torch.int8).numpy().tobytes()) + packer.flush()
    return torch.from_numpy(np.frombuffer(packed, np.uint8).copy()), steps


def name_difference(member, start):
    """What a difference is called in a file; its steps are the member of that name and an s."""
    return f"{_MARK}{member}:{start}"


def is_difference(name):
    """Whether a tensor's name is one of `name_difference`."""
    return name.startswith(_MARK)


def find_difference(name, members):
    """The tensor of a name; nothing is unpacked to more than the size of the published one."""
    import torch

    try:
        member, start = name.removeprefix(_MARK).split(":", 1)
        packed, steps = members[member], members[f"{member}s"]
        start, unpacker = find_published(start), zlib.decompressobj()
        codes = unpacker.decompress(packed.numpy().tobytes(), start.numel() + 1)
        codes = torch.from_numpy(np.frombuffer(codes, np.int8).astype(np.float32))
        return start + (codes.reshape(len(start), -1) * steps[:, None]).reshape(start.shape)
    except (KeyError, RuntimeError, TypeError, ValueError, zlib.error) as error:
        raise Unreadable(f"a difference from published weights is damaged ({error!r})") from error
