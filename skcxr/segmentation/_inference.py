"""From images to soft masks at the working size, through the store."""

import copy

import numpy as np
import torch

from .._image_input import digest
from .._stage import Stage
from .._store import open_store
from .._torch import InBatches, autocast, resolve_device, seeded, to_input
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


def network_stage(module, images, side, device, precision, memory, verbose):
    """Lazy rows of soft masks, rounded to uint8 in any case, so that keeping them changes none.

    Parameters
    ----------
    module : torch.nn.Module
    images : Images
    side : int
    device, precision : str
    memory : None, str or joblib.Memory
    verbose : int

    Returns
    -------
    Stage
        Rows (m, side, side) uint8.
    """
    device = resolve_device(device)
    store = open_store(memory)
    config = "" if store is None else _digest(module, side, precision)
    if device.type != "cpu":
        module = copy.deepcopy(module)  # the fitted one stays where it can be pickled from
    module = module.to(device, memory_format=torch.channels_last).eval()

    def forward(batch):
        with torch.inference_mode(), autocast(device, precision):
            logits = module(to_input(batch, device))
            return (logits[:, 0].float().sigmoid() * 255).round().byte().cpu().numpy()

    run = InBatches(forward, BATCH)

    def compute(batch):
        return run(np.stack([prepare(image, (side, side)) for image in batch]))

    return Stage(
        images,
        compute,
        kind="mask",
        config=config,
        store=store,
        verbose=verbose,
        desc="lung masks",
    )


def judged_stage(stage, shape, postprocess, memory):
    """Lazy rows of float32: 1 where the mask is usable, then the mask at `shape`, flat.

    Parameters
    ----------
    stage : Stage
        As :func:`network_stage` returns it.
    shape : tuple of (int, int)
    postprocess : {"two_largest"} or None
    memory : None, str or joblib.Memory

    Returns
    -------
    Stage
    """

    def judge(masks):
        masks = cleaned(masks, postprocess)
        usable = mask_quality(masks)["usable"].to_numpy()[:, None]
        return np.hstack([usable, resized(masks, shape).reshape(len(masks), -1)], dtype="f4")

    # Small ones are kept, so that a new λ neither decompresses nor measures a mask.
    store = open_store(memory) if np.prod(shape) <= _SMALL else None
    config = f"{shape} {postprocess} {LIMITS}"
    return Stage(stage, judge, kind="judged mask", config=config, store=store)


def cleaned(masks, postprocess):
    """Masks after the clean-up that `postprocess` names."""
    return masks if postprocess is None else np.stack([keep_two_largest(m) for m in masks])


def resized(masks, shape):
    """(m, side, side) uint8 → (m, *shape) float32 in [0, 1]."""
    return np.stack([resize(m.astype(np.float32), shape) for m in masks]) / np.float32(255)


def _digest(module, side, precision):
    """Identify what the masks depend on besides the image."""
    state = module.state_dict()
    parts = [key.encode() + value.cpu().numpy().tobytes() for key, value in state.items()]
    return digest(*parts, type(module).__name__, str(side), precision).hex()
