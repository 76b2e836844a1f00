"""The stack of images that stages hand on: lazy, read-only, with what was done to each."""

from contextlib import closing
from itertools import chain, pairwise

import numpy as np

from .._sklearn import _safe_indexing
from ._computed import Computed
from ._digest import digest
from ._prefetch import READERS, map_readers, prefetch
from ._spool import Spool
from ._usable import name_bad


class Images:
    """Lazy stack of grey uint8 images, with what has been done to each of them.

    Behaves as a read-only array of shape (n, H, W): ``images[i]``, ``images[a:b]`` and
    ``np.asarray(images)`` decode what they need and keep nothing.

    Parameters
    ----------
    source : FileSource, ArraySource or Computed
        Where images come from; shared by all stacks that are made from this one.
    steps : tuple of (callable, str)
        Functions applied to each image, in order, each with the label that names it in a key.
    size : (int, int) or None
        Height and width after the steps; None reads the first image when asked.
    is_flat : bool
        Whether the images came as flat rows.
    positions : ndarray of int or None
        Which images of the source, None being all.
    table : DataFrame, Series or None
        What X was; one row per image of the source.
    bad : dict of {int: str}
        Why images of the source cannot be used, by their positions in it.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(
        self,
        source,
        steps=(),
        size=None,
        *,
        is_flat=False,
        positions=None,
        table=None,
        bad=None,
    ):
        self.source, self.steps, self._size, self.is_flat = source, steps, size, is_flat
        self._positions, self._table, self._bad = positions, table, bad or {}

    def __len__(self):
        return len(self.source if self._positions is None else self._positions)

    def __repr__(self):
        size = "(H, W)" if self._size is None else self._size
        return f"<Images: n={len(self)}, size={size}, steps={[label for _, label in self.steps]}>"

    def __reduce__(self):
        # What a worker process gets must not drag the whole data set along.
        source = self.source
        if self._positions is not None:
            source = source.subset(self._positions)
        state = self.steps, self._size, self.is_flat, self._rows_of_table(), self.bad
        return _rebuild, (source, *state)

    @property
    def shape(self):
        if self._size is None:
            self._size = tuple(next(self._make(self._usable[:1])).shape)
        return (len(self), *self._size)

    @property
    def size(self):
        return int(np.prod(self.shape))

    @property
    def index(self):
        """Index of the pandas object that X was, or None."""
        index = getattr(self._table, "index", None)
        return index if index is None or self._positions is None else index[self._positions]

    @property
    def frame(self):
        """The DataFrame that X was, one row per image, or None."""
        return self._rows_of_table() if hasattr(self._table, "columns") else None

    def _rows_of_table(self):
        if self._table is None or self._positions is None:
            return self._table
        return _safe_indexing(self._table, self._positions)

    @property
    def bad(self):
        """Why images cannot be used, by their places in the stack: ``{i: reason}``."""
        if not self._bad:
            return {}
        found = ((i, self._bad.get(int(at))) for i, at in enumerate(self._at(range(len(self)))))
        return {i: reason for i, reason in found if reason is not None}

    @property
    def usable(self):
        """Whether each image can be used, (n,) bool."""
        usable = np.ones(len(self), bool)
        usable[list(self.bad)] = False
        return usable

    @property
    def bad_images(self):
        """Table of the images that cannot be used, with ``row``, ``name`` and ``error``."""
        import pandas as pd

        bad, index = self.bad, self.index
        rows = [(i, self.name(i), reason) for i, reason in bad.items()]
        table = pd.DataFrame(rows, columns=["row", "name", "error"])
        return table if index is None else table.set_index(index[list(bad)])

    @property
    def _usable(self):
        """Places of the images that can be used; of all if there is none."""
        usable = np.flatnonzero(self.usable) if self._bad else np.arange(len(self))
        return usable if len(usable) else np.arange(len(self))

    def without(self, bad):
        """The same images, `bad` of which (a dict by their places) cannot be used."""
        at = self._at(range(len(self)))
        return self._like(bad={**self._bad, **{int(at[i]): why for i, why in bad.items()}})

    def name(self, i):
        """Path or index of image i, for messages."""
        return self.source.name(self._at([i])[0])

    @property
    def names(self):
        """Paths, or places in X, of all images."""
        return [self.source.name(i) for i in self._at(range(len(self)))]

    def map(self, function, label, size=None):
        """Apply a picklable function (H, W) uint8 → (H', W') uint8 to every image, lazily."""
        return self._like(steps=(*self.steps, (function, label)), size=size or self._size)

    def take(self, index):
        """A lazy subset, by integer or boolean index."""
        return self._like(positions=self._at(np.arange(len(self))[index]))

    def spooled(self):
        """The same images, made once and then read from a temporary file."""
        return self._made(Spool(len(self)))

    def stored(self, store):
        """The same images, made once and then read from the store."""
        return self._made(store)

    def _made(self, shelf):
        source = Computed(self, None, kind="image", shelf=shelf)
        return self._like(source, (), positions=None, table=self._rows_of_table(), bad=self.bad)

    def _like(self, source=None, steps=None, **changed):
        settings = {
            "size": self._size,
            "is_flat": self.is_flat,
            "positions": self._positions,
            "table": self._table,
            "bad": self._bad,
        }
        steps = self.steps if steps is None else steps
        return Images(source or self.source, steps, **(settings | changed))

    def keys(self, index=None):
        """16-byte digest of each image's content and of all that was done to it."""
        index = range(len(self))[index] if isinstance(index, slice) else index
        keys = self.source.keys(self._at(range(len(self)) if index is None else index))
        labels = [label for _, label in self.steps]
        return [digest(key, *labels) for key in keys] if labels else keys

    def _at(self, index):
        """Positions in the source."""
        index = np.asarray(index, dtype=np.intp)
        return index if self._positions is None else self._positions[index]

    def _make(self, index):
        """One image after the other, so that no more than one is held at its full size."""
        if self._bad:
            bad = self.bad
            if any(int(i) in bad for i in index):
                raise ValueError(name_bad(bad.values(), len(self)))
        for image in self.source.read(self._at(index)):
            for function, _ in self.steps:
                image = function(image)
            yield image

    def read(self, index):
        """Stack of the images at `index`, in the calling thread."""
        made = self._make(index)
        if self._size is None and len(index) and index[0] == 0:  # need not be made once more
            first = next(made)
            self._size, made = first.shape, chain([first], made)
        size = self.shape[1:]
        stack = np.empty((len(index), *size), np.uint8)
        for row, i, image in zip(stack, index, made, strict=True):
            if image.shape != size:
                raise ValueError(
                    f"{self.name(i)} is {image.shape[0]}×{image.shape[1]} pixels and the first "
                    f"image {size[0]}×{size[1]}; put an ImageLoader before this step to bring "
                    "images to one size."
                )
            row[...] = image
        return stack

    def __getitem__(self, index):
        if isinstance(index, tuple):
            return np.asarray(self)[index]
        picked = np.arange(len(self))[index]
        if picked.ndim == 0:
            return next(self._make([int(picked)]))
        size = self.shape[1:]  # known before threads ask for it
        if len(picked) == 0:
            return np.empty((0, *size), np.uint8)
        parts = np.array_split(picked, min(READERS, len(picked)))
        return np.concatenate(map_readers(self.read, parts))

    def __iter__(self):
        for _, batch in self.batches(64):
            yield from batch

    def __array__(self, dtype=None, copy=None):
        stack = np.empty(self.shape, np.uint8)
        for where, batch in self.batches(256):
            stack[where] = batch
        return stack if dtype is None else stack.astype(dtype)

    def batches(self, batch_size):
        """Yield ``(slice, (m, H, W) uint8)``; the next batches are made while one is used."""
        if len(self) == 0:
            return
        self._size = self.shape[1:]  # known before threads ask for it
        starts = [*range(0, len(self), batch_size), len(self)]
        batches = [np.arange(a, b) for a, b in pairwise(starts)]
        parts = [np.array_split(batch, min(READERS, len(batch))) for batch in batches]
        ahead = 2 * len(parts[0])
        with closing(prefetch(self.read, chain(*parts), threads=READERS, ahead=ahead)) as made:
            for batch, of_batch in zip(batches, parts, strict=True):
                where = slice(int(batch[0]), int(batch[-1]) + 1)
                yield where, np.concatenate([next(made) for _ in of_batch])

    def restore(self, array):
        """(m, H, W) as it came in: flat rows (m, H·W) if X was flat rows."""
        return np.asarray(array).reshape(len(array), -1) if self.is_flat else array


def _rebuild(source, steps, size, is_flat, table, bad):
    return Images(source, steps, size, is_flat=is_flat, table=table, bad=bad)
