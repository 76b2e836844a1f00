"""load_nih_sample: the five per cent of ChestX-ray14 that Kaggle hosts."""

import os

from .._sklearn import StrOptions, validate_params
from ._chestxray14_folder import read_folder


@validate_params(
    {
        "data_dir": [str, os.PathLike],
        "label_names": ["array-like", None],
        "images": ["boolean"],
        "on_missing": [StrOptions({"raise", "drop"})],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_nih_sample(
    data_dir, *, label_names=None, images=True, on_missing="raise", return_X_y=False
):
    r"""Read the random sample of NIH ChestX-ray14 that Kaggle hosts: 5,606 films.

    The folder holds `sample_labels.csv`, whose ages are written 060Y and whose columns are named
    otherwise than in the full data set, and the films in `images/`.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    label_names : list of str, default=None
        The labels to keep, in this order; None keeps all.
    images : bool, default=True
        False reads the table alone.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about films of the table whose file is not there.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As :func:`load_chestxray14` returns it: the columns of `frame` are named and the ages
        counted as there. No film is in an official part, and there are no boxes.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or image folder, or films are missing.
    ValueError
        The table is not what it should be; the message names the row.

    References
    ----------
    https://www.kaggle.com/datasets/nih-chest-xrays/sample

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import load_nih_sample
    >>> table = "Image Index,Finding Labels,Patient ID,Patient Age\n7_0.png,Mass|Nodule,7,060Y"
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "sample_labels.csv").write_text(table)
    ...     data = load_nih_sample(folder, images=False)
    >>> data.frame["Patient Age"].item(), data.labels["Mass"].item()
    (60, 1)
    """
    data = read_folder(
        data_dir,
        ("sample_labels",),
        "NIH ChestX-ray14, Kaggle's sample",
        label_names=label_names,
        images=images,
        on_missing=on_missing,
    )
    return (data.frame, data.labels) if return_X_y else data
