"""Fine-tuning the last stages of a network with a linear multi-label head."""

import contextlib
import copy
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .._progress import Progress
from .._torch import autocast, resolve_device
from .linear_head import fit_linear_head


def fine_tune_tail(
    trunk_rows,
    tail,
    Y,
    label_names,
    *,
    epochs,
    lr,
    batch_size,
    C,
    seed,
    device,
    precision,
    checkpoint=None,
    verbose=0,
    begin_epoch=None,
):
    """Train `tail` and a linear head on the outputs of a frozen trunk.

    The head starts from the logistic regression on the untuned features, so that the first
    gradients do not distort them [1]_. Batch norms keep their statistics. The loss is binary cross
    entropy over the labels that are known.

    Parameters
    ----------
    trunk_rows : Stage or SpooledStage
        Outputs of the frozen part, (m, C, h, w) float16.
    tail : nn.Module
        The part that is tuned, (m, C, h, w) → (m, C', h', w'); not changed.
    Y : ndarray of shape (n, n_labels)
        0, 1 or NaN.
    label_names : sequence of str
    epochs, lr, batch_size : int, float, int
        Passes, Adam's learning rate, images per step.
    C : float
        Regularisation of the first head.
    seed : int
        Orders the images.
    device, precision : str
    checkpoint : path or None
        Where the state after each epoch is kept; a killed run goes on from it and ends with the
        same result.
    verbose : int
    begin_epoch : callable or None
        Called before each epoch; what it returns is called after it, and stops the training by
        returning True.

    Returns
    -------
    dict of {str: ndarray}
        State of the tuned tail, and the head's ``head.weight`` and ``head.bias``.

    Raises
    ------
    Stopped
        Where the training was stopped before its last epoch.

    References
    ----------
    .. [1] A. Kumar et al. "Fine-tuning can distort pretrained features and underperform
       out-of-distribution". ICLR, 2022.
    """
    device = resolve_device(device)
    tail = copy.deepcopy(tail).to(device, memory_format=torch.channels_last).eval()
    start = 0
    saved = _read_checkpoint(checkpoint)
    if saved is None:
        embeddings = _pooled(trunk_rows, tail, batch_size, device, precision)
        coef, intercept = fit_linear_head(embeddings, Y, label_names, C=C)
        head = nn.Linear(coef.shape[1], coef.shape[0])
        head.weight.data = torch.from_numpy(coef)
        head.bias.data = torch.from_numpy(intercept)
    else:
        head = nn.Linear(*reversed(saved["model"]["1.weight"].shape))
    model = nn.Sequential(tail, head.to(device))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    if saved is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["epoch"]
    targets = torch.from_numpy(np.asarray(Y, np.float32))
    with Progress(len(Y) * epochs, "fine-tuning", verbose=verbose) as progress:
        progress.update(len(Y) * start, stored=len(Y) * start)
        for epoch in range(start, epochs):
            end_epoch = begin_epoch() if begin_epoch else bool
            order = np.random.default_rng((seed, epoch)).permutation(len(Y))
            for begin in range(0, len(order), batch_size):
                index = order[begin : begin + batch_size]
                _, rows = next(iter(trunk_rows.take(index).batches(len(index))))
                x = torch.from_numpy(rows).to(device).float()
                with autocast(device, precision):
                    maps = tail(x.contiguous(memory_format=torch.channels_last))
                logits = head(maps.float().mean((2, 3)))
                loss = masked_bce(logits, targets[index].to(device))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                progress.update(len(index))
            _write_checkpoint(checkpoint, model, optimizer, epoch + 1)
            if end_epoch() and epoch + 1 < epochs:
                raise Stopped(_state(tail, head))
    return _state(tail, head)


class Stopped(Exception):
    """A callback stopped the training; raised, so that `state` does not enter the cache."""

    def __init__(self, state):
        super().__init__()
        self.state = state


def _state(tail, head):
    state = {key: value.cpu().numpy() for key, value in tail.state_dict().items()}
    state["head.weight"] = head.weight.detach().cpu().numpy()
    state["head.bias"] = head.bias.detach().cpu().numpy()
    return state


def masked_bce(logits, targets):
    """Mean binary cross entropy over the targets that are not NaN; 0 when all are."""
    known = ~torch.isnan(targets)
    if not known.any():
        return (logits * 0.0).sum()
    return nn.functional.binary_cross_entropy_with_logits(logits[known], targets[known])


def discard_checkpoint(checkpoint):
    """Remove the state of a run that has ended, and its result been kept."""
    if checkpoint is None:
        return
    checkpoint = Path(checkpoint)
    # Partial ones are of processes that were killed while they wrote.
    for path in (checkpoint, *checkpoint.parent.glob(f"{checkpoint.stem}.*.partial")):
        _remove(path)


def _remove(path):
    with contextlib.suppress(OSError):  # what cannot be removed is in nobody's way
        path.unlink()


def _pooled(rows, tail, batch_size, device, precision):
    pooled = []
    with torch.inference_mode(), autocast(device, precision):
        for _, batch in rows.batches(batch_size):
            x = torch.from_numpy(batch).to(device).float()
            x = x.contiguous(memory_format=torch.channels_last)
            pooled.append(tail(x).float().mean((2, 3)).cpu().numpy())
    return np.concatenate(pooled)


def _read_checkpoint(path):
    if path is None or not os.path.exists(path):
        return None
    try:
        return torch.load(path, weights_only=True)
    except Exception:
        # Cut short by a kill of another kind than ours (a full disk): begin again.
        return None


def _write_checkpoint(path, model, optimizer, epoch):
    if path is None:
        return
    path = Path(path)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, partial)
        # Not there if another process has ended the same run meanwhile, and cleared up.
        with contextlib.suppress(FileNotFoundError):
            os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch's own for a full disk is a RuntimeError
        warnings.warn(
            f"The state after epoch {epoch} could not be kept in {path.parent} ({error}): if this "
            "run is killed, it begins again.",
            RuntimeWarning,
            stacklevel=2,
        )
        _remove(partial)
