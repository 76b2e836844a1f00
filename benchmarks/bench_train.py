"""Films per second of training: the recipe "small" against a plain float32 loop in torch.

``python benchmarks/bench_train.py [--films 256] [--repeats 3]``; EfficientNet-Lite0 at 224 x 224,
all weights, in turns. Both turn, move, zoom and re-expose each film with the same OpenCV code, mix
films in pairs, keep the statistics of batch norms still, step with AdamW and average the weights;
the plain loop reads through a DataLoader with two workers and runs channels last. The logistic
regression that skcxr's head starts at is not in its time, which is what one epoch takes.

The limit is the rate at which this machine multiplies matrices of float32 divided by the FLOP of a
step: three times those of the network's convolutions, for the outputs, the gradients of the inputs
and those of the weights.
"""

import time

import numpy as np
import torch
from _harness import machine, options, scaled_rgb, synchronize
from bench_embed import convolution_flop, matmul
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.utils.data import DataLoader, Dataset

from skcxr._image_input import as_images
from skcxr._torch import resolve_device, resolve_precision
from skcxr.datasets import make_chest_phantoms
from skcxr.features import FineTuning, build_backbone
from skcxr.features._augment import augment
from skcxr.features._training import train_network

N_LABELS = 14
LIMITS = ("rotation", "shift", "zoom", "contrast", "gamma", "noise", "flip")


class Films(Dataset):
    """Films as a DataLoader's workers change them."""

    def __init__(self, films, Y, settings):
        self.films, self.Y = films, Y
        self.limits = {name: getattr(settings, name) for name in LIMITS}

    def __len__(self):
        return len(self.films)

    def __getitem__(self, i):
        rng = np.random.default_rng((i, torch.initial_seed() % 2**32))
        return augment(self.films[i], rng, **self.limits), self.Y[i]


def plain_training(films, Y, settings, device):
    """A function that trains for one epoch, as one would write it in torch."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()  # statistics stand still
    network._fc = nn.Linear(network._fc.in_features, N_LABELS)
    network.to(device, memory_format=torch.channels_last)
    weights = list(network.parameters())
    average = [p.detach().clone() for p in weights]
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    loader = DataLoader(
        Films(films, Y, settings), settings.batch_size, shuffle=True, num_workers=2,
        persistent_workers=True, pin_memory=device.type == "cuda",
        multiprocessing_context="spawn",  # OpenCV's threads do not survive a fork
    )  # fmt: skip
    rng = np.random.default_rng(0)

    def epoch():
        loss_of = nn.functional.binary_cross_entropy_with_logits
        for batch, targets in loader:
            x = scaled_rgb(batch.numpy(), device)
            x, y = x.contiguous(memory_format=torch.channels_last), targets.to(device)
            share = rng.beta(settings.mixup, settings.mixup)
            partner = torch.randperm(len(x), device=device)
            logits = network(share * x + (1 - share) * x[partner])
            loss = share * loss_of(logits, y) + (1 - share) * loss_of(logits, y[partner])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            torch._foreach_lerp_(average, [p.detach() for p in weights], 1 - settings.ema)
        synchronize(device)

    return epoch


def seconds_of(function):
    """How long one call takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def main():
    arguments = options(__doc__, films=256, repeats=3, device="auto", precision="auto")
    device = resolve_device(arguments.device)
    dtype = resolve_precision(arguments.precision, device)
    settings = FineTuning.from_recipe("small", epochs=1)

    films = make_chest_phantoms(arguments.films, random_state=0).images
    Y = np.random.default_rng(0).integers(0, 2, (len(films), N_LABELS)).astype(np.float32)
    network = build_backbone("efficientnet_lite0", None)
    flop = 3 * convolution_flop(network, torch.zeros(1, 1, *films.shape[1:]))

    def ours():
        begun = []

        def epoch_begins():
            begun.append(time.perf_counter())

            def epoch_ends():
                synchronize(device)
                begun.append(time.perf_counter())

            return epoch_ends

        train_network(
            as_images(films), network, Y, [str(i) for i in range(N_LABELS)], settings, C=0.01,
            seed=0, device=device, dtype=dtype, begin_epoch=epoch_begins,
        )  # fmt: skip
        return begun[1] - begun[0]

    epoch = plain_training(films, Y, settings, device)
    multiply, products = matmul(device, torch.float32, 8192 if device.type == "cuda" else 2048)
    functions = [ours, lambda: seconds_of(epoch), lambda: seconds_of(multiply)]
    for function in functions:
        function()
    seconds = np.array([[f() for f in functions] for _ in range(arguments.repeats)])
    rates = len(films) / seconds[:, :2]
    limit = products / seconds[:, 2] / flop
    print(machine())
    print(f"efficientnet_lite0, {flop / 1e9:.2f} GFLOP a film, {dtype}, {torch.get_num_threads()}"
          " threads")  # fmt: skip
    print(f"skcxr, recipe small    {np.median(rates[:, 0]):8.1f} films/s")
    print(f"plain float32 loop     {np.median(rates[:, 1]):8.1f} films/s")
    print(f"matrix-product limit   {np.median(limit):8.1f} films/s in float32")
    print(
        f"train_speedup {np.median(rates[:, 0] / rates[:, 1]):.2f} "
        f"of_limit {np.median(rates[:, 0] / limit):.2f}"
    )


if __name__ == "__main__":
    main()
