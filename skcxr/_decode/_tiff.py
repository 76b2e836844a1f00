"""TIFF: its directory is read here, its strips are decoded by Pillow."""

import io

import numpy as np

from ._files import Unreadable, Unwanted, check_size
from ._orientation import byte_order, read_ifd
from ._pillow import load

_COMPRESSIONS = {1, 5, 8, 32773, 32946}  # none, LZW, Deflate, PackBits, Deflate as first numbered
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SUBFILE, _SAMPLES = 254, 277
_PARTS = {273: 279, 324: 325}  # offsets of strips or tiles, and their byte counts
_PHOTOMETRICS = {0, 1, 2, 3}  # white is zero, black is zero, RGB, palette


def decode_tiff(data):
    """Grey pixels of a TIFF file, and whether they are to be inverted."""
    from PIL import TiffImagePlugin

    order = byte_order(data)
    try:
        ifd, next_ifd = read_ifd(data, int.from_bytes(data[4:8], order), order)
    except ValueError:
        raise Unreadable("the TIFF is cut off, or its directory is damaged") from None
    if next_ifd:
        raise Unwanted("a TIFF of several pages; expected one")
    _check(ifd, len(data))
    image = load(TiffImagePlugin.TiffImageFile, io.BytesIO(data))
    # Pillow turns white-is-zero round where it has at most 8 bits.
    invert = ifd[_PHOTOMETRIC][0] == 0 and image.dtype != np.uint8
    return image, {"invert": invert}


def _check(ifd, n_bytes):
    """Refuse what is no whole grey, palette or RGB image."""

    def value(tag, default):
        return (ifd.get(tag) or (default,))[0]

    check_size(value(_HEIGHT, 0), value(_WIDTH, 0))
    if value(_COMPRESSION, 1) not in _COMPRESSIONS:
        raise Unwanted(
            f"TIFF compression {value(_COMPRESSION, 1)}; expected none, LZW, Deflate or PackBits, "
            "whose damage can be seen"
        )
    if value(_PHOTOMETRIC, -1) not in _PHOTOMETRICS:
        raise Unwanted(
            f"TIFF photometric interpretation {value(_PHOTOMETRIC, None)}; expected grey, palette "
            "or RGB"
        )
    if value(_SAMPLES, 1) > 1 and max(ifd.get(_BITS, (1,))) > 8:
        raise Unwanted("a colour TIFF of more than 8 bits; save it as grey, or as PNG")
    if value(_SUBFILE, 0) & 5:
        raise Unwanted("a TIFF whose first page is a preview or a mask; expected the film itself")
    parts = [tag for tag in _PARTS if ifd.get(tag)]
    if not parts:
        raise Unreadable("the TIFF has no pixels")
    for tag in parts:
        counts = ifd.get(_PARTS[tag], ())
        if len(counts) != len(ifd[tag]):
            raise Unreadable("the TIFF's strips and their lengths do not match")
        for begin, count in zip(ifd[tag], counts, strict=True):
            if begin == 0 or count == 0 or begin + count > n_bytes:
                raise Unreadable("strips of the TIFF are missing or cut off")
