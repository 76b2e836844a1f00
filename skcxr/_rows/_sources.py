"""Where images come from: files, and arrays in memory."""

import os
import threading
from contextlib import closing

import numpy as np

from .._decode import read_image
from ._digest import array_digest, digest, file_digest
from ._grey import array_of, image_of, kind_of
from ._prefetch import READERS, map_readers, prefetch
from ._usable import NAMED, name_bad

_DECODING = "2"  # to be raised when the same file begins to give other pixels


class _Source:
    """Images by position; what each of them is called in a key is found out once.

    `form` says, besides `value_range`, how their content becomes uint8.
    """

    def __init__(self, n, value_range, form):
        self.value_range, self.form = value_range, form
        self._keys = [None] * n

    def __len__(self):
        return len(self._keys)

    def keys(self, positions):
        """Digest of each image's content and of how it becomes uint8."""
        missing = [i for i in dict.fromkeys(positions) if self._keys[i] is None]
        if missing:
            for i, key in zip(missing, self._content_keys(missing), strict=True):
                self._keys[i] = digest(key, self.form, repr(self.value_range))
        return [self._keys[i] for i in positions]

    def subset(self, positions):
        """A source of these images alone, to be sent elsewhere."""
        subset = self._subset(positions)
        subset._keys = [self._keys[i] for i in positions]
        return subset


class FileSource(_Source):
    """Image files, decoded one by one.

    Parameters
    ----------
    paths : list of str
    value_range : (float, float) or None
    memo : ImageStore or None
        Remembers the digests of files that have not changed.
    stat_keys : list of bytes or None
        :func:`stat_key` of each file as it was when X was given, where there is a memo.
    decode : dict or None
        Other arguments of :func:`read_image`.
    names_all : bool, default=True
        Whether the error of a bad file names the others too, which takes a look at all.
    """

    def __init__(
        self, paths, value_range=None, memo=None, stat_keys=None, decode=None, names_all=True
    ):
        self.paths, self.memo, self.stat_keys = paths, memo, stat_keys
        self.decode, self.names_all = decode or {}, names_all
        form = f"file {_DECODING} {sorted(self.decode.items())}"
        super().__init__(len(paths), value_range, form)
        self._found, self._looking = None, threading.Lock()

    def name(self, i):
        """The file's path."""
        return self.paths[i]

    def __getstate__(self):
        return {**vars(self), "_looking": None}

    def __setstate__(self, state):
        vars(self).update(state, _looking=threading.Lock())

    def read(self, positions):
        """Decode one image after the other; an error names other bad files too."""
        for i in positions:
            try:
                image = self._read(i)
            except (ValueError, OSError) as error:
                if self.names_all:
                    self._name_all(i, error)
                raise
            yield image

    def _read(self, i):
        return read_image(self.paths[i], self.value_range, **self.decode)

    def _name_all(self, first, error):
        """Raise one error for the bad files, where `first` is not the only one."""
        with self._looking:
            if self._found is None:
                self._found = self._others(first, str(error))
        if len(self._found) > 1:
            raise ValueError(name_bad(self._found, len(self.paths))) from error

    def _others(self, first, reason):
        others = [i for i in range(len(self.paths)) if i != first]
        bad = {first: reason}
        looked_at = prefetch(self._why_bad, others, threads=READERS, ahead=2 * READERS)
        with closing(looked_at):
            for i, why in zip(others, looked_at, strict=True):
                if why is not None:
                    bad[i] = why
                if len(bad) > NAMED:
                    break
        return [bad[i] for i in sorted(bad)]

    def _why_bad(self, i):
        try:
            self._read(i)
        except (ValueError, OSError) as error:
            return str(error)
        return None

    def _subset(self, positions):
        paths = [self.paths[i] for i in positions]
        stat_keys = self.stat_keys and [self.stat_keys[i] for i in positions]
        settings = self.value_range, self.memo, stat_keys, self.decode, self.names_all
        return FileSource(paths, *settings)

    def _content_keys(self, positions):
        if self.memo is None:
            return map_readers(lambda i: file_digest(self.paths[i]), positions)
        stat_keys = [self.stat_keys[i] for i in positions]
        known = self.memo.memo_digests(stat_keys)
        missing = [j for j, key in enumerate(known) if key is None]
        found = map_readers(lambda j: file_digest(self.paths[positions[j]]), missing)
        for j, key in zip(missing, found, strict=True):
            known[j] = key
        if missing:
            self.memo.put_memo([stat_keys[j] for j in missing], found)
        return known


def stat_key(path, found):
    """Digest of a file's name, size and times."""
    times = found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return digest(os.path.abspath(path), str(times))


class ArraySource(_Source):
    """Images that are in memory or memory-mapped.

    Parameters
    ----------
    arrays : ndarray of shape (n, H, W) or with channels, or list
        A list may hold arrays, tensors, PIL images and pydicom datasets.
    value_range : (float, float) or None
    numbers : ndarray of int or None
        Their places in X.
    decode : dict or None
        Other arguments of :func:`read_image`, of which pydicom's datasets need some.
    """

    def __init__(self, arrays, value_range=None, numbers=None, decode=None):
        self.decode = decode or {}
        super().__init__(len(arrays), value_range, "array")
        self.arrays = arrays
        self.numbers = np.arange(len(arrays)) if numbers is None else numbers

    def name(self, i):
        """Its place in X."""
        return f"X[{self.numbers[i]}]"

    def read(self, positions):
        """Images as uint8, one after the other."""
        for i in positions:
            yield image_of(self.arrays[i], self.value_range, self.decode, self.name(i))

    def _subset(self, positions):
        if isinstance(self.arrays, np.ndarray):
            arrays = self.arrays[positions]
        else:
            arrays = [self.arrays[i] for i in positions]
        return ArraySource(arrays, self.value_range, self.numbers[positions], self.decode)

    def _content_keys(self, positions):
        return [self._content_key(self.arrays[i], self.name(i)) for i in positions]

    def _content_key(self, item, name):
        if kind_of(item) == "pydicom":  # its pixels as they are shown, and no other element
            return array_digest(image_of(item, self.value_range, self.decode, name))
        return array_digest(array_of(item, name))
