"""Chest X-ray data: the ChestX-ray14 reader, subsets of it, and phantoms."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CHESTXRAY14_LABELS": "_labels",
        "make_chest_phantoms": "_phantoms",
    },
)
