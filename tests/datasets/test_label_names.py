import pytest

from skcxr.datasets import CHESTXRAY14_LABELS, CHEXPERT_LABELS, COMMON_LABEL_NAMES
from skcxr.datasets._label_names import common_label_name


@pytest.mark.parametrize(
    ("name", "common"),
    [
        ("Pleural Effusion", "Effusion"),  # CheXpert
        ("Pleural effusion", "Effusion"),  # VinDr-CXR
        ("Pleural Thickening", "Pleural_Thickening"),
        ("Pleural thickening", "Pleural_Thickening"),
        ("pleural_thickening", "Pleural_Thickening"),
        ("Pulmonary fibrosis", "Fibrosis"),
        ("hiatal hernia", "Hernia"),
        ("atelectasis", "Atelectasis"),
        # Wider or finer than any label of ChestX-ray14
        ("Nodule/Mass", "Nodule/Mass"),
        ("Lung Opacity", "Lung Opacity"),
        ("laminar atelectasis", "laminar atelectasis"),
        ("NSG tube", "NSG tube"),
    ],
)
def test_common_names(name, common):
    assert common_label_name(name) == common


def test_the_mapping_leads_to_one_spelling():
    assert set(COMMON_LABEL_NAMES.values()) == {*CHESTXRAY14_LABELS, "Other diseases"}
    assert all(common_label_name(name) == name for name in CHESTXRAY14_LABELS)
    shared = {common_label_name(name) for name in CHEXPERT_LABELS} & set(CHESTXRAY14_LABELS)
    assert shared == {
        "Atelectasis",
        "Cardiomegaly",
        "Consolidation",
        "Edema",
        "Effusion",
        "Pneumonia",
        "Pneumothorax",
    }
    with pytest.raises(TypeError, match="does not support item assignment"):
        COMMON_LABEL_NAMES["mass"] = "Nodule"
