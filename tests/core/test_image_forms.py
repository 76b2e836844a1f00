"""Films as people hold them in memory: channels, tensors, PIL images, datasets of pydicom."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from skcxr._image_input import as_images
from skcxr.preprocessing import HistEqualizer, ImageLoader, read_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (3, 20, 30), dtype=np.uint8)
RGB = RNG.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
LUMA = np.rint(RGB @ [0.299, 0.587, 0.114])


def made_of(X, **settings):
    return np.stack(list(as_images(X, **settings)))


@pytest.mark.parametrize(
    "X",
    [
        GREY[:, None],
        GREY[..., None],
        torch.from_numpy(GREY),
        torch.from_numpy(GREY)[:, None],
        list(torch.from_numpy(GREY)),
        [torch.from_numpy(GREY[0]), GREY[1], Image.fromarray(GREY[2])],
        [Image.fromarray(image) for image in GREY],
        np.array([Image.fromarray(image) for image in GREY] + [None], dtype=object)[:3],
        [image[None] for image in GREY],
    ],
    ids=[
        "1HW",
        "HW1",
        "tensor",
        "tensor 1HW",
        "tensors",
        "mixed",
        "PIL",
        "object array",
        "list 1HW",
    ],
)
def test_grey_images_in_any_form(X):
    np.testing.assert_array_equal(made_of(X), GREY)


@pytest.mark.parametrize(
    "X",
    [
        RGB,
        RGB.transpose(0, 3, 1, 2),
        torch.from_numpy(RGB).permute(0, 3, 1, 2),
        list(RGB),
        [Image.fromarray(image) for image in RGB],
        [Image.fromarray(image).convert("RGBA") for image in RGB],
    ],
    ids=["HW3", "3HW", "tensor", "list", "PIL", "RGBA"],
)
def test_colour_is_luma(X):
    found = made_of(X)
    assert np.abs(found - LUMA).max() <= 1
    as_float = made_of(np.asarray(RGB, np.float64) / 255, value_range=(0, 1))
    assert np.abs(as_float - LUMA).max() <= 1


def test_memory_and_files_agree(tmp_path):
    for name, image in [("grey.png", GREY[0]), ("colour.png", RGB[0])]:
        Image.fromarray(image).save(tmp_path / name)
        held = Image.open(tmp_path / name)
        difference = made_of([held])[0].astype(int) - read_image(tmp_path / name)
        assert np.abs(difference).max() <= (name == "colour.png")  # OpenCV rounds luma of PNG down
    turned = Image.fromarray(GREY[0])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    held = Image.open(tmp_path / "turned.png")
    np.testing.assert_array_equal(made_of([held])[0], np.rot90(GREY[0], -1))


DATASETS = (
    "CT_small MR_small_RLE MR_small_bigendian ExplVR_BigEnd image_dfl SC_rgb_jpeg_dcmtk "
    "examples_palette SC_rgb_rle_16bit MR_small_padded liver_1frame"
).split()


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_are_read_as_their_files(name):
    path = get_testdata_file(f"{name}.dcm", read=False)
    dataset = dcmread(path, force=True)
    found = as_images([dataset], decode={"modality": "ignore"})[0]
    np.testing.assert_array_equal(found, read_image(path, modality="ignore"))


def test_datasets_made_in_memory_and_their_patients(caplog):
    dataset = dcmread(get_testdata_file("CT_small.dcm", read=False))
    dataset.PatientName = "Secret^Name"
    with pytest.warns(UserWarning, match=r"^X\[0\] says Modality CT"):
        ImageLoader(16).fit_transform([dataset])[0]
    with pytest.raises(ValueError, match=r"^X\[0\] says Modality CT"):
        ImageLoader(16, modality="raise").fit_transform([dataset])[0]
    keys = as_images([dataset], decode={"modality": "ignore"}).keys()
    dataset.PatientName = "Other^Name"
    assert as_images([dataset], decode={"modality": "ignore"}).keys() == keys
    dataset.NumberOfFrames = 2
    with pytest.raises(ValueError, match=r"^X\[0\]: .*expected one frame") as caught:
        as_images([dataset])[0]
    assert "Name" not in str(caught.value)
    del dataset.PixelData
    with pytest.raises(ValueError, match=r"^X\[0\]: .*no PixelData"):
        as_images([dataset])[0]


def test_images_of_several_sizes_and_kinds(tmp_path):
    films = [RGB[0], GREY[0][:9], torch.from_numpy(GREY[1]), Image.fromarray(GREY[2][:, :7])]
    loader = ImageLoader(8, memory=str(tmp_path))
    images = loader.fit_transform(films)
    assert images.shape == (4, 8, 8)
    expected = cv2.resize(GREY[1], (8, 8), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(images[2], expected)
    assert HistEqualizer().fit_transform(images).shape == (4, 8, 8)
    np.testing.assert_array_equal(np.asarray(loader.transform(films)), np.asarray(images))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 3, 8, 3)), "first or last axis may be its channels"),
        (np.zeros((2, 1, 8, 3)), "first or last axis may be its channels"),
        (np.zeros((2, 5, 8, 8)), "no axis of 1 or 3 channels"),
        (np.zeros((40, 30, 3)), r"one film in colour .* X\[None\]"),
        (Image.fromarray(GREY[0]), r"single image of PIL; write \[X\]"),
        ([torch.zeros(4)], r"X\[0\] has the shape \(4,\)"),
        ([Image.new("CMYK", (4, 4))], r"X\[0\]: .*CMYK"),
        (np.zeros((1, 1, 1, 1, 1)), "dim 5"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        as_images(X)[0]
