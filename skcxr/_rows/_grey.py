"""One image that is in memory, in whatever form, as an array of grey levels."""

import numpy as np

from .._decode import read_dataset
from .._decode._levels import luma, to_uint8


def kind_of(item):
    """``"PIL"``, ``"torch"`` or ``"pydicom"`` for an image of theirs; else None."""
    module = type(item).__module__.partition(".")[0]
    if module == "torch" and hasattr(item, "detach"):
        return "torch"
    if hasattr(item, "get_format_mimetype") or hasattr(item, "getbands"):
        return "PIL"
    return "pydicom" if hasattr(item, "file_meta") or hasattr(item, "to_json_dict") else None


def image_of(item, value_range, decode, name):
    """Grey uint8 of an array (H, W), (H, W, 3), (1, H, W) or (3, H, W), or of theirs.

    Parameters
    ----------
    item : array, tensor, PIL image or pydicom dataset
    value_range, decode
        As of ``FileSource``.
    name : str
        For messages.

    Returns
    -------
    ndarray of shape (H, W), uint8
    """
    if kind_of(item) == "pydicom":
        return read_dataset(item, value_range, name=name, **_of_dicom(decode))
    return to_uint8(grey(array_of(item, name), name), value_range, name=name)


def array_of(item, name):
    """The values of an image, with its channels if it has any."""
    kind = kind_of(item)
    if kind == "torch":
        return item.detach().cpu().numpy()
    return _array_of_pil(item, name) if kind == "PIL" else np.asarray(item)


def _array_of_pil(image, name):
    from PIL import ImageOps

    try:
        image = ImageOps.exif_transpose(image)  # as a file of it would be
        mode = image.mode
        if mode in ("P", "RGBA", "LA", "PA"):
            image = image.convert("L" if mode == "LA" else "RGB")
        elif mode not in ("1", "L", "I", "F", "RGB") and not mode.startswith("I;16"):
            raise ValueError(f"a PIL image of mode {mode}; expected grey, palette or RGB")
        return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name}: not a readable image ({error}).") from None


def channel_axis(shape, name):
    """Which axis of one image are channels: 0, 2, or None for (H, W).

    Raises
    ------
    ValueError
        Where none is, or it could be either.
    """
    if len(shape) == 2:
        return None
    axes = [axis for axis in (0, 2) if len(shape) == 3 and shape[axis] in (1, 3)]
    if len(axes) == 1:
        return axes[0]
    which = "first or last axis may be its channels" if axes else "no axis of 1 or 3 channels"
    raise ValueError(
        f"{name} has the shape {tuple(shape)}: {which}; expected (H, W), (H, W, 3), (1, H, W) or "
        "(3, H, W)."
    )


def grey(image, name):
    """(H, W) of an image; colour becomes luma (ITU-R BT.601)."""
    axis = channel_axis(image.shape, name)
    if axis is None:
        return image
    image = np.moveaxis(image, axis, 2)
    if image.shape[2] == 1:
        return image[..., 0]
    return luma(image.astype(np.float32) if image.dtype.kind == "f" else image)


def _of_dicom(decode):
    return {name: value for name, value in decode.items() if name in ("voi", "modality")}
