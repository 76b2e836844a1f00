"""Mask networks as safetensors files: written, checked and read."""

import functools
import hashlib
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "weights"
#: Name → (file, SHA-256 of the file).
SHIPPED = {
    "lungs": (
        "lungs.safetensors",
        "f453532163d71510b8d03fd9ec502e7967a7c45f5f48541358fae49185204501",
    )
}


def resolve_weights(weights):
    """Path of a weights file by name or path, its SHA-256 checked when it has a name.

    Parameters
    ----------
    weights : str or path-like

    Returns
    -------
    path : Path
    digest : str
        SHA-256 of the file in hexadecimal.

    Raises
    ------
    ValueError
        When the file is not the one that belongs to the name.
    FileNotFoundError
        When there is no such name and no such file.
    """
    known = SHIPPED.get(str(weights))
    path = FOLDER / known[0] if known else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(weights)!r} is neither a known name ({', '.join(SHIPPED)}) nor a file."
        )
    stat = path.stat()
    digest = _sha256(str(path), stat.st_mtime_ns, stat.st_size)
    if known and digest != known[1]:
        raise ValueError(
            f"{path} is damaged or another file: its SHA-256 is {digest[:16]}…, expected "
            f"{known[1][:16]}…; install skcxr again."
        )
    return path, digest


@functools.lru_cache(maxsize=16)
def _sha256(path, _mtime, _size):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_weights(path):
    """Read a weights file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    state : dict of str to Tensor
        Floats as float32; finite and dense.
    about : dict
        What :func:`write_weights` was told; empty for a ``.pt`` or ``.pth`` file.

    Raises
    ------
    ValueError
        In one sentence that names the file, and the tensor where it is one.
    """
    from .._weight_files import read_weights

    state, about = read_weights(path)
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}, about


def write_weights(path, network, about):
    """Write a network's state, floats as float16, with what describes it.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.safetensors``.
    network : torch.nn.Module
    about : dict
        Goes into the file's metadata as JSON.

    Returns
    -------
    digest : str
        SHA-256 of the file.

    Raises
    ------
    ValueError
        When a weight does not fit into float16.
    """
    import torch
    from safetensors.torch import save_file

    state = {}
    for key, value in network.state_dict().items():
        half = value.detach().cpu().contiguous()
        if half.is_floating_point():
            half = half.half()
            if not torch.isfinite(half).all():
                raise ValueError(f"{key} has values that float16 cannot hold")
        state[key] = half
    save_file(state, path, metadata={"skcxr": json.dumps(about, sort_keys=True)})
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
