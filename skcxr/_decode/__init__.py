"""One image file, or one array of any dtype, to one grey uint8 image."""

from ._files import ACCEPTED, MAX_PIXELS, read_bytes, stat_file
from ._levels import check_value_range, to_uint8
from ._read import read_dataset, read_image, read_with_doubt

__all__ = [
    "ACCEPTED",
    "MAX_PIXELS",
    "check_value_range",
    "read_bytes",
    "read_dataset",
    "read_image",
    "read_with_doubt",
    "stat_file",
    "to_uint8",
]
