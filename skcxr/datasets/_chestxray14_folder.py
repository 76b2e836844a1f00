"""A folder in ChestX-ray14's layout: tables, image folders, split lists, boxes."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from ._boxes import box_table
from ._bunch import data_set
from ._chestxray14_tables import find_table, read_boxes, read_entries, read_list
from ._label_names import choose_labels
from ._messages import name_some
from ._patients import check_parts

BOX_STEM = "BBox_List_2017"
PARTS = {"train_val": "train_val_list", "test": "test_list"}

DESCR = """\
{title}
{line}
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


def read_folder(
    data_dir, stems, title, *, part=None, label_names=None, images=True, on_missing="raise"
):
    """Read what :func:`load_chestxray14` documents; the first table of `stems` that is there."""
    folder = Path(data_dir).expanduser()
    table = _find_entries(folder, stems)
    frame, labels = read_entries(table)
    frame.insert(0, "patient", frame["Patient ID"])
    keep, missing = np.ones(len(frame), bool), []
    if images:
        paths, keep = _image_paths(folder, frame["Image Index"], on_missing)
        frame.insert(0, "path", paths)
        missing = frame["Image Index"][~keep].tolist()
    parts = _official_parts(folder, frame["Image Index"], part, on_missing)
    check_parts(frame["patient"], parts, folder)
    if part is not None:
        keep = keep & (parts == part)
    boxes = _boxes(folder, frame["Image Index"], keep, on_missing)
    frame = frame[keep].reset_index(drop=True)
    labels = labels[choose_labels(labels, label_names, folder)][keep].reset_index(drop=True)
    parts = parts[keep]
    counts = [f"{(parts == name).sum():,} in {name}" for name in PARTS if (parts == name).any()]
    groups = frame["patient"].to_numpy()
    description = DESCR.format(
        title=title,
        line="-" * len(title),
        n=len(frame),
        patients=len(np.unique(groups)),
        parts=", ".join(counts) or "no official split",
        folder=folder,
        boxes=len(boxes),
    )
    return data_set(
        frame, labels, groups, boxes=boxes, part=parts, missing=missing, DESCR=description
    )


def _find_entries(folder, stems):
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder.")
    table = find_table(folder, stems, ".csv")
    if table is None:
        inside = sorted(f.name for f in folder.iterdir())
        nested = [
            f for f in inside if (folder / f).is_dir() and find_table(folder / f, stems, ".csv")
        ]
        hint = f" Its folder {nested[0]} has one: pass {folder / nested[0]}." if nested else ""
        raise FileNotFoundError(
            f"{folder} holds no {' or '.join(s + '.csv' for s in stems)} (or .csv.gz), so it is "
            f"not a ChestX-ray14 folder; it holds {name_some(inside) or 'nothing'}.{hint}"
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
        return box_table([])
    boxes = read_boxes(path)
    rows = pd.Index(names).get_indexer(boxes["image"])
    _strangers(path, boxes["image"][rows < 0], on_missing)
    wanted = (rows >= 0) & keep[rows]
    boxes.insert(0, "index", (np.cumsum(keep) - 1)[rows])
    return box_table(boxes[wanted])


def _strangers(path, names, on_missing):
    names = list(dict.fromkeys(names))
    if names and on_missing == "raise":
        raise ValueError(
            f"{path} names {len(names):,} images that the table of images does not have: "
            f'{name_some(names)}. on_missing="drop" leaves them out.'
        )
