import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, log_loss

from skcxr.segmentation._augment import _warp, augment
from skcxr.segmentation._training import mask_loss


def lungs(size=96):
    y, x = np.mgrid[:size, :size] / size
    inside = ((x - 0.3) / 0.15) ** 2 + ((y - 0.5) / 0.3) ** 2 < 1
    inside |= ((x - 0.72) / 0.13) ** 2 + ((y - 0.5) / 0.25) ** 2 < 1
    return inside.astype(np.uint8) * 255


def test_augmentation_moves_image_and_mask_together():
    mask = lungs()
    for seed in range(20):
        image, moved = _warp(mask, mask, np.random.default_rng(seed), 1.0)
        inner = moved > 0
        np.testing.assert_array_equal(image[inner], moved[inner])
        assert not np.array_equal(moved, mask)


def test_augmentation_is_seeded_and_strength_zero_is_none():
    mask = lungs()
    image = 255 - mask // 2
    a, b, c = (augment(image, mask, np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    for given, got in zip((image, mask), augment(image, mask, None, 0), strict=True):
        np.testing.assert_array_equal(got, given)


def test_augmentation_keeps_most_of_the_lungs_in_view():
    mask = lungs()
    areas = [(augment(mask, mask, np.random.default_rng(s))[1] > 127).mean() for s in range(40)]
    assert 0.5 < np.median(areas) / (mask > 127).mean() < 1.7
    assert min(areas) > 0.02


def test_bce_equals_log_loss():
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(3, 1, 8, 8)), rng.integers(0, 2, (3, 1, 8, 8))
    loss = mask_loss(torch.tensor(logits), torch.tensor(truth, dtype=torch.float32), "bce")
    expected = log_loss(truth.ravel(), 1 / (1 + np.exp(-logits.ravel())))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_dice_term_of_a_hard_mask_is_one_minus_f1():
    rng = np.random.default_rng(0)
    found, truth = rng.integers(0, 2, (2, 4, 1, 32, 32))
    logits = torch.tensor((found * 2.0 - 1) * 40)
    target = torch.tensor(truth, dtype=torch.float32)
    dice = mask_loss(logits, target, "bce+dice") - mask_loss(logits, target, "bce")
    f1 = [f1_score(t.ravel(), f.ravel()) for t, f in zip(truth, found, strict=True)]
    assert 1 - dice.item() == pytest.approx(np.mean(f1), abs=1e-3)
