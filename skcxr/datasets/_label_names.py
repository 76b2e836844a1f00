"""One spelling for findings that several data sets have."""

from types import MappingProxyType

from ._labels import CHESTXRAY14_LABELS

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


def plain(name):
    """Name without case, underscores and outer spaces, for comparisons."""
    return " ".join(str(name).replace("_", " ").lower().split())


def common_label_name(name):
    """Spelling of a label that all readers share; other names stay as they are."""
    return COMMON_LABEL_NAMES.get(plain(name), name)
