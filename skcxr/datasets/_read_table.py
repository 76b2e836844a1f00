"""Tables as people keep them: CSV from anywhere, Parquet, a DataFrame."""

import csv
import gzip
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ._messages import name_some

#: What counts as an empty cell of a text table, in lower case.
BLANKS = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null"})
_SEPARATORS = ",;\t|"


class Table(NamedTuple):
    """A table and how to speak of it.

    Attributes
    ----------
    frame : DataFrame
        The cells of a text table are str or None.
    name : str
        For messages.
    folder : pathlib.Path
        Where its relative paths start unless a root is given.
    is_text : bool
        Whether numbers are still text.
    decimal_comma : bool
        Whether 0,5 is a number, as in tables whose cells are set apart by semicolons.
    keep_index : bool
        Whether the index is the user's own.
    """

    frame: pd.DataFrame
    name: str
    folder: Path = Path()
    is_text: bool = False
    decimal_comma: bool = False
    keep_index: bool = False


def read_table(table, encoding=None):
    """Read a table of any kind that `load_table` documents into a `Table`."""
    if isinstance(table, pd.DataFrame):
        if not table.index.is_unique:
            raise ValueError(
                "The DataFrame's index names rows more than once; reset_index(drop=True) numbers "
                "them anew."
            )
        _check_header(list(table.columns), "The DataFrame")
        return Table(table, "The DataFrame", keep_index=True)
    path = Path(table).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such table.")
    kind = path.suffix.lower()
    if kind in (".xls", ".xlsx", ".ods"):
        raise ValueError(
            f"{path} is a spreadsheet; save it as CSV, or pass pandas.read_excel(...)'s DataFrame."
        )
    if kind in (".parquet", ".pq"):
        frame, comma = _read_parquet(path), False
    else:
        frame, comma = _read_text(path, encoding)
    if frame.empty:
        raise ValueError(f"{path} has no rows.")
    return Table(frame, str(path), path.parent, kind not in (".parquet", ".pq"), comma)


def _read_parquet(path):
    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            f"{path}: pandas reads Parquet with pyarrow or fastparquet, and neither is installed."
        ) from error
    except Exception as error:  # pyarrow's and fastparquet's own, OSError among them
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    return frame.reset_index(drop=frame.index.names == [None])


def _read_text(path, encoding):
    """Cells of a CSV file as str or None, and whether its numbers have decimal commas."""
    raw = path.read_bytes()
    try:
        text = _decode(gzip.decompress(raw) if path.suffix == ".gz" else raw, encoding)
    except (OSError, EOFError, UnicodeError) as error:
        raise ValueError(f"{path} is not a text table: {error}.") from error
    if "\0" in text:
        raise ValueError(f"{path} is not a text table: it holds null bytes.")
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")  # old Macs end lines in \r
    first, _, rest = text.partition("\n")
    separator = None
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel's own hint
        separator, text = first[4], rest
    separator = separator or _sniff(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, width = [], 0
    try:
        header = [cell.strip() for cell in next(reader, [])]
        width = len(header)
        if not any(header):
            raise ValueError(f"{path} has no header.")
        for row in reader:
            if any(cell and not cell.isspace() for cell in row[width:]):
                raise ValueError(
                    f"{path}, line {reader.line_num}: {len(row)} cells, and the header has {width}."
                )
            cells = [None if (c := cell.strip()).lower() in BLANKS else c for cell in row[:width]]
            if any(cells):
                rows.append(cells + [None] * (width - len(cells)))  # Excel leaves out trailing ones
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}.") from error
    frame = pd.DataFrame(np.array(rows, object).reshape(-1, width))
    unnamed = [i for i, name in enumerate(header) if not name]
    frame = frame.drop(columns=[i for i in unnamed if frame[i].isna().all()])
    frame.columns = [header[i] or f"Unnamed: {i}" for i in frame.columns]
    _check_header(list(frame.columns), str(path))
    return frame, separator == ";"


def _decode(raw, encoding):
    if encoding is not None:
        return raw.decode(encoding)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # Excel's "Unicode text"
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252")  # Excel's "CSV" on western machines


def _sniff(line):
    """Separator that takes the header apart into most cells."""
    cells = {s: len(next(csv.reader([line], delimiter=s), [])) for s in _SEPARATORS}
    return max(_SEPARATORS, key=cells.get)


def _check_header(names, source):
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{source} has more than one column {name_some(twice)}.")


def check_columns(table, names):
    """Refuse columns that a table does not have, naming them and those it has."""
    missing = [name for name in dict.fromkeys(names) if name not in table.frame]
    if missing:
        raise ValueError(
            f"{table.name} has no column {name_some(map(repr, missing), 20)}; it has "
            f"{name_some(map(repr, table.frame.columns), 40)}."
            + (" path= names the column of the films' files." if "path" in missing else "")
        )


def plain_column(column, table):
    """A column of a text table as pandas would read it.

    Codes stay text: leading zeros, and more digits than a float holds.
    """
    if not table.is_text:
        return column
    known = column.dropna().astype(str)
    if not known.str.fullmatch(r"-?0\d+|\d{16,}").any():
        numbers = pd.to_numeric(known, errors="coerce")
        if table.decimal_comma and numbers.isna().any():
            numbers = pd.to_numeric(known.str.replace(",", ".", regex=False), errors="coerce")
        if numbers.notna().all():
            return numbers.reindex(column.index)
    return pd.Series(column.tolist(), index=column.index, name=column.name)
