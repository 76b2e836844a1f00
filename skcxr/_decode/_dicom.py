"""DICOM: one grey frame, as the film's own tables show it."""

import re

import numpy as np

from ._dicom_elements import plain, read_elements
from ._dicom_luts import apply_modality, apply_voi, padding_mask
from ._dicom_pixels import read_pixels
from ._files import Unreadable, is_dicom, read_bytes
from ._levels import to_uint8

# Projection radiography (PS3.3 C.7.3.1.1.1), and files that say nothing.
_RADIOGRAPHS = {"CR", "DX", "RG", "RF", "XA", "PX", "OT", ""}
# Terms of PS3.3 C.8.11.1.1.1, and as people write it; a decubitus film (LLD, RLD) is frontal.
_LATERAL = re.compile("^(LL|RL|LAT|.*LATERAL)$", re.IGNORECASE)
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
    return decode_elements(lambda: read_elements(data), voi)


def decode_elements(read, voi="first"):
    """As :func:`decode_dicom`, of what ``read()`` returns."""
    try:
        elements = read()
        pixels, facts = _image(elements, voi)
        return pixels, {**facts, "doubt": doubts(elements)}
    except (Unreadable, MemoryError):
        raise
    except Exception:
        # Whatever a damaged file leads pydicom to; its message may quote what identifies a patient.
        raise Unreadable("its DICOM elements or pixels are damaged") from None


def read_facts(path):
    """What a DICOM file says of how the film was taken and stored; nothing about whom it shows.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the file.
    """
    data = read_bytes(path)
    if not is_dicom(data):
        raise ValueError(f"{path}: no DICOM file.")
    try:
        elements = read_elements(data)
        return _facts(elements)
    except Unreadable as error:
        raise ValueError(f"{path}: {error}.") from None
    except Exception:  # as in decode_dicom
        raise ValueError(f"{path}: its DICOM elements are damaged.") from None


def _facts(elements):
    from pydicom.uid import UID

    spacing = elements.decimals("PixelSpacing")
    measured_at = "patient" if spacing else "detector"
    spacing = spacing or elements.decimals("ImagerPixelSpacing")
    known = len(spacing) == 2
    windows = zip(elements.decimals("WindowCenter"), elements.decimals("WindowWidth"), strict=False)
    centre, width = next(windows, (np.nan, np.nan))
    orientation = [plain(text) for text in elements.texts("PatientOrientation")]
    return {
        "modality": plain(elements.text("Modality")),
        "body_part": plain(elements.text("BodyPartExamined")),
        "view": plain(elements.text("ViewPosition")),
        "orientation": "/".join(text for text in orientation if text),
        "laterality": plain(elements.text("ImageLaterality")),
        "photometric": plain(elements.text("PhotometricInterpretation")),
        "height": elements.integer("Rows"),
        "width": elements.integer("Columns"),
        "bits": elements.integer("BitsStored", elements.integer("BitsAllocated")),
        "frames": int((elements.decimals("NumberOfFrames") or [1])[0]),
        "row_spacing_mm": spacing[0] if known else np.nan,
        "column_spacing_mm": spacing[1] if known else np.nan,
        "spacing_at": measured_at if known else "",
        "window_centre": centre,
        "window_width": width,
        "encoding": UID(elements.syntax).name if elements.syntax else "",
    }


def doubts(elements):
    """Why the file may be no chest radiograph, or None."""
    modality, part = elements.text("Modality"), elements.text("BodyPartExamined")
    if modality not in _RADIOGRAPHS:
        return f"says Modality {plain(modality)}, which is no projection radiograph"
    if not _CHEST.search(part):
        return f"says BodyPartExamined {plain(part)}, which is no chest radiograph"
    if _LATERAL.search(elements.text("ViewPosition")):
        return f"says ViewPosition {plain(elements.text('ViewPosition'))}, which is a lateral view"
    return None


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
