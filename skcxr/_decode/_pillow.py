"""Pillow's decoders for TIFF and BMP, strict whatever the process has set."""

import io

import numpy as np

from ._files import Unreadable, Unwanted, check_size
from ._levels import luma
from ._stderr import listen

_DEEP = {"I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16, "I": np.int32, "F": np.float32}


def load(plugin, data):
    """Decode one image with one of Pillow's plug-ins; grey, (H, W) of any dtype.

    Parameters
    ----------
    plugin : subclass of PIL.ImageFile.ImageFile
        The class of one format, so that no other format is tried.
    data : bytes
    """
    refuse_if_lenient()

    def run():
        try:
            image = plugin(io.BytesIO(data))
            check_size(image.height, image.width)
            image.load()
        except Unreadable:
            raise
        except Exception as error:  # Pillow documents none; struct.error, KeyError and others come
            return error
        return image

    image, complaint = listen(run)
    if complaint is not None:
        raise Unreadable(f"its decoder says: {complaint}")
    if isinstance(image, Exception):
        raise Unreadable(f"its decoder says: {image}")
    return _grey(image)


def refuse_if_lenient():
    """Refuse to decode while the process lets Pillow fill in what is missing."""
    from PIL import ImageFile

    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise Unreadable(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set, with which damaged files turn partly "
            "black without a word; set it to False"
        )


def _grey(image):
    if image.mode in _DEEP:
        return np.asarray(image).astype(_DEEP[image.mode], copy=False)
    if image.mode in ("1", "L", "LA"):
        return np.array(image.convert("L"))
    if image.mode in ("P", "PA", "RGB", "RGBA", "RGBX"):
        return luma(np.asarray(image.convert("RGB")))
    raise Unwanted(f"its colours are {image.mode}; expected grey, palette or RGB")
