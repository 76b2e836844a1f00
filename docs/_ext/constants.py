"""Public names that carry no docstring: what each is, and an example."""

CONSTANTS = {
    "BACKBONES": (
        "Networks that :class:`~skcxr.features.CNNEmbedder` knows by name, with what is known of "
        "their weights.",
        """
>>> from skcxr.features import BACKBONES
>>> BACKBONES["efficientnet_lite0"].size, BACKBONES["efficientnet_lite0"].trained_on
(224, ('ImageNet',))
""",
    ),
    "CHESTXRAY14_LABELS": (
        "The 14 labels of ChestX-ray14, in the order of columns.",
        """
>>> from skcxr.datasets import CHESTXRAY14_LABELS
>>> CHESTXRAY14_LABELS[:3]
('Atelectasis', 'Cardiomegaly', 'Effusion')
""",
    ),
    "CHEST_WEIGHTS": (
        "Published weights that were trained on chest X-rays, and how they are read.",
        """
>>> from skcxr.features import CHEST_WEIGHTS
>>> CHEST_WEIGHTS["densenet121-res224-nih"].trained_on
('ChestX-ray14',)
""",
    ),
    "CHEXPERT_LABELS": (
        "The observations of CheXpert and MIMIC-CXR-JPG, without No Finding.",
        """
>>> from skcxr.datasets import CHEXPERT_LABELS
>>> len(CHEXPERT_LABELS)
13
""",
    ),
    "COMMON_LABEL_NAMES": (
        "Names of findings in other data sets, to the spelling of ChestX-ray14.",
        """
>>> from skcxr.datasets import COMMON_LABEL_NAMES
>>> COMMON_LABEL_NAMES["pleural effusion"]
'Effusion'
""",
    ),
    "LABEL_ZONES": (
        "Lung zones of the findings that have a place of their own.",
        """
>>> from skcxr.segmentation import LABEL_ZONES
>>> "Cardiomegaly" in LABEL_ZONES
True
""",
    ),
    "REPORT_TABLE_1": (
        "Table 1 of Das 2025, its swapped columns put right.",
        """
>>> from skcxr.metrics import REPORT_TABLE_1
>>> float(REPORT_TABLE_1["Macro AUC"].max())
0.5005
""",
    ),
    "ZONES": (
        "Names of the lung zones, in the order of :func:`~skcxr.segmentation.lung_zones`.",
        """
>>> from skcxr.segmentation import ZONES
>>> len(ZONES)
8
""",
    ),
}
