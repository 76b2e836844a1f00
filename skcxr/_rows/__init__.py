"""One item per image, lazily: images, what is computed of them, and where that is kept."""

from ._computed import Computed
from ._digest import digest
from ._images import Images
from ._prefetch import prefetch
from ._spool import Spool

__all__ = ["Computed", "Images", "Spool", "digest", "prefetch"]
