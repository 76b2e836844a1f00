"""What is drawn where: maps, masks, boxes, and the control."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from skcxr.inspection import AttentionDisplay
from skcxr.inspection._controls import patients_of


class StubFuser(TransformerMixin, BaseEstimator):
    """Maps whose values say which image and label they are of."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y=None):
        self.label_names_ = np.array(["Mass", "Nodule"])
        return self

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1)[:, :2]

    def predict(self, X):
        return np.zeros(len(X))

    def attention_maps(self, X, labels=None, size=None):
        index = [list(self.label_names_).index(label) for label in labels]
        base = np.asarray(X)[:, None, :1, :1] / 255.0
        cam = np.ones((1, len(index), *size)) * base * 0.5 + np.array(index)[:, None, None] * 0.4
        return Bunch(
            cam=cam, mask=np.ones((len(X), *size)), fused=cam, label_names=self.label_names_[index]
        )


def make_images(n=3, size=16):
    return np.stack([np.full((size, size), 40 * i + 20, np.uint8) for i in range(n)])


def map_on(ax):
    """The map drawn over the X-ray, the second image of the axes."""
    return np.asarray(ax.images[1].get_array())


def test_columns_and_what_they_hold():
    images = make_images()
    maps = np.stack([np.full((4, 4), v) for v in (0.1, 0.2, 0.3)])
    masks = np.zeros((3, 8, 8))
    masks[:, 2:6, 2:6] = 1
    display = AttentionDisplay.from_predictions(
        images, maps=maps, masks=masks, fused=maps / 2, label="Mass", names=list("abc")
    )
    titles = [ax.get_title() for ax in display.axes_[0]]
    assert titles[:4] == ["X-ray", "Lung mask", "Grad-CAM", "Fused"]
    assert titles[4].startswith("Control")
    assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == ["Mass\na", "Mass\nb", "Mass\nc"]
    for i, row in enumerate(display.axes_):
        np.testing.assert_array_equal(row[0].images[0].get_array(), images[i])
        assert len(row[0].images) == 1
        np.testing.assert_allclose(map_on(row[2]), maps[i], rtol=1e-6)
        np.testing.assert_allclose(map_on(row[3]), maps[i] / 2, rtol=1e-6)
    # The outline of a mask of half the size lies where the mask lies on the image.
    path = display.axes_[0, 1].collections[0].get_paths()[0].vertices
    assert path.min() == pytest.approx(3.5, abs=0.51)
    assert path.max() == pytest.approx(11.5, abs=0.51)


@pytest.mark.parametrize("seed", range(3))
def test_w10_the_control_is_of_the_same_label_and_another_patient(seed):
    maps = np.stack([np.full((4, 4), v / 10) for v in range(6)])
    labels = ["Mass", "Edema", "Mass", "Edema", "Mass", "Edema"]
    display = AttentionDisplay.from_predictions(
        make_images(6), maps=maps, label=labels, groups=list("ppqqqr"), random_state=seed
    )
    drawn = [round(map_on(ax)[0, 0] * 10) for ax in display.axes_[:, -1]]
    allowed = [{2, 4}, {3, 5}, {0}, {1, 5}, {0}, {1, 3}]
    assert all(one in these for one, these in zip(drawn, allowed, strict=True))
    assert display.frame()["control"].tolist() == drawn


def test_w10_one_film_in_all_rows_is_no_control():
    images = np.stack([make_images(1)[0]] * 2)
    maps = np.ones((2, 4, 4))
    with pytest.raises(ValueError, match=r"no other patient's map of Mass .*image 0: .*others="):
        AttentionDisplay.from_predictions(images, maps=maps, label="Mass")
    two = make_images(2)
    with pytest.raises(ValueError, match="no other patient's map of Mass"):
        AttentionDisplay.from_predictions(two, maps=maps, label=["Mass", "Edema"])
    with pytest.raises(ValueError, match="no other patient's map "):
        AttentionDisplay.from_predictions(two, maps=maps, groups=[7, 7])
    with pytest.raises(ValueError, match="a patient per image"):
        AttentionDisplay.from_predictions(two, maps=maps, groups=[7, np.nan])
    display = AttentionDisplay.from_predictions(images, maps=maps, control=False)
    assert display.axes_.shape == (2, 2)


def test_w10_the_model_makes_the_map_of_the_same_label_on_another_film():
    images = make_images(2)
    fuser = StubFuser().fit(None)
    display = AttentionDisplay.from_estimator(fuser, images, label=["Mass", "Nodule"])
    base = images[:, 0, 0] / 255 * 0.5
    found = [map_on(ax)[0, 0] for ax in display.axes_[:, -1]]
    np.testing.assert_allclose(found, [base[1], base[0] + 0.4], atol=1e-6)
    display = AttentionDisplay.from_estimator(
        fuser, images[:1], label="Nodule", others=images[1:], random_state=0
    )
    assert map_on(display.axes_[0, -1])[0, 0] == pytest.approx(base[1] + 0.4)
    by_column = pd.DataFrame({"patient": ["p", "p"], "path": ["a.png", "b.png"]})
    assert patients_of(by_column, None, images).tolist() == [0, 0]


def test_t6_maps_without_positive_evidence_are_marked():
    maps = np.zeros((2, 4, 4))
    maps[0, 1, 2] = 0.5
    fused = np.full((2, 4, 4), 0.5)
    display = AttentionDisplay.from_predictions(make_images(2), maps=maps, fused=fused)

    def written(i, j):
        return [text.get_text() for text in display.axes_[i, j].texts]

    assert [written(0, 1), written(1, 1)] == [[], ["no positive evidence"]]
    assert [written(0, 2), written(1, 2)] == [[], ["no positive evidence: mask alone"]]
    assert [written(0, 3), written(1, 3)] == [["no positive evidence"], []]
    assert display.frame()["empty"].tolist() == [False, True]
    assert display.frame().loc[0, ["peak_x", "peak_y"]].tolist() == [2.5 / 4, 1.5 / 4]


