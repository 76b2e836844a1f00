"""Localisation figures on maps whose answer is known, and what the controls are for."""

import numpy as np
import pandas as pd
import pytest

from skcxr.metrics import localization_report, maps_to_boxes
from skcxr.metrics._boxes import axis_coverage, overlaps


def make_boxes(*rows):
    return pd.DataFrame(rows, columns=["image", "label", "x", "y", "w", "h"])


def box_coverage(boxes, shape):
    """Share of each pixel (m, h, w) that boxes of the unit square cover."""
    rows, columns = axis_coverage(boxes, 1, shape[0]), axis_coverage(boxes, 0, shape[1])
    return rows[:, :, None] * columns[:, None, :]


def test_coverage_is_exact_area():
    # 4 pixels of side 256: the box takes half of column 0, all of 1, a quarter of row 2.
    found = box_coverage(np.array([[128.0, 512, 384, 64]]) / 1024, (4, 4))[0]
    expected = np.zeros((4, 4))
    expected[2, :2] = [0.5 * 0.25, 0.25]
    np.testing.assert_allclose(found, expected)
    rng = np.random.RandomState(0)
    boxes = np.c_[rng.uniform(0, 500, (9, 2)), rng.uniform(1, 500, (9, 2))]
    area = box_coverage(boxes / 1024, (7, 11)).sum((1, 2)) * (1024 / 7) * (1024 / 11)
    np.testing.assert_allclose(area, boxes[:, 2] * boxes[:, 3])


def test_figures_by_hand():
    maps = np.zeros((2, 8, 8))
    maps[0, 2:4, 2:4] = [[1, 0.6], [0.4, 0.8]]  # half-maximum: three of the four pixels
    maps[0, 7, 7] = 1.2
    maps[1, 0, 0] = 1
    boxes = make_boxes((0, "Mass", 256, 256, 256, 256), (1, "Mass", 0, 0, 128, 128))
    found = localization_report(maps, boxes, n_bootstraps=0, random_state=0).per_box["map"]
    # Image 0: the peak is outside; hot are 1, 0.6, 0.8 and the 1.2 outside the box of 4 pixels.
    columns = ["pointing game", "IoU", "energy in box"]
    assert found.iloc[0][columns].tolist() == pytest.approx([0, 3 / 5, 2.8 / 4])
    assert found.iloc[1][columns].tolist() == [1, 1, 1]
    # The cut map falls apart: three pixels that touch, 2 by 2, and the corner.
    assert found.iloc[0][["box IoU", "box IoBB"]].tolist() == [1, 1]


def test_uniform_control_is_the_area_of_the_boxes():
    boxes = make_boxes(("a", "Mass", 0, 0, 512, 256), ("b", "Mass", 512, 512, 512, 512))
    maps = np.ones((2, 16, 16))
    report = localization_report(maps, boxes, images=["a", "b"], n_bootstraps=20, random_state=0)
    for name in ("map", "uniform", "other patient", "mean map"):
        assert report.summary.loc["energy in box", (name, "value")] == pytest.approx(3 / 16)
        assert report.summary.loc["pointing game", (name, "value")] == pytest.approx(3 / 16)
    assert report.differences.loc["IoU", ("other patient", "value")] == 0


def gaussian_maps(centres, size=32):
    yy, xx = (np.mgrid[:size, :size] + 0.5) * 1024 / size
    return np.stack([np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 2 / 80**2) for x, y in centres])


def test_a_map_of_the_centre_does_not_pass_for_localisation():
    rng = np.random.RandomState(0)
    corners = rng.uniform(360, 500, size=(40, 2))
    boxes = make_boxes(*((i, "Mass", x, y, 200, 200) for i, (x, y) in enumerate(corners)))
    centre = localization_report(
        gaussian_maps([(512, 512)] * 40), boxes, n_bootstraps=100, random_state=0
    )
    assert centre.summary.loc["pointing game", ("map", "value")] > 0.5
    assert centre.differences.loc["pointing game", ("other patient", "value")] == 0
    assert centre.differences.loc["pointing game", ("centre", "value")] == 0

    spread = rng.uniform(0, 800, size=(40, 2))
    boxes = make_boxes(*((i, "Mass", x, y, 200, 200) for i, (x, y) in enumerate(spread)))
    found = localization_report(gaussian_maps(spread + 100), boxes, random_state=0)
    summary = found.summary
    assert summary.loc["pointing game", ("map", "value")] == 1
    assert (found.differences.xs("low", axis=1, level=1).loc["pointing game"] > 0.4).all()
    assert (summary["map"]["value"] > summary["mean map"]["value"]).loc[:"IoU>=0.3"].all()


