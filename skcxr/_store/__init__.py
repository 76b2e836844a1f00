"""Results that were computed once per image, kept in one file; and fits kept by joblib."""

from ._fits import cached_fit
from ._images import ImageStore, open_store
from ._tools import cache_info, checkpoint_folder, clear_cache, set_cache_limit

__all__ = [
    "ImageStore",
    "cache_info",
    "cached_fit",
    "checkpoint_folder",
    "clear_cache",
    "open_store",
    "set_cache_limit",
]
