"""What is in the store, how to empty it and how to keep it small; cached fits."""

import os
import re
import shutil
import warnings
from pathlib import Path

from ._images import evict, get_limit, open_store

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def cache_info(memory):
    """Count what is stored.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator.

    Returns
    -------
    DataFrame
        One line per kind of result with ``entries``, ``bytes``, ``hits`` and ``misses`` (since the
        store was begun). ``attrs`` has ``path``, ``file_bytes`` and ``limit_bytes``.
    """
    import pandas as pd

    store = _require(memory)
    store.flush()

    def look(connection):
        held = connection.execute("SELECT kind, count(*), sum(size) FROM entries GROUP BY kind")
        sizes = {str(kind): (n, size) for kind, n, size in held}
        counts = {str(kind): n for kind, *n in connection.execute("SELECT * FROM counts")}
        return sizes, counts, get_limit(connection)

    sizes, counts, limit = store.file.run(look, default=({}, {}, None))
    kinds = sorted({*sizes, *counts})
    table = pd.DataFrame(
        [(*sizes.get(kind, (0, 0)), *counts.get(kind, (0, 0))) for kind in kinds],
        index=pd.Index(kinds, name="kind", dtype=object),
        columns=["entries", "bytes", "hits", "misses"],
    )
    table.attrs.update(
        path=str(store.file.path), file_bytes=store.file.size_on_disk(), limit_bytes=limit
    )
    return table


def clear_cache(memory, kind=None):
    """Remove per-image results, and the states of interrupted trainings; give their space back.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator. Fits that joblib keeps there stay; ``Memory.clear`` removes them.
    kind : str, default=None
        Only this kind of result, as `cache_info` names it; None is all, and interrupted trainings.
    """
    store = _require(memory)
    store.flush()

    def remove(connection):
        if kind is None:
            for table in ("rows", "entries", "memo", "counts"):
                connection.execute(f"DELETE FROM {table}")
        else:
            which = "key IN (SELECT key FROM entries WHERE kind = ?)"
            connection.execute(f"DELETE FROM rows WHERE {which}", (kind,))
            connection.execute("DELETE FROM entries WHERE kind = ?", (kind,))
            connection.execute("DELETE FROM counts WHERE kind = ?", (kind,))

    store.file.run(remove, write=True)
    store.file.shrink()
    if kind is None:
        shutil.rmtree(checkpoint_folder(store), ignore_errors=True)


def checkpoint_folder(store):
    """Return where fine-tuning keeps the state after each epoch, next to the store."""
    return Path(store.folder) / "fine_tuning"


def set_cache_limit(memory, limit_bytes):
    """Bound the size of the store; the results that were not used for longest go first.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator. The limit is kept in the store, for all who use it.
    limit_bytes : int, str or None
        Such as ``10_000_000_000`` or ``"10GB"`` (1 GB is 10⁹ bytes); None removes the limit.
    """
    limit = _bytes(limit_bytes)
    store = _require(memory)
    store.flush()

    def write(connection):
        connection.execute("DELETE FROM settings WHERE name = 'limit'")
        if limit is not None:
            connection.execute("INSERT INTO settings VALUES ('limit', ?)", (limit,))
        return evict(connection)

    if store.file.run(write, write=True):
        store.file.shrink()


def cached_fit(memory, function, *args, ignore=(), **kwargs):
    """Return ``function(*args, **kwargs)``, from joblib's cache where it ran before.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
        None calls the function.
    function : callable
        Of module level, with plain arguments: numbers, strings, arrays, digests.
    *args, **kwargs
        For ``function``.
    ignore : sequence of str
        Arguments on which the result does not depend, such as ``verbose``.

    Returns
    -------
    object
        What ``function`` returned.
    """
    import joblib

    if memory is None or (hasattr(memory, "cache") and getattr(memory, "location", 0) is None):
        return function(*args, **kwargs)
    try:
        if not hasattr(memory, "cache"):
            # Compressed for its checksum: a damaged file fails to load and is computed again.
            memory = joblib.Memory(os.fspath(memory), verbose=0, compress=1)
        return memory.cache(function, ignore=list(ignore), verbose=0)(*args, **kwargs)
    except Exception as error:
        if _was_raised_in(error, function):
            raise
        warnings.warn(
            f"A fit could not be kept in {memory} ({error}): it is computed and not kept.",
            RuntimeWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)


def _was_raised_in(error, function):
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is getattr(function, "__code__", None):
            return True
        trace = trace.tb_next
    return False


def _require(memory):
    store = open_store(memory)
    if store is None:
        raise ValueError("memory=None keeps nothing; name the folder that the estimators use")
    return store


def _bytes(limit):
    if limit is None:
        return None
    if isinstance(limit, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", limit.lower())
        if not found:
            raise ValueError(f"a size looks like '500MB' or '10GB', got {limit!r}")
        limit = float(found[1]) * _UNITS[found[2]]
    if limit <= 0:
        raise ValueError(f"the limit must be above 0 bytes, got {limit}")
    return int(limit)
