"""What a network makes of each image, computed once and read back as often as needed."""

import tempfile
import weakref

import numpy as np

from ._image_input import digest
from ._store import cached_rows


class Stage:
    """Lazy rows: what `compute` makes of each item of `source`.

    Has the interface that :func:`~skcxr._store.cached_rows` asks of images (`keys`, `take`,
    `batches`), so that a stage can be the source of the next one.

    Parameters
    ----------
    source : Images or Stage
        What goes in.
    compute : callable
        (m, ...) rows of the source → (m, ...) ndarray.
    kind, config : str
        Name of the rows in the store, and everything that they depend on besides the source.
    store : ImageStore or None
        Where rows are kept.
    """

    def __init__(self, source, compute, *, kind, config, store=None, verbose=0, desc=None):
        self.source, self.compute, self.store = source, compute, store
        self.kind, self.config = kind, config
        self.verbose, self.desc = verbose, desc

    def __len__(self):
        return len(self.source)

    def keys(self, index=None):
        """Digest of each row: of the image and all that was done to it."""
        return [digest(key, self.kind, self.config) for key in self.source.keys(index)]

    def take(self, index):
        """A lazy subset."""
        return Stage(
            self.source.take(index),
            self.compute,
            kind=self.kind,
            config=self.config,
            store=self.store,
        )

    def name(self, i):
        """What to call item i in a message."""
        return self.source.name(i)

    def batches(self, batch_size):
        """Yield ``(slice, rows)``."""
        yield from cached_rows(
            self.source,
            self.compute,
            store=self.store,
            kind=self.kind,
            config=self.config,
            batch_size=batch_size,
            desc=self.desc,
            verbose=self.verbose,
        )

    def probe(self):
        """The first row, as a batch of one."""
        return next(self.take([0]).batches(1))[1]

    def spooled(self, batch_size):
        """The same rows, computed once: in the store, or else in a temporary file."""
        return self if self.store is not None else SpooledStage(self, batch_size)


class SpooledStage:
    """Rows of a stage, kept in an unnamed temporary file; memory holds a batch."""

    def __init__(self, stage, batch_size):
        self.stage, self.batch_size = stage, batch_size
        self._file = None

    def __len__(self):
        return len(self.stage)

    def keys(self, index=None):
        """As the stage's own."""
        return self.stage.keys(index)

    def take(self, index):
        """Rows at `index`, as a lazy subset."""
        return _SpooledRows(self, np.arange(len(self))[index])

    def probe(self):
        """The first row, as a batch of one; the others are not computed for it."""
        return self.stage.probe() if self._file is None else self.read([0])

    def read(self, index):
        """Rows at `index`, in that order."""
        self._fill()
        rows = np.empty((len(index), *self._shape), self._dtype)
        for j, i in enumerate(index):
            self._file.seek(int(i) * rows[j].nbytes)
            rows[j] = np.frombuffer(self._file.read(rows[j].nbytes), self._dtype).reshape(
                self._shape
            )
        return rows

    def batches(self, batch_size):
        """Yield ``(slice, rows)``; the first pass computes them."""
        if self._file is None:
            yield from self._computed(batch_size)
            return
        for start in range(0, len(self), batch_size):
            rows = slice(start, min(start + batch_size, len(self)))
            yield rows, self.read(range(rows.start, rows.stop))

    def _fill(self):
        if self._file is None:
            for _ in self._computed(self.batch_size):
                pass

    def _computed(self, batch_size):
        file = tempfile.TemporaryFile(prefix="skcxr-")
        weakref.finalize(self, file.close)
        for rows, values in self.stage.batches(batch_size):
            self._shape, self._dtype = values.shape[1:], values.dtype
            file.write(np.ascontiguousarray(values).data)
            yield rows, values
        self._file = file


class _SpooledRows:
    def __init__(self, spool, index):
        self.spool, self.index = spool, index

    def __len__(self):
        return len(self.index)

    def keys(self, index=None):
        picked = self.index if index is None else self.index[index]
        return self.spool.keys(picked)

    def take(self, index):
        return _SpooledRows(self.spool, self.index[index])

    def batches(self, batch_size):
        for start in range(0, len(self), batch_size):
            rows = slice(start, min(start + batch_size, len(self)))
            yield rows, self.spool.read(self.index[rows])
