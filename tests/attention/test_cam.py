"""Every method against autograd and its formula, and Grad-CAM against captum."""

import numpy as np
import pytest
import torch
from tiny_networks import tiny_network
from torch import nn

from skcxr._torch import to_input
from skcxr.attention import class_maps, head_cam, iter_class_maps, linear_cam, stage_cams
from skcxr.features import CNNEmbedder, FineTuning

METHODS = ["grad_cam", "grad_cam++", "hires_cam", "layer_cam"]
LABELS = ["Mass", "Edema", "Hernia"]


def formula(method, A, g):
    """The map of one image and label, A and g of shape (K, h, w), as the papers write it."""
    out = np.zeros(A.shape[1:])
    for a, d in zip(A.astype(float), g.astype(float), strict=True):
        if method == "grad_cam":
            weight = d.mean()
        elif method == "hires_cam":
            weight = d
        elif method == "layer_cam":
            weight = np.maximum(d, 0)
        else:
            below = 2 * d**2 + a.sum() * d**3
            alpha = np.divide(d**2, below, out=np.zeros_like(d), where=below != 0)
            weight = (alpha * np.maximum(d, 0)).sum()
        out += weight * a
    return np.maximum(out, 0)


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(0).uniform(0, 1, (3, 6, 5, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def coef():
    return np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_linear_head_is_the_formula_with_its_gradient(maps, coef, method):
    found = linear_cam(maps, coef, method)
    assert found.dtype == np.float32
    assert (found > 0).any()
    for i, c in np.ndindex(3, 4):
        gradient = np.broadcast_to(coef[c, :, None, None] / 20, maps.shape[1:])
        np.testing.assert_allclose(found[i, c], formula(method, maps[i], gradient), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_linear_head_is_the_general_way(maps, coef, method):
    def head(A):
        return A.mean((2, 3)) @ torch.from_numpy(coef).T

    general = head_cam(maps, head, method=method)
    np.testing.assert_allclose(linear_cam(maps, coef, method), general, atol=1e-6)
    some = head_cam(maps, head, [2, 0], method)
    np.testing.assert_array_equal(some, general[:, [2, 0]])


def test_hires_cam_is_grad_cam_for_a_linear_head_only(maps, coef):
    np.testing.assert_array_equal(linear_cam(maps, coef, "hires_cam"), linear_cam(maps, coef))

    def looks_at_places(A):
        return (A.flatten(1) ** 2) @ torch.linspace(-1, 1, 120)[:, None]

    other = head_cam(maps, looks_at_places, method="hires_cam")
    assert np.abs(other - head_cam(maps, looks_at_places)).max() > 0.1


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = nn.Sequential()
        parts.add_module("one", nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()))
        parts.add_module("two", nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3, stride=2)))
        parts.add_module("three", nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(5, 6, 3)))
        parts.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Tanh(),
                                               nn.Linear(6, 3)))  # fmt: skip
    return parts.eval()


@pytest.mark.parametrize("method", METHODS)
def test_stages_of_a_network_are_the_formula_with_autograds_gradient(network, method):
    batch = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 1, 12, 10))).float()
    parts = list(network.named_children())[:3]
    found = stage_cams(parts, network.head, batch, stages=["one", "three"], method=method)
    assert [cams.shape for cams in found] == [(2, 3, 12, 10), (2, 3, 3, 2)]
    for cams, cut in zip(found, (1, 3), strict=True):
        A = network[:cut](batch).detach()
        for i, c in np.ndindex(2, 3):
            leaf = A[i : i + 1].clone().requires_grad_()
            network[cut:](leaf.clone())[0, c].backward()
            expected = formula(method, A[i].numpy(), leaf.grad[0].numpy())
            np.testing.assert_allclose(cams[i, c], expected, atol=1e-6)


def test_grad_cam_of_a_stage_is_captums(network):
    import captum.attr

    batch = torch.from_numpy(np.random.default_rng(3).normal(size=(2, 1, 12, 10))).float()
    parts = list(network.named_children())[:3]
    (found,) = stage_cams(parts, network.head, batch, stages=["two"], method="grad_cam")

    class Whole(nn.Module):  # without the in-place layers that captum's hooks do not take
        def __init__(self):
            super().__init__()
            self.two = nn.Sequential(network.one, nn.ReLU(), network.two[1])

        def forward(self, x):
            return network.head(network.three[1](torch.relu(self.two(x))))

    whole = Whole()
    for c in range(3):
        expected = captum.attr.LayerGradCam(whole, whole.two).attribute(
            batch, target=c, relu_attributions=True
        )
        np.testing.assert_allclose(found[:, c], expected[:, 0].detach(), atol=1e-6)


def test_unknown_methods_and_stages_are_named(network, maps, coef):
    with pytest.raises(ValueError, match=r"method must be one of .*'layer_cam'.*got 'eigen'"):
        linear_cam(maps, coef, "eigen")
    with pytest.raises(ValueError, match="stages are one, two"):
        stage_cams(list(network.named_children())[:2], network.head, maps, stages=["four"])


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).integers(0, 256, (7, 32, 48), dtype=np.uint8)
    Y = np.random.default_rng(0).integers(0, 2, (7, 3))
    Y[:2] = [[0, 0, 0], [1, 1, 1]]
    embedder = CNNEmbedder(tiny_network(), weights=None, precision="float32", device="cpu")
    return embedder.fit(X, Y), X


