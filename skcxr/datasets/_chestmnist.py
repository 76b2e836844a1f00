"""load_chestmnist: ChestX-ray14 at 28 to 224 pixels, as MedMNIST publishes it."""

from os import PathLike
from pathlib import Path
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np
import pandas as pd

from .._sklearn import StrOptions, validate_params
from ._bunch import data_set
from ._label_names import choose_labels
from ._labels import CHESTXRAY14_LABELS

PARTS = ("train", "val", "test")
# RuntimeError: encrypted; NotImplementedError: packed as nobody packs
_DAMAGED = (OSError, EOFError, ValueError, MemoryError, RuntimeError, BadZipFile, ZlibError)

DESCR = """\
ChestMNIST
----------
{n:,} frontal chest X-rays of {size} pixels, {parts}, from
{source}

:Labels: the 14 of ChestX-ray14, out of the reports by text processing.
:Patients: are not in the file. The parts are those of MedMNIST; within one of them, films of one
    patient cannot be kept together.

Jiancheng Yang et al. MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical
image classification. Scientific Data 10, 2023. https://medmnist.com (CC BY 4.0)
"""


@validate_params(
    {
        "path": [str, PathLike],
        "part": [StrOptions(set(PARTS)), None],
        "label_names": ["array-like", None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_chestmnist(path, *, part=None, label_names=None, return_X_y=False):
    """Read ChestMNIST from its file.

    Parameters
    ----------
    path : str or path
        `chestmnist.npz` (28 pixels), `chestmnist_64.npz`, `chestmnist_128.npz` or
        `chestmnist_224.npz`, with train_images, train_labels and the same of val and test.
    part : {"train", "val", "test"} or None, default=None
        Keep one part; None keeps all.
    label_names : list of str, default=None
        The labels to keep, in this order; None keeps all.
    return_X_y : bool, default=False
        Return ``(images, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        images, data : ndarray of shape (n, size, size), uint8
            The films. They are in memory: there are no paths.
        labels, target : DataFrame of shape (n, 14), int8
            Columns as in `CHESTXRAY14_LABELS`, which is MedMNIST's order.
        frame : DataFrame
            `part`.
        groups : None
            The file does not know the patients.
        part : ndarray of shape (n,), object
            "train", "val" or "test".
        DESCR : str
            What was read.
    (images, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not what it should be; the message says what it lacks.

    References
    ----------
    Yang et al., "MedMNIST v2", Scientific Data 10, 2023.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skcxr.datasets import load_chestmnist
    >>> films, labels = np.zeros((2, 28, 28), np.uint8), np.eye(2, 14, dtype=np.uint8)
    >>> arrays = {f"{part}_images": films for part in ("train", "val", "test")}
    >>> arrays |= {f"{part}_labels": labels for part in ("train", "val", "test")}
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "chestmnist.npz")
    ...     np.savez(path, **arrays)
    ...     data = load_chestmnist(path, part="test")
    >>> data.images.shape, data.labels.columns[data.labels.iloc[1] == 1].tolist()
    ((2, 28, 28), ['Cardiomegaly'])
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    images, labels, parts = [], [], []
    for name in PARTS if part is None else [part]:
        films, marks = (_array(path, f"{name}_{what}") for what in ("images", "labels"))
        _check(films, marks, name, path)
        images.append(films)
        labels.append(marks.astype(np.int8))
        parts += [name] * len(films)
    images = images[0] if len(images) == 1 else np.concatenate(images)
    labels = pd.DataFrame(np.concatenate(labels), columns=list(CHESTXRAY14_LABELS))
    labels = labels[choose_labels(labels, label_names, path)]
    if return_X_y:
        return images, labels
    parts = np.array(parts, object)
    counts = ", ".join(f"{(parts == name).sum():,} in {name}" for name in dict.fromkeys(parts))
    description = DESCR.format(n=len(images), size=images.shape[1], parts=counts, source=path)
    frame = pd.DataFrame({"part": parts})
    return data_set(frame, labels, None, data=images, images=images, part=parts, DESCR=description)


def _array(path, name):
    """One array of the file; its checksum is looked at, and nothing in it runs."""
    try:
        with ZipFile(path) as file:
            there = [member.removesuffix(".npy") for member in file.namelist()]
            if name not in there:
                raise ValueError(f"it has no array {name!r} but {', '.join(there)}")
            with file.open(f"{name}.npy") as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
                if member.read(1):  # the end of the member is where its checksum is compared
                    raise ValueError(f"array {name!r} is longer than its shape")
                return array
    except _DAMAGED as error:
        raise ValueError(f"{path} is not ChestMNIST's npz file: {error}.") from error


def _check(films, marks, name, path):
    if films.ndim != 3 or films.dtype != np.uint8 or films.shape[1] != films.shape[2]:
        raise ValueError(
            f"{path}: {name}_images is {films.dtype} of shape {films.shape}; ChestMNIST's is uint8 "
            "of (n, size, size)."
        )
    if marks.shape != (len(films), len(CHESTXRAY14_LABELS)):
        raise ValueError(
            f"{path}: {name}_labels has shape {marks.shape}; {len(films)} films with "
            f"{len(CHESTXRAY14_LABELS)} labels are needed."
        )
    bad = ~np.isin(marks, (0, 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{path}: {name}_labels is {marks[row, column]} in row {row}, column {column}; "
            "accepted are 0 and 1."
        )
