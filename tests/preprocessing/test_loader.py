"""ImageLoader: sizes, laziness, memory."""

import cv2
import numpy as np
import pytest

from skcxr._rows import _sources
from skcxr.preprocessing import ImageLoader, read_image


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i, size in enumerate([(40, 30), (16, 16), (8, 24)]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), rng.integers(0, 256, size, dtype=np.uint8))
    return tmp_path


@pytest.fixture
def paths(folder):
    return [folder / f"{i}.png" for i in range(3)]


@pytest.fixture
def reads(monkeypatch):
    names, read = [], _sources.read_image

    def note(path, value_range=None, **decode):
        names.append(str(path).rpartition("/")[2])
        return read(path, value_range, **decode)

    monkeypatch.setattr(_sources, "read_image", note)
    return names


def test_images_of_any_size_become_one_size(paths):
    images = ImageLoader(16).fit_transform(paths)
    assert images.shape == (3, 16, 16)
    np.testing.assert_array_equal(images[1], read_image(paths[1]))


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).integers(0, 256, (1, 12, 12), dtype=np.uint8)
    means = image.reshape(4, 3, 4, 3).mean((1, 3))
    assert np.abs(np.asarray(ImageLoader(4).fit_transform(image))[0] - means).max() <= 0.5


def test_growing_interpolates_linearly():
    image = np.array([[[0, 100], [100, 200]]], np.uint8)
    grown = np.asarray(ImageLoader(4).fit_transform(image))[0].astype(int)
    np.testing.assert_array_equal(grown[0], [0, 25, 75, 100])
    np.testing.assert_array_equal(grown, grown.T)


def test_fit_decodes_nothing_and_transform_only_what_is_asked(paths, reads):
    loader = ImageLoader(16).fit(paths)
    images = loader.transform(paths)
    assert images.shape == (3, 16, 16)
    assert reads == []
    images[2]
    assert reads == ["2.png"]
    images[[2, 0]]
    assert reads == ["2.png", "0.png"]


def test_with_memory_no_file_is_decoded_twice(paths, reads, tmp_path):
    loader = ImageLoader(16, memory=str(tmp_path / "kept"))
    first = np.asarray(loader.fit_transform(paths))
    assert sorted(reads) == ["0.png", "1.png", "2.png"]
    second = np.asarray(ImageLoader(16, memory=str(tmp_path / "kept")).fit_transform(paths[::-1]))
    np.testing.assert_array_equal(second, first[::-1])
    assert len(reads) == 3
    cv2.imwrite(str(paths[1]), np.zeros((9, 9), np.uint8))
    third = np.asarray(loader.fit_transform(paths))
    assert not third[1].any()
    np.testing.assert_array_equal(third[[0, 2]], first[[0, 2]])
    assert reads[3:] == ["1.png"]
    assert np.asarray(loader.set_params(size=8).fit_transform(paths)).shape == (3, 8, 8)
    assert len(reads) == 7


def test_missing_files_are_counted_and_named(paths):
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 image files missing: .*1\.png"):
        ImageLoader().fit(paths)


def test_a_file_that_disappears_after_fit_is_named(paths):
    images = ImageLoader(16).fit_transform(paths)
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"1\.png"):
        np.asarray(images)


def test_a_corrupt_file_is_named_when_it_is_read(paths):
    paths[1].write_bytes(b"nothing")
    images = ImageLoader(16).fit_transform(paths)
    images[0]
    with pytest.raises(ValueError, match=r"1\.png: not a readable image"):
        np.asarray(images)


def test_value_range_reaches_the_files(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((8, 8), 2048, np.uint16))
    images = ImageLoader(8, value_range=(0, 4096)).fit_transform([tmp_path / "deep.png"])
    assert (np.asarray(images) == 128).all()


@pytest.mark.parametrize(
    "setting", [{"size": 0}, {"size": 2.5}, {"value_range": 4095}, {"modality": "x"}]
)
def test_bad_settings_give_the_usual_message(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ImageLoader"):
        ImageLoader(**setting).fit(np.zeros((1, 4, 4), np.uint8))


def test_h8_large_jpegs_are_decoded_at_a_part_of_their_size(tmp_path, monkeypatch):
    film = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (640, 512), dtype=np.uint8), (0, 0), 9
    )
    cv2.imwrite(str(tmp_path / "film.jpg"), film, [cv2.IMWRITE_JPEG_QUALITY, 95])
    decoded, read = [], _sources.read_image

    def note(*args, **settings):
        decoded.append(read(*args, **settings))
        return decoded[-1]

    monkeypatch.setattr(_sources, "read_image", note)
    found = ImageLoader(64).fit_transform([tmp_path / "film.jpg"])[0]
    assert decoded[0].shape == (160, 128)
    expected = cv2.resize(film, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_settings_for_dicom_reach_the_files_and_their_keys(paths, monkeypatch, tmp_path):
    asked = []

    def read(path, value_range=None, **decode):
        asked.append((decode["voi"], decode["modality"]))
        return np.full((8, 8), len(asked), np.uint8)

    monkeypatch.setattr(_sources, "read_image", read)
    for settings in ({"voi": "HARDER"}, {"voi": None}, {"modality": "raise"}, {"voi": None}):
        np.asarray(ImageLoader(8, memory=tmp_path, **settings).fit_transform(paths[:1]))
    assert asked == [("HARDER", "warn"), (None, "warn"), ("first", "raise")]
