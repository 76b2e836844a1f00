"""Mask metrics against MONAI, scikit-learn and shapes with known distances."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, jaccard_score

from skcxr.metrics import dice_score, segmentation_report


def blobs(n=6, size=48, seed=0):
    """Random smooth masks and masks like them; some touch the border."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.RandomState(seed)
    field = gaussian_filter(rng.normal(size=(n, size, size)), (0, 5, 5))
    other = field + 0.5 * gaussian_filter(rng.normal(size=field.shape), (0, 3, 3))
    return field > 0.02, other > 0.02


def disc(radius, size=101, centre=(50, 50)):
    yy, xx = np.mgrid[:size, :size]
    return (yy - centre[0]) ** 2 + (xx - centre[1]) ** 2 <= radius**2


def test_overlap_is_that_of_scikit_learn():
    true, pred = blobs()
    report = segmentation_report(true, pred, n_bootstraps=0)
    for i, (a, b) in enumerate(zip(true, pred, strict=True)):
        assert report.per_image["dice"][i] == pytest.approx(f1_score(a.ravel(), b.ravel()))
        assert report.per_image["iou"][i] == pytest.approx(jaccard_score(a.ravel(), b.ravel()))
        assert dice_score(a, b) == report.per_image["dice"][i]
    np.testing.assert_array_equal(dice_score(true, pred), report.per_image["dice"])


@pytest.mark.filterwarnings("ignore")  # MONAI's own imports warn
def test_surface_distances_are_those_of_monai():
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    true, pred = blobs()
    a, b = (torch.as_tensor(m[:, None].astype(np.float32)) for m in (true, pred))
    report = segmentation_report(true, pred, n_bootstraps=0).per_image
    np.testing.assert_allclose(
        report["assd"],
        compute_average_surface_distance(b, a, include_background=True, symmetric=True)[:, 0],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        report["hd95"],
        compute_hausdorff_distance(b, a, include_background=True, percentile=95)[:, 0],
        rtol=1e-5,
    )


def test_distance_of_shifted_squares_and_concentric_discs():
    a, b = np.zeros((2, 60, 60), bool)
    a[10:30, 10:30] = True
    b[10:30, 14:34] = True
    found = segmentation_report([a], [b], n_bootstraps=0).per_image.iloc[0]
    assert found["hd95"] == 4
    found = segmentation_report([disc(30)], [disc(20)], n_bootstraps=0).per_image.iloc[0]
    assert found["assd"] == pytest.approx(10, abs=0.3)
    assert found["hd95"] == pytest.approx(10, abs=0.7)


def test_empty_masks_are_scored_and_counted():
    empty, full = np.zeros((2, 8, 8))
    full[2:5, 2:5] = 1
    report = segmentation_report([empty, empty, full], [empty, full, full], n_bootstraps=0)
    assert report.per_image["dice"].tolist() == [1, 0, 1]
    assert report.per_image["iou"].tolist() == [1, 0, 1]
    assert report.per_image["hd95"].isna().tolist() == [True, True, False]
    assert report.summary["n"].tolist() == [3, 3, 1, 1]
    assert report.summary.loc["Hausdorff-95 (px)", "mean"] == 0


def test_summary_is_of_images_and_its_interval_resamples_patients():
    true, pred = blobs(8)
    patients = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    report = segmentation_report(true, pred, groups=patients, n_bootstraps=60, random_state=4)
    dice = report.per_image["dice"].to_numpy()
    row = report.summary.loc["Dice"]
    assert row["mean"] == pytest.approx(dice.mean())
    assert row["median"] == pytest.approx(np.median(dice))
    assert row["5 %"] == pytest.approx(np.percentile(dice, 5))
    rng = np.random.RandomState(4)
    means = [
        np.mean(np.concatenate([dice[patients == g] for g in rng.randint(4, size=4)]))
        for _ in range(60)
    ]
    assert row[["low", "high"]].tolist() == pytest.approx(list(np.percentile(means, [2.5, 97.5])))
    assert "Dice" in report.to_markdown()
    assert "8 images" in repr(report)


def test_formats_of_masks_agree():
    true, pred = blobs(2)
    expected = segmentation_report(true, pred, n_bootstraps=0).per_image
    for a, b in (
        (true.astype(np.uint8), pred.astype(np.uint8) * 255),
        (true.astype(float), np.where(pred, 0.7, 0.2)),
        (list(true), list(pred)),
    ):
        pd.testing.assert_frame_equal(segmentation_report(a, b, n_bootstraps=0).per_image, expected)
    named = segmentation_report(true, pred, names=["a.png", "b.png"], n_bootstraps=0)
    assert named.per_image.index.tolist() == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("true", "pred", "match"),
    [
        ([np.zeros((4, 4))], [np.zeros((4, 5))], r"masks_pred\[0\] \(a\) has shape \(4, 5\)"),
        ([np.full((4, 4), 0.5)], [np.zeros((4, 4))], r"masks_true\[0\] \(a\) must be bool"),
        ([np.zeros((4, 4))], [np.full((4, 4), 3)], r"masks_pred.*1 values from 3 to 3"),
        ([np.zeros((4, 4))], [np.full((4, 4), np.nan)], "NaN"),
        ([np.zeros((4, 4))], [], "got 0 and 1"),
    ],
)
def test_wrong_masks_are_named(true, pred, match):
    with pytest.raises(ValueError, match=match):
        segmentation_report(true, pred, names=["a"])


def test_dice_refuses_other_shapes():
    with pytest.raises(ValueError, match="same"):
        dice_score(np.zeros((2, 2)), np.zeros((3, 2)))


def test_real_masks_against_their_mirror_image(data_dir):
    import cv2

    folder = data_dir / "lungs" / "montgomery"
    files = sorted((folder / "masks").glob("*.png"))[:5]
    masks = [cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in files]
    report = segmentation_report(masks, masks, n_bootstraps=0)
    assert (report.per_image[["dice", "iou"]] == 1).all(axis=None)
    assert (report.per_image[["assd", "hd95"]] == 0).all(axis=None)
    flipped = segmentation_report(masks, [m[:, ::-1] for m in masks], n_bootstraps=0)
    assert flipped.per_image["dice"].between(0.5, 0.99).all()
