"""Rows of films that each come from a network which did not see the film."""

import numpy as np


class CrossFitted:
    """Rows that are dealt into parts, each made in a way of its own.

    Parameters
    ----------
    part : ndarray of shape (n,), int
        Part of each row.
    rows : list of Computed
        The rows of each part, in the order in which they stand in the whole.
    """

    def __init__(self, part, rows):
        self.part, self.rows = part, rows
        self._place = np.empty(len(part), np.intp)
        for p in range(len(rows)):
            self._place[part == p] = np.arange((part == p).sum())

    def __len__(self):
        return len(self.part)

    def read(self, index):
        """Rows at `index`, in that order."""
        index = np.asarray(index, dtype=np.intp)
        found = None
        for p in np.unique(self.part[index]):
            here = np.flatnonzero(self.part[index] == p)
            made = self.rows[p].read(self._place[index[here]])
            if found is None:
                found = np.empty((len(index), *made.shape[1:]), made.dtype)
            found[here] = made
        return found

    def batches(self, batch_size):
        """Yield ``(slice, rows)`` in order."""
        for rows in self.rows:  # a part at a time goes through its network in full batches
            for _ in rows.batches(batch_size):
                pass
        for start in range(0, len(self), batch_size):
            where = slice(start, min(start + batch_size, len(self)))
            yield where, self.read(np.arange(where.start, where.stop))
