"""An image file of any accepted format to grey uint8."""

import warnings

from ._files import ACCEPTED, Unreadable, Unwanted, is_dicom, read_bytes
from ._levels import check_value_range, to_uint8


def read_image(path, value_range=None, *, min_size=None, voi="first", modality="warn"):
    """Decode an image file to grey uint8 of its own size, dense tissue bright.

    A file is either decoded whole or refused: whatever a decoder says about missing or damaged
    data is an error that names the file.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG, TIFF, BMP or DICOM, told apart by their content.
    value_range : (float, float) or None, default=None
        Values that become 0 and 255 in images that are not 8-bit; None stretches each such image
        from its own minimum to its own maximum. 8-bit images are taken as they are.
    min_size : int or None, default=None
        Lets a JPEG be decoded at a half, a quarter or an eighth of its size, as long as height and
        width stay at least this many pixels: several times as fast, and in as much less memory.
        The result is not bit-equal to shrinking the whole image afterwards. None, and every other
        format, decodes all pixels.
    voi : str or None, default="first"
        Which window or VOI LUT of a DICOM file is applied: ``"first"``, one by its
        explanation (for instance ``"HARDER"``), or None for none.
    modality : {"warn", "raise", "ignore"}, default="warn"
        What to do with a DICOM file whose Modality is no projection radiograph, whose
        BodyPartExamined is not the chest, or whose ViewPosition is lateral.

    Returns
    -------
    ndarray of shape (H, W), uint8

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        Naming the file, what is wrong with it, and what is accepted. No value of a DICOM file
        that could identify a patient is in it.

    Notes
    -----
    *Colour* becomes luma (ITU-R BT.601), an alpha channel is dropped; CMYK is refused.

    *Orientation* (EXIF, TIFF tag 274) is applied, as viewers do, so that height, width and boxes
    are those of the upright image. DICOM has no such tag.

    *Several images in one file* (pages of a TIFF, frames of an APNG or of a DICOM file) are
    refused.

    *Size* is read from the header and refused above 100 megapixels, before anything is decoded.
    The largest films, analogue ones scanned at 50 µm, have 61.

    *Formats*: TIFF may be uncompressed or packed by LZW, Deflate or PackBits; JPEG inside TIFF is
    refused, as its damage cannot be seen. JPEG has no check sums: a flipped bit that leaves a
    valid stream cannot be noticed by anyone.

    *DICOM*: modality LUT or rescale, then window or VOI LUT (PS3.3 C.11.1, C.11.2; a rescale slope
    that is empty and a window without a valid width count as absent), then MONOCHROME1 is
    inverted; `value_range` is of the values after the tables. Pixel padding (PS3.3 C.7.5.1.1.2)
    counts in no range and is black. An image of at most 8 bits stored that no modality LUT changes
    is an 8-bit image. JPEG-LS, lossless JPEG, JPEG of 12 bits and some JPEG 2000 need one of
    pydicom's plug-ins, which the error names.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimage.io import imsave
    >>> from skcxr.preprocessing import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "film.png")
    ...     imsave(path, np.array([[0, 2000], [3000, 4000]], np.uint16), check_contrast=False)
    ...     print(read_image(path))
    [[  0 128]
     [191 255]]
    """
    _check_modality(modality)
    image, doubt = read_with_doubt(path, value_range, min_size=min_size, voi=voi)
    _say(doubt, modality, path)
    return image


def read_dataset(dataset, value_range=None, *, name, voi="first", modality="warn"):
    """As :func:`read_image`, of a dataset of pydicom in memory that errors call `name`."""
    from ._dicom import decode_elements
    from ._dicom_elements import elements_of

    _check_modality(modality)
    image, doubt = _read(
        lambda: decode_elements(lambda: elements_of(dataset), voi),
        check_value_range(value_range),
        name,
    )
    _say(doubt, modality, name)
    return image


def _check_modality(modality):
    if modality not in ("warn", "raise", "ignore"):
        raise ValueError(f"modality={modality!r}; expected 'warn', 'raise' or 'ignore'.")


def _say(doubt, modality, name):
    if doubt and modality == "raise":
        raise ValueError(f"{name} {doubt}.")
    if doubt and modality == "warn":
        warnings.warn(f"{name} {doubt}; it is read as one. Check the file.", stacklevel=3)


def read_with_doubt(path, value_range=None, *, min_size=None, voi="first"):
    """As :func:`read_image`, and why a DICOM file may be no chest radiograph, or None."""
    value_range = check_value_range(value_range)
    data = read_bytes(path)
    return _read(lambda: _decode(data, min_size, voi), value_range, path)


def _read(decode, value_range, path):
    """Run `decode`; whatever it says, the error names the image."""
    try:
        pixels, facts = decode()
    except Unwanted as error:
        raise ValueError(f"{path}: {error}.") from None
    except Unreadable as error:
        raise ValueError(f"{path}: not a readable image ({error}); expected {ACCEPTED}.") from None
    except MemoryError:
        raise ValueError(f"{path}: not a readable image (too large for the memory).") from None
    doubt = facts.pop("doubt", None)
    return to_uint8(pixels, value_range, name=str(path), **facts), doubt


def _decode(data, min_size, voi):
    """Pixels of one grey image, and how :func:`to_uint8` is to read them."""
    # The preamble of a DICOM file may hold the header of another format.
    if is_dicom(data):
        from ._dicom import decode_dicom

        return decode_dicom(data, voi)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        from ._png import decode_png

        return decode_png(data), {}
    if data[:2] == b"\xff\xd8":
        from ._jpeg import decode_jpeg

        return decode_jpeg(data, min_size), {}
    if data[:4] in (b"II*\0", b"MM\0*"):
        from ._tiff import decode_tiff

        return decode_tiff(data)
    if data[:2] == b"BM":
        from ._bmp import decode_bmp

        return decode_bmp(data), {}
    raise Unreadable("the file is empty" if not data else "its content is of no known format")
