"""Look at, empty and bound the per-image store behind ``memory=``."""

from ._store import cache_info, clear_cache, set_cache_limit

__all__ = ["cache_info", "clear_cache", "set_cache_limit"]
