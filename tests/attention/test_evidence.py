"""Evidence of each label, pooled where attention is: against its formula and its limits."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from tiny_networks import ThresholdMasker, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder, FineTuning

LABELS = ["Mass", "Edema", "Hernia"]


@pytest.fixture
def images():
    X = np.random.default_rng(0).integers(0, 256, (8, 24, 32), dtype=np.uint8)
    X[:, :10] //= 3
    return X


@pytest.fixture
def labels():
    Y = np.random.default_rng(1).integers(0, 2, (8, 3))
    Y[0], Y[1] = 0, 1
    return pd.DataFrame(Y, columns=LABELS)


def make(lam=0.3, output="evidence", embedder=None, **settings):
    frozen = CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", batch_size=5, head_C=1.0
    )
    return GradCAMFuser(embedder or frozen, ThresholdMasker(), lam=lam, output=output, **settings)


def several(**settings):
    return CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", batch_size=5,
        fine_tune=FineTuning(epochs=1, lr=0.01, batch_size=4, guidance=0.0), cross_fit=2,
        random_state=0, **settings,
    )  # fmt: skip


def maps_of(network, images, mirror=False):
    """Maps (n, C, h, w) in torch's own forward pass."""
    with torch.inference_mode():
        x = torch.from_numpy(images.astype(np.float32))[:, None] / 127.5 - 1
        maps = network(x)
        if mirror:
            maps = (maps + network(x.flip(3)).flip(3)) / 2
    return maps.numpy().astype(float)


def attention(cams, images, lam, reduce="mean"):
    """F of each image, from maps (n, k, h, w) that are not normalised."""
    peak = cams.max((2, 3), keepdims=True)
    cams = np.where(peak > 0, cams / np.where(peak > 0, peak, 1), 0)
    size = cams.shape[:1:-1]
    masks = [cv2.resize(np.float32(x > 127), size, interpolation=cv2.INTER_AREA) for x in images]
    return lam * np.stack(masks) + (1 - lam) * getattr(cams, reduce)(1)


def weighted(values, F):
    F = np.where(F.any((1, 2), keepdims=True), F, 1)  # evenly where nothing is attended to
    return np.einsum("nchw,nhw->nc", values, F) / F.sum((1, 2))[:, None]


@pytest.mark.parametrize("reduce", ["mean", "max"])
@pytest.mark.parametrize("lam", [0, 0.3, 1])
def test_evidence_of_one_network_is_its_head_on_pooled_maps(images, labels, lam, reduce):
    fuser = make(lam, reduce=reduce)
    found = fuser.fit_transform(images, labels)
    A = maps_of(tiny_network(), images)
    coef, intercept = fuser.embedder_.head_coef_, fuser.embedder_.head_intercept_
    cams = np.maximum(np.einsum("ck,nkhw->nchw", coef, A), 0)
    pooled = weighted(A, attention(cams, images, lam, reduce))
    # Feature maps are rounded to float16 on their way.
    np.testing.assert_allclose(found, pooled @ coef.T + intercept, rtol=2e-3, atol=5e-3)
    np.testing.assert_allclose(fuser.transform(images), found, atol=1e-6)
    maps = make(lam, "pooled", reduce=reduce).fit_transform(images, labels)
    np.testing.assert_allclose(found, maps @ coef.T + intercept, rtol=1e-4, atol=1e-4)


def test_at_lam_1_only_the_mask_counts_and_at_0_only_grad_cam(images, labels):
    fuser = make(1).fit(images, labels)
    A = maps_of(tiny_network(), images)
    coef, intercept = fuser.embedder_.head_coef_, fuser.embedder_.head_intercept_
    evidence = np.einsum("ck,nkhw->nchw", coef, A) + intercept[:, None, None]
    masks = [cv2.resize(np.float32(x > 127), (8, 6), interpolation=cv2.INTER_AREA) for x in images]
    expected = weighted(evidence, np.stack(masks))
    np.testing.assert_allclose(fuser.transform(images), expected, rtol=2e-3, atol=5e-3)
    fuser.set_params(lam=0, masker=None)
    found = fuser.transform(images)
    cams = attention(np.maximum(evidence - intercept[:, None, None], 0), images, 0)
    np.testing.assert_allclose(found, weighted(evidence, cams), rtol=2e-3, atol=5e-3)
    np.testing.assert_array_equal(found, make(0).fit(images, labels).transform(images))


@pytest.mark.parametrize("cross", [False, True])
def test_what_is_passed_through_are_the_logits(images, labels, cross):
    fuser = make(passthrough=True, embedder=several() if cross else None).fit(images, labels)
    features = fuser.transform(images)
    logits = fuser.embedder_.decision_function(images)
    np.testing.assert_allclose(features[:, 3:], logits, rtol=1e-5, atol=1e-4)
    names = [f"{kind}_{label}" for kind in ("attended", "logit") for label in LABELS]
    assert list(fuser.get_feature_names_out()) == names


def by_network(fuser, images):
    """Activations w A and evidence of each network."""
    embedder = fuser.embedder_
    for tail, coef, b in zip(
        embedder.tails_, embedder.head_coefs_, embedder.head_intercepts_, strict=True
    ):
        activations = np.einsum("ck,nkhw->nchw", coef, maps_of(tail, images, mirror=True))
        yield activations, activations + b[:, None, None]


@pytest.mark.parametrize("lam", [0, 0.4, 1])
def test_evidence_of_several_networks_is_averaged(images, labels, lam):
    fuser = make(lam, "auto", several()).fit(images, labels)
    activations, evidence = map(np.mean, zip(*by_network(fuser, images), strict=True), [0, 0])
    F = attention(np.maximum(activations, 0), images, lam)
    found = fuser.transform(images)
    np.testing.assert_allclose(found, weighted(evidence, F), rtol=2e-3, atol=1e-2)
    maps = fuser.set_params(output="maps").transform(images)
    np.testing.assert_allclose(maps.reshape(8, 3, 6, 8).mean(1), F, atol=5e-3)


def test_in_fit_transform_the_attention_too_is_of_the_network_that_did_not_see_it(images, labels):
    fuser = make(0.4, "auto", several(), passthrough=True)
    found = fuser.fit_transform(images, labels)
    part = fuser.embedder_.part_
    for i, (activations, evidence) in enumerate(by_network(fuser, images)):
        F = attention(np.maximum(activations, 0), images, 0.4)
        expected = np.hstack([weighted(evidence, F), evidence.mean((2, 3))])
        np.testing.assert_allclose(found[part == i], expected[part == i], rtol=2e-3, atol=1e-2)


def test_where_nothing_is_attended_to_evidence_is_the_logit(images, labels):
    fuser = make(0, passthrough=True).fit(images, labels)
    fuser.embedder_.head_coefs_[0] = -np.ones((3, 8), np.float32)  # ReLU leaves nothing
    found = fuser.transform(images)
    np.testing.assert_allclose(found[:, :3], found[:, 3:], rtol=1e-5)
