"""Every picture among pydicom's own test files, against pydicom's own tables."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, get_decoder

from skcxr._decode import read_image

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(FOLDER.glob("*.dcm"))
# Read by a plug-in of pydicom that comes with the extra `dicom`.
PLUGINS = {
    "JPGExtended": "pylibjpeg-libjpeg",
    "JPEGLSNearLossless_08": "pylibjpeg-libjpeg",
    "JPEGLSNearLossless_16": "pylibjpeg-libjpeg",
    "MR_small_jpeg_ls_lossless": "pylibjpeg-libjpeg",
    "SC_rgb_jls_lossy_line": "pylibjpeg-libjpeg",
    "SC_rgb_jls_lossy_sample": "pylibjpeg-libjpeg",
    "SC_rgb_jpeg_gdcm": "pylibjpeg-libjpeg",
    "GDCMJ2K_TextGBR": "pylibjpeg-openjpeg",
}
# Damaged, or written against the standard: pydicom with its plug-ins reads none of them.
REFUSALS = {
    "JPEG-lossy": "Unable to decode",
    "JPEG2000-embedded-sequence-delimiter": "Unable to decode",
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


def refusal_of(file):
    """What the refusal of a file says; None where it is read."""
    package = PLUGINS.get(file.stem, "")
    if package and find_spec(package.removeprefix("pylibjpeg-")) is None:
        return f"pip install pylibjpeg {package}"
    return REFUSALS.get(file.stem)


def is_picture(dataset):
    frames = str(dataset.get_item("NumberOfFrames").value) if "NumberOfFrames" in dataset else "1"
    return "PixelData" in dataset and "Rows" in dataset and frames.strip("b' ") in ("1", "1A")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pixels_are_pydicoms_or_the_file_is_named(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of padding and of a wrong transfer syntax
        dataset = pydicom.dcmread(file, force=True)
    expected = refusal_of(file)
    if expected is not None or not is_picture(dataset):
        with pytest.raises(ValueError, match=file.name) as refusal:
            read_image(file)
        assert (expected or "") in str(refusal.value)
        return
    image = read_image(file, modality="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(pydicom.dcmread(file))
    assert image.shape == expected.shape
    # Half a level by rounding, and another half where luma is rounded before it is stretched.
    assert np.abs(image - expected).max() <= 1.01


@pytest.mark.parametrize("name", PLUGINS)
def test_without_the_plugin_the_error_says_what_to_install(name, monkeypatch):
    """Where the plug-ins are there, they are hidden."""
    file = FOLDER / f"{name}.dcm"
    decoder = get_decoder(pydicom.dcmread(file).file_meta.TransferSyntaxUID)
    monkeypatch.setattr(decoder, "_available", {})
    monkeypatch.setattr("skcxr._decode._dicom_pixels.find_spec", lambda package: None)
    with pytest.raises(ValueError, match=rf"{name}\.dcm: .*pip install pylibjpeg {PLUGINS[name]}"):
        read_image(file)


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"], ids=["no end mark", "end mark"])
@pytest.mark.parametrize("kept", [0.5, 0.99])
@pytest.mark.parametrize("name", PLUGINS)
def test_h4_a_film_that_is_cut_off_is_refused_behind_plugins_too(name, kept, end, tmp_path):
    if refusal_of(FOLDER / f"{name}.dcm") is not None:
        pytest.skip(f"needs {PLUGINS[name]}, which the extra `dicom` installs")
    dataset = pydicom.dcmread(FOLDER / f"{name}.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    frame = frame[: int(len(frame.rstrip(b"\0")) * kept) - 2] + end
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "cut.dcm")
    with pytest.raises(ValueError, match=r"cut\.dcm"):
        read_image(tmp_path / "cut.dcm", modality="ignore")
