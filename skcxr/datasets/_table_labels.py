"""Labels out of a table: columns of 0/1, one column of names, or a function of the user's."""

import re

import numpy as np
import pandas as pd

from ._label_names import plain
from ._messages import name_some
from ._read_table import BLANKS, check_columns

_MARKS = {"true": 1.0, "false": 0.0}
_TEXT = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
# ['a' 'b'], as a printed array has it, is no list: Python would read one name ab.
_LIST = re.compile(rf"\[\s*(?:{_TEXT}(?:\s*,\s*{_TEXT})*\s*,?\s*)?\]")


def label_columns(labels):
    """Columns of the table that an argument `labels` names."""
    if labels is None or callable(labels):
        return []
    return [labels] if isinstance(labels, str) else list(labels)


def read_labels(table, labels, *, label_names, separator, no_finding, spared):
    """Labels of a table by the rules of `load_table`.

    Returns
    -------
    labels : DataFrame of shape (n, k), float64
        1, 0, -1 where uncertain, NaN where blank.
    used : list
        Columns that hold labels and no metadata.
    """
    used = label_columns(labels)
    check_columns(table, used)
    if label_names is not None and not isinstance(labels, str):
        raise ValueError("label_names chooses among the names in one column; labels is none here.")
    if callable(labels):
        values = _called(labels, table)
    elif isinstance(labels, str):
        values = _named(table, labels, label_names, separator, no_finding)
    else:
        names = list(labels.values()) if isinstance(labels, dict) else used
        values, healthy = _marked(table, used, names, no_finding, spared)
        used = used + healthy
    return values, used


def read_marks(column, source):
    """1, 0, -1 and NaN of a column, float64.

    Parameters
    ----------
    column : Series
        Numbers, booleans or text.
    source : str
        For messages.
    """
    codes, values = pd.factorize(column)
    marks = np.full(len(values) + 1, np.nan)  # the last one is for missing values, code -1
    for i, value in enumerate(values):
        if isinstance(value, str):
            text = value.strip().lower()
            text = text.replace(",", ".").replace("\N{MINUS SIGN}", "-")
            value = np.nan if text in BLANKS else _MARKS.get(text, text)
        try:
            marks[i] = float(value)
        except (TypeError, ValueError):
            marks[i] = np.inf
    bad = ~(np.isnan(marks) | np.isin(marks, (0, 1, -1)))
    if bad.any():
        i = int(np.argmax(bad))
        row = int(np.argmax(codes == i))
        raise ValueError(
            f"{source}, data row {row}: label {column.name!r} is {values[i]!r}; accepted are 1, 0, "
            "-1 (uncertain), true, false and blank."
        )
    return marks[codes]


def _marked(table, columns, names, no_finding, spared):
    """Columns of 0/1. Blank labels of a film that is marked as without finding are 0."""
    nothing = {plain(name) for name in no_finding}
    kept = [(c, n) for c, n in zip(columns, names, strict=True) if plain(n) not in nothing]
    _check_names([name for _, name in kept], table.name)
    values = pd.DataFrame(
        {name: read_marks(table.frame[column], table.name) for column, name in kept},
        index=table.frame.index,
    )
    healthy = [c for c in table.frame if plain(c) in nothing]
    for column in healthy:
        clear = read_marks(table.frame[column], table.name) == 1
        said = values.columns.isin(list(spared))
        values = values.mask(values.isna().to_numpy() & clear[:, None] & ~said, 0.0)
    return values, healthy


def _called(labels, table):
    values = labels(table.frame)
    if not isinstance(values, pd.DataFrame) or len(values) != len(table.frame):
        raise ValueError(
            "labels(table) must return a DataFrame of labels with a row for each of the "
            f"{len(table.frame)} rows; got {type(values).__name__}"
            + (f" of {len(values)} rows." if hasattr(values, "__len__") else ".")
        )
    _check_names(list(values.columns), "labels(table)")
    marks = {name: read_marks(values[name], "labels(table)") for name in values}
    return pd.DataFrame(marks, index=table.frame.index)


