"""captum's methods on a fitted embedder: against linear networks, windows by hand, and axioms."""

import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state
from tiny_networks import tiny_network
from torch import nn

from skcxr.attention import attribution_maps
from skcxr.features import CNNEmbedder, FineTuning
from skcxr.inspection import AttentionDisplay

METHODS = ["integrated_gradients", "occlusion", "gradient_shap"]


@pytest.fixture
def captum():
    return pytest.importorskip("captum", reason="comes with skcxr[explain]")


@pytest.fixture(scope="module")
def films():
    return np.random.default_rng(0).integers(0, 256, (6, 16, 20), dtype=np.uint8)


LABELS = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 0]])


@pytest.fixture(scope="module")
def linear(films):
    """An embedder whose logits are linear in the pixels, and the weights of those (3, 16, 20)."""
    conv = nn.Conv2d(1, 4, 2, stride=2)
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 2, 2)).astype(np.float32)
    conv.weight.data = torch.from_numpy(kernel[:, None])
    conv.bias.data = torch.from_numpy(rng.normal(size=4).astype(np.float32))
    embedder = make(nn.Sequential(OrderedDict(stem=conv))).fit(films, LABELS)
    of_block = np.einsum("ck,kij->cij", embedder.head_coef_, kernel) / (8 * 10)
    return embedder, np.tile(of_block, (1, 8, 10))


@pytest.fixture(scope="module")
def tiny(films):
    return make(tiny_network()).fit(films, LABELS)


def make(network, **settings):
    return CNNEmbedder(network, weights=None, precision="float32", device="cpu", **settings)


def as_input(grey):
    return np.asarray(grey, np.float64) / 127.5 - 1


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_shap"])
def test_gradients_of_a_linear_network_are_its_weights_times_the_change(
    captum, linear, films, method
):
    embedder, weights = linear
    found = attribution_maps(
        embedder, films, method=method, baseline=51, n_steps=5, batch_size=2, signed=True
    )
    change = as_input(films) - as_input(51)
    np.testing.assert_allclose(found, weights * change[:, None], atol=1e-6)
    # Completeness.
    lost = embedder.decision_function(films) - embedder.decision_function(films * 0 + 51)
    np.testing.assert_allclose(found.sum((2, 3)), lost, atol=5e-3)  # of maps in float16


def test_several_baselines_act_as_their_mean(captum, linear, films):
    embedder, weights = linear
    found = attribution_maps(embedder, films[:2], baseline=films[2:], n_steps=2, signed=True)
    change = as_input(films[:2]) - as_input(films[2:]).mean(0)
    np.testing.assert_allclose(found, weights * change[:, None], atol=1e-6)


def test_occlusion_is_the_fall_of_the_logit_by_hand(captum, tiny, films):
    """Squares of 4 pixels, moved by 2; a pixel has the mean over those that hold it."""
    found = attribution_maps(
        tiny, films[:2], method="occlusion", baseline=100, window=4, batch_size=7, signed=True
    )

    def logits(films):
        with torch.inference_mode():
            maps = tiny_network()(torch.from_numpy(as_input(films)).float()[:, None])
        return maps.mean((2, 3)).double().numpy() @ tiny.head_coef_.T.astype(float)

    total, times = np.zeros((2, 3, 16, 20)), np.zeros((16, 20))
    for top in range(0, 13, 2):
        for left in range(0, 17, 2):
            square = slice(top, top + 4), slice(left, left + 4)
            occluded = films[:2].copy()
            occluded[:, *square] = 100
            total[:, :, *square] += (logits(films[:2]) - logits(occluded))[..., None, None]
            times[square] += 1
    np.testing.assert_allclose(found, total / times, atol=1e-5)


def test_integrated_gradients_of_several_networks_sum_to_the_difference(captum, films):
    """Of networks that were trained on mirrored films too, of which the embedder takes both."""
    settings = FineTuning(epochs=1, lr=0.01, batch_size=4, guidance=0.0, flip=True)
    embedder = make(tiny_network(), fine_tune=settings, cross_fit=2, random_state=0)
    embedder.fit(films, LABELS)
    assert len(embedder.tails_) == 2
    found = attribution_maps(embedder, films[:2], 1, n_steps=50, batch_size=50, signed=True)
    lost = embedder.decision_function(films[:2]) - embedder.decision_function(films[:2] * 0)
    np.testing.assert_allclose(found.sum((2, 3)), lost[:, 1:2], atol=0.01)


def test_gradient_shap_draws_from_the_baselines_and_the_state(captum, tiny, films):
    shared = check_random_state(None)  # numpy's global state
    before = shared.get_state()[1].copy()

    def maps(films, labels=None, seed=0):
        return attribution_maps(
            tiny, films, labels, method="gradient_shap", baseline=films, n_steps=50,
            batch_size=50, signed=True, random_state=seed,
        )  # fmt: skip

    found = maps(films)
    np.testing.assert_array_equal(found[:, 1:2], maps(films, 1))
    assert not np.allclose(found[:, 1:2], maps(films, 1, seed=1))
    np.testing.assert_array_equal(shared.get_state()[1], before)
    # Expected gradients are complete in the mean over the baselines.
    logits = tiny.decision_function(films)
    np.testing.assert_allclose(found.sum((2, 3)), logits - logits.mean(0), atol=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_what_speaks_for_the_label_up_to_one(captum, tiny, films, method):
    settings = {"method": method, "n_steps": 4, "random_state": 0}
    raw = attribution_maps(tiny, films, [2, 0], signed=True, **settings)
    found = attribution_maps(tiny, films, [2, 0], **settings)
    assert found.dtype == np.float32
    positive = np.maximum(raw, 0)
    peak = positive.max((2, 3), keepdims=True)
    np.testing.assert_allclose(found, positive / np.where(peak > 0, peak, 1), atol=1e-6)
    # Halved, a pixel is a mean of those around it; none leaves [0, 1].
    small = attribution_maps(tiny, films, [2, 0], size=(8, 10), **settings)
    assert small.shape == (6, 2, 8, 10)
    assert small.min() >= 0
    assert small.max() == 1


def test_maps_are_drawn(captum, tiny, films):
    maps = attribution_maps(tiny, films, "label1", n_steps=2)[:, 0]
    display = AttentionDisplay.from_predictions(films, maps=maps, label="label1", random_state=0)
    assert len(display.axes_) == len(films)


def test_wrong_arguments_are_named(captum, tiny, films):
    with pytest.raises(ValueError, match=r"method must be one of .*'occlusion'.*got 'lime'"):
        attribution_maps(tiny, films, method="lime")
    with pytest.raises(ValueError, match="Unknown label 'Mass'"):
        attribution_maps(tiny, films, "Mass")
    with pytest.raises(ValueError, match=r"films of 16 × 20 pixels.*got the shape \(16, 16\)"):
        attribution_maps(tiny, films, baseline=films[0, :, :16])
    with pytest.raises(ValueError, match=r"grey values in \[0, 255\]"):
        attribution_maps(tiny, films, baseline=-1)
    with pytest.raises(ValueError, match="n_steps must be at least 1; got 0"):
        attribution_maps(tiny, films, method="gradient_shap", n_steps=0)
    with pytest.raises(ValueError, match="window must lie in 1 to 16"):
        attribution_maps(tiny, films, method="occlusion", window=17)
    with pytest.raises(ValueError, match="fit the embedder with labels"):
        attribution_maps(make(tiny_network()).fit(films), films)


def test_the_extra_is_named_where_captum_is_missing(tiny, films, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r'pip install "skcxr\[explain\]"'):
        attribution_maps(tiny, films)
