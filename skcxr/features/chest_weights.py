"""Weights of torchxrayvision, published as whole pickled networks, as safetensors."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ._published import CHEST_WEIGHTS
from ._weight_files import check_file, read_weights


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
    from safetensors.torch import save_file

    path, out = os.path.expanduser(os.fspath(path)), Path(out).expanduser()
    if out.suffix != ".safetensors":
        raise ValueError(f"out={str(out)!r} must end in .safetensors.")
    check_file(path)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as folder:
        try:
            state, _ = read_weights(path)
        except ValueError:  # no state dict
            tensors = Path(folder) / "tensors.safetensors"
            _take_tensors(path, tensors)
            state, _ = read_weights(tensors)
        known = _known(path)
        about = {
            "backbone": _fitting_backbone(state, path),
            "input_range": [-1024, 1024],
            "source": os.path.basename(path),
            "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        }
        if known and known.backbone != about["backbone"]:
            raise ValueError(
                f"{path} has the name of {known.name} but holds a {about['backbone']}."
            )
        seen = trained_on if trained_on is not None else known and known.trained_on
        if seen is not None:
            about["trained_on"] = [seen] if isinstance(seen, str) else list(map(str, seen))
        whole = Path(folder) / "whole.safetensors"
        save_file(state, whole, metadata={"skcxr": json.dumps(about, sort_keys=True)})
        os.replace(whole, out)
    return out


def _take_tensors(path, target):
    """Let another process write the tensors of a pickle."""
    program = Path(__file__).with_name("_unpickle.py")
    # -P: nothing from the current folder is imported.
    command = [sys.executable, "-P", str(program), path, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ValueError(f"{path}: no network of torchxrayvision could be read from it ({reason}).")


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
