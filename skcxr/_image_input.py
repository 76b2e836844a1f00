"""Every accepted form of X as one lazy stack of grey images."""

import hashlib
import os
import tempfile
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from sklearn.utils import check_array

from ._decode import read_image, to_uint8

_KEY_BYTES = 16
_READERS = min(8, os.cpu_count() or 1)


def digest(*parts):
    """16-byte BLAKE2b digest of strings and bytes, unambiguous about where each part ends."""
    state = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()


class _PathSource:
    """Image files, decoded one by one."""

    def __init__(self, paths, value_range=None):
        self.paths, self.value_range = paths, value_range

    def __len__(self):
        return len(self.paths)

    def name(self, i):
        return str(self.paths[i])

    def take(self, index):
        return _PathSource([self.paths[i] for i in index], self.value_range)

    def read(self, index):
        return [read_image(self.paths[i], self.value_range) for i in index]

    def keys(self, index, memo=None):
        """Digests of the files' bytes; `memo` knows those of files that have not changed."""
        index = list(index)
        stat_keys = None
        known = [None] * len(index)
        if memo is not None:
            stat_keys = [self._stat_key(self.paths[i]) for i in index]
            known = memo.memo_digests(stat_keys)
        missing = [j for j, key in enumerate(known) if key is None]
        fresh = _thread_map(lambda j: self._content_key(self.paths[index[j]]), missing)
        for j, key in zip(missing, fresh, strict=True):
            known[j] = key
        if memo is not None and missing:
            memo.put_memo([stat_keys[j] for j in missing], fresh)
        return [digest(key, "file", repr(self.value_range)) for key in known]

    @staticmethod
    def _stat_key(path):
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"No such image file: {path}") from None
        return digest(
            os.path.abspath(path), str((stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        )

    @staticmethod
    def _content_key(path):
        try:
            with open(path, "rb") as file:
                return hashlib.file_digest(
                    file, lambda: hashlib.blake2b(digest_size=_KEY_BYTES)
                ).digest()
        except FileNotFoundError:
            raise FileNotFoundError(f"No such image file: {path}") from None


class _ArraySource:
    """Images that are in memory or memory-mapped: (n, H, W), or a list of (H, W)."""

    def __init__(self, arrays, value_range=None, offset=None):
        self.arrays, self.value_range = arrays, value_range
        self.offset = np.arange(len(arrays)) if offset is None else offset

    def __len__(self):
        return len(self.arrays)

    def name(self, i):
        return f"X[{self.offset[i]}]"

    def take(self, index):
        if isinstance(self.arrays, np.ndarray):
            taken = self.arrays[index]
        else:
            taken = [self.arrays[i] for i in index]
        return _ArraySource(taken, self.value_range, self.offset[index])

    def read(self, index):
        return [to_uint8(self.arrays[i], self.value_range, name=self.name(i)) for i in index]

    def keys(self, index, memo=None):
        return [
            digest(
                np.ascontiguousarray(self.arrays[i]).tobytes(),
                "array",
                f"{self.arrays[i].shape}{self.arrays[i].dtype.str}{self.value_range!r}",
            )
            for i in index
        ]


class _SpoolSource:
    """Images of one size, kept in an unnamed temporary file once they have been made.

    Two branches of a pipeline then decode each image once, and none of it stays in memory.
    """

    def __init__(self, images):
        self.images = images
        self._shape = images.shape[1:]
        self._nbytes = int(np.prod(self._shape))
        self._file = tempfile.TemporaryFile(prefix="skcxr-")
        weakref.finalize(self, self._file.close)
        self._present = np.zeros(len(images), bool)

    def __len__(self):
        return len(self.images)

    def __reduce__(self):
        return _SpoolSource, (self.images,)

    def name(self, i):
        return self.images.name(i)

    def take(self, index):
        # Shares the file: the indices of a subset point into the same spool.
        return _SubsetSource(self, np.asarray(index))

    def read(self, index):
        index = np.asarray(index)
        batch = np.empty((len(index), *self._shape), np.uint8)
        missing = np.flatnonzero(~self._present[index])
        if len(missing):
            made = self.images._read(index[missing])
            for j, image in zip(missing, made, strict=True):
                batch[j] = image
                os.pwrite(self._file.fileno(), batch[j].tobytes(), int(index[j]) * self._nbytes)
            self._present[index[missing]] = True
        made = set(missing.tolist())
        for j, i in enumerate(index):
            if j not in made:
                data = os.pread(self._file.fileno(), self._nbytes, int(i) * self._nbytes)
                batch[j] = np.frombuffer(data, np.uint8).reshape(self._shape)
        return batch

    def keys(self, index, memo=None):
        return self.images.keys(index)


class _StoredSource:
    """Images of one size, kept in the per-image store once they have been made."""

    def __init__(self, images, store):
        self.images, self.store = images, store

    def __len__(self):
        return len(self.images)

    def name(self, i):
        return self.images.name(i)

    def take(self, index):
        return _StoredSource(self.images.take(index), self.store)

    def read(self, index):
        index = np.asarray(index)
        keys = self.keys(index)
        rows = self.store.get_many("image", keys)
        missing = [j for j, row in enumerate(rows) if row is None]
        if missing:
            made = self.images._read(index[missing])
            self.store.put_many("image", [keys[j] for j in missing], made)
            for j, image in zip(missing, made, strict=True):
                rows[j] = image
        return rows

    def keys(self, index, memo=None):
        return self.images.keys(index)


class _SubsetSource:
    def __init__(self, source, index):
        self.source, self.index = source, index

    def __len__(self):
        return len(self.index)

    def __reduce__(self):
        # What a worker process gets must not drag the whole data set along.
        return _rebuild_subset, (self.source.images.take(self.index),)

    def name(self, i):
        return self.source.name(self.index[i])

    def take(self, index):
        return _SubsetSource(self.source, self.index[index])

    def read(self, index):
        return self.source.read(self.index[np.asarray(index)])

    def keys(self, index, memo=None):
        return self.source.keys(self.index[np.asarray(index)], memo)


def _rebuild_subset(images):
    return _SpoolSource(images)


class Images:
    """Lazy stack of grey uint8 images, with what has been done to each of them.

    Behaves as a read-only array of shape (n, H, W): ``images[i]``, ``images[a:b]`` and
    ``np.asarray(images)`` decode what they need and keep nothing.

    Parameters
    ----------
    source : object
        Where images come from.
    steps : tuple of (callable, str)
        Functions applied to each image, in order, each with the label that names it in a key.
    size : (int, int) or None
        Height and width after the steps; None reads the first image when asked.
    is_flat : bool
        Whether the images came as flat rows.
    memo : ImageStore or None
        Remembers the digests of unchanged files.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, source, steps=(), size=None, *, is_flat=False, memo=None):
        self.source, self.steps, self._size = source, steps, size
        self.is_flat, self.memo = is_flat, memo

    def __len__(self):
        return len(self.source)

    def __repr__(self):
        size = "(H, W)" if self._size is None else self._size
        return f"<Images: n={len(self)}, size={size}, steps={[label for _, label in self.steps]}>"

    @property
    def shape(self):
        if self._size is None:
            self._size = tuple(self._make([0])[0].shape)
        return (len(self), *self._size)

    @property
    def size(self):
        return int(np.prod(self.shape))

    def name(self, i):
        """Path or index of image i, for messages."""
        return self.source.name(i)

    def map(self, function, label, size=None):
        """Apply a picklable function (H, W) uint8 → (H', W') uint8 to every image, lazily."""
        steps = (*self.steps, (function, label))
        return Images(self.source, steps, size or self._size, is_flat=self.is_flat, memo=self.memo)

    def spooled(self):
        """The same images, made once and then read from a temporary file."""
        return Images(_SpoolSource(self), (), self._size, is_flat=self.is_flat, memo=self.memo)

    def stored(self, store):
        """The same images, made once and then read from the store."""
        return Images(
            _StoredSource(self, store), (), self._size, is_flat=self.is_flat, memo=self.memo
        )

    def with_memo(self, store):
        """The same images, with `store` remembering the digests of unchanged files."""
        return Images(self.source, self.steps, self._size, is_flat=self.is_flat, memo=store)

    def take(self, index):
        """A lazy subset, by integer or boolean index."""
        index = np.arange(len(self))[index]
        return Images(
            self.source.take(index), self.steps, self._size, is_flat=self.is_flat, memo=self.memo
        )

    def keys(self, index=None):
        """16-byte digest of each image's content and of all that was done to it."""
        index = range(len(self))[index] if isinstance(index, slice) else index
        keys = self.source.keys(range(len(self)) if index is None else index, self.memo)
        labels = [label for _, label in self.steps]
        return [digest(key, *labels) for key in keys] if labels else keys

    def _make(self, index):
        made = self.source.read(index)
        for function, _ in self.steps:
            made = [function(image) for image in made]
        return made

    def _read(self, index):
        """Stack of the images at `index`, in the calling thread."""
        made = self._make(index)
        size = self.shape[1:]
        for i, image in zip(index, made, strict=True):
            if image.shape != size:
                raise ValueError(
                    f"{self.name(i)} is {image.shape[0]}×{image.shape[1]} pixels and the first "
                    f"image {size[0]}×{size[1]}; put an ImageLoader before this step to bring "
                    "images to one size."
                )
        return np.stack(made)

    def __getitem__(self, index):
        if isinstance(index, tuple):
            return np.asarray(self)[index]
        picked = np.arange(len(self))[index]
        if picked.ndim == 0:
            return self._read([int(picked)])[0]
        if len(picked) == 0:
            return np.empty((0, *self.shape[1:]), np.uint8)
        parts = np.array_split(picked, min(_READERS, len(picked)))
        return np.concatenate(_thread_map(self._read, parts))

    def __iter__(self):
        for _, batch in self.batches(64):
            yield from batch

    def __array__(self, dtype=None, copy=None):
        stack = np.empty(self.shape, np.uint8)
        for rows, batch in self.batches(256):
            stack[rows] = batch
        return stack if dtype is None else stack.astype(dtype)

    def batches(self, batch_size):
        """Yield ``(slice, (m, H, W) uint8)``; the next batches are made while one is used."""
        if len(self) == 0:
            return
        starts = [*range(0, len(self), batch_size), len(self)]
        slices = [slice(a, b) for a, b in pairwise(starts)]
        self._size = self.shape[1:]  # known before threads ask for it
        ahead = 2
        with ThreadPoolExecutor(_READERS) as pool:

            def submit(rows):
                index = np.arange(rows.start, rows.stop)
                parts = np.array_split(index, min(_READERS, len(index)))
                return [pool.submit(self._read, part) for part in parts]

            pending = [submit(rows) for rows in slices[:ahead]]
            try:
                for j, rows in enumerate(slices):
                    batch = np.concatenate([part.result() for part in pending.pop(0)])
                    if j + ahead < len(slices):
                        pending.append(submit(slices[j + ahead]))
                    yield rows, batch
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def restore(self, array):
        """(m, H, W) as it came in: flat rows (m, H·W) if X was flat rows."""
        return np.asarray(array).reshape(len(array), -1) if self.is_flat else array


def _thread_map(function, items):
    """Map in reader threads; image decoding and hashing release the GIL."""
    items = list(items)
    if len(items) < 2 or threading.current_thread() is not threading.main_thread():
        return [function(item) for item in items]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(function, items))


def _is_path(item):
    return isinstance(item, str | os.PathLike)


def paths_of(X):
    """The paths in X as a list, or None when X is not made of paths.

    X may be a DataFrame with a ``path`` column or a 1-D sequence of paths.
    """
    is_table = hasattr(X, "columns") and hasattr(X, "__getitem__")
    if is_table:
        if "path" not in list(X.columns):
            return None
        X = X["path"]
        if len(X) == 0:
            raise ValueError("Found 0 sample(s) in X: its column 'path' is empty.")
    elif isinstance(X, str | bytes | os.PathLike):
        raise ValueError(
            f"Expected a sequence of paths, got the single path {X!r}; write [path], or list the "
            "folder's files."
        )
    elif isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind not in "OUS"):
        return None
    elif not hasattr(X, "__len__") or not hasattr(X, "__getitem__") or hasattr(X, "toarray"):
        return None
    items = X.tolist() if hasattr(X, "tolist") else list(X)
    if not is_table and not any(_is_path(item) for item in items):
        return None
    for i, item in enumerate(items):
        if not _is_path(item):
            raise ValueError(f"path {i} is {item!r}; expected a string or a path object.")
    return [os.fspath(item) for item in items]


