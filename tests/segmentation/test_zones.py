"""Zones of hand-made lungs, of phantoms and of films with a heart that was outlined."""

import numpy as np
import pytest

from skcxr.segmentation import ZONES, lung_zones


def two_lungs(size=64):
    """The patient's right lung left in the image, rows 8 to 56; his left one rows 14 to 50."""
    mask = np.zeros((size, size), np.float32)
    mask[8:56, 8:24] = 1
    mask[14:50, 40:56] = 1
    return mask


def zone(zones, name):
    return zones[0, ZONES.index(name)]


def bounds(part):
    rows, columns = np.nonzero(part > 0.5)
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_thirds_of_each_lung_by_the_patients_side():
    zones = lung_zones(two_lungs())
    assert bounds(zone(zones, "right upper")) == (8, 24, 8, 24)
    assert bounds(zone(zones, "right middle")) == (24, 40, 8, 24)
    assert bounds(zone(zones, "right lower")) == (40, 56, 8, 24)
    assert bounds(zone(zones, "left upper")) == (14, 26, 40, 56)
    assert bounds(zone(zones, "left lower")) == (38, 50, 40, 56)
    # Between the lungs, below a third of their height.
    assert bounds(zone(zones, "heart")[:50]) == (24, 50, 24, 40)


@pytest.mark.parametrize("shape", [(7, 7), (10, 17), (224, 224), (1, 1)])
def test_every_pixel_is_shared_out(shape):
    masks = np.random.RandomState(0).uniform(size=(5, *shape))
    masks[3], masks[4] = 0, 1
    zones = lung_zones(masks)
    assert zones.shape == (5, 8, *shape)
    assert zones.min() >= 0
    np.testing.assert_allclose(zones.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(zones[:, :6].sum(axis=1), masks, atol=1e-6)
    assert (zones[3, 7] == 1).all()
    assert (zones[4, 6:] == 0).all()


def test_a_third_that_ends_within_a_row_is_shared():
    mask = np.zeros((16, 16))
    mask[2:12, 1:6] = mask[2:12, 10:15] = 1  # thirds of 10 rows
    found = lung_zones(mask)[0, :3, :, 2].sum(axis=1)
    np.testing.assert_allclose(found, 10 / 3, rtol=1e-5)


def test_the_mirrored_film_has_its_sides_swapped():
    mask = two_lungs()
    zones, flipped = lung_zones(mask), lung_zones(mask[:, ::-1])
    np.testing.assert_allclose(flipped[0, :3, :, ::-1], zones[0, 3:6], atol=1e-6)


def test_forms_of_masks_agree():
    mask = two_lungs()
    expected = lung_zones(mask)
    for other in (mask.astype(bool), (mask * 255).astype(np.uint8), mask[None].tolist()):
        np.testing.assert_array_equal(lung_zones(other), expected)


@pytest.mark.parametrize(
    ("masks", "match"),
    [
        (np.zeros((2, 3, 4, 4)), "shape"),
        (np.full((1, 4, 4), 1.5), "from 0 to 1"),
        (np.full((1, 4, 4), np.nan), "from 0 to 1"),
    ],
)
def test_wrong_masks_are_refused(masks, match):
    with pytest.raises(ValueError, match=match):
        lung_zones(masks)


def test_the_heart_lies_where_radiologists_outlined_it(data_dir):
    import pandas as pd

    from skcxr.metrics._boxes import axis_coverage
    from skcxr.preprocessing import ImageLoader
    from skcxr.segmentation import UNetMasker

    table = pd.read_csv(data_dir / "nih" / "BBox_List_2017.csv").iloc[:, :6]
    table.columns = ["image", "label", "x", "y", "w", "h"]
    folder = data_dir / "nih" / "images"
    table = table[table["label"] == "Cardiomegaly"]
    table = table[[(folder / name).exists() for name in table["image"]]][:8]
    images = ImageLoader(224).fit_transform([str(folder / name) for name in table["image"]])
    masks = UNetMasker().fit(images).transform(images).reshape(-1, 224, 224)
    heart = lung_zones(np.clip(masks, 0, 1))[:, ZONES.index("heart")]
    boxes = table[["x", "y", "w", "h"]].to_numpy() / 1024
    box = axis_coverage(boxes, 1, 224)[:, :, None] * axis_coverage(boxes, 0, 224)[:, None]
    both = (heart * box).sum((1, 2))
    iou = both / ((heart + box).sum((1, 2)) - both)
    assert len(iou) == 8
    assert np.median(iou) > 0.5
