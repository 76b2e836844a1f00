"""What is done to films in training: against numpy and hand-made cases."""

import numpy as np
import pytest

from skcxr.features._augment import augment, mix

STILL = dict.fromkeys(("rotation", "shift", "zoom", "contrast", "gamma", "noise"), 0.0)


def film(size=32):
    return np.random.default_rng(0).integers(0, 256, (size, size), dtype=np.uint8)


def changed(image, seed=0, flip=False, **limits):
    return augment(image, np.random.default_rng(seed), **{**STILL, **limits}, flip=flip)


def test_no_limits_change_nothing():
    np.testing.assert_array_equal(changed(film()), film())


def test_a_flip_is_numpys_and_comes_in_half_of_the_cases():
    flipped = [np.array_equal(changed(film(), s, flip=True), film()[:, ::-1]) for s in range(200)]
    same = [np.array_equal(changed(film(), s, flip=True), film()) for s in range(200)]
    assert np.logical_xor(flipped, same).all()
    assert 70 < sum(flipped) < 130


def test_shift_moves_the_centre_of_mass_within_its_limit():
    image = np.zeros((64, 64), np.uint8)
    image[28:36, 28:36] = 200
    moves = []
    for seed in range(50):
        moved = changed(image, seed, shift=0.1).astype(float)
        rows, columns = np.indices(moved.shape)
        moves.append([(rows * moved).sum(), (columns * moved).sum()] / moved.sum() - 31.5)
    moves = np.abs(moves)
    assert moves.max() <= 6.4 + 0.1
    assert moves.max() > 4


def test_zoom_changes_areas_within_its_limits():
    image = np.zeros((64, 64), np.uint8)
    image[24:40, 24:40] = 255
    areas = [changed(image, seed, zoom=0.2).sum() / 255 / 256 for seed in range(50)]
    assert min(areas) >= 0.95 / 1.44
    assert max(areas) <= 1.05 * 1.44
    assert min(areas) < 0.8
    assert max(areas) > 1.2


def test_rotation_keeps_the_centre_and_turns_by_the_angle_at_most():
    image = np.zeros((65, 65), np.uint8)
    image[32, 32] = image[32, 52:57] = 255
    for seed in range(20):
        turned = changed(image, seed, rotation=15)
        assert turned[32, 32] > 100
        rows, columns = np.nonzero(turned[:, 45:] > 30)
        angle = np.degrees(np.arctan2(rows - 32, columns + 45 - 32))
        assert np.abs(angle).max() < 15 + 2


def test_gamma_keeps_black_and_white_and_the_order_of_greys():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    levels = changed(ramp, 3, gamma=0.4).ravel().astype(int)
    assert levels[0] == 0
    assert levels[-1] == 255
    assert (np.diff(levels) >= 0).all()
    assert not np.array_equal(levels, np.arange(256))
    exponent = np.log(levels[128] / 255) / np.log(128 / 255)
    np.testing.assert_allclose(levels, 255 * (np.arange(256) / 255) ** exponent, atol=1.5)


def test_noise_has_no_more_than_its_deviation():
    grey = np.full((64, 64), 128, np.uint8)
    spread = [changed(grey, seed, noise=8).std() for seed in range(30)]
    assert max(spread) < 8.5
    assert max(spread) > 5


def test_same_seed_same_film():
    limits = {"rotation": 10, "shift": 0.1, "zoom": 0.2, "contrast": 0.2, "gamma": 0.2, "noise": 3}
    np.testing.assert_array_equal(changed(film(), 5, **limits), changed(film(), 5, **limits))


def test_mixup_is_the_weighted_mean():
    a, b = film()[None], film()[None, ::-1]
    mixed, share = mix(a, b, 0.25, "mixup", np.random.default_rng(0))
    assert share == 0.25
    np.testing.assert_allclose(mixed, 0.25 * a + 0.75 * b, atol=0.51)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cutmix_pastes_one_rectangle_and_says_what_is_left(share):
    ones, zeros = np.ones((3, 40, 50), np.uint8), np.zeros((3, 40, 50), np.uint8)
    mixed, left = mix(ones, zeros, share, "cutmix", np.random.default_rng(1))
    assert left == pytest.approx(mixed.mean())
    assert left == pytest.approx(share, abs=0.05)
    rows, columns = np.nonzero(mixed[0] == 0)
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert area == len(rows)
    assert (mixed == mixed[0]).all()
