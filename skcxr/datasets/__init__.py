"""Chest X-ray data: tables of any hospital, public data sets, subsets of them, and phantoms."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CHESTXRAY14_LABELS": "_labels",
        "CHEXPERT_LABELS": "_chexpert",
        "COMMON_LABEL_NAMES": "_label_names",
        "LabelSummary": "_summary",
        "curate_subset": "_subset",
        "load_chestmnist": "_chestmnist",
        "load_chestxray14": "_chestxray14",
        "load_chexpert": "_chexpert",
        "load_mimic_cxr_jpg": "_mimic_cxr_jpg",
        "load_nih_sample": "_nih_sample",
        "load_padchest": "_padchest",
        "load_table": "_table",
        "load_vindr_cxr": "_vindr_cxr",
        "make_chest_phantoms": "_phantoms",
        "paste_marker": "_marker",
        "summarize_labels": "_summary",
        "write_chestxray14_layout": "_layout",
    },
)
