"""The bound on what a cache takes, and what goes first when it is outgrown."""

import heapq
import shutil
from pathlib import Path

FITS = ("skcxr", "_store", "_fits", "_kept")  # folders that joblib makes for what keeps them
_SLACK = 0.1  # of the limit, freed at once while rows are written, so that not every batch evicts


def get_setting(connection, name):
    """Return a number that was kept with the store, or None."""
    find = "SELECT CAST(value AS INTEGER) FROM settings WHERE name = ?"
    return (connection.execute(find, (name,)).fetchone() or [None])[0]


def put_setting(connection, name, value):
    """Keep a number with the store; None forgets it."""
    connection.execute("DELETE FROM settings WHERE name = ?", (name,))
    if value is not None:
        connection.execute("INSERT INTO settings VALUES (?, ?)", (name, value))


def make_room(connection):
    """Remove rows, within a transaction that writes some, if the cache has outgrown its limit."""
    limit = get_setting(connection, "limit")
    if limit is None:
        return
    room = limit - (get_setting(connection, "fits") or 0)
    if _bytes_used(connection) > room:
        evict(connection, [], _bytes_used(connection) - room + _SLACK * limit)


def evict(connection, fits, excess):
    """Remove what was not used for longest, rows and fits alike, until `excess` bytes are free.

    Parameters
    ----------
    connection : sqlite3.Connection
        Within a transaction.
    fits : list of (float, int, Path)
        As `fits_in` lists them.
    excess : float
        Bytes of the disk.

    Returns
    -------
    int
        How many rows and fits were removed.
    """
    payload = connection.execute("SELECT sum(size) FROM entries").fetchone()[0] or 1
    overhead = _bytes_used(connection) / payload  # a row takes whole pages, and a place in an index
    rows = connection.execute("SELECT used, CAST(size AS INTEGER), key FROM entries ORDER BY used")
    rows = ((used, size * overhead, key) for used, size, key in rows)
    old = []
    for _, size, item in heapq.merge(rows, sorted(fits), key=lambda entry: entry[0]):
        if excess <= 0:
            break
        old.append(item)
        excess -= size
    keys = [(item,) for item in old if isinstance(item, bytes)]
    connection.executemany("DELETE FROM rows WHERE key = ?", keys)
    connection.executemany("DELETE FROM entries WHERE key = ?", keys)
    for item in old:
        if not isinstance(item, bytes):
            shutil.rmtree(item, ignore_errors=True)
    return len(old)


def bound_size(store, location, *, exactly):
    """Keep a cache, rows and fits together, within the limit that was set for it.

    Parameters
    ----------
    store : ImageStore
    location : str
        The folder given as `memory`.
    exactly : bool
        Pack the file, so that no more is removed than must be, and give the space back; else
        make some room beyond that, in a moment.
    """

    def measure(connection):
        fits = fits_in(location)
        size = sum(size for _, size, _ in fits)
        put_setting(connection, "fits", size)
        limit = get_setting(connection, "limit")
        excess = 0 if limit is None else _bytes_used(connection) + size - limit
        return fits, excess, limit

    def shrink(connection):
        fits, excess, limit = measure(connection)
        if excess <= 0:
            return 0
        return evict(connection, fits, excess + (0 if exactly else _SLACK * limit))

    while exactly:
        store.file.shrink()
        if not store.file.run(shrink, write=True):
            store.file.shrink()
            return
    if store.file.run(shrink, write=True):
        store.file.run(measure, write=True)


def _bytes_used(connection):
    page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return (pages - connection.execute("PRAGMA freelist_count").fetchone()[0]) * page_size


def fits_in(location):
    """List ``(time of use, bytes, folder)`` of the fits kept below a location."""
    found = []
    for top in ("joblib", ""):  # joblib itself takes either, by the type of the location
        for path in Path(location, top, *FITS).glob("*/output.pkl"):
            try:
                size = sum(part.stat().st_size for part in path.parent.iterdir())
                found.append((path.stat().st_mtime, size, path.parent))
            except OSError:
                continue  # another process removes it
    return found


def remove_fits(location):
    """Remove all fits kept below a location."""
    for _, _, folder in fits_in(location):
        shutil.rmtree(folder, ignore_errors=True)
