"""Per-image results under content keys: the store that every expensive stage shares."""

import atexit
import hashlib
import os
import threading
import time
from pathlib import Path

from ._codec import Damaged, OtherVersion, decode, encode
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
    location = getattr(memory, "location", None) if hasattr(memory, "cache") else memory
    if location is None:
        return None
    if not isinstance(location, str | os.PathLike):
        raise TypeError(
            f"memory must be None, a folder or a joblib.Memory, got {type(memory).__name__}"
        )
    folder = os.path.join(os.path.expanduser(location), "skcxr")
    store = _store_in(os.path.realpath(folder))
    store.file.retry()
    return store


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
        self._counts = {}

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
                except OtherVersion:
                    self.file.warn(
                        "version",
                        f"The image store {self.file.path} has rows of another version of skcxr: "
                        "they are computed again.",
                    )
                except Damaged:
                    self.file.warn(
                        "rows",
                        f"The image store {self.file.path} has damaged rows: they are computed "
                        "again.",
                    )
        self._count(kind, [key for key, row in zip(keys, rows, strict=True) if row is not None])
        self._count(kind, [], sum(row is None for row in rows))
        return rows

    def has_many(self, kind, keys):
        """Tell for each key whether a row is stored; it may still turn out to be damaged."""
        keys = [_row_key(kind, key) for key in keys]

        def look(connection):
            find = "SELECT 1 FROM entries WHERE key = ?"
            return [connection.execute(find, (key,)).fetchone() is not None for key in keys]

        known = self.file.run(look, default=[False] * len(keys))
        self._count(kind, [], known.count(False))
        return known

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
            evict(connection)

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
        """Write times of use and the counts of hits and misses, which are kept back for a while."""
        with self._lock:
            used, self._used = self._used, {}
            counts, self._counts = self._counts, {}
        if not counts:
            return

        def update(connection):
            connection.executemany(
                "UPDATE entries SET used = ? WHERE key = ?",
                [(when, key) for key, when in used.items()],
            )
            connection.executemany(
                "INSERT INTO counts VALUES (?1, ?2, ?3) ON CONFLICT (kind) "
                "DO UPDATE SET hits = hits + ?2, misses = misses + ?3",
                [(kind, *count) for kind, count in counts.items()],
            )

        self.file.run(update, write=True)

    def _count(self, kind, hits, n_misses=0):
        now = int(time.time())
        with self._lock:
            self._used.update(dict.fromkeys(hits, now))
            count = self._counts.setdefault(kind, [0, 0])
            count[0] += len(hits)
            count[1] += n_misses
            full = len(self._used) >= _TOUCHES
        if full:
            self.flush()


def get_limit(connection):
    """Return the bound on the size of the store in bytes, or None."""
    found = connection.execute("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'limit'")
    return (found.fetchone() or [None])[0]


def evict(connection, share=0.9):
    """Remove the least recently used rows of a store that has outgrown its limit.

    Parameters
    ----------
    connection : sqlite3.Connection
        Within a transaction.
    share : float, default=0.9
        Down to which share of the limit, so that the next writes need not evict again.

    Returns
    -------
    int
        How many rows were removed.
    """
    limit = get_limit(connection)
    if limit is None:
        return 0
    page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    pages -= connection.execute("PRAGMA freelist_count").fetchone()[0]
    excess = pages * page_size - share * limit
    if excess <= (1 - share) * limit:
        return 0
    old = []
    oldest = "SELECT key, CAST(size AS INTEGER) FROM entries ORDER BY used"
    for key, size in connection.execute(oldest):
        if excess <= 0:
            break
        old.append((key,))
        excess -= size
    connection.executemany("DELETE FROM rows WHERE key = ?", old)
    connection.executemany("DELETE FROM entries WHERE key = ?", old)
    return len(old)


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
