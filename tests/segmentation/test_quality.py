import numpy as np
import pytest
from scipy import ndimage
from skimage import draw, measure

from skcxr.segmentation import keep_two_largest, mask_quality


def ellipses(*parts, size=200):
    """Soft mask of ellipses (row, column, half height, half width)."""
    mask = np.zeros((size, size), np.uint8)
    for row, column, height, width in parts:
        mask[draw.ellipse(row, column, height, width, shape=mask.shape)] = 255
    return mask


LEFT, RIGHT = (100, 60, 60, 30), (100, 140, 60, 30)


def test_two_largest_parts_stay():
    mask = ellipses(LEFT, RIGHT, (10, 100, 6, 6), (190, 190, 5, 5))
    labels = measure.label(mask > 127)
    areas = sorted((r.area, r.label) for r in measure.regionprops(labels))
    expected = np.where(np.isin(labels, [label for _, label in areas[-2:]]), 255, 0)
    np.testing.assert_array_equal(keep_two_largest(mask), expected)


def test_holes_are_filled_and_soft_edges_stay():
    mask = ellipses(LEFT, RIGHT)
    mask[95:105, 55:65] = 3
    soft = ndimage.gaussian_filter(mask.astype(float), 2).astype(np.uint8)
    cleaned = keep_two_largest(soft)
    np.testing.assert_array_equal(cleaned > 127, ndimage.binary_fill_holes(soft > 127))
    outside = ~ndimage.binary_fill_holes(soft > 127)
    np.testing.assert_array_equal(cleaned[outside], soft[outside])


def test_soft_rim_goes_with_its_part():
    mask = ellipses(LEFT, RIGHT, (15, 100, 8, 8))
    soft = ndimage.gaussian_filter(mask.astype(float), 1).astype(np.uint8)
    assert soft[:30].max() > 200
    assert keep_two_largest(soft)[:30].max() < 10


def test_nothing_to_clean_changes_nothing():
    for mask in (ellipses(LEFT, RIGHT), ellipses(), ellipses(LEFT), ellipses() + 255):
        np.testing.assert_array_equal(keep_two_largest(mask), mask)


@pytest.mark.parametrize(
    ("mask", "flag"),
    [
        (ellipses(LEFT, RIGHT), "ok"),
        (ellipses(), "no lung"),
        (ellipses((100, 60, 10, 10)), "no lung"),
        (ellipses(LEFT), "one lung"),
        (ellipses((60, 60, 30, 25), (140, 62, 30, 25)), "one lung"),
        (ellipses(LEFT, (100, 140, 20, 12)), "one lung"),
        (ellipses() + 250, "almost all"),
        (ellipses(LEFT, RIGHT, (100, 100, 20, 20)), "ok"),  # lungs that touch
        (np.where(ellipses(LEFT, RIGHT) > 0, 140, 0).astype(np.uint8), "unsure"),
    ],
)
def test_flags(mask, flag):
    table = mask_quality(mask[None])
    assert table["flag"].tolist() == [flag]
    assert table["usable"].tolist() == [flag == "ok"]


def test_measures_agree_with_skimage():
    mask = ellipses(LEFT, (100, 140, 50, 25))
    row = mask_quality(mask[None] / np.float32(255)).iloc[0]
    regions = measure.regionprops(measure.label(mask > 0))
    left, right = (r.area / mask.size for r in sorted(regions, key=lambda r: r.centroid[1]))
    assert row["left"] == pytest.approx(left)
    assert row["right"] == pytest.approx(right)
    assert row["area"] == pytest.approx(left + right)
    assert row["balance"] == pytest.approx(right / left)
    assert row["parts"] == 2
    assert row["doubt"] == 0


def test_no_masks():
    table = mask_quality(np.empty((0, 8, 8), np.uint8))
    assert len(table) == 0
    assert list(table)[-2:] == ["flag", "usable"]
