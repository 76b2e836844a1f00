"""From images to soft masks at the working size, through the store."""

import copy

import numpy as np
import torch

from .._rows import Computed, digest
from .._torch import (
    InBatches,
    autocast,
    resolve_device,
    resolve_precision,
    seeded,
    to_input,
)
from ._preprocess import prepare, resize
from ._weights import read_weights, resolve_weights
from .networks import build_network
from .quality import LIMITS, keep_two_largest, mask_quality

BATCH = 32  # images per pass of the network; more is no faster on two cores
_SMALL = 32 * 32  # pixels of a mask that is kept at the size it is asked for


def start_network(network, weights, random_state):
    """Make a network, with weights if there are any.

    Parameters
    ----------
    network : str or torch.nn.Module
        A module is copied.
    weights : str, path-like or None
    random_state : int, RandomState instance or None
        Of the first weights.

    Returns
    -------
    network : torch.nn.Module

    Raises
    ------
    ValueError
        When the weights belong to another network.
    """
    if isinstance(network, str):
        with seeded(random_state):
            module = build_network(network)
    else:
        module = copy.deepcopy(network)
    if weights is None:
        return module
    path, _ = resolve_weights(weights)
    state, about = read_weights(path)
    name = about.get("network", "module")
    if isinstance(network, str) and name not in (network, "module"):
        raise ValueError(
            f"weights={str(weights)!r} are for network={name!r}, not {network!r}; "
            f"set network={name!r}, or weights=None and train."
        )
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"weights={str(weights)!r} do not fit the network: {error}") from error
    return module


def network_masks(module, images, *, side, device, precision, shelf, verbose):
    """Lazy rows of soft masks, rounded to uint8 in any case, so that keeping them changes none.

    Parameters
    ----------
    module : torch.nn.Module
    images : Images
    side : int
    device, precision : str
    shelf : ImageStore or None
    verbose : int

    Returns
    -------
    Computed
        Rows (m, side, side) uint8.
    """
    device = resolve_device(device)
    dtype = resolve_precision(precision, device)
    config = None if shelf is None else _config(module, side, dtype)
    if device.type != "cpu":
        module = copy.deepcopy(module)  # the fitted one stays where it can be pickled from
    module = module.to(device, memory_format=torch.channels_last).eval()

    def forward(batch):
        with torch.inference_mode(), autocast(device, dtype):
            logits = module(to_input(batch, device))
            return (logits[:, 0].float().sigmoid() * 255).round().byte().cpu().numpy()

    run = InBatches(forward, BATCH)

    def compute(batch):
        return run(np.stack([prepare(image, (side, side)) for image in batch]))

    return Computed(
        images, compute, kind="mask", config=config, shelf=shelf, verbose=verbose, desc="lung masks"
    )


def judged_masks(masks, shape, postprocess, shelf):
    """Lazy rows of float32: 1 where the mask is usable, then the mask at `shape`, flat.

    Parameters
    ----------
    masks : Computed
        As :func:`network_masks` returns them.
    shape : tuple of (int, int)
    postprocess : {"two_largest"} or None
    shelf : ImageStore or None

    Returns
    -------
    Computed
    """

    def judge(masks):
        masks = cleaned(masks, postprocess)
        usable = mask_quality(masks)["usable"].to_numpy()[:, None]
        return np.hstack([usable, resized(masks, shape).reshape(len(masks), -1)], dtype="f4")

    # Small ones are kept, so that a new λ neither decompresses nor measures a mask.
    shelf = shelf if np.prod(shape) <= _SMALL else None
    config = f"{shape} {postprocess} {LIMITS}"
    return Computed(masks, judge, kind="judged mask", config=config, shelf=shelf)


def cleaned(masks, postprocess):
    """Masks after the clean-up that `postprocess` names."""
    return masks if postprocess is None else np.stack([keep_two_largest(m) for m in masks])


def resized(masks, shape):
    """(m, side, side) uint8 → (m, *shape) float32 in [0, 1]."""
    sized = np.stack([resize(mask.astype(np.float32), shape) for mask in masks]) / np.float32(255)
    return np.minimum(sized, 1, out=sized)  # the mean of an area of ones may be 1.0000001


def _config(module, side, dtype):
    """What the masks depend on besides the image."""
    state = module.state_dict()
    parts = [key.encode() + value.cpu().numpy().tobytes() for key, value in state.items()]
    return f"{digest(*parts, type(module).__name__).hex()} {side} {dtype}"
