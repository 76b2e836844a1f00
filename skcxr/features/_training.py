"""Training a network, or its last stages, with a linear multi-label head."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from .._progress import Progress
from .._store._checkpoint import read_checkpoint, set_aside, write_checkpoint
from .._torch import to_input
from ._augment import augment, draw_movement, mix, move_regions
from ._frozen_norm import to_trainable
from ._guidance import stray_share
from ._rates import parameter_groups, rate_factor
from .linear_head import fit_linear_head

_FILMS_ON_CPU = 8  # a processor's caches hold the activations of about so many
_MOVES = ("rotation", "shift", "zoom", "flip")
_STATE = ("weights", "average", "exp_avg", "exp_avg_sq")


class Stopped(Exception):
    """A callback stopped the training; raised, so that `result` does not enter the cache."""

    def __init__(self, result):
        super().__init__()
        self.result = result


def train_network(
    rows,
    network,
    Y,
    label_names,
    settings,
    *,
    regions=None,
    C,
    seed,
    device,
    dtype,
    checkpoint=None,
    verbose=0,
    begin_epoch=None,
):
    """Train `network` and a linear head on it.

    Parameters
    ----------
    rows : Images or rows of feature maps
        What goes into `network`: films (m, H, W) uint8, or maps (m, C, h, w) float16 of stages that
        stay frozen.
    network : nn.Sequential of stages
        (m, 1, H, W) in [-1, 1], or (m, C, h, w), to maps (m, C', h', w'); not changed.
    Y : ndarray of shape (n, n_labels)
        0, 1 or NaN; unknown labels take no part.
    label_names : sequence of str
    settings : FineTuning
    regions : Regions or None
        Where the evidence of each label may be, for ``settings.guidance``.
    C : float
        Regularisation of the logistic regression that the head starts at.
    seed : int
        Order of the films, and all that is drawn for them.
    device : torch.device
    dtype : torch.dtype
        What the network computes in; weights are kept in float32.
    checkpoint : path or None
        Where the state after each epoch is kept: a killed run goes on from it and ends with the
        same bits.
    verbose : int
    begin_epoch : callable or None
        Called before each epoch; what it returns is called after it, and stops the training by
        returning True.

    Returns
    -------
    state : dict of {str: ndarray}
        State of the trained network, and the head's ``head.weight`` and ``head.bias``.
    history : list of dict
        ``epoch``, ``loss`` and ``lr``, the rate of the head at the epoch's end.

    Raises
    ------
    Stopped
        Where the training was stopped before its last epoch.
    """
    Y = np.asarray(Y, np.float32)
    run = _Run(rows, network, Y, settings, regions, seed, device, dtype)
    if not run.resume(checkpoint):
        run.begin(*fit_linear_head(run.embed(), Y, label_names, C=C))
    epochs = settings.epochs
    with Progress(len(Y) * epochs, "fine-tuning", verbose=verbose) as progress, run:
        progress.update(len(Y) * run.epoch, stored=len(Y) * run.epoch)
        while run.epoch < epochs:
            end_epoch = begin_epoch() if begin_epoch else bool
            run.train_epoch(progress.update)
            write_checkpoint(checkpoint, run.state())
            if end_epoch() and run.epoch < epochs:
                raise Stopped(run.result())
    return run.result()


class _Run:
    """One training: the model, the optimiser, the averaged weights, and where it stands."""

    def __init__(self, rows, network, Y, settings, regions, seed, device, dtype):
        self.rows, self.Y, self.settings, self.seed = rows, Y, settings, seed
        self.regions = regions
        self.device = device
        # float16 would need its losses scaled; the training of such devices stays in float32.
        self.dtype = dtype if dtype == torch.bfloat16 else torch.float32
        self.model = to_trainable(network).to(device)
        self.micro = settings.micro_batch or (
            _FILMS_ON_CPU if device.type == "cpu" else settings.batch_size
        )
        self.epoch, self.history = 0, []
        self.n_batches = -(-len(Y) // settings.batch_size)
        self.head = nn.Linear(self._maps(self._read(np.arange(1))).shape[1], Y.shape[1]).to(device)
        groups = [*parameter_groups(self.model, settings)]
        groups.append({"params": [*self.head.parameters()], "lr": settings.lr, "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, lr=settings.lr, fused=device.type != "mps")
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.average = [p.detach().clone() for p in self.parameters]

    def __enter__(self):
        # On a processor each thread computes the gradients of a few films with one core: faster
        # than all cores on one batch, and the sums do not depend on how many there are.
        on_cpu = self.device.type == "cpu"
        self.pool = _one_core_threads(torch.get_num_threads()) if on_cpu else None
        return self

    def __exit__(self, *error):
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def embed(self):
        """Pooled features of all rows, before the training."""
        parts = []
        with torch.inference_mode():
            for _, batch in self.rows.batches(self.micro):
                pooled = [self._maps(view).mean((2, 3)) for view in self._views(batch)]
                parts.append((sum(pooled) / len(pooled)).cpu().numpy())
        return np.concatenate(parts)

    def _views(self, batch):
        mirrored = self.settings.flip and batch.ndim == 3
        return [batch, batch[:, :, ::-1]] if mirrored else [batch]

    def begin(self, coef, intercept):
        """Start the head at a logistic regression."""
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(coef))
            self.head.bias.copy_(torch.from_numpy(intercept))
        self.average = [p.detach().clone() for p in self.parameters]

    def state(self):
        """All that a killed run needs to go on, as plain data."""
        moments = [(p, self.optimizer.state[p]) for p in self.parameters]
        kept = {
            "weights": [p.detach() for p in self.parameters],
            "average": self.average,
            # Before the first step there are none; the weights have their shapes.
            "exp_avg": [state.get("exp_avg", p.detach()) for p, state in moments],
            "exp_avg_sq": [state.get("exp_avg_sq", p.detach()) for p, state in moments],
        }
        state = {
            part: {str(i): tensor.cpu() for i, tensor in enumerate(tensors)}
            for part, tensors in kept.items()
        }
        return state | {"epoch": self.epoch, "history": self.history}

    def resume(self, checkpoint):
        """Go on from a state that was kept; False where there is none."""
        expects = self.state() | {"epoch": int, "history": list}
        saved = read_checkpoint(checkpoint, expects)
        if saved is not None and not 0 < saved["epoch"] == len(saved["history"]):
            set_aside(
                checkpoint, f"epoch {saved['epoch']} with {len(saved['history'])} in the history"
            )
            saved = None
        if saved is None:
            return False
        self.epoch, self.history = saved["epoch"], saved["history"]
        step = float(self.epoch * self.n_batches)
        where = self.device if self.optimizer.defaults["fused"] else "cpu"
        with torch.no_grad():
            for i, p in enumerate(self.parameters):
                # Laid out in memory as the weights are: the fused step goes by that order.
                kept = {name: torch.empty_like(p).copy_(saved[name][str(i)]) for name in _STATE}
                p.copy_(kept["weights"])
                self.average[i] = kept["average"]
                self.optimizer.state[p] = {
                    "step": torch.tensor(step, device=where),
                    "exp_avg": kept["exp_avg"],
                    "exp_avg_sq": kept["exp_avg_sq"],
                }
        return True

    def result(self):
        """State of the network with the averaged weights, and the history."""
        with torch.no_grad():
            now = [p.clone() for p in self.parameters]
            for p, average in zip(self.parameters, self.average, strict=True):
                p.copy_(average)
            state = {k: v.cpu().numpy().copy() for k, v in self.model.state_dict().items()}
            state |= {
                f"head.{k}": v.cpu().numpy().copy() for k, v in self.head.state_dict().items()
            }
            for p, value in zip(self.parameters, now, strict=True):
                p.copy_(value)
        return state, list(self.history)

    def train_epoch(self, tell):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.Y))
        losses = []
        for number, index in enumerate(np.array_split(order, self.n_batches)):
            losses.append(self._step(index, number) * len(index))
            tell(len(index))
        self.epoch += 1
        lr = float(self.optimizer.param_groups[-1]["lr"])
        self.history.append({"epoch": self.epoch, "loss": sum(losses) / len(order), "lr": lr})

    def _step(self, index, number):
        settings = self.settings
        step = self.epoch * self.n_batches + number
        factor = rate_factor(step, settings.epochs * self.n_batches, settings)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        rng = np.random.default_rng((self.seed, self.epoch, number))
        batch = self._draw(index, rng)
        pieces = [slice(a, a + self.micro) for a in range(0, len(index), self.micro)]
        run = self.pool.map if self.pool is not None else map
        total, loss = None, 0.0
        for gradients, part in run(lambda piece: self._gradients(batch, piece), pieces):
            loss += part
            if total is None:
                total = gradients
            else:
                torch._foreach_add_(total, gradients)
        for p, gradient in zip(self.parameters, total, strict=True):
            p.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(settings.ema, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        return loss

    def _draw(self, index, rng):
        """What a step needs: films, their targets, and the partners that they are mixed with."""
        films = self._read(index)
        batch = {"films": films, "targets": self.Y[index], "index": index, "share": 1.0}
        if self.settings.mixup > 0 and films.ndim == 3:
            batch["partner"] = rng.permutation(len(index))
            batch["share"] = rng.beta(self.settings.mixup, self.settings.mixup)
        batch["cut"] = int(rng.integers(2**31))
        batch["n_known"] = max(int((~np.isnan(batch["targets"])).sum()), 1)
        if self.regions is not None:
            batch["regions"] = self.regions.read(index)
        return batch

    def _read(self, index):
        return self.rows.read(index)

    def _gradients(self, batch, piece):
        """Gradients of the loss of a few films of a batch, and their part of the loss."""
        inputs, share = self._changed(batch, piece)
        maps = self._maps(inputs)
        logits = self.head(maps.mean((2, 3)))
        loss = share * self._loss(logits, batch["targets"][piece])
        if share < 1:
            loss = loss + (1 - share) * self._loss(
                logits, batch["targets"][batch["partner"][piece]]
            )
        loss = loss / batch["n_known"]
        if self.regions is not None:
            stray = stray_share(maps, self.head.weight, self._where_evidence_may_be(batch, piece))
            loss = loss + self.settings.guidance * stray * len(maps) / len(batch["index"])
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        pairs = zip(gradients, self.parameters, strict=True)
        return [torch.zeros_like(p) if g is None else g for g, p in pairs], float(loss.detach())

    def _loss(self, logits, targets):
        """Sum of the binary cross entropy over the labels that are known."""
        targets = torch.from_numpy(targets).to(self.device)
        known = ~torch.isnan(targets)
        return nn.functional.binary_cross_entropy_with_logits(
            logits[known], targets[known], reduction="sum"
        )

    def _changed(self, batch, piece):
        """Films of a batch as the network sees them now, and the share of their own labels."""
        films = batch["films"]
        if films.ndim != 3:
            return films[piece], 1.0
        where = np.arange(len(films))[piece]
        own = self._augmented(batch, where)
        if batch["share"] == 1.0:
            return own, 1.0
        partners = self._augmented(batch, batch["partner"][where])
        cut = np.random.default_rng(batch["cut"])  # the same rectangle for all pieces of a batch
        return mix(own, partners, batch["share"], self.settings.mix, cut)

    def _augmented(self, batch, where):
        limits = self._limits(*_MOVES, "contrast", "gamma", "noise")
        return np.stack(
            [augment(batch["films"][i], self._film_rng(batch, i), **limits) for i in where]
        )

    def _limits(self, *names):
        return {name: getattr(self.settings, name) for name in names}

    def _film_rng(self, batch, i):
        return np.random.default_rng((self.seed, self.epoch, int(batch["index"][i])))

    def _where_evidence_may_be(self, batch, piece):
        """Regions of the labels on films as they are now, (m, n_labels, h, w)."""
        where = np.arange(len(batch["index"]))[piece]
        regions = self._moved_regions(batch, where)
        if batch["share"] < 1:  # either of two films that were mixed
            regions = np.maximum(regions, self._moved_regions(batch, batch["partner"][where]))
        regions = torch.from_numpy(regions[..., self.regions.of_label]).to(self.device)
        return regions.permute(0, 3, 1, 2).float() / 255

    def _moved_regions(self, batch, where):
        films = batch["films"]
        if films.ndim != 3:
            return batch["regions"][where]
        moved = []
        for i in where:
            matrix = draw_movement(
                films.shape[1:], self._film_rng(batch, i), **self._limits(*_MOVES)
            )
            moved.append(move_regions(batch["regions"][i], matrix, films.shape[1:]))
        return np.stack(moved)

    def _maps(self, batch):
        """(m, H, W) uint8 or (m, C, h, w) float16 → (m, C', h', w') float32."""
        if batch.ndim == 3:
            x = to_input(batch, self.device)
        else:
            x = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device).float()
            x = x.contiguous(memory_format=torch.channels_last)
        low = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=low):
            return self.model(x.to(self.dtype)).float()


def _one_core_threads(n):
    """A pool of threads that compute on one core each; the calling thread keeps its own."""
    lock, before = threading.Lock(), torch.get_num_threads()

    def alone():
        torch.get_num_threads()  # what it sets for a new thread is set now, not later
        with lock:
            torch.set_num_threads(1)

    pool = ThreadPoolExecutor(n, "skcxr-train", initializer=alone)
    barrier = threading.Barrier(n)
    list(pool.map(lambda _: barrier.wait(), range(n)))  # every thread is there, and set
    torch.set_num_threads(before)
    return pool
