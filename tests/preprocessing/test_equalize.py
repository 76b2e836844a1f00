"""HistEqualizer against OpenCV and scikit-image."""

import cv2
import numpy as np
import pytest
from skimage import exposure

from skcxr.preprocessing import HistEqualizer


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.gamma(4, 12, (4, 64, 48)).clip(0, 255).astype(np.uint8)


def equalized(images, **settings):
    return np.asarray(HistEqualizer(**settings).fit_transform(images))


def test_global_is_opencvs(images):
    expected = [cv2.equalizeHist(image) for image in images]
    np.testing.assert_array_equal(equalized(images), expected)


def test_global_is_scikit_images_with_the_lowest_level_at_zero(images):
    for image, made in zip(images, equalized(images), strict=True):
        share = exposure.equalize_hist(image, nbins=256)
        # equalizeHist counts from the lowest level of the image, scikit-image from none
        lowest = share.min()
        assert np.abs(made - 255 * (share - lowest) / (1 - lowest)).max() <= 1


def test_global_is_flat_and_keeps_order(images):
    for image, made in zip(images, equalized(images), strict=True):
        order = np.argsort(image, axis=None, kind="stable")
        assert (np.diff(made.ravel()[order].astype(int)) >= 0).all()
        counts = np.histogram(made, 8, (0, 256))[0]
        assert counts.max() < 1.5 * made.size / 8


def test_global_is_idempotent(images):
    once = equalized(images)
    assert np.abs(equalized(once).astype(int) - once).max() <= 1


def test_clahe_is_opencvs(images):
    made = equalized(images, method="clahe", clip_limit=3.0, tile_grid=(4, 2))
    # OpenCV takes columns, rows
    expected = [cv2.createCLAHE(3.0, (2, 4)).apply(image) for image in images]
    np.testing.assert_array_equal(made, expected)
    assert not np.array_equal(made, equalized(images, method="clahe"))


def test_clahe_is_near_scikit_images(images):
    made = equalized(images, method="clahe", clip_limit=256.0, tile_grid=(4, 4))
    for image, found in zip(images, made, strict=True):
        expected = exposure.equalize_adapthist(image, (16, 12), clip_limit=1.0) * 255
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_none_changes_nothing(images):
    np.testing.assert_array_equal(equalized(images, method="none"), images)


def test_a_constant_image_stays_constant():
    assert np.ptp(equalized(np.full((1, 8, 8), 90, np.uint8))) == 0


def test_settings_are_in_the_keys(images):
    settings = [
        {},
        {"method": "none"},
        {"method": "clahe"},
        {"method": "clahe", "clip_limit": 3.0},
        {"method": "clahe", "tile_grid": (4, 4)},
    ]
    keys = [HistEqualizer(**s).fit_transform(images).keys()[0] for s in settings]
    assert len(set(keys)) == len(settings)
    # settings that change nothing leave the keys alone
    unused = HistEqualizer(clip_limit=7.0).fit_transform(images).keys()[0]
    assert unused == keys[0]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"method": "local"}, "The 'method' parameter of HistEqualizer"),
        ({"clip_limit": 0}, "The 'clip_limit' parameter of HistEqualizer"),
        ({"tile_grid": 8}, "The 'tile_grid' parameter of HistEqualizer"),
        ({"tile_grid": (8, 0)}, r"tile_grid=\(8, 0\); expected two positive integers"),
        ({"tile_grid": (8,)}, r"tile_grid=\(8,\); expected two positive integers"),
    ],
)
def test_bad_settings(images, setting, message):
    with pytest.raises(ValueError, match=message):
        HistEqualizer(**setting).fit(images)


def test_another_size_than_in_fit_is_refused(images):
    with pytest.raises(ValueError, match=r"32.32 = 1024 pixels, but HistEqualizer was fitted"):
        HistEqualizer().fit(images).transform(np.zeros((1, 32, 32), np.uint8))
