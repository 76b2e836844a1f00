"""Every picture among pydicom's own test files, against pydicom's own tables."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

from skcxr._decode import read_image

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(FOLDER.glob("*.dcm"))
# Read by a plug-in of pydicom that is not required, or not at all.
REFUSALS = {
    "JPEG-lossy": "pylibjpeg-libjpeg",
    "JPGExtended": "pylibjpeg-libjpeg",
    "JPEGLSNearLossless_08": "pylibjpeg-libjpeg",
    "JPEGLSNearLossless_16": "pylibjpeg-libjpeg",
    "MR_small_jpeg_ls_lossless": "pylibjpeg-libjpeg",
    "SC_rgb_jls_lossy_line": "pylibjpeg-libjpeg",
    "SC_rgb_jls_lossy_sample": "pylibjpeg-libjpeg",
    "SC_rgb_jpeg_gdcm": "pylibjpeg-libjpeg",
    "GDCMJ2K_TextGBR": "pylibjpeg-openjpeg",
    "JPEG2000-embedded-sequence-delimiter": "pylibjpeg-openjpeg",
    "MR_truncated": "cut off",
    "badVR": "NumberOfFrames is no number",
}


def reference(dataset):
    """Grey levels by pydicom's tables and the formulas of the documentation, and black pixels."""
    stored = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        shown, eight = stored @ [0.299, 0.587, 0.114], stored.dtype == np.uint8
        low, high = 0, 255
    else:
        shown = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
        eight = dataset.BitsStored <= 8
        low, high = 0, 2**dataset.BitsStored - 1
    padding = np.zeros(shown.shape, bool)
    if stored.ndim == 2 and "PixelPaddingValue" in dataset:
        padding = stored == dataset.PixelPaddingValue
    if not eight:
        low, high = shown[~padding].min(), shown[~padding].max()
    levels = np.clip((shown - float(low)) / (float(high) - float(low)), 0, 1) * 255
    levels[padding] = 0
    return levels


def is_picture(dataset):
    frames = str(dataset.get_item("NumberOfFrames").value) if "NumberOfFrames" in dataset else "1"
    return "PixelData" in dataset and "Rows" in dataset and frames.strip("b' ") in ("1", "1A")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pixels_are_pydicoms_or_the_file_is_named(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of padding and of a wrong transfer syntax
        dataset = pydicom.dcmread(file, force=True)
    if file.stem in REFUSALS or not is_picture(dataset):
        with pytest.raises(ValueError, match=file.name) as refusal:
            read_image(file)
        assert REFUSALS.get(file.stem, "") in str(refusal.value)
        return
    image = read_image(file, modality="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(pydicom.dcmread(file))
    assert image.shape == expected.shape
    # Half a level by rounding, and another half where luma is rounded before it is stretched.
    assert np.abs(image - expected).max() <= 1.01
