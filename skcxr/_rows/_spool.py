"""Rows in an unnamed temporary file, found by their position."""

import errno
import os
import tempfile
import weakref

import numpy as np


class Spool:
    """Keeps rows of one shape and dtype until nobody refers to it; none of them is in memory.

    Has the methods of :class:`~skcxr._store.ImageStore` that :class:`Computed` uses, with
    positions for keys. Threads may use it at once as long as they write different rows.

    Parameters
    ----------
    n : int
        Number of rows.
    """

    def __init__(self, n):
        self._present = np.zeros(n, bool)
        self._shape = self._dtype = None
        self._file = tempfile.TemporaryFile(prefix="skcxr-")
        weakref.finalize(self, self._file.close)

    def __reduce__(self):
        return Spool, (len(self._present),)  # another process fills one of its own

    def has_many(self, kind, positions):
        """Tell for each position whether its row is there."""
        return self._present[positions].tolist()

    def get_many(self, kind, positions):
        """Rows in that order, None where one is not there."""
        return [self._read(i) if self._present[i] else None for i in positions]

    def put_many(self, kind, positions, rows):
        """Write rows; all of each, or an error."""
        for i, row in zip(positions, rows, strict=True):
            if self._shape is None:
                self._shape, self._dtype = row.shape, row.dtype
            elif (row.shape, row.dtype) != (self._shape, self._dtype):
                raise ValueError(
                    f"{kind}: a row of {row.shape} {row.dtype} among rows of {self._shape} "
                    f"{self._dtype}"
                )
            self._write(memoryview(np.ascontiguousarray(row)).cast("B"), int(i) * row.nbytes)
            self._present[i] = True

    def flush(self):
        """Nothing is kept back."""

    def _read(self, i):
        row = np.empty(self._shape, self._dtype)
        data = os.pread(self._file.fileno(), row.nbytes, int(i) * row.nbytes)
        row.reshape(-1)[:] = np.frombuffer(data, self._dtype)
        return row

    def _write(self, data, offset):
        while data:
            try:
                n = os.pwrite(self._file.fileno(), data, offset)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise OSError(
                    errno.ENOSPC,
                    f"The temporary folder {tempfile.gettempdir()} is full; set TMPDIR to one with "
                    "more space, or memory= to a folder where results are kept",
                ) from error
            data, offset = data[n:], offset + n
