"""JPEG: what its segments say, then OpenCV decodes."""

import re

from ._files import Unreadable, Unwanted, check_size
from ._opencv import decode
from ._orientation import exif_orientation, upright

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0..15 without DHT, JPG, DAC
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_NEXT_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # neither stuffing nor restart


def decode_jpeg(data, min_size=None):
    """Grey pixels of a JPEG file, (H, W) of uint8.

    Parameters
    ----------
    data : bytes
    min_size : int or None
        Decode at a part of the size that is at least this high and wide.
    """
    size, orientation = _read_segments(data)
    reduce = 1
    while min_size and reduce < 8 and min(-(-side // (2 * reduce)) for side in size) >= min_size:
        reduce *= 2
    return upright(decode(data, size, reduce), orientation)


def _read_segments(data):
    """Height and width, and the orientation; refuses what is no whole grey or colour image."""
    size, orientation, first = None, 1, None
    missing = set(range(64))  # coefficients of the first component that are not yet exact
    at = 2
    while missing:
        found = _NEXT_MARKER.search(data, at)
        if found and found[1][0] == _END:
            raise Unreadable("the JPEG ends before all of its scans have come")
        start = found.end() if found else len(data)
        end = start + int.from_bytes(data[start : start + 2])
        if found is None or end > len(data) or end < start + 2:
            raise Unreadable("the JPEG is cut off, or its segments are damaged")
        marker, body = found[1][0], data[start + 2 : end]
        if marker in _FRAMES:
            if first is not None:
                raise Unreadable("the JPEG has several frames")
            size, first = _read_frame(body)
        elif marker == _APP1 and body[:6] == b"Exif\0\0":
            orientation = exif_orientation(body[6:])
        elif marker == _SCAN and first is not None:
            _take_scan(body, first, missing)
        at = end
    return size, orientation


def _read_frame(body):
    """Height and width, and the identifier of the first component."""
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise Unreadable("the JPEG's header is damaged")
    precision, components = body[0], body[5]
    if precision != 8:
        raise Unwanted(f"a JPEG of {precision} bits; JPEG files must have 8")
    if components not in (1, 3):
        kind = "CMYK, 4" if components == 4 else str(components)
        raise Unwanted(f"a JPEG whose colours have {kind} components; expected grey or RGB")
    size = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    check_size(*size)
    return size, body[6]


def _take_scan(body, first, missing):
    """Strike out the coefficients that this scan brings to their last bit (ITU T.81, B.2.3)."""
    n = body[0] if body else 0
    if len(body) != 4 + 2 * n:
        raise Unreadable("the JPEG's scan header is damaged")
    begin, end, low_bit = body[1 + 2 * n], body[2 + 2 * n], body[3 + 2 * n] & 15
    if first in body[1 : 1 + 2 * n : 2] and low_bit == 0:
        missing.difference_update(range(begin, end + 1))
