"""Weights from pickles that hold more than tensors, as safetensors, with nothing run."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .._weight_files import check_file, read_weights
from ._published import CHEST_WEIGHTS


def convert_torchxrayvision(path, out, *, trained_on=None):
    """Make weights of torchxrayvision usable as ``weights=``.

    Its DenseNets [1]_ are published as whole pickled networks, and to unpickle a file is to run
    whatever it asks for. Here a process of its own takes the tensors out and runs nothing: the
    classes and functions that the pickle names are replaced by inert ones, so torchxrayvision need
    not be installed. Its ResNet is a state dict, and read as one.

    Parameters
    ----------
    path : str or path-like
        The file as published; see :data:`CHEST_WEIGHTS` for the addresses.
    out : str or path-like
        The file to write, ending in ``.safetensors``. It says which backbone it belongs to, that
        one grey channel of -1024 to 1024 goes in, what it was trained on, and the SHA-256 of the
        file that it was made of.
    trained_on : sequence of str, default=None
        Data sets that the weights have seen. None takes them from the published file name, and
        leaves them unknown for another name.

    Returns
    -------
    Path
        `out`, for ``build_backbone("densenet121", weights=out)``.

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence that names the file.

    References
    ----------
    .. [1] J. P. Cohen et al. "TorchXRayVision: A library of chest X-ray datasets and models".
       MIDL, 2022.

    Examples
    --------
    >>> from skcxr.features import CHEST_WEIGHTS, ResNetEmbedder, convert_torchxrayvision
    >>> CHEST_WEIGHTS["densenet121-res224-nih"].trained_on
    ('ChestX-ray14',)
    >>> file = CHEST_WEIGHTS["densenet121-res224-nih"].source.rpartition("/")[2]
    >>> weights = convert_torchxrayvision(file, "nih.safetensors")  # doctest: +SKIP
    >>> embedder = ResNetEmbedder("densenet121", weights=weights)  # doctest: +SKIP
    """
    path, out, state = _tensors_of(path, out)
    known = _known(path)
    about = {"backbone": _fitting_backbone(state, path), "input_range": [-1024, 1024]}
    if known and known.backbone != about["backbone"]:
        raise ValueError(f"{path} has the name of {known.name} but holds a {about['backbone']}.")
    if trained_on is None and known is not None:
        trained_on = known.trained_on
    return _write(state, path, out, trained_on, about)


def convert_checkpoint(path, out, *, trained_on=None):
    """Take the tensors out of a checkpoint that is more than a state dict.

    Checkpoints of training scripts also hold settings (``argparse.Namespace``), optimizers, NumPy
    numbers or the whole network; weights are never read from such a pickle, because to unpickle a
    file is to run whatever it asks for. Here a process of its own takes the tensors out and runs
    nothing.

    Parameters
    ----------
    path : str or path-like
        What ``torch.save`` wrote: a network, or a dict with its state dict under ``state_dict``,
        ``model_state_dict``, ``model`` and the like.
    out : str or path-like
        The file to write, ending in ``.safetensors``.
    trained_on : sequence of str, default=None
        Data sets that the weights have seen; None leaves them unknown.

    Returns
    -------
    Path
        `out`, for ``weights=``.

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence that names the file.

    Examples
    --------
    >>> import argparse, torch
    >>> from skcxr.features import build_backbone, convert_checkpoint
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3))
    >>> checkpoint = {"model": network.state_dict(), "args": argparse.Namespace(lr=0.1)}
    >>> torch.save(checkpoint, "checkpoint.pth")  # doctest: +SKIP
    >>> weights = convert_checkpoint("checkpoint.pth", "w.safetensors")  # doctest: +SKIP
    >>> build_backbone(network, weights)  # doctest: +SKIP
    """
    path, out, state = _tensors_of(path, out)
    return _write(state, path, out, trained_on, {})


def _tensors_of(path, out):
    """The paths, and the state dict in a file."""
    path, out = os.path.expanduser(os.fspath(path)), Path(out).expanduser()
    if out.suffix != ".safetensors":
        raise ValueError(f"out={str(out)!r} must end in .safetensors.")
    check_file(path)
    try:
        return path, out, read_weights(path)[0]
    except ValueError:  # more than a state dict
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as folder:
            tensors = Path(folder) / "tensors.safetensors"
            _take_tensors(path, tensors)
            return path, out, read_weights(tensors)[0]


def _write(state, path, out, trained_on, about):
    """Write a state dict with what is known of it; `out` is whole or is not there."""
    from safetensors.torch import save_file

    about = about | {
        "source": os.path.basename(path),
        "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    }
    if trained_on is not None:
        names = [trained_on] if isinstance(trained_on, str) else trained_on
        about["trained_on"] = list(map(str, names))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as folder:
        whole = Path(folder) / "whole.safetensors"
        state = {key: value.contiguous().clone() for key, value in state.items()}
        save_file(state, whole, metadata={"skcxr": json.dumps(about, sort_keys=True)})
        os.replace(whole, out)
    return out


def _take_tensors(path, target):
    """Let another process write the tensors of a pickle."""
    program = Path(__file__).parents[1] / "_weight_files" / "_unpickle.py"
    # -P: nothing from the current folder is imported.
    command = [sys.executable, "-P", str(program), path, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ValueError(f"{path}: no network could be read from it ({reason}).")


def _known(path):
    names = {weights.source.rpartition("/")[2]: weights for weights in CHEST_WEIGHTS.values()}
    return names.get(os.path.basename(path))


def _fitting_backbone(state, path):
    """Name of the backbone that a state dict of one grey channel belongs to."""
    from ._convnets import convnet, one_channel, renamings
    from ._weight_names import load_into

    name = "densenet121" if any("denseblock" in key for key in state) else "resnet50"
    net = convnet(name)
    one_channel(net, name)
    load_into(net, state, path, headless=True, renamings=renamings(name))
    return name
