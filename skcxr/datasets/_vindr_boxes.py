"""Boxes of VinDr-CXR, each in the frame of its own film."""

import numpy as np
import pandas as pd

from ._boxes import box_table
from ._label_names import common_label_name, plain
from ._read_table import check_columns, read_table

_CORNERS = ["x_min", "y_min", "x_max", "y_max"]


def read_vindr_boxes(paths, names, films, common_names):
    """Read the boxes of films that are there.

    Parameters
    ----------
    paths : list of path
        Tables with image_id, class_name, x_min, y_min, x_max, y_max and, in the training part,
        rad_id. Rows of "No finding" have no box.
    names : Index of n str
        image_id of each row of the data set.
    films : sequence of n str or None
        Their files, whose headers say the frame; None leaves it NaN.
    common_names : bool

    Returns
    -------
    boxes : DataFrame
        The columns of every data set's boxes, and rad_id where it is known.
    """
    tables = [_read(path) for path in paths]
    if not tables:
        return box_table([])
    boxes = pd.concat(tables, ignore_index=True)
    rows = names.get_indexer(boxes["image"])
    boxes = boxes[rows >= 0].assign(index=rows[rows >= 0])
    frames = np.full((len(names), 2), np.nan)
    if films is not None:
        for row in boxes["index"].unique():
            frames[row] = _frame(films[row])
    boxes["frame_width"], boxes["frame_height"] = frames[boxes["index"]].T
    outside = (boxes["x"] + boxes["w"] > boxes["frame_width"] + 1) | (
        boxes["y"] + boxes["h"] > boxes["frame_height"] + 1
    )
    if outside.any():
        box = boxes[outside].iloc[0]
        raise ValueError(
            f"Box {box.x:g}, {box.y:g}, {box.w:g}, {box.h:g} of {box.image} lies outside of its "
            f"film of {box.frame_width:g} x {box.frame_height:g} pixels."
        )
    if common_names:
        boxes["label"] = [common_label_name(name) for name in boxes["label"]]
    return box_table(boxes)


def _read(path):
    table = read_table(path)
    check_columns(table, ["image_id", "class_name", *_CORNERS])
    frame = table.frame[[plain(name) != "no finding" for name in table.frame["class_name"]]]
    sides = frame[_CORNERS].apply(pd.to_numeric, errors="coerce")
    bad = sides.isna().any(axis=1) | (sides["x_max"] <= sides["x_min"])
    bad |= (sides["y_max"] <= sides["y_min"]) | (sides[["x_min", "y_min"]] < -1).any(axis=1)
    if bad.any():
        row = bad.idxmax()
        raise ValueError(
            f"{path}, data row {row}: box of {frame.loc[row, 'image_id']} has corners "
            f"{table.frame.loc[row, _CORNERS].tolist()}; needed are x_min < x_max, y_min < y_max."
        )
    boxes = pd.DataFrame(
        {
            "image": frame["image_id"],
            "label": frame["class_name"],
            "x": sides["x_min"],
            "y": sides["y_min"],
            "w": sides["x_max"] - sides["x_min"],
            "h": sides["y_max"] - sides["y_min"],
        }
    )
    return boxes.assign(rad_id=frame["rad_id"]) if "rad_id" in frame else boxes


def _frame(path):
    """Width and height of a DICOM film, from its header alone."""
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        return float(header.Columns), float(header.Rows)
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise ValueError(
            f"{path} is not a DICOM file that says its rows and columns, which its boxes refer to; "
            f"boxes=False reads no boxes ({type(error).__name__})."
        ) from None
