"""load_padchest: PadChest as BIMCV publishes it."""

import pandas as pd

from .._sklearn import validate_params
from ._assemble import assemble
from ._label_names import common_label_name
from ._official import CONSTRAINTS, find_one
from ._read_table import check_columns, read_table
from ._table_labels import indicators, split_names

NORMAL = "normal"
# What the reports say about the film and not about the chest.
REMARKS = frozenset({"exclude", "suboptimal study", "unchanged"})

MORE = """\
:Labels: 27 % by radiologists (column MethodLabel: Physician), the rest by a network that read the
    Spanish reports. A finding that is not named is 0 where the report names any or says "normal".

Aurelia Bustos, Antonio Pertusa, Jose-Maria Salinas, Maria de la Iglesia-Vaya. PadChest: A large
chest x-ray image dataset with multi-label annotated reports. Medical Image Analysis 66, 2020.
https://bimcv.cipf.es/bimcv-projects/padchest
"""

_CONSTRAINTS = {k: v for k, v in CONSTRAINTS.items() if k != "uncertain"}


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def load_padchest(
    data_dir,
    *,
    label_names=None,
    views=None,
    blank="unknown",
    common_names=True,
    images=True,
    on_missing="raise",
    return_X_y=False,
):
    """Read PadChest from a folder.

    The folder holds `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv` (it may end in .gz) and
    the films, in the folders that its column ImageDir names (`0/`, `1/`, ...) or anywhere else
    beneath it.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    label_names : list of str, default=None
        The labels to keep, in this order; None keeps all of some 190 findings, diagnoses and
        devices.
    views : str or list of str, default=None
        Keep films whose `Projection` is one of these, such as ``["PA", "AP"]``; others are L,
        AP_horizontal and COSTAL. None keeps all.
    blank : {"unknown", "negative", "raise"}, default="unknown"
        What becomes of a film whose report names no finding and does not say "normal": an empty
        cell, or only "unchanged", "exclude" and "suboptimal study", which are no labels.
    common_names : bool, default=True
        Use ChestX-ray14's spelling for the same finding (`COMMON_LABEL_NAMES`): "pleural effusion"
        becomes Effusion, "pulmonary mass" and "mass" become Mass. Finer findings ("loculated
        pleural effusion") stay labels of their own.
    images : bool, default=True
        False reads the table alone.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about films whose file is not there.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As :func:`load_table` returns it. `patient` is PatientID. No film is in an official part.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or film.
    ValueError
        The table is not what it should be; the message names the column, row, film or label.

    References
    ----------
    Bustos et al., "PadChest: A large chest x-ray image dataset with multi-label annotated reports",
    Medical Image Analysis 66, 2020.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import load_padchest
    >>> table = '''ImageID,ImageDir,PatientID,Projection,Labels
    ... a.png,0,17,PA,"['cardiomegaly', ' pleural effusion']"
    ... b.png,0,18,PA,['normal']
    ... c.png,1,18,L,['unchanged']'''
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "PADCHEST_chest_x_ray_images_labels_160K.csv").write_text(table)
    ...     data = load_padchest(folder, images=False)
    >>> data.labels
       Cardiomegaly  Effusion
    0           1.0       1.0
    1           0.0       0.0
    2           NaN       NaN
    """
    table = read_table(find_one(data_dir, ["PADCHEST*.csv", "PADCHEST*.csv.gz"]))
    check_columns(table, ["ImageID", "ImageDir", "PatientID", "Projection", "Labels"])

    def labels(frame):
        rename = common_label_name if common_names else str
        cells = [
            None if names is None else _findings(names, rename)
            for names in split_names(frame["Labels"], "|", table.name)
        ]
        chosen = None if label_names is None else [rename(name) for name in label_names]
        return indicators(cells, chosen, f"{table.name}: column 'Labels'", frame.index)

    bunch = assemble(
        table,
        data_dir,
        path=_film,
        images=images,
        patient="PatientID",
        labels=labels,
        drop=["Labels"],
        views=("Projection", views),
        blank=blank,
        nested=True,
        on_missing=on_missing,
        title="PadChest",
        more=MORE,
    )
    return (bunch.frame, bunch.labels) if return_X_y else bunch


def _film(table):
    folders = table["ImageDir"].fillna(".")
    films = zip(folders, table["ImageID"], strict=True)
    return [None if pd.isna(film) else f"{folder}/{film}" for folder, film in films]


def _findings(names, rename):
    """Findings of one film; None where the report says nothing about the chest."""
    said = {name.lower() for name in names}
    findings = [rename(name) for name in names if name.lower() not in REMARKS | {NORMAL}]
    if "exclude" in said or not (findings or NORMAL in said):
        return None
    return findings
