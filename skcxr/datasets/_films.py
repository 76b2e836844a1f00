"""Film files that a table names: where they are, and which are missing."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from ._messages import name_some


def find_films(names, root, *, nested, on_missing, source):
    """Path of each film and which of them are there.

    Parameters
    ----------
    names : Series of n str or paths
        As the table has them.
    root : path
        Where relative names start.
    nested : bool
        Look for names that are not there in all folders beneath `root`, by file name.
    on_missing : {"raise", "drop"}
    source : str
        The table, for messages.

    Returns
    -------
    paths : ndarray of shape (n,), object
    found : ndarray of shape (n,), bool
    """
    lacking = np.flatnonzero(names.isna())
    if len(lacking):
        raise ValueError(
            f"{source}, data row {names.index[lacking[0]]}: column {names.name!r} has no file name."
        )
    root = Path(root).expanduser()
    folders = {}
    paths = [_locate(os.fspath(n) if isinstance(n, os.PathLike) else str(n), root) for n in names]
    found = np.array([_is_file(path, folders) for path in paths])
    if os.sep == "/" and not found.all():  # written on Windows
        for i in np.flatnonzero(~found):
            other = paths[i].replace("\\", "/")
            if other != paths[i] and _is_file(other, folders):
                paths[i], found[i] = other, True
    if nested and not found.all():
        _search(paths, found, root, source)
    if not found.all() and (on_missing == "raise" or not found.any()):
        raise FileNotFoundError(
            f"{(~found).sum():,} of the {len(names):,} films of {source} are not there: "
            f"{name_some([p for p, there in zip(paths, found, strict=True) if not there])}; "
            "relative names start at root"
            + (', and on_missing="drop" leaves them out.' if found.any() else ".")
        )
    paths = pd.Series(paths, dtype=object)
    check_twice(paths[found], source)
    return paths.to_numpy(), found


def check_twice(films, source):
    """Refuse films that are listed more than once."""
    twice = films[films.duplicated()].unique()
    if len(twice):
        raise ValueError(f"{source} lists {len(twice):,} films more than once: {name_some(twice)}.")


def _locate(name, root):
    name = os.path.expanduser(name.strip())
    return os.path.normpath(name if os.path.isabs(name) else os.path.join(root, name))


def _is_file(path, folders):
    """Whether a file is there; a folder is listed once, not asked about each of its films."""
    folder, name = os.path.split(path)
    if folder not in folders:
        try:
            with os.scandir(folder) as entries:
                folders[folder] = {entry.name for entry in entries if entry.is_file()}
        except OSError:
            folders[folder] = set()
    return name in folders[folder]


def _search(paths, found, root, source):
    """Fill in films that are somewhere beneath `root`."""
    wanted = {os.path.basename(paths[i]) for i in np.flatnonzero(~found)}
    there = {}
    for folder, _, files in os.walk(root):
        for name in wanted.intersection(files):
            there.setdefault(name, []).append(os.path.join(folder, name))
    twice = sorted(name for name, places in there.items() if len(places) > 1)
    if twice:
        raise ValueError(
            f"{source}: {name_some(twice)} is in more than one folder beneath {root}: "
            f"{name_some(there[twice[0]])}."
        )
    for i in np.flatnonzero(~found):
        place = there.get(os.path.basename(paths[i]))
        if place:
            paths[i], found[i] = os.path.normpath(place[0]), True
