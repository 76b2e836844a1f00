"""Reading files of weights: nothing in them is run, and what is not usable is refused by name."""

import json
import os
import re
import zipfile

import torch

from ._unpickle import CONTAINERS

_FLOATS = ("weight", "bias", "running_mean", "running_var")


def read_weights(path):
    """Read a state dict and what its file says about itself.

    Parameters
    ----------
    path : str or path-like
        ``.safetensors``, or what ``torch.save`` wrote (``.pth``, ``.pt``, ``.pth.tar``, ``.ckpt``)
        of a state dict or of a checkpoint that holds one.

    Returns
    -------
    state : dict of str to Tensor
        Real, dense and finite.
    about : dict
        What this package wrote into a safetensors file; empty for any other.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        In one sentence that names the file, and the tensor where it is one.
    """
    path = os.path.expanduser(os.fspath(path))
    head = check_file(path)
    if path.endswith(".safetensors") or head[8:9] == b"{":
        state, about = _read_safetensors(path)
    else:
        state, about = _network_of(_read_pickle(path), path), {}
    # Thresholds of torchxrayvision's outputs: no part of the network, and NaN by design.
    state = {key: value for key, value in state.items() if key != "op_threshs"}
    for key, value in state.items():
        _check_tensor(key, value, path)
    return state, about


def check_file(path):
    """First bytes of a file of weights; what surely is none is refused by what it is.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"weights={path!r} is neither a known name ('imagenet') nor a file that is there."
        )
    if not os.path.isfile(path):
        raise ValueError(f"weights={path!r} is not a regular file.")
    with open(path, "rb") as file:
        head = file.read(512)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        raise ValueError(f"{path} is empty; expected a state dict (.pth, .pt or .safetensors).")
    if text.startswith(b"<"):
        raise ValueError(
            f"{path} is a web page, not weights: the download has brought a page of its site "
            "instead of the file; fetch it again."
        )
    if text.startswith(b"version https://git-lfs"):
        raise ValueError(
            f"{path} is a pointer of Git LFS, not the weights; fetch them with 'git lfs pull'."
        )
    return head


def _read_safetensors(path):
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            about = _checked(json.loads((file.metadata() or {}).get("skcxr", "{}")))
            return {key: file.get_tensor(key) for key in file.keys()}, about
    except Exception as error:
        raise ValueError(f"{path}: not a readable state dict ({_first_line(error)}).") from error


def _checked(about):
    """What a file says of itself, where it is of the kind that is read later."""
    if not isinstance(about, dict):
        raise ValueError("its description is no dict")
    kinds = {
        "backbone": lambda name: isinstance(name, str),
        "input_range": lambda pair: (
            len(pair) == 2 and pair[0] < pair[1] and all(map(_finite, pair))
        ),
        "trained_on": lambda names: isinstance(names, list) and all(map(_text, names)),
    }
    for key, fits in kinds.items():
        try:
            known = key not in about or fits(about[key])
        except (TypeError, KeyError):
            known = False
        if not known:
            raise ValueError(f"its description has {key}={about[key]!r}")
    return about


def _finite(value):
    return isinstance(value, int | float) and abs(value) < float("inf")


def _text(value):
    return isinstance(value, str)


def _read_pickle(path):
    try:
        _check_sums(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        found = re.search(r"(?:GLOBAL|class|global) `?([\w.]+\.[\w.]+)", str(error))
        if found and found[1].startswith("torchxrayvision."):
            reason = (
                "a whole pickled network of torchxrayvision, which is not run; "
                f"skcxr.features.convert_torchxrayvision({path!r}, 'chest.safetensors') makes a "
                "file of its tensors"
            )
        elif found:
            reason = (
                f"it holds other Python objects than tensors, {found[1]}, and those are not run; "
                f"skcxr.features.convert_checkpoint({path!r}, 'weights.safetensors') takes the "
                "tensors out without running anything"
            )
        else:
            reason = f"damaged, cut off or something else: {_first_line(error)}"
        raise ValueError(f"{path}: not a readable state dict ({reason}).") from error


def _check_sums(path):
    """Compare the checksums that torch writes into its files and does not read."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _network_of(content, path):
    """The state dict in a checkpoint."""
    for _ in range(3):  # a container in a container
        if not isinstance(content, dict) or _is_state(content):
            break
        inner = [content[key] for key in CONTAINERS if isinstance(content.get(key), dict)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, dict) or not _is_state(content):
        keys = f" with the keys {list(content)[:5]}" if isinstance(content, dict) else ""
        raise ValueError(
            f"{path}: not a state dict but {type(content).__name__}{keys}; expected a dict of "
            "names to tensors, or one that holds it under 'state_dict' or 'model'."
        )
    return dict(content)


def _is_state(content):
    return all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items())


def _check_tensor(key, value, path):
    wrong = None
    if value.is_meta:
        wrong = "has no values (a meta tensor)"
    elif value.layout is not torch.strided or value.is_quantized:
        wrong = f"is {'quantized' if value.is_quantized else 'sparse'}"
    elif value.is_complex():
        wrong = f"is complex ({value.dtype})"
    elif not value.is_floating_point():
        if key.rpartition(".")[2] in _FLOATS:
            wrong = f"is of {value.dtype}"
    elif not torch.isfinite(value.float()).all():  # float64 beyond float32 is infinite, too
        wrong = "holds NaN or infinity"
    if wrong:
        raise ValueError(
            f"{path}: the tensor {key!r} {wrong}; expected finite, dense floating-point values."
        )
