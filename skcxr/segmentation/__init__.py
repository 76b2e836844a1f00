"""Lung masks: UNetMasker with weights that ship, and the quality of masks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "LABEL_ZONES": "regions",
        "UNetMasker": "masker",
        "ZONES": "zones",
        "build_network": "networks",
        "keep_two_largest": "quality",
        "label_regions": "regions",
        "lung_zones": "zones",
        "mask_quality": "quality",
    },
)
