"""Fusion with the region of each label instead of the lungs for all."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tiny_networks import TwoLungs, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder

LABELS = ["Mass", "Hernia", "Effusion"]


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 64, 64), dtype=np.uint8)


@pytest.fixture
def labels():
    Y = np.random.default_rng(1).integers(0, 2, (6, 3))
    Y[0], Y[1] = 0, 1
    return pd.DataFrame(Y, columns=LABELS)


def make(lam=1.0, regions="labels", output="evidence", **settings):
    embedder = CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", batch_size=4, head_C=1.0
    )
    return GradCAMFuser(embedder, TwoLungs(), lam=lam, regions=regions, output=output, **settings)


def test_each_label_has_the_region_that_belongs_to_it(images, labels):
    maps = make().fit(images, labels).attention_maps(images[:1], size=(64, 64))
    mass, hernia, effusion = maps.fused[0]  # at lam=1 nothing but the regions, softened
    assert min(mass[20, 16], hernia[32, 32], effusion[46, 16]) > 0.7
    assert max(mass[62, 32], hernia[32, 2], effusion[12, 16]) < 0.2
    np.testing.assert_array_equal(maps.mask[0, 8:56, 8:24], 1)  # the lungs, as they are


def test_a_label_is_pooled_where_it_belongs(images, labels):
    """By hand: the mean of its evidence weighted by its own region."""
    fuser = make().fit(images, labels)
    found = fuser.transform(images)
    activations = np.concatenate(
        [rows for _, rows in fuser.embedder_.activation_rows(images).batches(6)]
    )
    evidence = activations.sum(1)
    regions = fuser.attention_maps(images, size=(64, 64)).fused
    shape = evidence.shape[:1:-1]
    for c in range(3):
        F = np.stack([cv2.resize(r, shape, interpolation=cv2.INTER_AREA) for r in regions[:, c]])
        expected = (evidence[:, c] * F).sum((1, 2)) / F.sum((1, 2))
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-4, atol=1e-4)


def test_regions_may_change_after_fit(images, labels):
    fuser = make(0.5, "lungs").fit(images, labels)
    for regions in ("labels", {"Mass": ["heart"]}):
        expected = make(0.5, regions).fit(images, labels).transform(images)
        found = fuser.set_params(regions=regions).transform(images)
        np.testing.assert_array_equal(found, expected)
    assert clone(fuser).regions == {"Mass": ["heart"]}


def test_without_zones_of_its_own_a_label_has_both_lungs_dilated_and_softened(images, labels):
    labels = labels.rename(columns={"Hernia": "Nodule", "Effusion": "Fibrosis"})
    lungs = make(1.0, "lungs").fit(images, labels).attention_maps(images[:1], size=(64, 64))
    zones = make(1.0, {}).fit(images, labels).attention_maps(images[:1], size=(64, 64))
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))  # 3 % of 64 pixels each way
    expected = cv2.GaussianBlur(cv2.dilate(lungs.fused[0, 0], around), (0, 0), 6.4)
    for label in range(3):
        np.testing.assert_allclose(zones.fused[0, label], expected / expected.max(), atol=1e-6)


def test_contrast_takes_what_both_sides_have_out_of_grad_cam(images, labels):
    fuser = make(0.5, "lungs").fit(images, labels)
    raw = fuser.attention_maps(images).raw_cam
    found = fuser.set_params(contrast="mirror").attention_maps(images)
    np.testing.assert_array_equal(found.raw_cam, raw)  # as the equations give it
    one_side = np.maximum(raw - raw[..., ::-1], 0)
    peak = one_side.max((2, 3), keepdims=True)
    expected = np.divide(one_side, peak, out=np.zeros_like(raw), where=peak > 0)
    np.testing.assert_allclose(found.cam, expected, atol=1e-6)


def test_feature_maps_are_pooled_by_the_mean_of_the_regions(images, labels):
    fuser = make(1.0, "labels", "pooled").fit(images, labels)
    found = fuser.transform(images)
    maps = np.concatenate([rows for _, rows in fuser.embedder_.rows(images).batches(6)])
    regions = fuser.attention_maps(images, size=(64, 64)).fused.mean(1)
    size = maps.shape[:1:-1]
    F = np.stack([cv2.resize(r, size, interpolation=cv2.INTER_AREA) for r in regions])
    expected = np.einsum("nchw,nhw->nc", maps.astype(float), F) / F.sum((1, 2))[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_as_many_labels_as_feature_maps_are_still_pooled_by_the_mean_of_the_regions(images):
    Y = np.random.default_rng(2).integers(0, 2, (6, 8))
    Y[0], Y[1] = 0, 1
    labels = pd.DataFrame(Y, columns=[*LABELS, "a", "b", "c", "d", "e"])
    fuser = make(1.0, "labels", "pooled").fit(images, labels)
    maps = np.concatenate([rows for _, rows in fuser.embedder_.rows(images).batches(6)])
    assert maps.shape[1] == 8
    regions = fuser.attention_maps(images, size=(64, 64)).fused.mean(1)
    F = np.stack([cv2.resize(r, maps.shape[:1:-1], interpolation=cv2.INTER_AREA) for r in regions])
    expected = np.einsum("nchw,nhw->nc", maps.astype(float), F) / F.sum((1, 2))[:, None]
    np.testing.assert_allclose(fuser.transform(images), expected, rtol=1e-3, atol=1e-3)


def test_an_unknown_zone_is_named(images, labels):
    with pytest.raises(ValueError, match="no zone 'middle lobe'; the zones are right upper"):
        make(0.5, {"Mass": ["middle lobe"]}).fit_transform(images, labels)
