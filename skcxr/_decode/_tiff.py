"""TIFF: its directory and the lengths of its strips are checked here, Pillow decodes them."""

import zlib

import numpy as np

from ._files import Unreadable, Unwanted, check_size
from ._orientation import byte_order, read_ifd
from ._pillow import load

_NONE, _LZW, _PACKBITS, _DEFLATE = 1, 5, 32773, {8, 32946}
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_SAMPLES, _ROWS_PER_STRIP, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT = 277, 278, 284, 322, 323
_FORMAT = 339
_STRIPS, _TILES = (273, 279), (324, 325)  # offsets and byte counts
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

    def value(tag, default):
        return (ifd.get(tag) or (default,))[0]

    if order == "big" and value(_COMPRESSION, 1) != _NONE and value(_BITS, 1) > 8:
        # Pillow exchanges the bytes of some of these.
        raise Unwanted("a packed big-endian TIFF of more than 8 bits; save it little-endian")
    _check_kind(ifd, value)
    _check_parts(data, ifd, value)
    image = load(TiffImagePlugin.TiffImageFile, data)
    if image.dtype == np.int32 and value(_FORMAT, 1) == 1:
        image = image.view(np.uint32)
    # Pillow turns white-is-zero round where it has at most 8 bits.
    return image, {"invert": value(_PHOTOMETRIC, 1) == 0 and image.dtype != np.uint8}


def _check_kind(ifd, value):
    """Refuse what is no grey, palette or RGB image, packed in a way that shows damage."""
    check_size(value(_HEIGHT, 0), value(_WIDTH, 0))
    if value(_COMPRESSION, 1) not in {_NONE, _LZW, _PACKBITS, *_DEFLATE}:
        raise Unwanted(
            f"TIFF compression {value(_COMPRESSION, 1)}; expected none, LZW, Deflate or PackBits, "
            "whose damage can be seen"
        )
    if value(_PHOTOMETRIC, None) not in _PHOTOMETRICS:
        raise Unwanted(
            f"TIFF photometric interpretation {value(_PHOTOMETRIC, None)}; expected grey, palette "
            "or RGB"
        )
    if value(_SAMPLES, 1) > 1 and max(ifd.get(_BITS, (1,))) > 8:
        raise Unwanted("a colour TIFF of more than 8 bits; save it as grey, or as PNG")
    if value(_FORMAT, 1) == 2 and value(_BITS, 1) <= 8:
        raise Unwanted("a TIFF of signed 8-bit pixels; save it unsigned, or with 16 bits")
    if value(_SUBFILE, 0) & 5:
        raise Unwanted("a TIFF whose first page is a preview or a mask; expected the film itself")


def _check_parts(data, ifd, value):
    """Refuse strips or tiles that are missing, cut off, damaged or of another size."""
    tiled = _TILES[0] in ifd
    offsets, counts = (ifd.get(tag, ()) for tag in (_TILES if tiled else _STRIPS))
    height, width = value(_HEIGHT, 0), value(_WIDTH, 0)
    samples = value(_SAMPLES, 1) if value(_PLANAR, 1) == 1 else 1
    planes = value(_SAMPLES, 1) // samples
    if tiled:
        part_height, part_width = value(_TILE_HEIGHT, 0), value(_TILE_WIDTH, 0)
    else:
        part_height, part_width = min(value(_ROWS_PER_STRIP, height), height), width
    if part_height < 1 or part_width < 1:
        raise Unreadable("the TIFF has strips or tiles of no size")
    rows = -(-height // part_height)
    n = planes * rows * -(-width // part_width)
    if len(offsets) != n or len(counts) != n:
        raise Unreadable(f"the TIFF has {len(offsets)} strips or tiles; its size wants {n}")
    row_bytes = -(-part_width * samples * value(_BITS, 1) // 8)
    for i, (begin, count) in enumerate(zip(offsets, counts, strict=True)):
        if begin == 0 or count == 0 or begin + count > len(data):
            raise Unreadable("strips of the TIFF are missing or cut off")
        last = not tiled and i % rows == rows - 1
        part_rows = height - (rows - 1) * part_height if last else part_height
        _check_length(data[begin : begin + count], part_rows * row_bytes, value(_COMPRESSION, 1))


def _check_length(part, expected, compression):
    found = len(part)
    if compression in _DEFLATE:
        # libtiff neither looks at the check sum nor misses what comes after the last row.
        inflater = zlib.decompressobj()
        try:
            found = len(inflater.decompress(part, expected + 1))
            found += len(inflater.decompress(inflater.unconsumed_tail, 1))
        except zlib.error as error:
            raise Unreadable(f"a strip of the TIFF is damaged ({error})") from None
        if not inflater.eof and found == expected:
            raise Unreadable("a strip of the TIFF is cut off")
    if compression in {_NONE, *_DEFLATE} and found != expected:
        raise Unreadable("a strip of the TIFF has another length than its size wants")
