"""Chest X-ray data: the ChestX-ray14 reader, subsets of it, and phantoms."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CHESTXRAY14_LABELS": "_labels",
        "LabelSummary": "_summary",
        "curate_subset": "_subset",
        "load_chestxray14": "_chestxray14",
        "make_chest_phantoms": "_phantoms",
        "summarize_labels": "_summary",
        "write_chestxray14_layout": "_layout",
    },
)
