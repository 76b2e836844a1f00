"""Localisation figures on maps whose answer is known, and what the controls are for."""

import numpy as np
import pandas as pd
import pytest

from skcxr.metrics import localization_report
from skcxr.metrics.localization import box_coverage


def make_boxes(*rows):
    return pd.DataFrame(rows, columns=["image", "label", "x", "y", "w", "h"])


def test_coverage_is_exact_area():
    # 4 pixels of side 256: the box takes half of column 0, all of 1, a quarter of row 2.
    found = box_coverage(np.array([[128.0, 512, 384, 64]]), (4, 4), 1024)[0]
    expected = np.zeros((4, 4))
    expected[2, :2] = [0.5 * 0.25, 0.25]
    np.testing.assert_allclose(found, expected)
    rng = np.random.RandomState(0)
    boxes = np.c_[rng.uniform(0, 500, (9, 2)), rng.uniform(1, 500, (9, 2))]
    area = box_coverage(boxes, (7, 11), 1024).sum((1, 2)) * (1024 / 7) * (1024 / 11)
    np.testing.assert_allclose(area, boxes[:, 2] * boxes[:, 3])


def test_figures_by_hand():
    maps = np.zeros((2, 8, 8))
    maps[0, 2:4, 2:4] = [[1, 0.6], [0.4, 0.8]]  # half-maximum: three of the four pixels
    maps[0, 7, 7] = 1.2
    maps[1, 0, 0] = 1
    boxes = make_boxes((0, "Mass", 256, 256, 256, 256), (1, "Mass", 0, 0, 128, 128))
    found = localization_report(maps, boxes, n_bootstraps=0, random_state=0).per_box["map"]
    # Image 0: the peak is outside; hot are 1, 0.6, 0.8 and the 1.2 outside the box of 4 pixels.
    assert found.iloc[0].tolist() == pytest.approx([0, 3 / 5, 2.8 / 4])
    assert found.iloc[1].tolist() == [1, 1, 1]


def test_uniform_control_is_the_area_of_the_boxes():
    boxes = make_boxes(("a", "Mass", 0, 0, 512, 256), ("b", "Mass", 512, 512, 512, 512))
    maps = np.ones((2, 16, 16))
    report = localization_report(maps, boxes, images=["a", "b"], n_bootstraps=20, random_state=0)
    for name in ("map", "uniform", "shuffled", "mean map"):
        assert report.summary.loc["energy in box", (name, "value")] == pytest.approx(3 / 16)
        assert report.summary.loc["pointing game", (name, "value")] == pytest.approx(3 / 16)
    assert report.summary.loc["IoU", ("gain", "value")] == 0


def gaussian_maps(centres, size=32):
    yy, xx = (np.mgrid[:size, :size] + 0.5) * 1024 / size
    return np.stack([np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 2 / 80**2) for x, y in centres])


def test_a_map_of_the_centre_does_not_pass_for_localisation():
    rng = np.random.RandomState(0)
    corners = rng.uniform(360, 500, size=(40, 2))
    boxes = make_boxes(*((i, "Mass", x, y, 200, 200) for i, (x, y) in enumerate(corners)))
    centre = localization_report(
        gaussian_maps([(512, 512)] * 40), boxes, n_bootstraps=100, random_state=0
    ).summary
    assert centre.loc["pointing game", ("map", "value")] > 0.5
    assert centre.loc["pointing game", ("gain", "value")] == 0

    spread = rng.uniform(0, 800, size=(40, 2))
    boxes = make_boxes(*((i, "Mass", x, y, 200, 200) for i, (x, y) in enumerate(spread)))
    found = localization_report(gaussian_maps(spread + 100), boxes, random_state=0).summary
    assert found.loc["pointing game", ("map", "value")] == 1
    assert found.loc["pointing game", ("gain", "low")] > 0.5
    assert (found["map"]["value"] > found["mean map"]["value"]).all()


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
    assert report.per_label.loc["Nodule", "pointing game, shuffled"] == 0
    assert "3 boxes, 0 with an empty map" in repr(report)
    assert "| Nodule" in report.to_markdown()


def test_controls_are_maps_of_other_patients():
    maps = np.zeros((3, 4, 4))
    maps[:2, 0, 0] = 1  # one patient, twice
    maps[2, 3, 3] = 1
    boxes = make_boxes((0, "Mass", 0, 0, 256, 256))
    kwargs = {"n_bootstraps": 0, "random_state": 0}
    by_patient = localization_report(maps, boxes, groups=["p", "p", "q"], **kwargs)
    assert by_patient.summary.loc["pointing game", ("shuffled", "value")] == 0
    by_image = localization_report(maps, boxes, **kwargs)
    assert by_image.summary.loc["pointing game", ("shuffled", "value")] > 0


def test_an_empty_map_misses_and_is_counted():
    maps = np.zeros((2, 4, 4))
    maps[1] = 1
    report = localization_report(maps, make_boxes((0, "Mass", 0, 0, 1024, 1024)), random_state=0)
    assert report.n_empty == 1
    assert report.per_box["map"].iloc[0].tolist() == [0, 0, 0]


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
