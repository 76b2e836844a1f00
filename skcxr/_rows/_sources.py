"""Where images come from: files, and arrays in memory."""

import numpy as np

from .._decode import read_image, to_uint8
from ._digest import array_digest, digest, file_digest
from ._prefetch import map_readers

_DECODING = "2"  # to be raised when the same file begins to give other pixels


class _Source:
    """Images by position; what each of them is called in a key is found out once."""

    def __init__(self, n, value_range):
        self.value_range = value_range
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
    stats : list of os.stat_result
        Of the files, as they were when X was given.
    value_range : (float, float) or None
    memo : ImageStore or None
        Remembers the digests of files that have not changed.
    """

    form = f"file {_DECODING}"

    def __init__(self, paths, stats, value_range=None, memo=None):
        super().__init__(len(paths), value_range)
        self.paths, self.stats, self.memo = paths, stats, memo

    def name(self, i):
        """The file's path."""
        return self.paths[i]

    def read(self, positions):
        """Decode one image after the other."""
        return (read_image(self.paths[i], self.value_range) for i in positions)

    def _subset(self, positions):
        paths, stats = ([every[i] for i in positions] for every in (self.paths, self.stats))
        return FileSource(paths, stats, self.value_range, self.memo)

    def _content_keys(self, positions):
        if self.memo is None:
            return map_readers(lambda i: file_digest(self.paths[i]), positions)
        stat_keys = [self._stat_key(i) for i in positions]
        known = self.memo.memo_digests(stat_keys)
        missing = [j for j, key in enumerate(known) if key is None]
        found = map_readers(lambda j: file_digest(self.paths[positions[j]]), missing)
        for j, key in zip(missing, found, strict=True):
            known[j] = key
        if missing:
            self.memo.put_memo([stat_keys[j] for j in missing], found)
        return known

    def _stat_key(self, i):
        stat = self.stats[i]
        times = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        return digest(self.paths[i], str(times), str((stat.st_dev, stat.st_ino)))


class ArraySource(_Source):
    """Images that are in memory or memory-mapped: (n, H, W), or a list of (H, W)."""

    form = "array"

    def __init__(self, arrays, value_range=None, numbers=None):
        super().__init__(len(arrays), value_range)
        self.arrays = arrays
        self.numbers = np.arange(len(arrays)) if numbers is None else numbers

    def name(self, i):
        """Its place in X."""
        return f"X[{self.numbers[i]}]"

    def read(self, positions):
        """Images as uint8, one after the other."""
        return (to_uint8(self.arrays[i], self.value_range, name=self.name(i)) for i in positions)

    def _subset(self, positions):
        if isinstance(self.arrays, np.ndarray):
            arrays = self.arrays[positions]
        else:
            arrays = [self.arrays[i] for i in positions]
        return ArraySource(arrays, self.value_range, self.numbers[positions])

    def _content_keys(self, positions):
        return [array_digest(self.arrays[i]) for i in positions]