def test_each_box_meets_the_map_of_its_image_and_label():
    maps = np.zeros((3, 2, 8, 8))
    maps[2, 1, 0, 0] = 1
    maps[:, 0, 7, 7] = maps[:2, 1, 7, 7] = 1
    boxes = make_boxes(
        ("c", "Nodule", 0, 0, 256, 256),
        ("c", "Mass", 0, 0, 256, 256),
        ("a", "Mass", 768, 768, 256, 256),
    )
    report = localization_report(
        maps, boxes, images=["a", "b", "c"], label_names=["Mass", "Nodule"], random_state=0
    )
    assert report.per_box["map", "pointing game"].tolist() == [1, 0, 1]
    assert report.per_label.loc["Mass", "boxes"] == 2
    assert report.per_label.loc["Mass", "pointing game"] == 0.5
    assert report.per_label.loc["Nodule", "pointing game, other patient"] == 0
    assert "3 boxes of 2 patients, 0 with an empty map" in repr(report)
    assert "| Nodule" in report.to_markdown()


def test_controls_are_maps_of_other_patients():
    maps = np.zeros((3, 4, 4))
    maps[:2, 0, 0] = 1  # one patient, twice
    maps[2, 3, 3] = 1
    boxes = make_boxes((0, "Mass", 0, 0, 256, 256))
    kwargs = {"n_bootstraps": 0, "random_state": 0}
    by_patient = localization_report(maps, boxes, groups=["p", "p", "q"], **kwargs)
    assert by_patient.summary.loc["pointing game", ("other patient", "value")] == 0
    by_image = localization_report(maps, boxes, **kwargs)
    assert by_image.summary.loc["pointing game", ("other patient", "value")] > 0


def test_an_empty_map_misses_and_is_counted():
    maps = np.zeros((2, 4, 4))
    maps[1] = 1
    report = localization_report(maps, make_boxes((0, "Mass", 0, 0, 1024, 1024)), random_state=0)
    assert report.n_empty == 1
    assert report.per_box["map"].iloc[0].drop("pixel AUC").tolist() == [0] * 19


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"boxes": make_boxes((9, "Mass", 0, 0, 9, 9))}, "1 boxes are of images that have no map"),
        ({"boxes": make_boxes((0, "Mass", 900, 0, 300, 9))}, "1024 by 1024 frame; pass frame="),
        ({"boxes": make_boxes((0, "Mass", 0, 0, 0, 9))}, "does not lie in the"),
        ({"boxes": make_boxes()}, "boxes is empty"),
        ({"boxes": pd.DataFrame({"image": [0]})}, "lacks the columns"),
        ({"maps": -np.ones((2, 4, 4))}, "0 or more"),
        ({"maps": np.ones((4, 4))}, "shape"),
        ({"maps": np.ones((2, 3, 4, 4))}, "label_names must name the 3 labels"),
        (
            {"maps": np.ones((2, 1, 4, 4)), "label_names": ["Nodule"]},
            "No map is for the label 'Mass'",
        ),
        ({"images": ["a", "a"]}, "2 different names"),
        ({"groups": [1, 1]}, "at least two"),
        ({"groups": [1]}, "one value per map"),
        ({"threshold": 2}, "threshold"),
    ],
)
def test_wrong_input_is_named(change, match):
    good = {"maps": np.ones((2, 4, 4)), "boxes": make_boxes((0, "Mass", 0, 0, 9, 9))}
    with pytest.raises(ValueError, match=match):
        localization_report(**{**good, **change})


def test_overlap_of_boxes_by_hand():
    true = np.array([[0.0, 0, 2, 2], [5, 5, 1, 1]])
    found = np.array([[1.0, 1, 2, 2], [0, 0, 1, 2], [0, 0, 4, 4]])
    iou, iobb = overlaps(true, found)
    np.testing.assert_allclose(iou, [[1 / 7, 1 / 2, 4 / 16], [0, 0, 0]])
    np.testing.assert_allclose(iobb, [[1 / 4, 1, 4 / 16], [0, 0, 0]])


def test_boxes_of_maps_are_those_of_scikit_image():
    from scipy.ndimage import gaussian_filter
    from skimage.measure import label, regionprops

    maps = gaussian_filter(np.random.RandomState(0).uniform(size=(6, 40, 30)), (0, 2, 2))
    maps -= maps.min()
    found = maps_to_boxes(maps, threshold=0.6, images=list("abcdef"))
    for name, map_ in zip("abcdef", maps, strict=True):
        parts = regionprops(label(map_ >= 0.6 * map_.max(), connectivity=2))
        expected = {(c0, r0, c1 - c0, r1 - r0) for r0, c0, r1, c1 in (p.bbox for p in parts)}
        mine = found[found["image"] == name]
        assert len(parts) > 1
        assert set(mine[["x", "y", "w", "h"]].itertuples(index=False, name=None)) == expected
        assert mine["score"].iloc[0] == map_.max()
        assert mine["score"].is_monotonic_decreasing


