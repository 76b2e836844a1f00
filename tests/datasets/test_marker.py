import numpy as np
import pytest

from skcxr.datasets import make_chest_phantoms, paste_marker


@pytest.fixture(scope="module")
def images():
    return make_chest_phantoms(6, size=100, label_names=[], random_state=0).images


def test_only_the_chosen_films_change_and_only_in_the_corner(images):
    before = images.copy()
    marked = paste_marker(images, [1, 4], size=0.2)
    np.testing.assert_array_equal(images, before)
    changed = marked != images
    assert changed.any(axis=(1, 2)).tolist() == [False, True, False, False, True, False]
    rows, columns = np.nonzero(changed.any(axis=0))
    assert rows.min() >= 1
    assert rows.max() < 1 + 13
    assert columns.min() >= 1
    assert columns.max() < 1 + 20
    # The same plate on every film, white letters on dark ground.
    plate = marked[1, 1:14, 1:21]
    np.testing.assert_array_equal(marked[4, 1:14, 1:21], plate)
    assert plate.min() == 38  # 0.15 of 255
    assert plate.max() > 200
    np.testing.assert_array_equal(
        paste_marker(images, np.isin(np.arange(6), [1, 4]), size=0.2), marked
    )


def test_corners_mirror_each_other():
    black = np.zeros((1, 90, 120), np.uint8)
    places = {}
    for corner in ("upper left", "upper right", "lower left", "lower right"):
        rows, columns = np.nonzero(paste_marker(black, corner=corner)[0])
        places[corner] = rows.min(), 89 - rows.max(), columns.min(), 119 - columns.max()
    top, bottom, left, right = places["upper left"]
    assert (top, left) == (1, 1)
    assert places["upper right"] == (top, bottom, right, left)
    assert places["lower left"] == (bottom, top, left, right)
    assert places["lower right"] == (bottom, top, right, left)


def test_letters_and_types(images):
    assert (paste_marker(images, text="A") != paste_marker(images, text="B")).any()
    wide = paste_marker(images.astype(np.uint16) * 257, [0])
    assert wide.dtype == np.uint16
    narrow = paste_marker(images, [0])
    np.testing.assert_allclose(wide[0] / 257, narrow[0], atol=0.51)
    np.testing.assert_array_equal(paste_marker(images, []), images)
    assert (paste_marker(images) != images).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"where": [True, False]}, r"mask of shape \(2,\); there are 6 images"),
        ({"where": [6]}, "names image 6, and there are 6 images"),
        ({"where": [-1]}, "there are 6 images from 0"),
        ({"where": [0.5]}, "mask or positions of images; got float64"),
        ({"text": "Ω"}, "printable ASCII letters; got 'Ω'"),
        ({"text": ""}, "printable ASCII"),
        ({"size": 0.02}, "the plate is 2 pixels wide"),
        ({"size": 0.7}, "'size' parameter"),
        ({"corner": "middle"}, "'corner' parameter"),
    ],
)
def test_bad_arguments(images, arguments, message):
    with pytest.raises(ValueError, match=message):
        paste_marker(images, **arguments)


def test_bad_images(images):
    with pytest.raises(
        ValueError, match=r"uint8 or uint16 .* got float32 of shape \(6, 100, 100\)"
    ):
        paste_marker(images.astype(np.float32))
    with pytest.raises(ValueError, match=r"got uint8 of shape \(100, 100\)"):
        paste_marker(images[0])


def test_a_model_of_grey_levels_is_fooled(images):
    """The mean of the corner tells marked films from others; that of the lungs does not."""
    ill = np.arange(6) % 2 == 0
    corner = paste_marker(images, ill)[:, 1:10, 1:15].max(axis=(1, 2))
    assert corner[ill].min() > corner[~ill].max()
