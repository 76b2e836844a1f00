"""Networks for tests: small, importable by worker processes, and with a count of what enters."""

import os
from collections import OrderedDict

import cv2
import numpy as np
import torch
from sklearn.base import BaseEstimator
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
    """How many images entered the part `name` since the file was begun."""
    try:
        with open(path) as file:
            rows = [line.split() for line in file]
    except FileNotFoundError:
        return 0
    return sum(int(n) for part, how, n in rows if (part, how) == (name, doing))


def _block(n_in, n_out, stride=2):
    conv = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(n_out), nn.ReLU()]


class Tiny(nn.Sequential):
    """Stages, with a repr that is short enough for the names of tests.

    Pickled as plain arrays: joblib's hash of tensors is not stable, and scikit-learn's check that
    fit leaves the parameters alone compares hashes.
    """

    def __repr__(self):
        return f"Tiny({', '.join(self._modules)})"

    def __reduce_ex__(self, protocol):
        if "made_of" not in vars(self):  # a slice
            return super().__reduce_ex__(protocol)
        state = {key: value.numpy().copy() for key, value in self.state_dict().items()}
        return _rebuild, (self.made_of, state)


def _rebuild(made_of, state):
    network = tiny_network(*made_of)
    network.load_state_dict({key: torch.from_numpy(np.array(v)) for key, v in state.items()})
    return network


def tiny_network(n_in=1, channels=(6, 8), seed=0):
    """Two stages, ``stem`` and ``layer4``, each halving the resolution."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Tiny(
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
    network.made_of = (n_in, channels, seed)
    return network.eval()


class ThresholdMasker(BaseEstimator):
    """Masks that anyone can compute: what is brighter than `level`; implausible where nothing is.

    Stands in for a fitted UNetMasker where the fusion is tested and not the lungs.
    """

    def __init__(self, level=127):
        self.level = level

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return (np.asarray(X) > self.level).astype(np.float32)

    def iter_masks(self, X, shape=None, *, batch_size=32):
        for where, batch in X.batches(batch_size):
            masks = self.transform(batch)
            usable = masks.any((1, 2))
            size = (shape or batch.shape[1:])[::-1]
            small = [cv2.resize(mask, size, interpolation=cv2.INTER_AREA) for mask in masks]
            yield where, np.stack(small).reshape(len(batch), *size[::-1]), usable


class TwoLungs(BaseEstimator):
    """Finds lungs in two upright rectangles of every film; in none where `usable` says so."""

    def __init__(self, usable=True):
        self.usable = usable

    def fit(self, X, y=None):
        return self

    def iter_masks(self, images, shape, batch_size=32):
        mask = np.zeros((16, 16), np.float32)
        mask[2:14, 2:6] = mask[2:14, 10:14] = 1
        mask = cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST)
        for start in range(0, len(images), batch_size):
            m = min(batch_size, len(images) - start)
            yield slice(start, start + m), np.stack([mask] * m), np.full(m, self.usable)
