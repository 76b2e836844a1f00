"""load_vindr_cxr: VinDr-CXR as PhysioNet publishes it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from .._sklearn import StrOptions, validate_params
from ._assemble import assemble
from ._label_names import choose_labels, plain
from ._official import CONSTRAINTS, find_one, find_parts
from ._read_table import Table, check_columns, read_table
from ._table_labels import read_marks
from ._vindr_boxes import read_vindr_boxes

PARTS = ("train", "test")
_NOT_LABELS = ("image_id", "rad_id", "part", "readers")
_SUFFIXES = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")

MORE = """\
:Labels: in the training part of three radiologists each, taken together by {consensus}; in the
    test part a consensus of five.
:Patients: are not published, so that films of one patient cannot be kept together.
:Boxes: in pixels of each film as published; in the training part one for each radiologist.

Ha Q. Nguyen et al. VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations.
Scientific Data 9, 2022. https://physionet.org/content/vindr-cxr
"""

_CONSTRAINTS = {k: v for k, v in CONSTRAINTS.items() if k not in ("views", "uncertain")}


@validate_params(
    _CONSTRAINTS
    | {
        "part": [StrOptions(set(PARTS)), None],
        "consensus": [StrOptions({"majority", "any", "all"})],
        "boxes": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_vindr_cxr(
    data_dir,
    *,
    part=None,
    label_names=None,
    consensus="majority",
    blank="unknown",
    common_names=True,
    boxes=True,
    images=True,
    on_missing="raise",
    return_X_y=False,
):
    """Read VinDr-CXR, or a part of it, from a folder.

    The folder holds `train/` and `test/` with films named by image_id (.dicom; .dcm, .png and .jpg
    are found too), and, beside them or in `annotations/`, `image_labels_train.csv`,
    `image_labels_test.csv`, `annotations_train.csv` and `annotations_test.csv`. One part alone is
    enough.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    part : {"train", "test"} or None, default=None
        Keep one part; None keeps all that is there.
    label_names : list of str, default=None
        The labels to keep, in this order, as `common_names` spells them; None keeps all.
    consensus : {"majority", "any", "all"}, default="majority"
        Of the radiologists who read a film, how many must see a finding: more than half, one, or
        each.
    blank : {"unknown", "negative", "raise"}, default="unknown"
        What becomes of a label that no radiologist has filled in.
    common_names : bool, default=True
        Use ChestX-ray14's spelling for the same finding (`COMMON_LABEL_NAMES`): Pleural effusion
        becomes Effusion. Nodule/Mass, which is wider than Nodule and Mass, stays.
    boxes : bool, default=True
        Read the boxes too. Their frame is in the header of each film that has one, so that the
        films must be DICOM.
    images : bool, default=True
        False reads the tables alone; the boxes' frames are NaN then.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about films whose file is not there.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As :func:`load_table` returns it. `frame` has `image_id`, `part` and `readers`, the number
        of radiologists. There are no patient identifiers: `groups` is None and no column is called
        `patient`. `boxes` has `index` (row of `frame`), `image` (image_id), `label`, `x`, `y`,
        `w`, `h` in pixels of the film, `frame_width`, `frame_height` (its size) and `rad_id`.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or film.
    ValueError
        A table is not what it should be; the message names the column, row or film.

    References
    ----------
    Nguyen et al., "VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations",
    Scientific Data 9, 2022.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import load_vindr_cxr
    >>> table = '''image_id,rad_id,Cardiomegaly,Pleural effusion,No finding
    ... a1,R1,1,0,0
    ... a1,R2,1,0,0
    ... a1,R3,0,1,0'''
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "image_labels_train.csv").write_text(table)
    ...     data = load_vindr_cxr(folder, images=False)
    >>> data.labels.to_dict("list"), data.frame["readers"].tolist()
    ({'Cardiomegaly': [1], 'Effusion': [0]}, [3])
    """
    tables = find_parts(data_dir, PARTS, lambda name: _places(f"image_labels_{name}.csv"), part)
    frame = pd.concat([_votes(path, name, consensus) for name, path in tables.items()])
    source = " and ".join(str(path) for path in tables.values())
    table = Table(frame.reset_index(drop=True), source)
    labels = [name for name in frame if name not in _NOT_LABELS and plain(name) != "no finding"]
    bunch = assemble(
        table,
        data_dir,
        path=lambda t: _films(t, data_dir) if images else t["image_id"],
        images=images,
        patient=None,
        labels=choose_labels(labels, label_names, source, common_names),
        drop=labels,
        part="part",
        only_part=part,
        blank=blank,
        on_missing=on_missing,
        common_names=common_names,
        title="VinDr-CXR",
        more=MORE.format(consensus=consensus),
    )
    paths = [
        find_one(data_dir, _places(f"annotations_{name}.csv"), needed=False)
        for name in (tables if boxes else ())
    ]
    bunch.boxes = read_vindr_boxes(
        [path for path in paths if path is not None],
        pd.Index(bunch.frame["image_id"]),
        bunch.frame["path"].tolist() if images else None,
        common_names,
    )
    return (bunch.frame, bunch.labels) if return_X_y else bunch


def _places(name):
    return [name, f"annotations/{name}"]


def _votes(path, part, consensus):
    """One row per film: the radiologists' labels taken together."""
    table = read_table(path)
    check_columns(table, ["image_id"])
    readers = ["image_id", "rad_id"] if "rad_id" in table.frame else ["image_id"]
    twice = table.frame.duplicated(readers)
    if twice.any():
        row = table.frame.loc[twice, readers].iloc[0]
        raise ValueError(f"{path} lists {' of '.join(row)} more than once.")
    # The test table says "Other disease" where the training table says "Other diseases".
    names = {c: "Other diseases" if plain(c) == "other disease" else c for c in table.frame}
    marks = pd.DataFrame(
        {
            names[column]: read_marks(table.frame[column], table.name)
            for column in table.frame
            if column not in _NOT_LABELS
        }
    )
    if (marks == -1).any(axis=None):
        raise ValueError(f"{path} has -1 among its labels; VinDr-CXR has 1, 0 and blank.")
    by_film = marks.groupby(table.frame["image_id"], sort=False)
    if consensus == "majority":
        share = by_film.mean()
        found = (share > 0.5).where(share.notna())
    else:
        found = by_film.max() if consensus == "any" else by_film.min()
    found = found.astype(float)
    found.insert(0, "image_id", found.index)
    found.insert(1, "part", part)
    return found.assign(readers=by_film.size())


def _films(table, data_dir):
    """File of each film: its image_id with the ending that its folder has for it."""
    there = {}
    for part in table["part"].unique():
        folder = Path(data_dir).expanduser() / part
        if folder.is_dir():
            for name in sorted(os.listdir(folder)):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in _SUFFIXES:
                    there.setdefault((part, stem), f"{part}/{name}")
    pairs = zip(table["part"], table["image_id"], strict=True)
    return np.array([there.get((p, i), f"{p}/{i}.dicom") for p, i in pairs], object)
