"""One image file, or one array of any dtype, to one grey uint8 image."""

import warnings
from pathlib import Path

import numpy as np

ACCEPTED = "PNG, JPEG, TIFF, BMP or DICOM"
# Projection radiography (DICOM PS3.3 C.7.3.1.1.1); others are decoded too, with a warning.
_RADIOGRAPH_MODALITIES = {"CR", "DX", "RG", "RF", "XA", "PX", "OT", ""}


def to_uint8(image, value_range=None, *, name="image"):
    """Map a grey image linearly to 0..255.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        uint8 is returned as it is, whatever `value_range`, unless one is given.
    value_range : (float, float) or None
        Values that become 0 and 255; None takes the image's own minimum and maximum.
    name : str
        What to call the image in an error.

    Returns
    -------
    ndarray of shape (H, W), uint8

    Raises
    ------
    ValueError
        For values that are not finite or lie outside `value_range`.
    """
    if image.dtype == np.uint8 and value_range is None:
        return image
    low, high = float(image.min()), float(image.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} contains NaN or infinity; pixels must be finite.")
    if value_range is not None:
        floor, ceiling = map(float, value_range)
        if low < floor or high > ceiling:
            raise ValueError(
                f"{name} has values in [{low:g}, {high:g}], outside value_range="
                f"({floor:g}, {ceiling:g}); widen value_range, or leave it None to stretch "
                "each image from its own minimum to its own maximum."
            )
        low, high = floor, ceiling
    # Halved first, so that the span of a float image near the limits of its dtype is finite.
    half_span = 0.5 * high - 0.5 * low
    if half_span == 0:
        return np.zeros(image.shape, np.uint8)
    scaled = (image.astype(np.float64) * 0.5 - 0.5 * low) * (255.0 / half_span)
    return np.rint(scaled).astype(np.uint8)


def read_image(path, value_range=None):
    """Decode an image file to grey uint8 of its own size.

    Colour is turned to luma, an alpha channel is dropped, 16-bit pixels go through
    :func:`to_uint8`. DICOM goes through its modality and VOI tables, and MONOCHROME1 is inverted,
    so that dense tissue is bright in every file.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG, TIFF, BMP or DICOM.
    value_range : (float, float) or None, default=None
        Values that become 0 and 255, as in :func:`to_uint8`.

    Returns
    -------
    ndarray of shape (H, W), uint8

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the file, and what is accepted.
    """
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        raise FileNotFoundError(f"No such image file: {path}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error}); expected {ACCEPTED}.") from error
    if data[128:132].tobytes() == b"DICM" or Path(path).suffix.lower() in (".dcm", ".dicom"):
        return to_uint8(_read_dicom(path), value_range, name=str(path))
    image = None
    if len(data):
        try:
            image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None:
        raise ValueError(f"{path}: not a readable image; expected {ACCEPTED}.")
    return to_uint8(image, value_range, name=str(path))


def _read_dicom(path):
    """Pixels of a single-frame grey DICOM file, dense tissue bright."""
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    try:
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array
    except (InvalidDicomError, AttributeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: not a readable DICOM image ({error}).") from error
    if pixels.ndim != 2:
        raise ValueError(
            f"{path}: pixel data of shape {pixels.shape}; expected one grey frame (rows, columns)."
        )
    modality = str(dataset.get("Modality", ""))
    if modality not in _RADIOGRAPH_MODALITIES:
        warnings.warn(
            f"{path} says Modality {modality}, which is no projection radiograph; it is read as "
            "one. Check the file.",
            stacklevel=2,
        )
    pixels = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        pixels = pixels.max() + pixels.min() - pixels
    return pixels