def test_batches_are_the_whole(fitted):
    embedder, X = fitted
    whole = class_maps(embedder, X, method="layer_cam", size=(64, 80))
    assert whole.shape == (7, 3, 64, 80)
    parts = list(iter_class_maps(embedder, X, [1], method="layer_cam", size=(64, 80), batch_size=3))
    assert [where for where, _ in parts] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    np.testing.assert_allclose(np.concatenate([m for _, m in parts]), whole[:, [1]], atol=1e-7)


def test_the_last_stage_through_the_network_is_the_product(fitted):
    embedder, X = fitted
    last = list(embedder.trunk_._modules)[-1]
    through = class_maps(embedder, X, method="layer_cam", stages=[last])
    product = class_maps(embedder, X, method="layer_cam")
    peak = product.max((2, 3), keepdims=True)
    np.testing.assert_allclose(through * peak, product, atol=1e-4)  # rows are float16


def test_stages_of_an_embedder_are_fused_at_the_finest(fitted):
    embedder, X = fitted
    names = list(embedder.trunk_._modules)[-2:]
    fused = class_maps(embedder, X, [0], method="layer_cam", stages=names, batch_size=4)
    with torch.no_grad():
        finest = embedder.trunk_[:-1](to_input(X, torch.device("cpu")))
    assert fused.shape == (7, 1, *finest.shape[2:])
    assert fused.max() <= 1


def test_flipped_films_give_flipped_maps(fitted):
    embedder, X = fitted
    once = class_maps(embedder, X, flip=True)
    mirrored = class_maps(embedder, X[:, :, ::-1], flip=True)
    np.testing.assert_allclose(mirrored, once[..., ::-1], atol=1e-6)
    expected = (class_maps(embedder, X) + class_maps(embedder, X[:, :, ::-1])[..., ::-1]) / 2
    np.testing.assert_allclose(once, expected, atol=1e-6)


@pytest.mark.parametrize("method", ["grad_cam", "layer_cam"])
def test_cross_fitted_networks_are_averaged(method):
    X = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    Y = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 3)
    embedder = CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", random_state=0,
        fine_tune="layer4", epochs=1, cross_fit=2,
    ).fit(X, Y)  # fmt: skip
    assert len(embedder.head_coefs_) == 2
    found = class_maps(embedder, X, method=method)
    trunk = embedder.trunk_(to_input(X, torch.device("cpu"))).detach()
    logits = 0
    parts = []
    for tail, coef in zip(embedder.tails_, embedder.head_coefs_, strict=True):
        maps = tail(trunk).detach().numpy()
        parts.append(linear_cam(maps, coef, method))
        logits = logits + np.einsum("nkhw,ck->nchw", maps, coef) / 2
    expected = np.mean(parts, axis=0)
    if method == "grad_cam":  # of the mean logit
        expected = np.maximum(logits, 0) / np.prod(logits.shape[2:])
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("cross_fit", [None, 2])
@pytest.mark.parametrize("stages", [None, ["stem", "layer4"]])
def test_networks_trained_on_mirrored_films_average_their_maps(cross_fit, stages):
    X = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    Y = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 3)
    embedder = CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", random_state=0,
        fine_tune=FineTuning(epochs=1, lr=1e-2, guidance=0.0), cross_fit=cross_fit,
    ).fit(X, Y)  # fmt: skip
    assert len(embedder.trunk_) == 0
    found = class_maps(embedder, X, method="layer_cam", stages=stages)
    mirrored = class_maps(embedder, X[:, :, ::-1], method="layer_cam", stages=stages)
    np.testing.assert_allclose(found, mirrored[..., ::-1], atol=1e-3)
    by_hand = []
    for tail, coef in zip(embedder.tails_, embedder.head_coefs_, strict=True):
        maps = [
            tail(to_input(views, torch.device("cpu"))).detach().numpy()
            for views in (X, X[:, :, ::-1])
        ]
        if cross_fit is None:  # the features of one network are averaged, then weighed
            by_hand.append(linear_cam((maps[0] + maps[1][..., ::-1]) / 2, coef, "layer_cam"))
        else:
            by_hand += [linear_cam(maps[0], coef, "layer_cam")]
            by_hand += [linear_cam(maps[1], coef, "layer_cam")[..., ::-1]]
    if stages is None:
        np.testing.assert_allclose(found, np.mean(by_hand, axis=0), atol=1e-3)


def test_maps_of_many_films_take_the_memory_of_a_batch(fitted):
    import tracemalloc

    embedder, X = fitted
    many = np.concatenate([X] * 12)
    batch = 4 * 3 * 224 * 224 * 4  # bytes of the maps of four films
    list(iter_class_maps(embedder, X[:1], size=(224, 224)))  # what is made once
    tracemalloc.start()
    for _, maps in iter_class_maps(embedder, many, size=(224, 224), batch_size=4):
        assert maps.nbytes == batch
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * batch < len(many) * batch / 8
