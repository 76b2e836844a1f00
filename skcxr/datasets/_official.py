"""What the readers of public data sets share: their arguments, and finding their tables."""

from os import PathLike
from pathlib import Path

import pandas as pd

from ._messages import name_some
from ._read_table import Table, check_columns, read_table
from ._table import BLANK, ON_MISSING, UNCERTAIN

CONSTRAINTS = {
    "data_dir": [str, PathLike],
    "label_names": ["array-like", None],
    "views": ["array-like", str, None],
    "uncertain": [UNCERTAIN],
    "blank": [BLANK],
    "common_names": ["boolean"],
    "images": ["boolean"],
    "on_missing": [ON_MISSING],
    "return_X_y": ["boolean"],
}


def find_one(data_dir, patterns, *, needed=True):
    """The one file of a folder that matches one of `patterns`; None if it is not needed."""
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder.")
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if len(found) > 1:
        raise ValueError(
            f"{folder} has more than one table of {' or '.join(patterns)}: "
            f"{name_some([path.name for path in found])}; keep one."
        )
    if not found and needed:
        inside = sorted(path.name for path in folder.iterdir())
        raise FileNotFoundError(
            f"{folder} has no {' or '.join(patterns)}; it has {name_some(inside) or 'nothing'}."
        )
    return found[0] if found else None


def find_parts(data_dir, parts, patterns, part):
    """Tables of the parts that are there, by part; without any, or without `part`, an error.

    Parameters
    ----------
    parts : sequence of str
    patterns : callable
        Of a part: the names that its table may have.
    part : str or None
        One that is needed.
    """
    found = {name: find_one(data_dir, patterns(name), needed=False) for name in parts}
    found = {name: path for name, path in found.items() if path is not None}
    if not found or part not in (None, *found):
        find_one(data_dir, patterns(part or parts[0]))  # says what is there
    return found


def stack_parts(paths):
    """One table of the tables of the parts, with a column `part`.

    Parameters
    ----------
    paths : dict of {str: path}
        Part to its table.
    """
    tables = {part: read_table(path) for part, path in paths.items()}
    frames = [table.frame.assign(part=part) for part, table in tables.items()]
    name = " and ".join(table.name for table in tables.values())
    return Table(pd.concat(frames, ignore_index=True), name, is_text=True)


def join(table, path, keys, columns=None):
    """Columns of another table, matched by `keys`; rows that it does not have get blanks."""
    other = read_table(path)
    check_columns(table, keys)
    check_columns(other, [*keys, *(columns or [])])
    right = other.frame if columns is None else other.frame[[*keys, *columns]]
    twice = right.duplicated(keys)
    if twice.any():
        row = right.loc[twice, keys].iloc[0]
        raise ValueError(
            f"{other.name} lists {twice.sum():,} rows more than once: "
            + ", ".join(f"{key} {row[key]}" for key in keys)
            + "."
        )
    joined = table.frame.merge(right, how="left", on=keys, suffixes=("", f" of {Path(path).name}"))
    return table._replace(frame=joined)
