"""DICOM: one grey frame, as the film's own tables show it."""

import re

import numpy as np

from ._dicom_elements import read_elements
from ._dicom_luts import apply_modality, apply_voi, padding_mask
from ._dicom_pixels import read_pixels
from ._files import Unreadable
from ._levels import to_uint8

# Projection radiography (PS3.3 C.7.3.1.1.1), and files that say nothing.
_RADIOGRAPHS = {"CR", "DX", "RG", "RF", "XA", "PX", "OT", ""}
_CHEST = re.compile("CHEST|THORA|LUNG|RIB|HEART|^$", re.IGNORECASE)


def decode_dicom(data, voi="first"):
    """Pixels of a DICOM file, and how :func:`to_uint8` is to read them.

    Parameters
    ----------
    data : bytes
    voi : str or None
        Which window or VOI LUT.

    Returns
    -------
    pixels : ndarray of shape (H, W)
        uint8 where the file has 8-bit grey levels.
    facts : dict
        Whether to invert, where padding is, and why it may be no chest radiograph.
    """
    try:
        elements = read_elements(data)
        pixels, facts = _image(elements, voi)
        return pixels, {**facts, "doubt": doubts(elements)}
    except (Unreadable, MemoryError):
        raise
    except Exception:
        # Whatever a damaged file leads pydicom to; its message may quote what identifies a patient.
        raise Unreadable("its DICOM elements or pixels are damaged") from None


def doubts(elements):
    """Why the file may be no chest radiograph, or None."""
    modality, part = elements.text("Modality"), elements.text("BodyPartExamined")
    if modality not in _RADIOGRAPHS:
        return f"says Modality {_plain(modality)}, which is no projection radiograph"
    if not _CHEST.search(part):
        return f"says BodyPartExamined {_plain(part)}, which is no chest radiograph"
    return None


def _plain(text):
    return re.sub(r"[^A-Z0-9_ ]", "?", text.upper())[:16]


def _image(elements, voi):
    pixels, colour = read_pixels(elements)
    if colour:
        return pixels, {}
    padding = padding_mask(pixels, elements)
    values, low, high = apply_modality(pixels, elements)
    shown = apply_voi(values, elements, voi, low, high)
    bits = elements.integer("BitsStored", elements.integer("BitsAllocated"))
    if bits <= 8 and values is pixels and (shown is pixels or shown.dtype.kind == "f"):
        # 8-bit levels are what they are, from black to white; no stretch.
        as_they_are = shown is pixels and (low, high) == (0, 255)
        shown = shown.astype(np.uint8) if as_they_are else to_uint8(shown * 1.0, (low, high))
    invert = elements.text("PhotometricInterpretation") == "MONOCHROME1"
    return shown, {"invert": invert, "padding": padding}
