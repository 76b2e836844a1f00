"""Which films are meant, and one bad film among many."""

import os
from typing import NamedTuple

SUFFIXES = (".bmp", ".dcm", ".dicom", ".jpeg", ".jpg", ".png", ".tif", ".tiff")


class Film(NamedTuple):
    """A film's file, and its name within what was asked for."""

    path: str
    name: str


def find_films(given):
    """List the films that files, folders and tables name.

    Parameters
    ----------
    given : list of str
        In a folder, files are taken by their ending, and those without one if they are DICOM.

    Returns
    -------
    films : list of Film
        In order of their names within each folder.
    n_others : int
        Files in folders that are no films by their names.

    Raises
    ------
    ValueError
        Where there is none at all.
    FileNotFoundError
        Where one that is named is not there.
    """
    films, n_others = [], 0
    for place in given:
        if os.path.isdir(place):
            inside = [
                os.path.join(folder, name)
                for folder, _, names in os.walk(place)
                for name in names
                if not name.startswith(".")
            ]
            taken = [path for path in sorted(inside) if _is_film(path)]
            # Within the folder, where there is one alone: then no two are the same.
            films += [Film(p, os.path.relpath(p, place) if len(given) == 1 else p) for p in taken]
            n_others += len(inside) - len(taken)
        elif place.lower().endswith(".csv"):
            films += _from_table(place)
        elif os.path.exists(place):
            films.append(Film(place, place))
        else:
            raise FileNotFoundError(f"there is no film or folder {place}")
    if not films:
        raise ValueError(f"no film was found in {', '.join(given)}: expected {', '.join(SUFFIXES)}")
    return films, n_others


def _is_film(path):
    if path.lower().endswith(SUFFIXES):
        return True
    if os.path.splitext(path)[1] or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _from_table(place):
    import pandas as pd

    table = pd.read_csv(place)
    if "path" not in table:
        raise ValueError(f"{place} has no column `path`; it has {', '.join(table.columns)}")
    folder = os.path.dirname(place)
    return [Film(os.path.join(folder, path), path) for path in table["path"].astype(str)]


def each_batch(films, batch_size, work, on_error):
    """Run ``work(paths)`` on batches of films; find the bad ones where that fails.

    Parameters
    ----------
    films : list of Film
    batch_size : int
    work : callable
        List of paths → a result that has a length of as many.
    on_error : {"raise", "nan"}

    Yields
    ------
    films : list of Film
    result : object or None
        None for a single film that cannot be used.
    error : str
        Why, or "".
    """
    for begin in range(0, len(films), batch_size):
        batch = films[begin : begin + batch_size]
        try:
            yield batch, work([film.path for film in batch]), ""
        except (ValueError, OSError):
            if on_error == "raise":
                raise
            for film in batch:
                try:
                    yield [film], work([film.path]), ""
                except (ValueError, OSError) as error:
                    yield [film], None, " ".join(str(error).split())
