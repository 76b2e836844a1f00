"""Images: one lazy stack for every accepted form of X."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest

from skcxr._image_input import as_images, flat_image_shape
from skcxr._rows import Images, _sources


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 256, (7, 6, 6), dtype=np.uint8)


@pytest.fixture
def paths(array, tmp_path):
    for i, image in enumerate(array):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
    return [tmp_path / f"{i}.png" for i in range(len(array))]


@pytest.fixture
def reads(monkeypatch):
    """Names of the files that are decoded, as a list that fills."""
    names, read = [], _sources.read_image

    def note(path, value_range=None):
        names.append(str(path).rpartition("/")[2])
        return read(path, value_range)

    monkeypatch.setattr(_sources, "read_image", note)
    return names


def _invert(image):
    return 255 - image


def _halve(image):
    return image[::2, ::2].copy()


def forms(array, paths):
    return {
        "array": array,
        "flat": array.reshape(7, 36),
        "list of arrays": list(array),
        "list of paths": paths,
        "array of paths": np.array([str(path) for path in paths]),
        "tuple of paths": tuple(paths),
        "series": pd.Series([str(path) for path in paths], index=list("gfedcba")),
        "frame": pd.DataFrame({"age": range(7), "path": paths}),
    }


@pytest.mark.parametrize("form", forms(np.empty((7, 6, 6)), [None] * 7))
def test_every_form_is_the_same_stack(form, array, paths):
    images = as_images(forms(array, paths)[form])
    assert isinstance(images, Images)
    assert len(images) == 7
    assert images.shape == (7, 6, 6)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(images), array)
    np.testing.assert_array_equal(images[2], array[2])
    np.testing.assert_array_equal(images[-1], array[-1])
    np.testing.assert_array_equal(images[1:6:2], array[1:6:2])
    np.testing.assert_array_equal(images[[3, 0, 3]], array[[3, 0, 3]])
    np.testing.assert_array_equal(images[array[:, 0, 0] > 100], array[array[:, 0, 0] > 100])
    np.testing.assert_array_equal(images[1:3, 0], array[1:3, 0])
    np.testing.assert_array_equal(np.stack(list(images)), array)
    assert images[[]].shape == (0, 6, 6)
    assert images.is_flat == (form == "flat")
    restored = images.restore(np.asarray(images))
    assert restored.shape == ((7, 36) if form == "flat" else (7, 6, 6))


def test_images_pass_through(array):
    images = as_images(array)
    assert as_images(images) is images


def test_no_file_is_decoded_before_it_is_needed(paths, reads):
    images = as_images(paths).map(_halve, "halve").take([4, 1, 2])
    repr(images), len(images), images.keys()
    assert reads == []
    images[1]
    assert reads == ["1.png"] or set(reads) == {"4.png", "1.png"}  # one more for the size
    known = as_images(paths).map(_halve, "halve", size=(3, 3))
    reads.clear()
    assert known.shape == (7, 3, 3)
    assert reads == []


def test_batches_come_in_order_and_decode_a_few_ahead(array, paths, reads):
    images = as_images(paths).map(_invert, "invert", size=(6, 6))
    batches = images.batches(2)
    rows, first = next(batches)
    assert rows == slice(0, 2)
    np.testing.assert_array_equal(first, 255 - array[:2])
    rest = list(batches)
    assert [where.start for where, _ in rest] == [2, 4, 6]
    np.testing.assert_array_equal(np.concatenate([b for _, b in rest]), 255 - array[2:])
    assert sorted(reads) == [f"{i}.png" for i in range(7)]


def test_an_abandoned_pass_does_not_read_everything(paths, reads):
    batches = as_images(paths).map(_invert, "invert", size=(6, 6)).batches(1)
    next(batches)
    batches.close()
    assert len(reads) <= 4


def test_take_and_map_commute(array, paths):
    for images in (as_images(array), as_images(paths)):
        one = images.take([5, 0]).map(_invert, "invert")
        two = images.map(_invert, "invert").take([5, 0])
        np.testing.assert_array_equal(np.asarray(one), 255 - array[[5, 0]])
        np.testing.assert_array_equal(np.asarray(two), 255 - array[[5, 0]])
        assert one.keys() == two.keys()
        odd = images.take(array[:, 0, 0] % 2 == 1)
        np.testing.assert_array_equal(np.asarray(odd), array[array[:, 0, 0] % 2 == 1])


def test_names_follow_a_subset(array, paths):
    assert as_images(array).take([5, 2]).take([1]).name(0) == "X[2]"
    assert as_images(paths).take([5, 2]).name(1) == str(paths[2])
    assert as_images(paths).spooled().take([5, 2]).name(1) == str(paths[2])


def test_keys_are_of_content_and_of_what_was_done(array, paths, tmp_path):
    images = as_images(array)
    keys = images.keys()
    assert all(isinstance(key, bytes) and len(key) == 16 for key in keys)
    assert len(set(keys)) == 7
    assert images.keys(slice(2, 5)) == keys[2:5]
    assert images.keys([6, 0]) == [keys[6], keys[0]]
    assert as_images(array.copy()).keys() == keys
    changed = array.copy()
    changed[3, 5, 5] ^= 1
    assert [a == b for a, b in zip(as_images(changed).keys(), keys, strict=True)] == [
        True, True, True, False, True, True, True,
    ]  # fmt: skip
    inverted = images.map(_invert, "invert").keys()
    assert not set(inverted) & set(keys)
    assert images.map(_invert, "invert again").keys() != inverted
    assert images.map(_invert, "a").map(_invert, "b").keys() != (
        images.map(_invert, "b").map(_invert, "a").keys()
    )
    assert images.map(_invert, "ab").keys() != images.map(_invert, "a").map(_invert, "b").keys()
    assert as_images(array.reshape(7, 36), image_shape=(9, 4)).keys() != keys
    ranged = as_images(array.astype(float), value_range=(0, 255))
    assert ranged.keys() != as_images(array.astype(float)).keys()
    moved = [path.rename(tmp_path / f"moved{path.name}") for path in paths[:2]]
    again = as_images(moved).keys()
    cv2.imwrite(str(paths[0]), array[0])
    assert as_images(paths[:1]).keys() == again[:1]  # the content counts, not the name
    assert as_images(paths[:1], value_range=(0, 300)).keys() != again[:1]


def test_spooled_images_are_made_once(array, paths, reads):
    spooled = as_images(paths).map(_invert, "invert").spooled()
    keys = as_images(paths).map(_invert, "invert").keys()
    reads.clear()
    for _ in range(3):
        np.testing.assert_array_equal(spooled[[5, 1]], 255 - array[[5, 1]])
    np.testing.assert_array_equal(np.asarray(spooled.take([1, 2])), 255 - array[[1, 2]])
    np.testing.assert_array_equal(np.asarray(spooled), 255 - array)
    np.testing.assert_array_equal(np.asarray(spooled), 255 - array)
    assert sorted(reads) == [f"{i}.png" for i in range(7)]
    assert spooled.keys() == keys
    assert spooled.take([4]).keys() == keys[4:5]
    np.testing.assert_array_equal(spooled.map(_invert, "back")[3], array[3])


@pytest.mark.parametrize("spool", [False, True])
def test_pickles_are_small_and_work(array, paths, spool):
    images = as_images(paths).map(_invert, "invert")
    images = images.spooled() if spool else images
    for stack, index in [(images, slice(None)), (images.take([6, 2]), [6, 2])]:
        copy = pickle.loads(pickle.dumps(stack))
        np.testing.assert_array_equal(np.asarray(copy), 255 - array[index])
        assert copy.keys() == stack.keys()
    big = as_images(np.zeros((100, 64, 64), np.uint8))
    assert len(pickle.dumps(big.take([3]))) < 6000
    assert len(pickle.dumps(big.spooled().take([3]))) < 6000


def test_spooled_images_leave_no_file_open(recwarn, array):
    spooled = as_images(array).spooled()
    np.asarray(spooled)
    file = spooled.source.shelf._file
    del spooled
    assert file.closed


def test_sizes_that_differ_name_the_file_and_the_way_out(array, paths):
    cv2.imwrite(str(paths[4]), np.zeros((5, 9), np.uint8))
    with pytest.raises(ValueError, match=r"4\.png is 5.9 pixels .* ImageLoader"):
        np.asarray(as_images(paths))
    with pytest.raises(ValueError, match=r"X\[1\] is 2.2 pixels"):
        np.asarray(as_images([np.zeros((3, 3)), np.zeros((2, 2))]))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("lungs.png", ValueError, r"single path 'lungs.png'; write \[path\]"),
        (["a.png", None], ValueError, "path 1 is None"),
        (["nowhere.png"], FileNotFoundError, "1 of 1 image files missing: nowhere.png"),
        ([f"{i}.png" for i in range(11)], FileNotFoundError, "11 of 11 .* 9.png, …"),
        (np.empty((0, 4, 4)), ValueError, "0 sample"),
        ([], ValueError, "Expected 2D array|0 sample|empty"),
        (np.zeros((2, 5, 4, 4)), ValueError, r"shape \(5, 4, 4\): no axis of 1 or 3 channels"),
        (np.zeros((2, 5)), ValueError, r"5 values are not square .*image_shape=\(H, W\)"),
        (np.zeros(5), ValueError, "Expected 2D array, got 1D array"),
        (pd.DataFrame({"file": ["a.png"]}), ValueError, "a.png|path"),
        (pd.DataFrame({"path": ["a.png"]})[:0], ValueError, r"0 sample\(s\) in X"),
        (pd.DataFrame({"path": [None]}), ValueError, "path 0 is None"),
        (np.full((1, 2, 2), np.nan), ValueError, "NaN"),
        ([np.full((2, 2), np.nan)], ValueError, "NaN"),
        (np.full((1, 2, 2), np.inf), ValueError, "infinity"),
        (np.ones((2, 2, 2), complex), ValueError, "[Cc]omplex"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_input_says_what_is_accepted(X, error, message):
    with pytest.raises(error, match=message):
        as_images(X)


def test_flat_image_shape():
    assert flat_image_shape(36, None) == (6, 6)
    assert flat_image_shape(36, (4, 9)) == (4, 9)
    assert flat_image_shape(36, (1, -1)) == (1, 36)
    assert flat_image_shape(36, (-1, 4)) == (9, 4)
    for shape in [(5, 5), (5, -1), (-1, 7)]:
        with pytest.raises(ValueError, match=r"36 values do not fit image_shape"):
            flat_image_shape(36, shape)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64, bool])
def test_other_dtypes_are_stretched_image_by_image(array, dtype):
    wide = array > 100 if dtype is bool else array.astype(dtype) * 7 + 100
    stack = np.asarray(as_images(wide))
    for image, made in zip(wide.astype(float), stack, strict=True):
        expected = (image - image.min()) / (image.max() - image.min()) * 255
        np.testing.assert_array_equal(made, np.rint(expected))


def test_a_constant_image_is_black():
    np.testing.assert_array_equal(np.asarray(as_images(np.full((1, 3, 3), 7.0))), 0)


def test_value_range_is_taken_literally(array):
    floats = array.astype(float)
    np.testing.assert_array_equal(np.asarray(as_images(floats, value_range=(0, 255))), array)
    halved = np.asarray(as_images(floats, value_range=(0, 510)))
    np.testing.assert_array_equal(halved, np.rint(array / 2))
    with pytest.raises(ValueError, match=r"X\[\d\] has values in .* outside value_range=\(0, 1"):
        np.asarray(as_images(floats, value_range=(0, 1)))


def test_float_extremes_do_not_overflow():
    extreme = np.array([[[-1.7e308, 0.0, 1.7e308, 1.7e308]]]).reshape(1, 2, 2)
    np.testing.assert_array_equal(np.asarray(as_images(extreme)).ravel(), [0, 128, 255, 255])
