"""load_chestxray14: the official data as people have it on disk."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ._chestxray14_tables import (
    BOX_COLUMNS,
    find_table,
    name_some,
    read_boxes,
    read_entries,
    read_list,
)

ENTRY_STEMS = ("Data_Entry_2017_v2020", "Data_Entry_2017")
BOX_STEM = "BBox_List_2017"
_BOX_TYPES = {
    "index": np.int64,
    "image": str,
    "label": str,
    "x": float,
    "y": float,
    "w": float,
    "h": float,
}
PARTS = {"train_val": "train_val_list", "test": "test_list"}

DESCR = """\
NIH ChestX-ray14
----------------
{n:,} frontal chest X-rays of {patients:,} patients, {parts}, from
{folder}

:Labels: 14 diseases, found in the radiologists' reports by text processing; they are noisy, and
    0 in all of them means "No Finding".
:Boxes: {boxes} lesions outlined by a radiologist; x, y, w, h in a 1024 x 1024 frame, whatever the
    size of the image file.
:Patients: have up to dozens of images; split by `groups`.

The data were provided by the NIH Clinical Center and are free to use. The NIH asks to be credited
and to have the data linked: https://nihcc.app.box.com/v/ChestXray-NIHCC, and to have this cited:

Xiaosong Wang, Yifan Peng, Le Lu, Zhiyong Lu, Mohammadhadi Bagheri, Ronald M. Summers.
ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised Classification
and Localization of Common Thorax Diseases. IEEE CVPR 2017, pp. 3462-3471.
"""


@validate_params(
    {
        "data_dir": [str, os.PathLike],
        "part": [StrOptions({"train_val", "test"}), None],
        "images": ["boolean"],
        "on_missing": [StrOptions({"raise", "drop"})],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_chestxray14(data_dir, *, part=None, images=True, on_missing="raise", return_X_y=False):
    """Read NIH ChestX-ray14, or a part of it, from a folder.

    The folder holds `Data_Entry_2017_v2020.csv` or `Data_Entry_2017.csv` (the former is read where
    both are) and the images in `images/`, in `images_001/images/` to `images_012/images/`, in
    `images_001/` to `images_012/`, or in any mix of them. `train_val_list.txt`, `test_list.txt` and
    `BBox_List_2017.csv` are read where they are. Each table may be compressed (`.gz`). Image files
    that the table does not list are not part of the data.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    part : {"train_val", "test"} or None, default=None
        Keep one official part; None keeps everything.
    images : bool, default=True
        False reads the tables alone: no image file is looked for and `frame` has no `path`.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about images of the table whose file is not there, and about entries of the lists
        and of the box table that the table of images does not have. "drop" leaves them out.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        frame : DataFrame of n rows
            `path` (with ``images=True``), then the metadata under one spelling for all tables:
            `Image Index`, `Follow-up #`, `Patient ID`, `Patient Age` (whole years),
            `Patient Gender`, `View Position`, `Original Width`, `Original Height` (pixels),
            `Pixel Spacing x`, `Pixel Spacing y` (mm), as far as the table has them. It is an X for
            every stage. Findings are not in it.
        labels : DataFrame of shape (n, 14), int8
            1 where the disease is named; columns in the order of `CHESTXRAY14_LABELS`.
        groups : ndarray of shape (n,), int64
            Patient ID.
        boxes : DataFrame
            `index` (row of `frame`), `image` (file name), `label` (spelled as in `labels`), and
            `x`, `y`, `w`, `h` in the 1024 x 1024 frame. Empty without a box table.
        part : ndarray of shape (n,), object
            "train_val", "test", or None where no list names the image.
        DESCR : str
            Description, credit and reference.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or image folder, or image files are missing.
    ValueError
        A table or list is not what it should be; the message names the file and the row.

    References
    ----------
    Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on
    Weakly-Supervised Classification and Localization of Common Thorax Diseases", CVPR 2017.
    Data: https://nihcc.app.box.com/v/ChestXray-NIHCC

    Examples
    --------
    >>> from skcxr.datasets import load_chestxray14
    >>> data = load_chestxray14("ChestXray-NIHCC", part="train_val")  # doctest: +SKIP
    >>> X, y, groups = data.frame, data.labels, data.groups  # doctest: +SKIP
    """
    folder = Path(data_dir)
    table = _find_entries(folder)
    frame, labels = read_entries(table)
    keep = np.ones(len(frame), bool)
    if images:
        paths, keep = _image_paths(folder, frame["Image Index"], on_missing)
        frame.insert(0, "path", paths)
    parts = _official_parts(folder, frame["Image Index"], part, on_missing)
    if part is not None:
        keep = keep & (parts == part)
    boxes = _boxes(folder, frame["Image Index"], keep, on_missing)
    frame = frame[keep].reset_index(drop=True)
    labels = labels[keep].reset_index(drop=True)
    parts = parts[keep]
    if return_X_y:
        return frame, labels
    counts = [f"{(parts == name).sum():,} in {name}" for name in PARTS if (parts == name).any()]
    groups = frame["Patient ID"].to_numpy()
    return Bunch(
        frame=frame,
        labels=labels,
        groups=groups,
        boxes=boxes,
        part=parts,
        DESCR=DESCR.format(
            n=len(frame),
            patients=len(np.unique(groups)),
            parts=", ".join(counts) or "no official split",
            folder=folder,
            boxes=len(boxes),
        ),
    )


def _find_entries(folder):
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder.")
    table = find_table(folder, ENTRY_STEMS, ".csv")
    if table is None:
        inside = sorted(f.name for f in folder.iterdir())
        nested = [
            f
            for f in inside
            if (folder / f).is_dir() and find_table(folder / f, ENTRY_STEMS, ".csv")
        ]
        hint = f" Its folder {nested[0]} has one: pass {folder / nested[0]}." if nested else ""
        raise FileNotFoundError(
            f"{folder} holds no {' or '.join(s + '.csv' for s in ENTRY_STEMS)} (or .csv.gz), so it "
            f"is not a ChestX-ray14 folder; it holds {name_some(inside) or 'nothing'}.{hint}"
        )
    return table


def _image_paths(folder, names, on_missing):
    """Path of each image, and which of them are there."""
    parts = [f"images_{i:03d}" for i in range(1, 13)]
    places = [
        folder / "images",
        *(folder / p / "images" for p in parts),
        *(folder / p for p in parts),
    ]
    places = [place for place in places if place.is_dir()]
    if not places:
        raise FileNotFoundError(
            f"{folder} has no folder images/ and none of images_001/ to images_012/; images=False "
            "reads the tables alone."
        )
    there = {}
    for place in places:
        with os.scandir(place) as entries:
            for entry in entries:
                there.setdefault(entry.name, entry.path)
    paths = names.map(there)
    found = paths.notna().to_numpy()
    if not found.all() and (on_missing == "raise" or not found.any()):
        raise FileNotFoundError(
            f"{(~found).sum():,} of the {len(names):,} images in the table have no file in "
            f"{name_some([os.fspath(p) for p in places], 3)}: {name_some(names[~found])}."
            + (' on_missing="drop" leaves them out.' if found.any() else "")
        )
    return paths, found


def _official_parts(folder, names, part, on_missing):
    parts = np.full(len(names), None, object)
    place = pd.Index(names)
    for name, stem in PARTS.items():
        path = find_table(folder, (stem,), ".txt")
        if path is None:
            if name == part:
                raise FileNotFoundError(
                    f"part={part!r} needs {folder / stem}.txt, which is not there."
                )
            continue
        listed = read_list(path)
        rows = place.get_indexer(listed)
        _strangers(path, [n for n, row in zip(listed, rows, strict=True) if row < 0], on_missing)
        rows = rows[rows >= 0]
        both = rows[np.not_equal(parts[rows], None).astype(bool)]
        if len(both):
            raise ValueError(
                f"{len(both)} images are in both split lists of {folder}: {name_some(names[both])}."
            )
        parts[rows] = name
    return parts


def _boxes(folder, names, keep, on_missing):
    """Boxes of the kept images, with the row each image will have."""
    path = find_table(folder, (BOX_STEM,), ".csv")
    if path is None:
        return pd.DataFrame({name: pd.Series(dtype=_BOX_TYPES[name]) for name in BOX_COLUMNS})
    boxes = read_boxes(path)
    rows = pd.Index(names).get_indexer(boxes["image"])
    _strangers(path, boxes["image"][rows < 0], on_missing)
    wanted = (rows >= 0) & keep[rows]
    boxes.insert(0, "index", (np.cumsum(keep) - 1)[rows])
    return boxes[wanted].astype(_BOX_TYPES).reset_index(drop=True)


def _strangers(path, names, on_missing):
    names = list(dict.fromkeys(names))
    if names and on_missing == "raise":
        raise ValueError(
            f"{path} names {len(names):,} images that the table of images does not have: "
            f'{name_some(names)}. on_missing="drop" leaves them out.'
        )