def as_images(X, *, image_shape=None, value_range=None):
    """Turn any accepted X into :class:`Images`.

    Parameters
    ----------
    X : sequence of paths, DataFrame with a ``path`` column, array (n, H, W), sequence of \
            (H, W) arrays, or array (n, H·W) of flat rows
        The images.
    image_shape : (int, int) or None
        Height and width of flat rows, one of which may be -1 as in :func:`numpy.reshape`; None
        takes rows as square images.
    value_range : (float, float) or None
        Values that become 0 and 255 in images that are not uint8; None stretches each image from
        its own minimum to its own maximum.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        For missing files, empty input, shapes or values that are not those of images.
    """
    if isinstance(X, Images):
        return X
    paths = paths_of(X)
    if paths is not None:
        missing = [path for path in paths if not os.path.exists(path)]
        if missing:
            named = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            raise FileNotFoundError(f"{len(missing)} of {len(paths)} image files missing: {named}")
        return Images(_PathSource(paths, value_range))
    if isinstance(X, list | tuple) and len(X) and all(np.ndim(image) == 2 for image in X):
        arrays = [check_array(image, dtype="numeric") for image in X]
        return Images(_ArraySource(arrays, value_range))
    array = check_array(X, dtype="numeric", allow_nd=True, input_name="X")
    return array_images(array, image_shape=image_shape, value_range=value_range)


def array_images(array, *, image_shape=None, value_range=None):
    """Images of a checked numeric array, (n, H, W) or flat rows (n, H·W)."""
    if array.ndim == 2:
        size = flat_image_shape(array.shape[1], image_shape)
        stack = array.reshape(len(array), *size)
        return Images(_ArraySource(stack, value_range), size=size, is_flat=True)
    if array.ndim != 3:
        raise ValueError(
            f"Found array with dim {array.ndim} and shape {array.shape}; expected grey images "
            "(n, H, W) or flat rows (n, H*W)."
        )
    return Images(_ArraySource(array, value_range), size=array.shape[1:])


def flat_image_shape(n_pixels, image_shape):
    """Height and width of a flat row of `n_pixels`."""
    if image_shape is None:
        side = round(n_pixels**0.5)
        if side * side != n_pixels:
            raise ValueError(
                f"Rows of {n_pixels} values are not square images; pass image_shape=(H, W), or "
                "images as an array (n, H, W)."
            )
        return side, side
    height, width = image_shape
    if height == -1:
        height = n_pixels // width
    elif width == -1:
        width = n_pixels // height
    if height * width != n_pixels:
        raise ValueError(f"Rows of {n_pixels} values do not fit image_shape={image_shape}.")
    return height, width