def test_boxes_of_maps_in_a_frame_and_by_label():
    maps = np.zeros((2, 2, 4, 8))
    maps[1, 0, 0, 2:4] = [0.5, 1]
    found = maps_to_boxes(maps, label_names=["Mass", "Edema"], frame=(800, 400))
    assert found.to_dict("list") == {
        "image": [1],
        "label": ["Mass"],
        "x": [200],
        "y": [0],
        "w": [200],
        "h": [100],
        "frame_width": [800],
        "frame_height": [400],
        "score": [1],
    }
    with pytest.raises(ValueError, match="images must name 2 maps"):
        maps_to_boxes(maps, images=["a"], label_names=["Mass", "Edema"])


def test_pixel_auc_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.RandomState(0)
    maps = rng.randint(5, size=(4, 8, 8)).astype(float)  # with ties
    boxes = make_boxes(*((i, "Mass", 128 * i, 256, 384, 256) for i in range(4)))
    found = localization_report(maps, boxes, n_bootstraps=0, random_state=0).per_box
    for i in range(4):
        inside = np.zeros((8, 8), bool)
        inside[2:4, i : i + 3] = True
        expected = roc_auc_score(inside.ravel(), maps[i].ravel())
        assert found["map", "pixel AUC"].iloc[i] == pytest.approx(expected)
    # A box at the rim of pixels counts them by their share: as on a map of twice the size.
    box = make_boxes((0, "Mass", 64, 256, 384, 256), (1, "Mass", 0, 0, 1024, 1024))
    found = localization_report(maps[:2], box, n_bootstraps=0, random_state=0).per_box
    inside = np.zeros((16, 16), bool)
    inside[4:8, 1:7] = True
    fine = maps[0].repeat(2, 0).repeat(2, 1)
    expected = roc_auc_score(inside.ravel(), fine.ravel())
    assert found["map", "pixel AUC"].iloc[0] == pytest.approx(expected)
    assert np.isnan(found["map", "pixel AUC"].iloc[1])  # nothing is outside


def test_found_at_a_level_is_the_share_of_boxes():
    maps = np.zeros((2, 8, 8))
    maps[0, :4, :4] = maps[1, :4, :2] = 1
    boxes = make_boxes((0, "Mass", 0, 0, 512, 512), (1, "Mass", 0, 0, 512, 512))
    found = localization_report(maps, boxes, n_bootstraps=0, random_state=0).summary["map"]["value"]
    assert found[["box IoU", "box IoBB"]].tolist() == [0.75, 1]
    assert found[["IoU>=0.1", "IoU>=0.5", "IoU>=0.6", "IoBB>=0.7"]].tolist() == [1, 1, 0.5, 1]


def test_frames_of_their_own_are_as_one_frame():
    maps = gaussian_maps([(300, 300), (500, 400)])
    one = make_boxes((0, "Mass", 128, 256, 512, 256), (1, "Mass", 256, 256, 512, 512))
    own = one.assign(frame_width=[2048, 512], frame_height=[1024, 4096])
    for side, axis in (("x", "width"), ("w", "width"), ("y", "height"), ("h", "height")):
        own[side] = own[side] * own[f"frame_{axis}"] / 1024
    own = own.rename(columns={"w": "width", "h": "height"})
    kwargs = {"n_bootstraps": 0, "random_state": 0}
    pd.testing.assert_frame_equal(
        localization_report(maps, own, **kwargs).summary,
        localization_report(maps, one, **kwargs).summary,
    )
    with pytest.raises(ValueError, match="2048 by 1024 frame"):
        localization_report(maps, own.assign(x=2000), **kwargs)
    with pytest.raises(ValueError, match="both frame_width and frame_height"):
        localization_report(maps, own.drop(columns="frame_width"), **kwargs)


def test_mean_box_is_of_other_patients_or_of_the_training():
    maps = np.ones((3, 8, 8))
    boxes = make_boxes(
        (0, "Mass", 0, 0, 512, 512),
        (1, "Mass", 512, 512, 512, 512),
        (2, "Mass", 0, 0, 512, 512),
    )
    kwargs = {"groups": ["p", "q", "p"], "n_bootstraps": 0, "random_state": 0}
    found = localization_report(maps, boxes, **kwargs).per_box["mean box"]
    assert found["pointing game"].tolist() == [0, 0, 0]  # p's two boxes do not vouch for each other
    train = boxes.assign(image=["a", "b", "c"])
    found = localization_report(maps, boxes, train_boxes=train, **kwargs).per_box["mean box"]
    assert found["pointing game"].tolist() == [1, 0, 1]  # the mean is highest where two boxes lie
    assert found["energy in box"].tolist() == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    with pytest.raises(ValueError, match="train_boxes holds 3 of the films that are scored"):
        localization_report(maps, boxes, train_boxes=boxes, **kwargs)


