"""Per-image results under content keys: the store that every expensive stage shares."""

import atexit
import hashlib
import os
import threading
import time
from pathlib import Path

from ._codec import Damaged, decode, encode
from ._private import location_of
from ._size import make_room
from ._sqlite import StoreFile

_TOUCHES = 4096  # hits whose time of use is written together
_stores = {}
_stores_lock = threading.Lock()


def open_store(memory):
    """Return the store of per-image results that belongs to ``memory``.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
        Where to keep results, as in scikit-learn.

    Returns
    -------
    ImageStore or None
        The same object for the same folder within a process. None where nothing is to be kept.
    """
    location = location_of(memory)
    if location is None:
        return None
    store = _store_in(os.path.realpath(store_folder(location)))
    store.file.retry()
    return store


def store_folder(location):
    """Return the folder of the store within that given as ``memory``."""
    return os.path.join(location, "skcxr")


def _store_in(folder):
    with _stores_lock:
        if folder not in _stores:
            _stores[folder] = ImageStore(folder)
        return _stores[folder]


class ImageStore:
    """Arrays of single images, found by what they were made from.

    Made by `open_store`. Can be used by several threads and processes at once, pickled and
    inherited by a fork. No fault of the disk or of the file raises: what cannot be read is missing,
    what cannot be written is not kept, and one warning says so.

    Parameters
    ----------
    folder : str
        Folder of the file.
    """

    def __init__(self, folder):
        self.folder = folder
        self.file = StoreFile(Path(folder))
        self._reset()

    def _reset(self):
        self._lock = threading.Lock()
        self._used = {}

    def __reduce__(self):
        return _store_in, (self.folder,)

    def get_many(self, kind, keys):
        """Read rows.

        Parameters
        ----------
        kind : str
            What the rows are, for example ``"texture"``.
        keys : sequence of bytes
            Digests of the image and of everything that was done to it.

        Returns
        -------
        list of (ndarray or None)
            None where nothing trustworthy is stored.
        """
        keys = [_row_key(kind, key) for key in keys]
        values = self.file.run(lambda connection: _select(connection, keys))
        rows = [None] * len(keys)
        if values is None:
            return rows
        for i, key in enumerate(keys):
            if values[i] is not None:
                try:
                    rows[i] = decode(key, values[i])
                except Damaged:
                    self.file.warn(
                        "rows",
                        f"The image store {self.file.path} has damaged rows: they are computed "
                        "again.",
                    )
        self._note_use([key for key, row in zip(keys, rows, strict=True) if row is not None])
        return rows

    def has_many(self, kind, keys):
        """Tell for each key whether a row is stored; it may still turn out to be damaged."""
        keys = [_row_key(kind, key) for key in keys]

        def look(connection):
            find = "SELECT 1 FROM entries WHERE key = ?"
            return [connection.execute(find, (key,)).fetchone() is not None for key in keys]

        return self.file.run(look, default=[False] * len(keys))

    def put_many(self, kind, keys, rows):
        """Write rows, all of them or, where that is not possible, none.

        Parameters
        ----------
        kind : str
            What the rows are.
        keys : sequence of bytes
            As for `get_many`.
        rows : ndarray or list of ndarray
            One array per key; integers or floats of any shape.
        """
        if not self.file.writable:
            return
        keys = [_row_key(kind, key) for key in keys]
        values = [encode(key, row) for key, row in zip(keys, rows, strict=True)]
        now = int(time.time())

        def insert(connection):
            connection.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?)", zip(keys, values, strict=True)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)",
                [(key, kind, len(value), now) for key, value in zip(keys, values, strict=True)],
            )
            make_room(connection)

        self.file.run(insert, write=True)

    def memo_digests(self, stat_keys):
        """Return what `put_memo` stored for each key, or None."""

        def look(connection):
            find = "SELECT digest FROM memo WHERE stat = ?"
            return [connection.execute(find, (key,)).fetchone() for key in stat_keys]

        found = self.file.run(look, default=[None] * len(stat_keys))
        return [
            _checked_digest(key, row[0]) if row else None
            for key, row in zip(stat_keys, found, strict=True)
        ]

    def put_memo(self, stat_keys, digests):
        """Remember the content digest of files; nothing but digests is written.

        Parameters
        ----------
        stat_keys : sequence of bytes
            Digest of a file's name, size and times.
        digests : sequence of bytes
            Digest of that file's content.
        """
        rows = [
            (key, digest + _seal(key, digest))
            for key, digest in zip(stat_keys, digests, strict=True)
        ]
        insert = "INSERT OR REPLACE INTO memo VALUES (?, ?)"
        self.file.run(lambda connection: connection.executemany(insert, rows), write=True)

    def flush(self):
        """Write times of use, which are kept back for a while."""
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        update = "UPDATE entries SET used = ? WHERE key = ?"
        rows = [(when, key) for key, when in used.items()]
        self.file.run(lambda connection: connection.executemany(update, rows), write=True)

    def _note_use(self, keys):
        now = int(time.time())
        with self._lock:
            self._used.update(dict.fromkeys(keys, now))
            full = len(self._used) >= _TOUCHES
        if full:
            self.flush()


def _select(connection, keys):
    find = "SELECT value FROM rows WHERE key = ?"
    rows = [connection.execute(find, (key,)).fetchone() for key in keys]
    return [row and row[0] for row in rows]


def _row_key(kind, key):
    return hashlib.blake2b(key, key=kind.encode(), digest_size=16).digest()


def _seal(key, digest):
    return hashlib.blake2b(key + digest, digest_size=8).digest()


def _checked_digest(key, sealed):
    if not isinstance(sealed, bytes) or sealed[-8:] != _seal(key, sealed[:-8]):
        return None
    return sealed[:-8]


def _after_fork():
    # Locks may be held by threads that do not exist here; what was counted, the parent writes.
    global _stores_lock
    _stores_lock = threading.Lock()
    for store in _stores.values():
        store._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _flush_all():
    for store in list(_stores.values()):
        store.flush()
        store.file.close()