@pytest.mark.parametrize("size", [32, 64, 128, 160, 192, 200, 512])
def test_c2_masks_over_one_by_rounding_are_drawn(size):
    masks = np.ones((2, size, size), np.float32)
    masks[0, :4] = 1 + 1.2e-7  # what interpolation makes of ones
    display = AttentionDisplay.from_predictions(
        make_images(2, size), maps=masks, masks=masks, control=False
    )
    assert display.masks.max() == display.maps["Grad-CAM"].max() == 1


def test_probability_and_threshold_are_written_above():
    display = AttentionDisplay.from_predictions(
        make_images(3),
        maps=np.ones((3, 4, 4)),
        label="Mass",
        probabilities=[0.25, 0.5, 0.1],
        thresholds=[0.3, 0.3, np.nan],
    )
    titles = [ax.get_title() for ax in display.axes_[:, 0]]
    assert titles == [
        "X-ray\n0.25 (threshold 0.30): negative",
        "0.50 (threshold 0.30): positive",
        "probability 0.10",
    ]


def test_boxes_are_rescaled_and_of_the_label():
    boxes = pd.DataFrame(
        [("a", "Mass", 256, 512, 128, 64), ("a", "Nodule", 0, 0, 9, 9), ("z", "Mass", 1, 1, 9, 9)],
        columns=["image", "label", "x", "y", "w", "h"],
    )
    display = AttentionDisplay.from_predictions(
        make_images(2), maps=np.zeros((2, 4, 4)), label="Mass", boxes=boxes, names=["a", "b"]
    )
    for ax in display.axes_[0]:
        (box,) = ax.patches
        assert box.get_bbox().bounds == pytest.approx((3.5, 7.5, 2, 1))
    assert not display.axes_[1, 0].patches


@pytest.mark.parametrize("searched", [False, True])
def test_the_fuser_is_found_inside_a_pipeline(searched):
    union = FeatureUnion([("texture", FunctionTransformer()), ("attention", StubFuser())])
    halve = FunctionTransformer(lambda X: (np.asarray(X) // 2).astype(np.uint8))
    pipe = Pipeline([("halve", halve), ("features", union), ("end", "passthrough")])
    images = make_images(4)
    # FunctionTransformer in a union gives 3-D output: fit what is needed without transforming.
    halve.fit(images)
    union.transformer_list[1][1].fit(images)
    if searched:
        search = GridSearchCV(pipe, {"features__attention__strength": [1.0]})
        search.best_estimator_ = pipe
        pipe = search
    display = AttentionDisplay.from_estimator(
        pipe, images, label=["Mass", "Nodule", "Mass", "Mass"], names=list("abcd"), control=False
    )
    shown = images // 2
    np.testing.assert_array_equal(display.images, shown)
    expected = shown[:, 0, 0] / 255 * 0.5 + [0, 0.4, 0, 0]
    np.testing.assert_allclose([map_on(row[2])[0, 0] for row in display.axes_], expected, atol=1e-6)
    assert display.row_names[1] == "Nodule\nb"


def test_given_axes_are_used():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3)
    display = AttentionDisplay.from_predictions(make_images(2), maps=np.zeros((2, 4, 4)), axes=axes)
    assert display.figure_ is figure
    assert display.axes_[1, 2] is axes[1, 2]
    with pytest.raises(ValueError, match="6 axes expected"):
        display.plot(axes[:1])


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"maps": np.zeros((3, 4, 4))}, r"Grad-CAM: shape \(2, h, w\)"),
        ({"maps": np.full((2, 4, 4), 1.5)}, r"values in \[0, 1\]"),
        ({"masks": np.zeros((2, 4))}, "masks: shape"),
        ({"names": ["a"]}, "one name per image"),
        ({"boxes": pd.DataFrame({"image": ["a"]})}, "lacks the columns"),
    ],
)
def test_wrong_input_is_named(kwargs, match):
    with pytest.raises(ValueError, match=match):
        AttentionDisplay.from_predictions(make_images(2), **kwargs)


def test_an_estimator_without_attention_says_what_is_expected():
    with pytest.raises(ValueError, match="pass a GradCAMFuser"):
        AttentionDisplay.from_estimator(FunctionTransformer(), make_images(1), label="Mass")
    with pytest.raises(ValueError, match="one per image"):
        AttentionDisplay.from_estimator(StubFuser(), make_images(1), label=["a", "b"])


def test_masks_are_outlined_at_full_size_and_unused_ones_said_to_be():
    class Masker:
        def transform(self, X):
            masks = np.zeros((len(X), 16, 16), np.float32)
            masks[:, 4:12, 4:12] = 0.9
            return masks.reshape(len(X), -1)

    class MaskingFuser(StubFuser):
        def attention_maps(self, X, labels=None, size=None):
            parts = super().attention_maps(X, labels, size)
            parts.mask[0] = 0.4  # coarse: nowhere above one half
            return parts

    fuser = MaskingFuser().fit(None)
    fuser.masker_ = Masker()
    display = AttentionDisplay.from_estimator(fuser, make_images(2), label="Mass")
    used, unused = display.axes_[:, 1]
    assert len(used.collections) == 1
    assert used.get_xlabel() == ""
    assert not unused.collections
    assert unused.get_xlabel() == "no mask used"
