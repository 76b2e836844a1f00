"""Mini-batches taken straight from arrays: no per-sample collate, no copy of the data."""

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
    """

    def __init__(self, X, Y=None, index=None):
        self.X, self.Y = X, Y
        self.index = np.arange(len(X)) if index is None else index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        """Row or rows i as a pair of float32 tensors (y is 0.0 where there is no Y)."""
        rows = self.index[i]
        x = torch.from_numpy(np.asarray(self.X[rows], dtype=np.float32))
        return x, (torch.tensor(0.0) if self.Y is None else torch.from_numpy(self.Y[rows]))


class Batches:
    """Iterate over a :class:`Rows` in blocks, shuffled anew each time where asked.

    Shuffled, for training: a last batch of one row would break batch normalisation, so it joins
    the batch before it; the order comes from torch's default generator, which the caller seeds.
    In order and without Y, for prediction: the last batch is filled up with zeros, because the
    rounding of a matrix product depends on its shape and a row's result must not depend on its
    company.

    Parameters
    ----------
    dataset : Rows
    batch_size : int
    shuffle : bool, default=False
    """

    def __init__(self, dataset, batch_size, shuffle=False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __iter__(self):
        n = len(self.dataset)
        order = torch.randperm(n).numpy() if self.shuffle else None
        starts = list(range(0, n, self.batch_size))
        if self.shuffle and len(starts) > 1 and n - starts[-1] == 1:
            starts.pop()
        for start, stop in zip(starts, [*starts[1:], n], strict=True):
            x, y = self.dataset[slice(start, stop) if order is None else order[start:stop]]
            if self.dataset.Y is None and len(x) < self.batch_size:
                x = torch.cat([x, x.new_zeros(self.batch_size - len(x), *x.shape[1:])])
            yield x, y
