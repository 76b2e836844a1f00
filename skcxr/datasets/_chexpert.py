"""load_chexpert: CheXpert as Stanford publishes it."""

from .._sklearn import StrOptions, validate_params
from ._assemble import assemble
from ._label_names import choose_labels
from ._official import CONSTRAINTS, find_parts, stack_parts
from ._read_table import check_columns

#: The observations of the CheXpert labeller, which MIMIC-CXR-JPG uses too, without "No Finding".
CHEXPERT_LABELS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
# "No Finding" is said of films with a tube or a pacemaker too: it says nothing about devices.
SPARED = ("Support Devices",)
PARTS = ("train", "valid", "test")

MORE = """\
:Labels: out of the reports by rules; -1 where the report is unsure, blank where it says nothing.

Jeremy Irvin et al. CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert
Comparison. AAAI 2019. https://stanfordmlgroup.github.io/competitions/chexpert
"""


@validate_params(
    CONSTRAINTS | {"part": [StrOptions(set(PARTS)), None]}, prefer_skip_nested_validation=True
)
def load_chexpert(
    data_dir,
    *,
    part=None,
    label_names=None,
    views=None,
    uncertain="unknown",
    blank="unknown",
    common_names=True,
    images=True,
    on_missing="raise",
    return_X_y=False,
):
    """Read CheXpert, or a part of it, from a folder.

    The folder is `CheXpert-v1.0` or `CheXpert-v1.0-small`, under any name: `train.csv` and
    `valid.csv` (one of them is enough; `test.csv` is read where it has the same columns), and the
    films in `train/patient00001/study1/view1_frontal.jpg` and so on.

    Parameters
    ----------
    data_dir : str or path
        The folder.
    part : {"train", "valid", "test"} or None, default=None
        Keep one part; None keeps all. A patient in two parts is refused.
    label_names : list of str, default=None
        The labels to keep, in this order, as `common_names` spells them; None keeps all.
    views : str or list of str, default=None
        Keep films whose `Frontal/Lateral` is this, such as "Frontal"; None keeps all. The lung
        masks and the pretrained models of this library are made for frontal films.
    uncertain : {"unknown", "positive", "negative", "raise"}, default="unknown"
        What -1 becomes: the U-Ignore, U-Ones and U-Zeros of the paper.
    blank : {"unknown", "negative", "raise"}, default="unknown"
        What becomes of labels that the report does not mention. The paper's baselines read them as
        "negative". Under "No Finding" they are 0 in any case, but for Support Devices, of which it
        says nothing.
    common_names : bool, default=True
        Use ChestX-ray14's spelling for the same finding (`COMMON_LABEL_NAMES`): Pleural Effusion
        becomes Effusion.
    images : bool, default=True
        False reads the tables alone.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about films whose file is not there.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As :func:`load_table` returns it. `patient` is the number in patient00001, as text;
        `labels` are the 13 observations without "No Finding".
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or film.
    ValueError
        A table is not what it should be; the message names the column, row, film or patient.

    References
    ----------
    Irvin et al., "CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert
    Comparison", AAAI 2019.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.datasets import CHEXPERT_LABELS, load_chexpert
    >>> film = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    >>> header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *CHEXPERT_LABELS]
    >>> cells = [film, "Female", "68", "Frontal", "AP", "1.0", *[""] * 12, "1.0"]
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text(",".join(header) + chr(10) + ",".join(cells))
    ...     data = load_chexpert(folder, images=False)
    >>> data.groups.tolist(), data.labels[["Effusion", "Support Devices"]].values.tolist()
    (['00001'], [[0, 1]])
    """
    tables = find_parts(data_dir, PARTS, lambda name: [f"{name}.csv", f"{name}.csv.gz"], part)
    table = stack_parts(tables)
    check_columns(table, ["Path", "Frontal/Lateral", "No Finding", *CHEXPERT_LABELS])
    place = (
        table.frame["Path"]
        .astype(str)
        .str.extract(r"^(?:.*/)?((?:train|valid|test)/patient(\d+)/[^/]+/[^/]+)$")
    )
    if place[0].isna().any():
        row = int(place[0].isna().to_numpy().argmax())
        raise ValueError(
            f"{table.name}, data row {row}: Path is {table.frame['Path'].iloc[row]!r}; CheXpert's "
            "look like CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg."
        )
    bunch = assemble(
        table,
        data_dir,
        path=lambda _: place[0],
        images=images,
        patient=lambda _: place[1],
        labels=choose_labels(CHEXPERT_LABELS, label_names, table.name, common_names),
        drop=CHEXPERT_LABELS,
        part="part",
        only_part=part,
        views=("Frontal/Lateral", views),
        spared=SPARED,
        uncertain=uncertain,
        blank=blank,
        on_missing=on_missing,
        common_names=common_names,
        title="CheXpert",
        more=MORE,
    )
    return (bunch.frame, bunch.labels) if return_X_y else bunch
