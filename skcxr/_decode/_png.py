"""PNG: every check sum is checked, then OpenCV decodes."""

import zlib

from ._files import Unreadable, Unwanted, check_size
from ._opencv import decode
from ._orientation import exif_orientation, upright


def decode_png(data):
    """Grey pixels of a PNG file, (H, W) of uint8 or uint16."""
    size, orientation = None, 1
    at = 8
    while True:
        length = int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            raise Unreadable("the PNG is cut off")
        # The type counts in the check sum too.
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise Unreadable("a check sum of the PNG is wrong: its data are damaged")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise Unreadable("the PNG has no header")
            width, height = (int.from_bytes(data[i : i + 4]) for i in (at + 8, at + 12))
            check_size(height, width)
            size = height, width
        elif kind == b"acTL" and int.from_bytes(data[at + 8 : at + 12]) > 1:
            raise Unwanted("an animated PNG; expected one frame")
        elif kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end])
        elif kind == b"IEND":
            break
        at = end + 4
    return upright(decode(data, size), orientation)
