"""load_mimic_cxr_jpg: MIMIC-CXR-JPG as PhysioNet publishes it."""

import pandas as pd

from .._sklearn import StrOptions, validate_params
from ._assemble import assemble
from ._chexpert import CHEXPERT_LABELS, SPARED
from ._label_names import choose_labels
from ._official import CONSTRAINTS, find_one, join
from ._read_table import check_columns, read_table

PARTS = ("train", "validate", "test")

MORE = """\
:Labels: out of the reports, one row per study, by {labeler}; -1 where the report is unsure, blank
    where it says nothing. {unlabeled:,} films are of studies without a row of labels.

Alistair Johnson et al. MIMIC-CXR-JPG, a large publicly available database of labeled chest
radiographs. arXiv:1901.07042. https://physionet.org/content/mimic-cxr-jpg
"""


@validate_params(
    CONSTRAINTS
    | {
        "part": [StrOptions(set(PARTS)), None],
        "labeler": [StrOptions({"chexpert", "negbio"})],
    },
    prefer_skip_nested_validation=True,
)
def load_mimic_cxr_jpg(
    data_dir,
    *,
    part=None,
    labeler="chexpert",
    label_names=None,
    views=None,
    uncertain="unknown",
    blank="unknown",
    common_names=True,
    images=True,
    on_missing="raise",
    return_X_y=False,
):
    """Read MIMIC-CXR-JPG, or a part of it, from a folder.

    The folder holds `mimic-cxr-2.0.0-metadata.csv`, `-chexpert.csv` or `-negbio.csv`, and, for
    parts, `-split.csv` (each may end in .gz, any version), and the films as
    `files/p10/p10000032/s50414267/<dicom_id>.jpg`.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    part : {"train", "validate", "test"} or None, default=None
        Keep one part; None keeps all. A patient in two parts is refused.
    labeler : {"chexpert", "negbio"}, default="chexpert"
        Whose labels are read.
    views : str or list of str, default=None
        Keep films whose `ViewPosition` is one of these, such as ``["PA", "AP"]``; None keeps all.
    label_names, uncertain, blank, common_names, images, on_missing, return_X_y
        As in :func:`load_chexpert`.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As :func:`load_table` returns it. `patient` is subject_id; `labels` are those of the study,
        the 13 observations of the CheXpert labeller without "No Finding".
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or film.
    ValueError
        A table is not what it should be; the message names the column, row, film or patient.

    References
    ----------
    Johnson et al., "MIMIC-CXR-JPG, a large publicly available database of labeled chest
    radiographs", arXiv:1901.07042.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import CHEXPERT_LABELS, load_mimic_cxr_jpg
    >>> labels = ["subject_id,study_id,No Finding," + ",".join(CHEXPERT_LABELS)]
    >>> labels += ["10,50,1.0" + 13 * ","]
    >>> films = ["dicom_id,subject_id,study_id,ViewPosition", "a1,10,50,PA", "a2,10,50,LATERAL"]
    >>> with TemporaryDirectory() as folder:
    ...     for name, lines in {"chexpert": labels, "metadata": films}.items():
    ...         _ = Path(folder, f"mimic-cxr-2.0.0-{name}.csv").write_text(chr(10).join(lines))
    ...     data = load_mimic_cxr_jpg(folder, views="PA", images=False)
    >>> data.groups.tolist(), data.labels["Pneumothorax"].tolist()
    ([10], [0.0])
    """

    def file(kind, needed=True):
        names = [f"mimic-cxr-*-{kind}.csv", f"mimic-cxr-*-{kind}.csv.gz"]
        return find_one(data_dir, names, needed=needed)

    table = read_table(file("metadata"))
    check_columns(table, ["dicom_id", "subject_id", "study_id", "ViewPosition"])
    labels = file(labeler)
    table = join(table, labels, ["subject_id", "study_id"], ["No Finding", *CHEXPERT_LABELS])
    split = file("split", needed=part is not None)
    if split is not None:
        table = join(table, split, ["dicom_id", "subject_id", "study_id"], ["split"])
    unlabeled = table.frame[["No Finding", *CHEXPERT_LABELS]].isna().all(axis=1).sum()
    bunch = assemble(
        table,
        data_dir,
        path=_film,
        images=images,
        patient="subject_id",
        labels=choose_labels(CHEXPERT_LABELS, label_names, table.name, common_names),
        drop=CHEXPERT_LABELS,
        part=None if split is None else "split",
        only_part=part,
        views=("ViewPosition", views),
        spared=SPARED,
        uncertain=uncertain,
        blank=blank,
        on_missing=on_missing,
        common_names=common_names,
        title="MIMIC-CXR-JPG",
        more=MORE.format(labeler=labeler, unlabeled=unlabeled),
    )
    return (bunch.frame, bunch.labels) if return_X_y else bunch


def _film(table):
    films = table[["subject_id", "study_id", "dicom_id"]].itertuples(index=False)
    return [
        None if pd.isna(film) else f"files/p{subject[:2]}/p{subject}/s{study}/{film}.jpg"
        for subject, study, film in films
    ]
