"""The training loop of a mask network: few images, strong augmentation, one cosine cycle."""

import copy
from contextlib import closing

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch.nn import functional as F

from .._rows import prefetch
from .._torch import autocast, resolve_device, resolve_precision
from ._augment import augment as vary
from ._masks import mask_reader, training_arrays
from ._preprocess import prepare
from .networks import start_at_prior

LOSSES = ("bce", "bce+dice")


def mask_loss(logits, targets, kind):
    """Mean binary cross-entropy, plus one minus the mean soft Dice for ``"bce+dice"``.

    Parameters
    ----------
    logits, targets : Tensor of shape (n, 1, h, w)
    kind : {"bce", "bce+dice"}

    Returns
    -------
    loss : Tensor, scalar

    References
    ----------
    Milletari, Navab, Ahmadi. V-Net. 3DV 2016 (the soft Dice).
    """
    logits = logits.float()
    loss = F.binary_cross_entropy_with_logits(logits, targets)
    if kind == "bce+dice":
        p = logits.sigmoid()
        both = (p * targets).sum((1, 2, 3))
        loss = loss + (1 - (2 * both + 1) / (p.sum((1, 2, 3)) + targets.sum((1, 2, 3)) + 1)).mean()
    return loss


def train_on(
    images, y, network, *, side, is_new, random_state, device, precision, verbose, **settings
):
    """Train on images and masks of any size.

    Parameters
    ----------
    images : Images
    y : as for :func:`mask_reader`
    network : torch.nn.Module
        Is trained in place.
    side : int
        Working size.
    is_new : bool
        Whether its weights are random, so that the output begins at the masks' mean.
    random_state : int, RandomState instance or None
    device, precision : str
    verbose : int
        1 prints the loss of each epoch.
    **settings : dict
        For :func:`train_network`.

    Returns
    -------
    network, history
        As :func:`train_network` returns them, on the CPU.
    """

    def report(epoch, loss, _):
        print(f"UNetMasker epoch {epoch + 1}/{settings['epochs']} loss {loss:.4f}", flush=True)

    read = mask_reader(y, len(images), images.shape[1:] if images.is_flat else None)
    x, t = training_arrays(images, read, side)
    if is_new:
        start_at_prior(network, float(t.mean()) / 255)
    device = resolve_device(device)
    dtype = resolve_precision(precision, device)
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    network, history = train_network(
        network,
        x,
        t,
        seed=seed,
        device=device,
        autocast=lambda: autocast(device, dtype),
        on_epoch=report if verbose else None,
        **settings,
    )
    return network.to(torch.device("cpu")), history


def train_network(
    network,
    images,
    masks,
    *,
    loss="bce+dice",
    epochs=60,
    batch_size=8,
    lr=2e-3,
    augment=1.0,
    seed=0,
    autocast,
    device="cpu",
    on_epoch=None,
):
    """Train in place on square images and return the averaged network.

    AdamW with one cycle of the learning rate; what is returned is the exponential average of the
    weights along the way, which on a hundred images is steadier than the last step.

    Parameters
    ----------
    network : torch.nn.Module
    images, masks : ndarray of shape (n, s, s), uint8
        Masks are 0 to 255.
    loss : {"bce", "bce+dice"}
    epochs, batch_size : int
    lr : float
        Largest learning rate of the cycle.
    augment : float
        Strength of the augmentation; 0 for none.
    seed : int
        Of the order, the augmentation and dropout; the global seeds stay as they are.
    autocast : callable
        Returns the context manager of the forward pass.
    device : str or torch.device
    on_epoch : callable, optional
        Called with (epoch, mean loss, averaged network) after each epoch.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode, on ``device``.
    history : list of float
        Mean loss per epoch.
    """
    n = len(images)
    batch_size = min(batch_size, n)
    steps = epochs * -(-n // batch_size)
    network = network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=lr, total_steps=max(steps, 2), pct_start=0.2
    )
    average = copy.deepcopy(network).eval()
    history, step = [], 0

    def sample(epoch, index):
        rng = np.random.default_rng([seed, epoch, int(index)])
        image, mask = vary(images[index], masks[index], rng, augment)
        return prepare(image), mask

    def prepared(batch):
        epoch, index = batch
        return epoch, index, [sample(epoch, i) for i in index]

    batches = prefetch(prepared, _batches(n, batch_size, epochs, seed), ahead=3)
    with torch.random.fork_rng(devices=[]), closing(batches):
        torch.manual_seed(seed)
        for epoch, index, pairs in batches:
            x = torch.from_numpy(np.stack([p[0] for p in pairs]))[:, None].to(device)
            t = torch.from_numpy(np.stack([p[1] for p in pairs]))[:, None].to(device)
            x = (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            with autocast():
                logits = network(x)
            value = mask_loss(logits, t.float() / 255, loss)
            if not torch.isfinite(value):
                raise FloatingPointError(
                    f"the loss became {value.item()} in epoch {epoch}; try a smaller lr than {lr}"
                )
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            cycle.step()
            step += 1
            _follow(average, network, min(0.99, step / (step + 10)))
            if len(history) <= epoch:
                history.append([])
            history[epoch].append(value.item() * len(index))
            if on_epoch and sum(1 for _ in history[epoch]) == -(-n // batch_size):
                on_epoch(epoch, sum(history[epoch]) / n, average)
    return average, [sum(h) / n for h in history]


def _batches(n, batch_size, epochs, seed):
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(n)
        for i in range(0, n, batch_size):
            yield epoch, order[i : i + batch_size]


@torch.no_grad()
def _follow(average, network, decay):
    for a, b in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b.to(a.dtype), 1 - decay)
        else:
            a.copy_(b)
