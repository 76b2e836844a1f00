"""The orientation that EXIF and TIFF files carry, and the upright image."""

import numpy as np

_ORIENTATION = 0x0112
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def read_ifd(data, at, order):
    """Integer entries of a TIFF directory, and where the next directory is.

    Parameters
    ----------
    data : bytes
        From the first byte of the TIFF header.
    at : int
        Where the directory begins.
    order : {"little", "big"}
        Byte order.

    Returns
    -------
    entries : dict of {int: tuple of int}
    next_ifd : int
        0 after the last directory.

    Raises
    ------
    ValueError
        When an entry points outside the data.
    """

    def number(begin, size):
        if not 0 <= begin <= len(data) - size:
            raise ValueError("outside the file")
        return int.from_bytes(data[begin : begin + size], order)

    entries = {}
    n = number(at, 2)
    for entry in range(at + 2, at + 2 + 12 * n, 12):
        tag, kind, count = number(entry, 2), number(entry + 2, 2), number(entry + 4, 4)
        size = _SIZES.get(kind, 1)
        begin = entry + 8 if size * count <= 4 else number(entry + 8, 4)
        if begin + size * count > len(data):
            raise ValueError("outside the file")
        if kind in (3, 4):
            entries[tag] = tuple(number(begin + size * i, size) for i in range(count))
    return entries, number(at + 2 + 12 * n, 4)


def byte_order(data):
    """Byte order of a TIFF header, or None where there is none."""
    return {b"II*\0": "little", b"MM\0*": "big"}.get(bytes(data[:4]))


def exif_orientation(exif):
    """Orientation 1..8 of an EXIF block; 1 where it has none or is damaged."""
    order = byte_order(exif)
    if order is None:
        return 1
    try:
        entries, _ = read_ifd(exif, int.from_bytes(exif[4:8], order), order)
    except ValueError:
        return 1
    return (entries.get(_ORIENTATION) or (1,))[0]


def upright(image, orientation):
    """Turn and mirror as TIFF 6.0, tag 274, says; an unknown orientation leaves it as it is."""
    if orientation in (5, 6, 7, 8):
        image = image.T
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
