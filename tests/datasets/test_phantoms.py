import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from sklearn.utils import Bunch

from skcxr.datasets import CHESTXRAY14_LABELS, make_chest_phantoms

BOX_COLUMNS = ["index", "image", "label", "x", "y", "w", "h", "frame_width", "frame_height"]


@pytest.fixture(scope="module")
def phantoms():
    return make_chest_phantoms(120, size=96, label_names="all", random_state=0)


def test_shapes_and_types(phantoms):
    assert isinstance(phantoms, Bunch)
    assert phantoms.images.shape == phantoms.masks.shape == (120, 96, 96)
    assert phantoms.images.dtype == np.uint8
    assert phantoms.masks.dtype == bool
    assert list(phantoms.labels) == list(CHESTXRAY14_LABELS)
    assert (phantoms.labels.dtypes == np.int8).all()
    assert set(np.unique(phantoms.labels)) == {0, 1}
    assert list(phantoms.boxes) == BOX_COLUMNS
    np.testing.assert_array_equal(phantoms.groups, phantoms.frame["Patient ID"])
    assert phantoms.frame["Image Index"].is_unique
    assert phantoms.frame["Image Index"].str[:8].astype(int).tolist() == phantoms.groups.tolist()
    assert "phantom" in phantoms.DESCR


def test_same_seed_same_phantoms_however_many_there_are(phantoms):
    few = make_chest_phantoms(17, size=96, label_names="all", random_state=0)
    np.testing.assert_array_equal(few.images, phantoms.images[:17])
    np.testing.assert_array_equal(few.masks, phantoms.masks[:17])
    pd.testing.assert_frame_equal(few.labels, phantoms.labels[:17])
    pd.testing.assert_frame_equal(few.boxes, phantoms.boxes[phantoms.boxes["index"] < 17])
    other = make_chest_phantoms(5, size=96, label_names="all", random_state=1)
    assert not np.array_equal(other.images, phantoms.images[:5])


def test_labels_do_not_depend_on_the_other_labels_chosen(phantoms):
    two = make_chest_phantoms(30, 32, label_names=["Mass", "Effusion"], random_state=0)
    pd.testing.assert_frame_equal(two.labels, phantoms.labels[["Mass", "Effusion"]][:30])


def test_global_seed_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.get_state()[1].copy()  # noqa: NPY002
    make_chest_phantoms(2, 32, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], expected)  # noqa: NPY002


def test_every_positive_has_a_box_inside_the_image(phantoms):
    boxes = phantoms.boxes
    rows, columns = np.nonzero(phantoms.labels.to_numpy())
    positives = {(i, CHESTXRAY14_LABELS[j]) for i, j in zip(rows, columns, strict=True)}
    assert set(zip(boxes["index"], boxes["label"], strict=True)) == positives
    assert (boxes[["w", "h"]] >= 1).all(axis=None)
    assert (boxes[["x", "y"]] >= 0).all(axis=None)
    assert (boxes["x"] + boxes["w"] <= 96).all()
    assert (boxes["y"] + boxes["h"] <= 96).all()
    names = phantoms.frame["Image Index"].to_numpy()
    assert (names[boxes["index"]] == boxes["image"]).all()


def test_masks_are_two_lungs_of_credible_size(phantoms):
    shares = phantoms.masks.mean(axis=(1, 2))
    assert 0.08 < shares.min() < shares.max() < 0.62
    right, left = [], []
    for mask in phantoms.masks:
        pieces, count = ndimage.label(mask)
        assert count == 2
        a, b = (pieces == 1), (pieces == 2)
        if np.nonzero(a)[1].mean() > np.nonzero(b)[1].mean():
            a, b = b, a
        right.append(a.sum())
        left.append(b.sum())
    assert np.mean(left) < np.mean(right)  # the heart takes its room from the left lung


def test_lungs_are_darker_than_what_is_around_them():
    healthy = make_chest_phantoms(30, 96, label_names=[], random_state=2)
    assert healthy.labels.shape == (30, 0)
    assert healthy.boxes.empty
    for image, mask in zip(healthy.images, healthy.masks, strict=True):
        around = ndimage.binary_dilation(mask, iterations=6) & ~ndimage.binary_dilation(
            mask, iterations=2
        )
        assert image[mask].mean() < image[around].mean() - 15


def test_images_of_a_patient_share_the_anatomy():
    chests = make_chest_phantoms(60, 64, n_patients=20, label_names=[], random_state=0)
    assert len(np.unique(chests.groups)) == 20
    areas = pd.Series(chests.masks.mean(axis=(1, 2)))
    within = areas.groupby(chests.groups).var().mean()
    assert within < 0.5 * areas.var()
    assert (
        len(chests.frame[["Patient ID", "Patient Age", "Patient Gender"]].drop_duplicates()) == 20
    )


