"""One spelling for findings that several data sets have."""

from types import MappingProxyType

from ._labels import CHESTXRAY14_LABELS
from ._messages import name_some

#: Names of other data sets, in lower case and with spaces, to the spelling of ChestX-ray14.
#: Only names of the same finding are here: `Lung Opacity`, `Lung Lesion`, `Nodule/Mass` or
#: `Pleural Other` are wider than any label of ChestX-ray14 and stay what they are, and so do
#: PadChest's finer findings (`loculated pleural effusion`, `laminar atelectasis`).
COMMON_LABEL_NAMES = MappingProxyType(
    {name.replace("_", " ").lower(): name for name in CHESTXRAY14_LABELS}
    | {
        "pleural effusion": "Effusion",  # CheXpert, MIMIC-CXR, VinDr-CXR, PadChest
        "pulmonary fibrosis": "Fibrosis",  # VinDr-CXR, PadChest
        "infiltrate": "Infiltration",  # the box table of ChestX-ray14
        "infiltrates": "Infiltration",  # PadChest
        "pulmonary edema": "Edema",  # PadChest
        "pulmonary mass": "Mass",  # PadChest
        "hiatal hernia": "Hernia",  # PadChest
        "other disease": "Other diseases",  # VinDr-CXR's test table; its training table has both
    }
)


def choose_labels(columns, label_names, source, common_names=False):
    """Columns of the labels that a user wants, in the user's order; None wants all.

    Parameters
    ----------
    columns : sequence of str
        Label columns of a data set.
    label_names : sequence of str or None
        In ChestX-ray14's spelling with `common_names`.
    source : str
        For messages.
    common_names : bool
    """
    if label_names is None:
        return list(columns)
    place = {common_label_name(c) if common_names else c: c for c in columns}
    missing = [name for name in label_names if name not in place]
    if missing or not len(label_names):
        raise ValueError(
            f"{source} has no label {name_some(map(repr, missing), 20) or 'to keep'}; it has "
            f"{name_some(map(repr, place), 40)}."
        )
    return [place[name] for name in label_names]


def plain(name):
    """Name without case, underscores and outer spaces, for comparisons."""
    return " ".join(str(name).replace("_", " ").lower().split())


def common_label_name(name):
    """Spelling of a label that all readers share; other names stay as they are."""
    return COMMON_LABEL_NAMES.get(plain(name), name)
