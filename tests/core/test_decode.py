"""Decoding: PNG, JPEG, 16 bits, alpha, DICOM; and files that cannot be read."""

import warnings

import cv2
import numpy as np
import pytest
from PIL import Image

from skcxr._decode import read_image


@pytest.fixture
def grey():
    ramp = np.linspace(0, 255, 40 * 30).reshape(40, 30)
    return np.rint(ramp).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_formats(grey, suffix, tmp_path):
    Image.fromarray(grey).save(tmp_path / f"image.{suffix}")
    image = read_image(tmp_path / f"image.{suffix}")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, grey)


def test_jpeg_is_what_another_decoder_reads(grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "image.jpg", quality=90)
    expected = np.asarray(Image.open(tmp_path / "image.jpg")).astype(int)
    assert np.abs(read_image(tmp_path / "image.jpg") - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_in_colour_and_alpha_channels_stays_the_same_grey(grey, mode, tmp_path):
    image = Image.fromarray(grey).convert(mode)
    if mode.endswith("A"):
        alpha = np.where(grey > 128, 255, 40).astype(np.uint8)
        image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "image.png")
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), grey)


def test_sixteen_bit_png_is_stretched_or_taken_by_value_range(grey, tmp_path):
    deep = grey.astype(np.uint16) * 16 + 3  # 12-bit values, as many scanners write
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), grey)
    literal = read_image(tmp_path / "deep.png", value_range=(0, 4095))
    np.testing.assert_array_equal(literal, np.rint(deep / 4095 * 255))
    with pytest.raises(ValueError, match=r"deep\.png has values in \[3, 4083\], outside"):
        read_image(tmp_path / "deep.png", value_range=(0, 1000))


def test_published_rgba_files_equal_their_grey_content(data_dir):
    files = sorted((data_dir / "nih_original" / "images").glob("*.png"))
    assert len(files) == 26
    modes = set()
    for file in files:
        with Image.open(file) as image:
            modes.add(image.mode)
            pixels = np.asarray(image)
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        if pixels.ndim == 3:
            assert (pixels[..., :3] == grey[..., None]).all()
        np.testing.assert_array_equal(read_image(file), grey)
    assert {"L", "RGBA"} <= modes


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.png", b""), ("text.png", b"no image"), ("cut.dcm", b"\0" * 128 + b"DICM")],
)
def test_what_is_no_image_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: not a readable"):
        read_image(tmp_path / name)


def test_a_truncated_png_is_an_error_and_not_half_an_image(grey, tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "cut.png"), noise)
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut\.png: not a readable image"):
        read_image(tmp_path / "cut.png")


def test_a_truncated_jpeg_is_an_error_and_not_half_an_image(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "cut.jpg"), noise)
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut\.jpg: not a readable image"):
        read_image(tmp_path / "cut.jpg")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such image file: .*gone\.png"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ValueError, match=r"cannot be read .* expected PNG, JPEG"):
        read_image(tmp_path)


# ---- DICOM -------------------------------------------------------------------------------------


def write_dicom(path, pixels, *, bits=12, photometric="MONOCHROME2", modality="DX", **tags):
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = modality
    data.PhotometricInterpretation = photometric
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel = 1
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored, data.HighBit = bits, bits - 1
    data.PixelRepresentation = 0
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def _stretched(values):
    values = values.astype(float)
    return np.rint((values - values.min()) / (values.max() - values.min()) * 255)


def test_dicom_12_bits(grey, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16) * 16)
    np.testing.assert_array_equal(read_image(path), grey)
    # recognised by its content too
    np.testing.assert_array_equal(read_image(path.rename(tmp_path / "without_suffix")), grey)


def test_dicom_monochrome1_is_inverted(grey, tmp_path):
    pixels = grey.astype(np.uint16) * 16
    path = write_dicom(tmp_path / "a.dcm", pixels, photometric="MONOCHROME1")
    np.testing.assert_array_equal(read_image(path), 255 - grey)


def test_dicom_monochrome1_of_8_bits_is_inverted_within_its_bits(tmp_path):
    pixels = np.array([[10, 60], [110, 210]], np.uint8)
    path = write_dicom(tmp_path / "a.dcm", pixels, bits=8, photometric="MONOCHROME1")
    image = read_image(path).astype(int)
    assert (np.argsort(image.ravel()) == [3, 2, 1, 0]).all()
    assert (np.diff(image.ravel()) == -np.diff(pixels.astype(int).ravel())).all()


def test_dicom_window_clips_linearly(grey, tmp_path):
    pixels = grey.astype(np.uint16) * 16
    centre, width = 2000, 1001
    path = write_dicom(tmp_path / "a.dcm", pixels, WindowCenter=centre, WindowWidth=width)
    # DICOM PS3.3 C.11.2.1.2.1
    expected = ((pixels - (centre - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    assert (expected == 0).any()
    assert (expected == 1).any()
    assert np.abs(read_image(path) - expected * 255).max() <= 0.51


def test_dicom_rescale_slope(grey, tmp_path):
    pixels = grey.astype(np.uint16)
    path = write_dicom(
        tmp_path / "a.dcm", pixels, bits=16, RescaleSlope=-2.0, RescaleIntercept=1000.0
    )
    np.testing.assert_array_equal(read_image(path), _stretched(1000.0 - 2 * pixels))


def test_dicom_of_another_modality_warns(grey, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16), modality="CT")
    with pytest.warns(UserWarning, match=r"a\.dcm says Modality CT, which is no projection"):
        read_image(path)


def test_dicom_of_several_frames_is_refused(grey, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.stack([grey, grey]).astype(np.uint16))
    with pytest.raises(ValueError, match=r"a\.dcm: pixel data of shape \(2, 40, 30\); expected"):
        read_image(path)


def test_real_dicom_files(data_dir):
    for name in ("test1", "test4"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = read_image(data_dir / "dicom" / f"{name}.dcm")
        assert image.ndim == 2
        assert min(image.shape) > 200
        assert image.std() > 20
    with pytest.warns(UserWarning, match=r"test5\.dcm says Modality CT"):
        assert read_image(data_dir / "dicom" / "test5.dcm").std() > 20
