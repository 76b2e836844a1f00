"""load_chestxray14: the official data as people have it on disk."""

import os

from .._sklearn import StrOptions, validate_params
from ._chestxray14_folder import read_folder

ENTRY_STEMS = ("Data_Entry_2017_v2020", "Data_Entry_2017")


@validate_params(
    {
        "data_dir": [str, os.PathLike],
        "part": [StrOptions({"train_val", "test"}), None],
        "label_names": ["array-like", None],
        "images": ["boolean"],
        "on_missing": [StrOptions({"raise", "drop"})],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_chestxray14(
    data_dir, *, part=None, label_names=None, images=True, on_missing="raise", return_X_y=False
):
    """Read NIH ChestX-ray14, or a part of it, from a folder.

    The folder holds `Data_Entry_2017_v2020.csv` or `Data_Entry_2017.csv` (the former is read where
    both are) and the images in `images/`, in `images_001/images/` to `images_012/images/`, in
    `images_001/` to `images_012/`, or in any mix of them. `train_val_list.txt`, `test_list.txt` and
    `BBox_List_2017.csv` are read where they are. Each table may be compressed (`.gz`). Image files
    that the table does not list are not part of the data.

    Parameters
    ----------
    data_dir : str or path
        The folder; `~` is the home folder.
    part : {"train_val", "test"} or None, default=None
        Keep one official part; None keeps everything.
    label_names : list of str, default=None
        The labels to keep, in this order; None keeps all.
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
        frame, data : DataFrame of n rows
            `path` (with ``images=True``), `patient` (the Patient ID under the name that it has in
            every data set), then the metadata under one spelling for all tables:
            `Image Index`, `Follow-up #`, `Patient ID`, `Patient Age` (whole years),
            `Patient Gender`, `View Position`, `Original Width`, `Original Height` (pixels),
            `Pixel Spacing x`, `Pixel Spacing y` (mm), as far as the table has them. It is an X for
            every stage. Findings are not in it.
        labels, target : DataFrame of shape (n, 14), int8
            1 where the disease is named; columns in the order of `CHESTXRAY14_LABELS`.
        groups : ndarray of shape (n,), int64
            Patient ID.
        boxes : DataFrame
            `index` (row of `frame`), `image` (file name), `label` (spelled as in `labels`),
            `x`, `y`, `w`, `h`, and `frame_width`, `frame_height`, the size of the image that they
            refer to: 1024 x 1024, whatever the size of the files. Empty without a box table.
        part : ndarray of shape (n,), object
            "train_val", "test", or None where no list names the image.
        missing : list of str
            Names of the images that were left out because their file is not there.
        DESCR : str
            Description, credit and reference.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or image folder, or image files are missing.
    ValueError
        A table or list is not what it should be, or a patient is in both official parts; the
        message names the file and the row, or the patient.

    References
    ----------
    Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on
    Weakly-Supervised Classification and Localization of Common Thorax Diseases", CVPR 2017.
    Data: https://nihcc.app.box.com/v/ChestXray-NIHCC

    Examples
    --------
    Phantoms in the layout of the data set stand in for it here.

    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import load_chestxray14, make_chest_phantoms
    >>> from skcxr.datasets import write_chestxray14_layout
    >>> phantoms = make_chest_phantoms(6, size=64, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     data = load_chestxray14(write_chestxray14_layout(phantoms, folder), part="train_val")
    >>> X, y, groups = data.frame, data.labels, data.groups
    >>> list(X)[:3], y.shape[1]
    (['path', 'patient', 'Image Index'], 14)
    """
    data = read_folder(
        data_dir,
        ENTRY_STEMS,
        "NIH ChestX-ray14",
        part=part,
        label_names=label_names,
        images=images,
        on_missing=on_missing,
    )
    return (data.frame, data.labels) if return_X_y else data
