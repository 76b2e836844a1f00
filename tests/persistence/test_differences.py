"""Trained networks in a file, as differences from what pip installs."""

import copy

import numpy as np
import pytest
import torch

from skcxr.features import CNNEmbedder, FineTuning
from skcxr.persistence import _differences, load, save

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32), np.uint8)
Y = np.array([[0, 1], [1, 0]] * 3)


@pytest.fixture(scope="module")
def embedder():
    settings = FineTuning("all", epochs=1, guidance=0.0)
    embedder = CNNEmbedder(
        "efficientnet_lite0",
        fine_tune=settings,
        cross_fit=2,
        random_state=0,
        precision="float32",
        device="cpu",
    )
    return embedder.fit(IMAGES, Y)


def test_trained_networks_are_small_and_lose_nothing(embedder, tmp_path):
    save(embedder, tmp_path / "model")
    n_bytes = sum(p.numel() * 4 for tail in embedder.tails_ for p in tail.parameters())
    assert (tmp_path / "model").stat().st_size < n_bytes / 4
    back = load(tmp_path / "model")
    expected = embedder.decision_function(IMAGES)
    np.testing.assert_array_equal(back.decision_function(IMAGES), expected)
    for tail, other in zip(embedder.tails_, back.tails_, strict=True):
        again = other.state_dict()
        for key, tensor in tail.state_dict().items():
            torch.testing.assert_close(again[key], tensor, rtol=0, atol=0)


def test_a_weight_that_was_changed_since_is_kept_whole(embedder, tmp_path):
    changed = copy.deepcopy(embedder)
    with torch.no_grad():
        next(p for p in changed.tails_[0].parameters() if p.ndim > 1).mul_(1.001)
    save(changed, tmp_path / "model")
    expected = changed.decision_function(IMAGES)
    np.testing.assert_array_equal(load(tmp_path / "model").decision_function(IMAGES), expected)


@pytest.mark.parametrize("how", ["bomb", "short", "not packed", "steps", "no member", "unknown"])
def test_damaged_differences_are_refused(embedder, how):
    (tensor, start), *_ = _differences.starts_of(vars(embedder)).values()
    packed, steps = _differences.take_difference(tensor.detach(), start)
    name, members = _differences.name_difference("0", start), {"0": packed, "0s": steps}
    torch.testing.assert_close(
        _differences.find_difference(name, members), tensor.detach(), rtol=0, atol=0.01
    )
    if how in ("bomb", "short"):
        import zlib

        n = 10**8 if how == "bomb" else tensor.numel() - 1
        members["0"] = torch.frombuffer(bytearray(zlib.compress(bytes(n))), dtype=torch.uint8)
    elif how == "not packed":
        members["0"] = packed[5:]
    elif how == "steps":
        members["0s"] = steps[1:]
    elif how == "no member":
        del members["0"]
    else:
        name = _differences.name_difference("0", "published:efficientnet_lite0/nothing/0")
    with pytest.raises(ValueError, match=r"damaged|published"):
        _differences.find_difference(name, members)


def test_a_file_of_an_earlier_version_gets_the_defaults_of_new_parameters(tmp_path, monkeypatch):
    from skcxr.classifiers import MultilabelMLP

    net = MultilabelMLP(max_epochs=1, random_state=0)
    net.fit(np.random.default_rng(0).random((20, 3)), np.tile(np.eye(2), (10, 1)))
    del net.nan_rows  # as if it had been saved before there was such a parameter
    save(net, tmp_path / "old")
    back = load(tmp_path / "old")
    assert back.nan_rows == "raise"
    assert back.predict_proba(np.zeros((1, 3))).shape == (1, 2)