def _check_names(names, source):
    if not names:
        raise ValueError(f"{source}: labels names no label, or 'No Finding' alone.")
    twice = {str(name) for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{source}: label {name_some(sorted(twice))} is there more than once.")


def split_names(column, separator, source):
    """Names in each cell of a column of 'A|B', "['A', 'B']" or lists; None for a blank cell."""
    seen = {}
    cells = []
    for row, cell in enumerate(column):
        if isinstance(cell, str):
            if cell not in seen:
                seen[cell] = _split(cell, separator, f"{source}, data row {row}: {column.name!r}")
            cells.append(seen[cell])
        elif isinstance(cell, list | tuple | set | frozenset | np.ndarray):
            cells.append(tuple(str(name).strip() for name in cell if str(name).strip()))
        elif pd.isna(cell):
            cells.append(None)
        else:
            raise ValueError(
                f"{source}, data row {row}: {column.name!r} is {cell!r}; accepted are names set "
                f"apart by {separator!r}, lists of names and blank."
            )
    return cells


def _split(cell, separator, where):
    text = cell.strip()
    if text.lower() in BLANKS:
        return None
    if text.startswith("["):
        if not _LIST.fullmatch(text):
            raise ValueError(
                f"{where} is {text!r}, which is not a list of names such as ['A', 'B']."
            )
        names = [re.sub(r"\\(.)", r"\1", part[1:-1]) for part in re.findall(_TEXT, text)]
    else:
        names = text.split(separator)
    return tuple(name.strip() for name in names if name.strip())


def _named(table, column, label_names, separator, no_finding):
    nothing = {plain(name) for name in no_finding}
    cells = split_names(table.frame[column], separator, table.name)
    for row, names in enumerate(cells):
        none = [name for name in names or () if plain(name) in nothing]
        if none and len(names) > len(none):
            raise ValueError(
                f"{table.name}, data row {row}: {column!r} has {none[0]!r} beside a finding: "
                f"{', '.join(names)}."
            )
    return indicators(
        [None if c is None else [n for n in c if plain(n) not in nothing] for c in cells],
        label_names,
        f"{table.name}: column {column!r}",
        table.frame.index,
    )


def indicators(cells, label_names, source, index):
    """Names per row to columns of 0/1, NaN in rows that are None."""
    there = sorted({name for names in cells for name in names or ()})
    chosen = there if label_names is None else list(label_names)
    missing = [name for name in chosen if name not in set(there)]
    if missing or not chosen:
        raise ValueError(
            f"{source} never has {name_some(map(repr, missing), 20) or 'any name'}; it has "
            f"{name_some(map(repr, there), 40) or 'none'}."
        )
    _check_names(chosen, source)
    place = {name: j for j, name in enumerate(chosen)}
    values = np.zeros((len(cells), len(chosen)))
    for row, names in enumerate(cells):
        if names is None:
            values[row] = np.nan
        else:
            values[row, [place[name] for name in names if name in place]] = 1
    return pd.DataFrame(values, columns=chosen, index=index)


def apply_policies(values, rows, source, uncertain, blank):
    """-1 and NaN to what the user wants of them.

    Parameters
    ----------
    values : DataFrame of shape (n, k)
        As :func:`read_labels` returns them.
    rows : ndarray of shape (n,)
        Their rows in the table, for messages.
    source : str
        The table, for messages.
    uncertain, blank : str
        As of `load_table`.

    Returns
    -------
    labels : DataFrame of shape (n, k)
        int8, or float32 with NaN where a label is unknown.
    """
    marks = values.to_numpy(dtype=float, copy=True)
    empty, unsure = np.isnan(marks), marks == -1
    for found, policy, argument, what in (
        (unsure, uncertain, "uncertain", "-1"),
        (empty, blank, "blank", "blank"),
    ):
        if policy == "raise" and found.any():
            row, j = np.argwhere(found)[0]
            raise ValueError(
                f"{source}, data row {rows[row]}: label {values.columns[j]!r} is {what}, one of "
                f'{found.sum():,}, and {argument}="raise".'
            )
        marks[found] = {"unknown": np.nan, "positive": 1, "negative": 0}.get(policy, np.nan)
    dtype = np.float32 if np.isnan(marks).any() else np.int8
    return pd.DataFrame(marks.astype(dtype), columns=values.columns, index=values.index)
