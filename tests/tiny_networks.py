"""Networks for tests: small, importable by worker processes, and with a count of what enters."""

import os
from collections import OrderedDict

import torch
from torch import nn

COUNT_FILE = "SKCXR_TEST_COUNT_FILE"


class Count(nn.Module):
    """Pass the batch on, and note in the file that the environment names how many images it has.

    Equal images in a batch count once: a batch of one is computed as a pair, so that its last
    bits are those of a larger batch.
    """

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, x):
        if path := os.environ.get(COUNT_FILE):
            n = len({image.numpy().tobytes() for image in x.detach().float()})
            doing = "train" if torch.is_grad_enabled() else "infer"
            with open(path, "a") as file:
                file.write(f"{self.name} {doing} {n}\n")
        return x


def counted(path, name="trunk", doing="infer"):
    """Images that entered the part `name`, and forget them."""
    try:
        with open(path) as file:
            rows = [line.split() for line in file]
    except FileNotFoundError:
        return 0
    return sum(int(n) for part, how, n in rows if (part, how) == (name, doing))


def _block(n_in, n_out, stride=2):
    conv = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(n_out), nn.ReLU()]


def tiny_network(n_in=1, channels=(6, 8), seed=0):
    """Two stages, ``stem`` and ``layer4``, each halving the resolution."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            OrderedDict(
                stem=nn.Sequential(Count("trunk"), *_block(n_in, channels[0])),
                layer4=nn.Sequential(Count("tail"), *_block(*channels)),
            )
        )
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()
