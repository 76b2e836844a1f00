"""BMP, decoded by Pillow."""

import io

from ._pillow import load


def decode_bmp(data):
    """Grey pixels of a BMP file, (H, W) of uint8."""
    from PIL import BmpImagePlugin

    return load(BmpImagePlugin.BmpImageFile, io.BytesIO(data))
