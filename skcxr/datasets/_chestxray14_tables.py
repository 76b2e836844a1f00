"""The tables of ChestX-ray14 in every form they are handed around in."""

import gzip
import re
from contextlib import contextmanager
from zlib import error as ZlibError

import numpy as np
import pandas as pd

from ._labels import CHESTXRAY14_LABELS, NO_FINDING
from ._messages import name_some

FRAME = 1024  # width and height that the boxes refer to
BOX_LABELS = {"Infiltrate": "Infiltration"}  # spelled otherwise in the box table

# Header cells without case and punctuation -> our name. The header says
# `OriginalImage[Width,Height]`, which is two cells; sizes and spacing are optional.
_COLUMNS = {
    "imageindex": "Image Index",
    "findinglabels": "Finding Labels",
    "followup": "Follow-up #",
    "patientid": "Patient ID",
    "patientage": "Patient Age",
    "patientgender": "Patient Gender",
    "patientsex": "Patient Gender",
    "viewposition": "View Position",
    "originalimagewidth": "Original Width",
    "height": "Original Height",
    "originalimageheight": "Original Height",
    "originalimagepixelspacingx": "Pixel Spacing x",
    "y": "Pixel Spacing y",
    "originalimagepixelspacingy": "Pixel Spacing y",
}
_REQUIRED = ("Image Index", "Finding Labels", "Patient ID")


def find_table(data_dir, stems, suffix):
    """First existing `stem + suffix` or `stem + suffix + ".gz"` in a folder, or None."""
    for stem in stems:
        for ending in (suffix, suffix + ".gz"):
            path = data_dir / (stem + ending)
            if path.is_file():
                return path
    return None


@contextmanager
def _reading(path):
    """Errors of whoever reads a damaged table become one that names the file."""
    try:
        yield
    except (OSError, EOFError, ValueError, ZlibError) as error:
        raise ValueError(f"{path} is not a table that can be read: {error}.") from error


