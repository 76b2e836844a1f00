"""Maps after the fact: each step on maps whose answer is known."""

import numpy as np
import pytest

from skcxr.attention import (
    average_flipped,
    fuse_mask,
    fuse_scales,
    mirror_contrast,
    resize_maps,
    subtract_mean_map,
)
from skcxr.segmentation import label_regions


@pytest.mark.parametrize("size", [32, 64, 128, 160, 192, 200, 224, 320, 512])
def test_c2_no_value_leaves_its_range(size):
    maps = np.ones((2, 7, 7), np.float32)
    maps[1] = np.random.RandomState(0).uniform(size=(7, 7)) > 0.3
    resized = resize_maps(maps, (size, size))
    assert resized.shape == (2, size, size)
    assert (resized[0] == 1).all()
    assert resized.min() == 0
    assert resized.max() == 1


def test_interpolation_is_scikit_images():
    from skimage.transform import resize

    maps = np.random.RandomState(0).uniform(size=(2, 3, 7, 9)).astype(np.float32)
    found = resize_maps(maps, (28, 36))
    for i, j in np.ndindex(2, 3):
        expected = resize(maps[i, j], (28, 36), order=1, mode="edge", anti_aliasing=False)
        np.testing.assert_allclose(found[i, j], expected, atol=1e-5)
    assert resize_maps(maps, (7, 9)) is maps


def test_scales_are_fused_as_layer_cam_does():
    early = np.array([[[0.0, 4.0], [1.0, 0.0]]])
    last = np.array([[[2.0, 0.5], [0.0, 1.0]]])
    found = fuse_scales([early, last])
    expected = [[[1, np.tanh(2)], [np.tanh(0.5), 0.5]]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert fuse_scales([early, last], (8, 6)).shape == (1, 8, 6)


def test_flipped_maps_are_turned_back():
    maps = np.array([[[1.0, 2.0]]])
    np.testing.assert_array_equal(average_flipped(maps, np.array([[[4.0, 5.0]]])), [[[3, 3]]])


def test_what_every_film_has_is_taken_off():
    maps = np.array([[[[3.0, 1.0]]], [[[1.0, 5.0]]]])
    normal = np.array([[[[2.0, 2.0]]], [[[4.0, 0.0]]]])
    np.testing.assert_array_equal(subtract_mean_map(maps, normal), [[[[0, 0]]], [[[0, 4]]]])
    np.testing.assert_array_equal(
        subtract_mean_map(maps, normal.mean(0)), subtract_mean_map(maps, normal)
    )


def test_masks_constrain_by_label():
    maps = np.array([[[[2.0, 1.0]], [[0.0, 0.0]]]])
    masks = np.array([[[[0.0, 1.0]], [[1.0, 1.0]]]])
    found = fuse_mask(maps, masks, lam=0.5)
    np.testing.assert_allclose(found, [[[[0.5, 0.75]], [[0.5, 0.5]]]])
    np.testing.assert_allclose(fuse_mask(maps, masks, how="product"), [[[[0, 0.5]], [[0, 0]]]])
    np.testing.assert_array_equal(fuse_mask(maps, masks[:, 0], lam=1)[0, 1], masks[0, 0])
    with pytest.raises(ValueError, match="how must be"):
        fuse_mask(maps, masks, how="mean")
    with pytest.raises(ValueError, match="lam must lie"):
        fuse_mask(maps, masks, lam=2)


def test_regions_of_lungs_and_heart():
    mask = np.zeros((2, 100, 100))
    mask[0, 10:90, 10:40] = mask[0, 10:90, 60:90] = 1
    mask[1] = 1
    names = ["Mass", "Cardiomegaly", "Hernia"]
    found = label_regions(mask, names, dilate=0.05)
    assert found.shape == (2, 3, 100, 100)
    lungs, heart, hernia = found[0]
    assert lungs[50, 44] == 1  # five pixels beside the lung
    assert lungs[50, 50] == 0
    assert heart[70, 50] == hernia[70, 50] == 1
    assert heart[15, 50] == 0  # above the heart
    assert heart[70, 20] == 0
    assert (found[1] == 1).all()
    only = label_regions(mask, names, label_zones={"Hernia": ["heart"]})
    np.testing.assert_array_equal(only[0, 1], only[0, 0])


def test_regions_of_zones():
    mask = np.zeros((1, 90, 90))
    mask[0, :, 10:40] = mask[0, :, 50:80] = 1
    found = label_regions(mask, ["Effusion", "Pneumothorax", "Mass"], dilate=0)[0]
    effusion, air, mass = (region[:, 20] for region in found)
    assert effusion.tolist() == [0] * 60 + [1] * 30
    assert air.tolist() == [1] * 60 + [0] * 30
    assert (mass == 1).all()
    with pytest.raises(ValueError, match="There is no zone 'liver'"):
        label_regions(mask, ["Mass"], label_zones={"Mass": ["liver"]})


def test_softened_regions_peak_inside():
    mask = np.zeros((1, 100, 100))
    mask[0, 20:80, 10:40] = 1
    (region,) = label_regions(mask, ["Mass"], dilate=0, soften=0.07)[0]
    assert region.max() == 1
    row, column = np.unravel_index(region.argmax(), region.shape)
    assert 35 <= row <= 65
    assert 20 <= column <= 30
    assert 0.3 < region[50, 10] < 0.7  # at the border


def test_mirror_contrast_is_what_is_on_one_side_alone():
    maps = np.array([[[[3.0, 1.0, 1.0, 1.0], [0.0, 2.0, 5.0, 0.0]]]])
    expected = [[[[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]]]
    found = mirror_contrast(maps)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(mirror_contrast(maps[..., ::-1]), found[..., ::-1])
    symmetrical = maps + maps[..., ::-1]
    assert not mirror_contrast(symmetrical).any()
