"""What a cache holds, how to empty it and how to keep it small."""

import os
import re
import shutil
from pathlib import Path

from ._images import open_store
from ._private import location_of
from ._size import bound_size, fits_in, get_setting, put_setting, remove_fits

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def cache_info(memory):
    """Count what is kept.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator.

    Returns
    -------
    DataFrame
        One line per kind of result with ``entries`` and ``bytes``. ``"fit"`` are fits of heads and
        networks, ``"checkpoint"`` the states of trainings that have not ended, all others results
        per image. ``attrs`` has ``path``, ``file_bytes`` (of the file of per-image results) and
        ``limit_bytes``.

    Raises
    ------
    ValueError
        Where the folder holds no cache.

    Notes
    -----
    Films lie there decoded, at the size that the pipeline brings them to, beside what was computed
    of them; no file name, no patient's name and no label. Whoever can read the folder can look at
    the films: new folders are their user's alone, whatever the umask. Whoever can write to it can
    have code run by those who read it, since fits are kept by joblib as pickles: a folder that
    others can write to is refused, unless the environment variable ``SKCXR_SHARED_CACHE`` is
    ``1``.

    Examples
    --------
    >>> import tempfile
    >>> from skcxr import cache_info, make_chest_phantoms
    >>> from skcxr.features import LBPHOGExtractor
    >>> phantoms = make_chest_phantoms(4, size=64, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = LBPHOGExtractor(memory=folder).fit_transform(phantoms.images)
    ...     cache_info(folder)["entries"].to_dict()
    {'texture': 4}
    """
    import pandas as pd

    store, location = _open(memory)

    def look(connection):
        held = connection.execute("SELECT kind, count(*), sum(size) FROM entries GROUP BY kind")
        return {str(kind): n for kind, *n in held}, get_setting(connection, "limit")

    held, limit = store.file.run(look, default=({}, None))
    folder = checkpoint_folder(store)
    states = list(folder.iterdir()) if folder.is_dir() else []
    for kind, sizes in (
        ("checkpoint", [os.path.getsize(path) for path in states]),
        ("fit", [size for _, size, _ in fits_in(location)]),
    ):
        if sizes:
            held[kind] = (len(sizes), sum(sizes))
    kinds = sorted(held)
    table = pd.DataFrame(
        [held[kind] for kind in kinds],
        index=pd.Index(kinds, name="kind", dtype=object),
        columns=["entries", "bytes"],
    )
    table.attrs.update(
        path=str(store.file.path), file_bytes=store.file.size_on_disk(), limit_bytes=limit
    )
    return table


def clear_cache(memory, kind=None):
    """Remove what is kept, and give its space back.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator. What others than skcxr keep there through joblib stays.
    kind : str, default=None
        Only this kind of result, as `cache_info` names it; None is all.

    Raises
    ------
    ValueError
        Where the folder holds no cache, or nothing of this kind.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skcxr import cache_info, clear_cache
    >>> from skcxr.features import LBPHOGExtractor
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = LBPHOGExtractor(memory=folder).fit_transform(np.zeros((1, 64, 64), np.uint8))
    ...     clear_cache(folder, "texture")
    ...     len(cache_info(folder))
    0
    """
    store, location = _open(memory)
    held = cache_info(memory).index.tolist()
    if kind is not None and kind not in held:
        raise ValueError(
            f"kind={kind!r}: the cache in {location} holds none of it; it holds "
            f"{', '.join(map(repr, held)) or 'nothing'}."
        )

    def remove(connection):
        if kind is None:
            for table in ("rows", "entries", "memo"):
                connection.execute(f"DELETE FROM {table}")
        else:
            which = "key IN (SELECT key FROM entries WHERE kind = ?)"
            connection.execute(f"DELETE FROM rows WHERE {which}", (kind,))
            connection.execute("DELETE FROM entries WHERE kind = ?", (kind,))

    store.file.run(remove, write=True)
    store.file.shrink()
    if kind in (None, "fit"):
        remove_fits(location)
    if kind in (None, "checkpoint"):
        shutil.rmtree(checkpoint_folder(store), ignore_errors=True)


def checkpoint_folder(store):
    """Return where fine-tuning keeps the state after each epoch, next to the store."""
    return Path(store.folder) / "fine_tuning"


def set_cache_limit(memory, limit_bytes):
    """Bound what is kept; the results and fits that were not used for longest go first.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        As given to an estimator. The limit is kept in the store, for all who use it.
    limit_bytes : int, str or None
        Such as ``10_000_000_000`` or ``"10GB"`` (1 GB is 10⁹ bytes); None removes the limit.

    Raises
    ------
    ValueError
        Where there is no such folder, or the limit is no size.

    Examples
    --------
    >>> import tempfile
    >>> from skcxr import cache_info, set_cache_limit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     set_cache_limit(folder, "10GB")
    ...     cache_info(folder).attrs["limit_bytes"]
    10000000000
    """
    limit = _bytes(limit_bytes)
    store, location = _open(memory, may_be_empty=True)
    store.file.run(lambda connection: put_setting(connection, "limit", limit), write=True)
    bound_size(store, location, exactly=True)


def _open(memory, may_be_empty=False):
    """The store of a folder and the folder, or an error that makes nothing."""
    location = location_of(memory)
    if location is None:
        raise ValueError("memory=None keeps nothing; name the folder that the estimators use")
    store = open_store(memory)
    if not os.path.isdir(location):
        raise ValueError(f"there is no folder {location}; name the `memory` of the estimators")
    if not (may_be_empty or store.file.path.exists() or fits_in(location)):
        raise ValueError(
            f"the folder {location} holds nothing that skcxr has kept; name the `memory` of the "
            "estimators"
        )
    store.flush()
    return store, location


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