def test_lung_mask_and_blobs_are_controls():
    maps = np.ones((2, 8, 8))
    boxes = make_boxes((0, "Mass", 0, 0, 512, 1024), (1, "Mass", 0, 0, 512, 1024))
    masks = np.zeros((2, 16, 16), bool)
    masks[0, :, :8] = masks[1, :, 8:] = True
    report = localization_report(maps, boxes, masks=masks, n_bootstraps=0, random_state=0)
    assert report.per_box["lung mask", "pointing game"].tolist() == [1, 0]
    assert report.per_box["lung mask", "IoU"].tolist() == [1, 0]
    assert report.per_box["centre", "pointing game"].tolist() == [0.5, 0.5]  # the middle is shared
    assert report.per_box["random", "pointing game"].iloc[0] == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ValueError, match="masks must have shape"):
        localization_report(maps, boxes, masks=masks[:1])


def test_w10_another_patient_with_the_same_label_is_the_control():
    maps = np.zeros((4, 1, 4, 4))
    maps[:2, 0, 0, 0] = 1  # the films with the label, of two patients
    maps[2:, 0, 3, 3] = 1  # films without it, and the same patient again
    boxes = make_boxes((0, "Mass", 0, 0, 512, 512), (1, "Mass", 0, 0, 512, 512))
    report = localization_report(
        maps, boxes, label_names=["Mass"], groups=["p", "q", "r", "p"], random_state=0
    )
    assert report.per_box["other patient", "pointing game"].tolist() == [1, 1]
    assert report.counts.loc["Mass", "control maps"] == 1
    assert report.differences.loc["pointing game", ("other patient", "value")] == 0
    best = report.best_control()
    assert best["value"] == 1
    assert best["difference"] == 0


@pytest.fixture(scope="module")
def many():
    rng = np.random.RandomState(1)
    at = rng.uniform(0, 800, size=(30, 2))
    boxes = make_boxes(
        *((i, ("Mass", "Edema")[i % 2], x, y, 200, 200) for i, (x, y) in enumerate(at))
    )
    near = np.where(rng.uniform(size=(30, 1)) < 0.7, at, 800 - at) + 100
    return gaussian_maps(near), boxes, np.arange(30) // 2


def test_intervals_resample_patients_and_differences_are_paired(many):
    maps, boxes, patients = many
    report = localization_report(maps, boxes, groups=patients, n_bootstraps=200, random_state=3)
    frames = report.frames()
    assert {name: len(frame) for name, frame in frames.items()} == {
        "box": 30 * 7,
        "resample": 3 * 7 * 200,
        "summary": 3 * 7 * 20,
    }
    resampled = frames["resample"]
    both = resampled.query("label == 'all'").pivot_table("energy in box", "resample", "map")
    gap = (both["map"] - both["centre"]).quantile([0.025, 0.975])
    row = frames["summary"].query(
        "label == 'all' and metric == 'energy in box' and map == 'centre'"
    )
    found = row[["difference_low", "difference_high"]].to_numpy()[0]
    np.testing.assert_allclose(found, gap, atol=1e-6)
    assert row[["boxes", "patients"]].to_numpy().tolist() == [[30, 15]]
    per_box = frames["box"].query("map == 'map' and label == 'Mass'")
    expected = per_box["pointing game"].mean()
    assert report.per_label.loc["Mass", "pointing game"] == pytest.approx(expected)


def test_few_patients_have_no_interval(many):
    maps, boxes, _ = many
    groups = np.repeat(np.arange(3), 10)
    report = localization_report(maps, boxes, groups=groups, n_bootstraps=20, random_state=0)
    assert report.summary["map"][["low", "high"]].isna().all(axis=None)


def test_three_levels_as_files(many, tmp_path):
    maps, boxes, patients = many
    report = localization_report(maps, boxes, groups=patients, n_bootstraps=5, random_state=0)
    paths = report.to_csv(tmp_path / "out")
    assert [path.name for path in paths] == ["box.csv", "resample.csv", "summary.csv"]
    for path, (name, frame) in zip(paths, report.frames().items(), strict=True):
        pd.testing.assert_frame_equal(
            pd.read_csv(path), frame, check_dtype=False, check_exact=False, obj=name
        )
