"""Trained networks as differences from the published weights that they began with.

A training leaves whole numbers of steps in each channel, which take some six bits each.
"""

import zlib

import numpy as np

from .._store._container import Unreadable
from ._published import find_published, published_tensors

_MARK = "difference:"


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
    """A trained weight as what was added to a published one.

    Parameters
    ----------
    tensor : Tensor of shape (channels, ...)
    start : str
        Name of the published one.

    Returns
    -------
    packed : Tensor of uint8
        The changes in steps, packed; None where they would lose a bit.
    steps : Tensor of shape (channels,), float32
    """
    import torch

    from ..features._rounding import find_steps

    codes, steps = find_steps(tensor, find_published(start))
    if codes is None:
        return None, None
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    packed = packer.compress(codes.numpy().tobytes()) + packer.flush()
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

    from ..features._rounding import add_changes

    try:
        member, start = name.removeprefix(_MARK).split(":", 1)
        packed, steps = members[member], members[f"{member}s"]
        start, unpacker = find_published(start), zlib.decompressobj()
        codes = unpacker.decompress(packed.numpy().tobytes(), start.numel() + 1)
        codes = torch.from_numpy(np.frombuffer(codes, np.int8).astype(np.float32))
        return add_changes(start, codes.reshape(len(start), -1), steps)
    except (KeyError, RuntimeError, TypeError, ValueError, zlib.error) as error:
        raise Unreadable(f"a difference from published weights is damaged ({error!r})") from error
