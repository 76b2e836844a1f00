"""Chest X-ray data: tables of any hospital, public data sets, subsets of them, and phantoms."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CHESTXRAY14_LABELS": "_labels",
        "LabelSummary": "_summary",
        "curate_subset": "_subset",
        "load_chestxray14": "_chestxray14",
        "load_nih_sample": "_nih_sample",
        "load_table": "_table",
        "make_chest_phantoms": "_phantoms",
        "summarize_labels": "_summary",
        "write_chestxray14_layout": "_layout",
    },
)