def _lines(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with _reading(path), opener(path, "rt", encoding="utf-8-sig") as file:
        yield from file


def _header(path):
    """Cells of the first line. Quotes are no guide: `Bbox [x,y,w,h]` spans four cells."""
    line = next(_lines(path), "")
    return [cell.strip() for cell in line.replace('"', "").split(",")]


def read_entries(path):
    """Read a Data_Entry table: metadata with one spelling of the column names, and labels.

    Parameters
    ----------
    path : pathlib.Path
        A .csv or .csv.gz file, of 2017 or v2020.

    Returns
    -------
    frame : DataFrame of shape (n, n_columns)
        Metadata without the findings.
    labels : DataFrame of shape (n, 14), int8
        The findings, columns as in `CHESTXRAY14_LABELS`.
    """
    header = _header(path)
    known = [_COLUMNS.get(re.sub(r"[^a-z]", "", cell.lower())) for cell in header]
    lacking = [name for name in _REQUIRED if name not in known]
    if lacking:
        raise ValueError(
            f"{path} has no column {lacking}; its header is {header}. A Data_Entry table of "
            "ChestX-ray14 is needed."
        )
    used = [i for i, name in enumerate(known) if name]
    text = {known.index("Image Index"): str}
    with _reading(path):
        frame = pd.read_csv(path, header=None, skiprows=1, usecols=used, dtype=text)
    frame.columns = [known[i] for i in frame.columns]
    image = frame["Image Index"]
    if image.isna().any() or frame["Finding Labels"].isna().any():
        row = int(np.flatnonzero(image.isna() | frame["Finding Labels"].isna())[0])
        raise ValueError(f"{path}, data row {row}: no image name or no finding.")
    twice = image[image.duplicated()].unique()
    if len(twice):
        raise ValueError(f"{path} lists {len(twice)} images more than once: {name_some(twice)}.")
    frame["Patient ID"] = _integers(frame["Patient ID"], path)
    if "Follow-up #" in frame:
        frame["Follow-up #"] = _integers(frame["Follow-up #"], path)
    if "Patient Age" in frame:
        frame["Patient Age"] = _years(frame["Patient Age"], path)
    labels = _findings(frame.pop("Finding Labels"), path)
    order = [name for name in dict.fromkeys(_COLUMNS.values()) if name in frame]
    return frame[order], labels


def _integers(column, path):
    numbers = pd.to_numeric(column, errors="coerce")
    bad = numbers.isna() | (numbers % 1 != 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"{path}, data row {row}: {column.name!r} is {column.iloc[row]!r}, not a whole number."
        )
    return numbers.astype(np.int64)


def _years(column, path):
    """Ages in whole years: 58, or 058Y, 013M and 005D as the first tables had them."""
    if pd.api.types.is_numeric_dtype(column):
        return _integers(column, path)
    parts = column.astype(str).str.extract(r"^\s*(\d+)\s*([YMD]?)\s*$")
    if parts[0].isna().any():
        row = int(np.flatnonzero(parts[0].isna())[0])
        raise ValueError(
            f"{path}, data row {row}: 'Patient Age' is {column.iloc[row]!r}; accepted are years "
            "(58) or a number with Y, M or D (058Y)."
        )
    days = parts[1].map({"": 365, "Y": 365, "M": 365 / 12, "D": 1})
    return (parts[0].astype(float) * days / 365 + 1e-9).astype(np.int64)


def _findings(column, path):
    """'Mass|Nodule' to 0/1 columns. Each distinct string is taken apart once."""
    codes, values = pd.factorize(column)
    rows = np.zeros((len(values), len(CHESTXRAY14_LABELS)), np.int8)
    place = {name: j for j, name in enumerate(CHESTXRAY14_LABELS)}
    for i, value in enumerate(values):
        names = [name.strip() for name in value.split("|")]
        unknown = [name for name in names if name not in place and name != NO_FINDING]
        if unknown:
            row = int(np.flatnonzero(codes == i)[0])
            raise ValueError(
                f"{path}, data row {row}: unknown finding {unknown[0]!r}; known are "
                f"{[*CHESTXRAY14_LABELS, NO_FINDING]}."
            )
        if NO_FINDING in names and len(names) > 1:
            row = int(np.flatnonzero(codes == i)[0])
            raise ValueError(f"{path}, data row {row}: {value!r} has a finding and no finding.")
        rows[i, [place[name] for name in names if name in place]] = 1
    return pd.DataFrame(rows[codes], columns=list(CHESTXRAY14_LABELS))


def read_boxes(path):
    """Read the box table: columns image, label, x, y, w, h and the frame, 1024 x 1024 pixels."""
    width = len(_header(path))
    if width < 6:
        raise ValueError(
            f"{path} has {width} columns; a box table has image, finding, x, y, w and h first."
        )
    with _reading(path):
        boxes = pd.read_csv(path, header=None, skiprows=1, usecols=range(6))
    boxes.columns = ["image", "label", "x", "y", "w", "h"]
    boxes["label"] = boxes["label"].replace(BOX_LABELS)
    unknown = sorted(set(boxes["label"]) - set(CHESTXRAY14_LABELS))
    if unknown:
        raise ValueError(f"{path} has boxes of unknown findings {unknown}.")
    sizes = boxes[["x", "y", "w", "h"]].apply(pd.to_numeric, errors="coerce")
    bad = sizes.isna().any(axis=1) | (sizes[["w", "h"]] <= 0).any(axis=1)
    if bad.any():
        raise ValueError(
            f"{path}, data row {int(np.flatnonzero(bad)[0])}: x, y, w and h must be numbers, w and "
            "h above 0."
        )
    boxes[["x", "y", "w", "h"]] = sizes.astype(float)
    return boxes.assign(frame_width=FRAME, frame_height=FRAME)


def read_list(path):
    """Image names of a split list, one a line."""
    names = [line.strip() for line in _lines(path)]
    return [name for name in names if name]
