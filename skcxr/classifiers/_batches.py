"""Mini-batches taken straight from arrays: no per-sample collate, no copy of the data."""

import contextlib

import numpy as np
import torch
from torch.utils.data import Dataset


class Rows(Dataset):
    """Some rows of X and Y, by index, so that a split copies nothing.

    Parameters
    ----------
    X : ndarray or memmap of shape (n, d)
    Y : ndarray of shape (n, k) or None
    index : ndarray of int or None
        The rows; None means all.
    weight : ndarray of shape (n,), float32, or None
        Weights of the rows in the loss.
    """

    def __init__(self, X, Y=None, index=None, weight=None):
        self.X, self.Y, self.weight = X, Y, weight
        self.index = np.arange(len(X)) if index is None else index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        """Row or rows i as float32 tensors: x, and y (0.0 without Y) or (y, weight)."""
        rows = self.index[i]
        x = torch.from_numpy(np.asarray(self.X[rows], dtype=np.float32))
        if self.Y is None:
            return x, torch.tensor(0.0)
        y = torch.from_numpy(self.Y[rows])
        return x, y if self.weight is None else (y, torch.from_numpy(self.weight[rows]))


class Batches:
    """Iterate over a :class:`Rows` in blocks, shuffled or drawn anew each time where asked.

    Shuffled, for training: a last batch of one row would break batch normalisation, so it joins
    the batch before it. In order and without Y, for prediction: the last batch is filled up with
    zeros, because the rounding of a matrix product depends on its shape and a row's result must
    not depend on its company.

    Parameters
    ----------
    dataset : Rows
    batch_size : int
    shuffle : bool, default=False
    chances : ndarray of shape (n,) or None, default=None
        With `shuffle`: as many rows are drawn with replacement, each with this chance.
    drawing : callable, default=contextlib.nullcontext
        Makes the context in which torch draws the order.
    """

    def __init__(
        self, dataset, batch_size, shuffle=False, chances=None, drawing=contextlib.nullcontext
    ):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.chances, self.drawing = chances, drawing

    def __iter__(self):
        n = len(self.dataset)
        order = self._order(n) if self.shuffle else None
        starts = list(range(0, n, self.batch_size))
        if self.shuffle and len(starts) > 1 and n - starts[-1] == 1:
            starts.pop()
        for start, stop in zip(starts, [*starts[1:], n], strict=True):
            x, y = self.dataset[slice(start, stop) if order is None else order[start:stop]]
            if self.dataset.Y is None and len(x) < self.batch_size:
                x = torch.cat([x, x.new_zeros(self.batch_size - len(x), *x.shape[1:])])
            yield x, y

    def _order(self, n):
        with self.drawing():
            if self.chances is None:
                return torch.randperm(n).numpy()
            chances = torch.from_numpy(np.cumsum(self.chances / self.chances.sum()))
            drawn = torch.searchsorted(chances, torch.rand(n, dtype=torch.float64), right=True)
            return drawn.clamp(max=n - 1).numpy()