@pytest.mark.slow
def test_prevalence():
    rates = {"Effusion": 0.3, "Nodule": 0.05}
    labels = make_chest_phantoms(
        400, 32, label_names=list(rates), prevalence=rates, random_state=0
    ).labels
    assert labels["Effusion"].mean() == pytest.approx(0.3, abs=0.08)
    assert labels["Nodule"].mean() == pytest.approx(0.05, abs=0.04)
    none = make_chest_phantoms(10, 32, prevalence=0.0, random_state=0)
    assert none.labels.to_numpy().sum() == 0


QUICK = {"Cardiomegaly", "Effusion", "Nodule", "Pneumothorax"}


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CHESTXRAY14_LABELS],
)
def test_a_disease_changes_the_image_where_its_box_is(name):
    arguments = {"n_patients": 16, "label_names": [name], "contrast": (1, 1), "random_state": 4}
    ill = make_chest_phantoms(16, 96, prevalence=0.4, **arguments)
    well = make_chest_phantoms(16, 96, prevalence=0, **arguments)
    rows = np.flatnonzero(ill.labels[name])
    same = np.flatnonzero(ill.labels[name] == 0)
    assert len(rows)
    assert len(same)
    np.testing.assert_array_equal(ill.images[same], well.images[same])
    for i in rows:
        changed = np.abs(ill.images[i].astype(float) - well.images[i])
        boxes = ill.boxes[ill.boxes["index"] == i]
        inside = np.zeros((96, 96), bool)
        for box in boxes.itertuples():
            inside[int(box.y) : int(box.y + box.h), int(box.x) : int(box.x + box.w)] = True
        assert changed[inside].mean() > 3


def test_contrast_makes_lesions_plainer():
    arguments = {"label_names": ["Mass"], "prevalence": 0.4, "random_state": 4}
    well = make_chest_phantoms(16, 64, label_names=["Mass"], prevalence=0, random_state=4)
    change = {}
    for contrast in (0, 1):
        ill = make_chest_phantoms(16, 64, contrast=(contrast, contrast), **arguments)
        change[contrast] = np.abs(ill.images - well.images.astype(float)).mean()
    assert change[1] > change[0] > 0


def test_size_does_not_change_the_chest():
    small = make_chest_phantoms(10, 64, random_state=0)
    large = make_chest_phantoms(10, 128, random_state=0)
    pd.testing.assert_frame_equal(small.labels, large.labels)
    reduced = large.masks.reshape(10, 64, 2, 64, 2).mean(axis=(2, 4)) > 0.5
    overlap = 2 * (reduced & small.masks).sum() / (reduced.sum() + small.masks.sum())
    assert overlap > 0.93  # borders are drawn to half a pixel, and these are small


def test_masks_are_like_annotated_ones(data_dir):
    """Widths, gaps and area of real lung fields (Montgomery), within their spread."""
    folder = data_dir / "lungs" / "montgomery" / "masks"
    real = np.array([cv2.imread(str(f), 0) > 0 for f in sorted(folder.glob("*.png"))])
    drawn = make_chest_phantoms(100, 96, random_state=0).masks
    for measure in (_area, _top, _bottom, _left_edge, _right_edge):
        a, b = measure(real), measure(drawn)
        assert abs(a.mean() - b.mean()) < 0.75 * a.std()
        assert 0.3 * a.std() < b.std() < 2 * a.std()


def _area(masks):
    return masks.mean(axis=(1, 2))


def _top(masks):
    return masks.any(axis=2).argmax(axis=1) / masks.shape[1]


def _bottom(masks):
    return 1 - masks[:, ::-1].any(axis=2).argmax(axis=1) / masks.shape[1]


def _left_edge(masks):
    return masks.any(axis=1).argmax(axis=1) / masks.shape[2]


def _right_edge(masks):
    return 1 - masks[:, :, ::-1].any(axis=1).argmax(axis=1) / masks.shape[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"size": 8}, "size"),
        ({"label_names": "Mass"}, "'all' or a list"),
        ({"label_names": ["Mass", "Gout"]}, "Gout"),
        ({"label_names": ["Mass", "Mass"]}, "duplicates"),
        ({"prevalence": 0.9}, "between 0 and 0.4"),
        ({"prevalence": {"Hernia": 0.1}}, "Hernia"),
        ({"contrast": (0.5, 0.1)}, "low <= high"),
        ({"n_samples": 3, "n_patients": 4}, "n_patients=4"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_chest_phantoms(**arguments)
