"""BMP: the file's length must go with its header; Pillow decodes."""

from ._files import Unreadable, Unwanted, check_size
from ._pillow import load


def decode_bmp(data):
    """Grey pixels of a BMP file, (H, W) of uint8."""
    from PIL import BmpImagePlugin

    def number(at, size=4, signed=False):
        return int.from_bytes(data[at : at + size], "little", signed=signed)

    if number(14) < 40 or number(30) not in (0, 3):
        raise Unwanted("a BMP of an old or a compressed kind; expected plain pixels")
    width, height = number(18, signed=True), abs(number(22, signed=True))
    check_size(height, width)
    expected = height * (-(-width * number(28, 2) // 32) * 4)
    # Some writers put up to three bytes after the pixels.
    if not 0 <= len(data) - number(10) - expected <= 3:
        raise Unreadable("the BMP is cut off, or its header is damaged")
    return load(BmpImagePlugin.BmpImageFile, data)
