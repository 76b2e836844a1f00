"""JPEG: what its segments say, then OpenCV decodes."""

import re
from dataclasses import dataclass, field

import numpy as np

from ._files import Unreadable, Unwanted, check_size
from ._opencv import decode
from ._orientation import exif_orientation, upright

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0..15 without DHT, JPG, DAC
_TABLES, _SCAN, _END, _APP1 = 0xDB, 0xDA, 0xD9, 0xE1
_NEXT_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # neither stuffing nor restart


def decode_jpeg(data, min_size=None):
    """Grey pixels of a JPEG file, (H, W) of uint8.

    Parameters
    ----------
    data : bytes
    min_size : int or None
        Decode at a part of the size that is at least this high and wide.
    """
    header = _read_segments(data)
    reduce = 1
    least = min(header.size)
    while min_size and reduce < 8 and -(-least // (2 * reduce)) >= min_size:
        reduce *= 2
    image = decode(data, header.size, reduce)
    _refuse_drift(data, header, image)
    return upright(image, header.orientation)


@dataclass
class _Header:
    """What is known of a JPEG before it is decoded.

    `first` is its first component and `table` that component's; `steps` has, for each table, where
    in the file its step of DC is and how many bytes it takes; `missing` are the coefficients that
    no scan has yet brought to their last bit.
    """

    size: tuple = None
    orientation: int = 1
    first: int = None
    table: int = None
    steps: dict = field(default_factory=dict)
    missing: set = field(default_factory=lambda: set(range(64)))


def _read_segments(data):
    """Read up to the scan that completes the image; refuses what is no whole grey or RGB image."""
    header = _Header()
    at = 2
    while header.missing:
        found = _NEXT_MARKER.search(data, at)
        if found and found[1][0] == _END:
            raise Unreadable("the JPEG ends before all of its scans have come")
        start = found.end() if found else len(data)
        at = start + int.from_bytes(data[start : start + 2])
        if found is None or at > len(data) or at < start + 2:
            raise Unreadable("the JPEG is cut off, or its segments are damaged")
        marker, body = found[1][0], data[start + 2 : at]
        if marker in _FRAMES:
            if header.size is not None:
                raise Unreadable("the JPEG has several frames")
            _read_frame(body, header)
        elif marker == _TABLES:
            _read_tables(body, start + 2, header)
        elif marker == _APP1 and body[:6] == b"Exif\0\0":
            header.orientation = exif_orientation(body[6:])
        elif marker == _SCAN and header.size is not None:
            _read_scan(body, header)
    if data.rfind(b"\xff\xd9", at) < 0:
        # Without it libjpeg does not say that there were too many data, which damage brings.
        raise Unreadable("the JPEG is cut off: it has no end mark")
    return header


def _read_frame(body, header):
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise Unreadable("the JPEG's header is damaged")
    precision, components = body[0], body[5]
    if precision != 8:
        raise Unwanted(f"a JPEG of {precision} bits; JPEG files must have 8")
    if components not in (1, 3):
        kind = "CMYK, 4" if components == 4 else str(components)
        raise Unwanted(f"a JPEG whose colours have {kind} components; expected grey or RGB")
    header.size = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    header.first, header.table = body[6], body[8]
    check_size(*header.size)


def _read_tables(body, start, header):
    at = 0
    while at < len(body):
        wide, table = divmod(body[at], 16)
        header.steps[table] = start + at + 1, 1 + wide
        at += 1 + 64 * (1 + wide)


def _read_scan(body, header):
    """Strike out the coefficients that this scan brings to their last bit (ITU T.81, B.2.3)."""
    n = body[0] if body else 0
    if len(body) != 4 + 2 * n:
        raise Unreadable("the JPEG's scan header is damaged")
    begin, end, low_bit = body[1 + 2 * n], body[2 + 2 * n], body[3 + 2 * n] & 15
    if header.first in body[1 : 1 + 2 * n : 2] and low_bit == 0:
        header.missing.difference_update(range(begin, end + 1))


def _refuse_drift(data, header, image):
    """Refuse a lower part that damage made black or white, of which no decoder says anything.

    The mean of a block is stored as a difference to the block before, so that one wrong bit shifts
    all that follow, often out of the range that 8 bits can have. To see that, the means are
    decoded once more in steps of 1; only where the last rows are black or white throughout.
    """
    last = image[-8:]
    if last.min() != last.max() or last[0, 0] not in (0, 255) or header.table not in header.steps:
        return
    at, wide = header.steps[header.table]
    step = int.from_bytes(data[at : at + wide])
    fine = data[:at] + (1).to_bytes(wide) + data[at + wide :]
    means = decode(fine, header.size, reduce=8).astype(int) - 128
    if np.abs(means).max() > 128 / max(step, 1) + 2:
        raise Unreadable("blocks of the JPEG are darker or brighter than 8 bits can be")
