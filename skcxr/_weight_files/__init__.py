"""Files of weights, read without running what may be in them."""

from ._read import check_file, read_weights

__all__ = ["check_file", "read_weights"]
