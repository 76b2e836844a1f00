"""States of trainings that may be killed: read back as they were written, or not at all."""

import contextlib
import os
import warnings
from pathlib import Path

import numpy as np

from ._container import Unreadable, read_members, write_members
from ._plain import Decoder, Encoder


def write_checkpoint(path, state):
    """Keep the state of a training; where that is not possible, warn and go on.

    Parameters
    ----------
    path : path-like or None
        None keeps nothing. The name goes into the file, so that no other training's is taken for
        this one's: make it from a digest of all that the training depends on.
    state : dict
        Plain data: numbers, strings, lists, dicts, arrays, tensors.
    """
    if path is None:
        return
    path = Path(path)
    try:
        # Not there if another process has ended the same run meanwhile, and cleared up.
        with contextlib.suppress(FileNotFoundError):
            members = Encoder().members({"name": path.name, "state": state})
            write_members(path, members, private=True)
    except OSError as error:
        warnings.warn(
            f"The state of a training could not be kept in {path.parent} ({error}): if this run "
            "is killed, it begins again.",
            RuntimeWarning,
            stacklevel=2,
        )


def read_checkpoint(path, expects):
    """Return the state that `write_checkpoint` kept, or None where there is none to go on from.

    Parameters
    ----------
    path : path-like or None
    expects : dict
        What the state must be like: the same keys; for an array or tensor one of its shape and
        dtype, all of it finite; for a range, an int in it; for a type or a tuple of types, any
        value of it; else equal.

    Returns
    -------
    dict or None
        What is damaged or does not fit is set aside, with a warning.
    """
    if path is None or not os.path.exists(path):
        return None
    try:
        kept = Decoder(read_members(path)).value()
        name = os.path.basename(path)
        _check(kept, {"name": name, "state": expects}, "the file")
    except (OSError, ValueError) as error:
        set_aside(path, error)
        return None
    return kept["state"]


def set_aside(path, reason):
    """Rename a checkpoint that cannot be used, and warn; never raises.

    Parameters
    ----------
    path : path-like
    reason : str or Exception
        Goes into the warning.
    """
    damaged = f"{path}.damaged"
    done = f"it was set aside as {os.path.basename(damaged)}"
    try:
        os.replace(path, damaged)
    except OSError as error:
        done = f"it could not be set aside ({error})"
    warnings.warn(
        f"The state of an interrupted training in {path} cannot be used ({reason}): {done}, and "
        "the training begins again.",
        RuntimeWarning,
        stacklevel=3,
    )


def _check(value, expects, name):
    if isinstance(expects, type | tuple):
        fits = isinstance(value, expects)
    elif isinstance(expects, range):
        fits = type(value) is int and value in expects
    elif isinstance(expects, dict):
        if not isinstance(value, dict) or value.keys() != expects.keys():
            raise Unreadable(f"{name} has other parts than this training")
        for key in expects:
            _check(value[key], expects[key], f"{name}[{key!r}]")
        return
    elif hasattr(expects, "shape") and hasattr(expects, "dtype"):
        fits = (
            type(value) is type(expects)
            and value.shape == expects.shape
            and value.dtype == expects.dtype
        )
        if fits and not _is_finite(value):
            raise Unreadable(f"{name} is not finite")
    else:
        fits = type(value) is type(expects) and value == expects
    if not fits:
        raise Unreadable(f"{name} is not that of this training")


def _is_finite(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    return bool(value.isfinite().all())
