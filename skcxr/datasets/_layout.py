"""write_chestxray14_layout: phantoms on disk, as ChestX-ray14 comes."""

import gzip
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

from .._sklearn import Interval, StrOptions, validate_params
from ._labels import NO_FINDING

_FRAME = 1024  # boxes of ChestX-ray14 are in a frame of this size
_COLUMNS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient {},View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


@validate_params(
    {
        "bunch": [dict],
        "data_dir": [str, PathLike],
        "size": [Interval(Integral, 8, None, closed="left"), None],
        "table": [StrOptions({"2017", "v2020"})],
        "n_folders": [Interval(Integral, 0, 12, closed="both")],
        "test_size": [Interval(Real, 0, 1, closed="left"), None],
        "boxes": ["boolean"],
        "compress": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def write_chestxray14_layout(
    bunch,
    data_dir,
    *,
    size=None,
    table="v2020",
    n_folders=0,
    test_size=0.25,
    boxes=True,
    compress=False,
    random_state=None,
):
    """Write phantoms to disk in the layout of ChestX-ray14.

    Parameters
    ----------
    bunch : Bunch
        What :func:`make_chest_phantoms` returns.
    data_dir : str or path
        Folder to write into; made if it is not there. A folder that holds anything is refused.
    size : int or None, default=None
        Side of the image files in pixels; None keeps that of the phantoms.
    table : {"v2020", "2017"}, default="v2020"
        Which table of the two is written: `Data_Entry_2017_v2020.csv`, with ages as numbers, or
        `Data_Entry_2017.csv` with ages as 058Y and an empty last column.
    n_folders : int, default=0
        0: all images in `images/`. Otherwise they are dealt out to `images_001/images/` and so on.
    test_size : float or None, default=0.25
        Share of the patients in `test_list.txt`; None writes no lists.
    boxes : bool, default=True
        Write `BBox_List_2017.csv`, in the 1024 x 1024 frame and with the official header.
    compress : bool, default=False
        Write the tables and lists as .gz.
    random_state : int, RandomState instance or None, default=None
        Draws the test patients.

    Returns
    -------
    data_dir : pathlib.Path
        The folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import load_chestxray14, make_chest_phantoms
    >>> from skcxr.datasets import write_chestxray14_layout
    >>> with TemporaryDirectory() as folder:
    ...     phantoms = make_chest_phantoms(6, size=64, random_state=0)
    ...     data = load_chestxray14(write_chestxray14_layout(phantoms, folder))
    >>> data.labels.shape
    (6, 14)
    """
    folder = Path(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty; phantoms are written to a folder of their own."
        )
    _write_images(bunch, folder, size, n_folders)
    _write_entries(bunch, folder, table, compress)
    if boxes:
        _write_boxes(bunch, folder, compress)
    if test_size is not None:
        _write_lists(bunch, folder, test_size, compress, check_random_state(random_state))
    return folder


def _write_images(bunch, folder, size, n_folders):
    import cv2

    n = len(bunch.images)
    for i, (name, image) in enumerate(zip(bunch.frame["Image Index"], bunch.images, strict=True)):
        place = folder / "images"
        if n_folders:
            place = folder / f"images_{i * n_folders // n + 1:03d}" / "images"
        place.mkdir(parents=True, exist_ok=True)
        if size is not None and size != len(image):
            how = cv2.INTER_AREA if size < len(image) else cv2.INTER_CUBIC
            image = cv2.resize(image, (size, size), interpolation=how)
        # imencode and write_bytes: OpenCV itself does not say why it could not write a file.
        done, data = cv2.imencode(".png", image)
        if not done:
            raise RuntimeError(f"OpenCV could not encode {name}.")
        (place / name).write_bytes(data.tobytes())


def _write_entries(bunch, folder, table, compress):
    old = table == "2017"
    names = np.array(bunch.labels.columns)
    lines = [_COLUMNS.format("Gender") + ("," if old else "")]
    for row, values in zip(bunch.frame.to_dict("records"), bunch.labels.to_numpy(), strict=True):
        age = f"{row['Patient Age']:03d}Y" if old else row["Patient Age"]
        cells = [
            row["Image Index"],
            "|".join(names[values == 1]) or NO_FINDING,
            row["Follow-up #"],
            row["Patient ID"],
            age,
            row["Patient Gender"],
            row["View Position"],
            *(2 * [_FRAME]),
            *(2 * [0.35]),
        ]
        lines.append(",".join(map(str, cells)) + ("," if old else ""))
    stem = "Data_Entry_2017" if old else "Data_Entry_2017_v2020"
    _write_text(folder / f"{stem}.csv", lines, compress)


def _write_boxes(bunch, folder, compress):
    scale = _FRAME / bunch.images.shape[1]
    lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for row in bunch.boxes.itertuples():
        label = "Infiltrate" if row.label == "Infiltration" else row.label
        sides = [repr(float(value * scale)) for value in (row.x, row.y, row.w, row.h)]
        lines.append(",".join([row.image, label, *sides]))
    _write_text(folder / "BBox_List_2017.csv", lines, compress)


def _write_lists(bunch, folder, test_size, compress, rng):
    patients = np.unique(bunch.groups)
    test = rng.permutation(patients)[: round(test_size * len(patients))]
    in_test = np.isin(bunch.groups, test)
    for stem, chosen in (("train_val_list", ~in_test), ("test_list", in_test)):
        _write_text(folder / f"{stem}.txt", bunch.frame["Image Index"][chosen], compress)


def _write_text(path, lines, compress):
    text = "".join(f"{line}\n" for line in lines).encode()
    if compress:
        path, text = path.with_name(path.name + ".gz"), gzip.compress(text)
    path.write_bytes(text)
