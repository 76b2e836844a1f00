"""Compact files: trained networks as differences from what pip installs."""

import numpy as np
import pytest
import torch

from skcxr.features import CNNEmbedder, FineTuning
from skcxr.persistence import _differences, load, save
from skcxr.persistence._published import published_tensors

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


def test_a_compact_file_is_small_and_close(embedder, tmp_path):
    save(embedder, tmp_path / "whole")
    save(embedder, tmp_path / "compact", compact=True)
    whole, compact = (tmp_path / name for name in ("whole", "compact"))
    assert compact.stat().st_size < whole.stat().st_size / 4
    expected = embedder.decision_function(IMAGES)
    np.testing.assert_array_equal(load(whole).decision_function(IMAGES), expected)
    again = load(compact)
    np.testing.assert_allclose(again.decision_function(IMAGES), expected, atol=0.02)
    start = {name.split("/")[1]: name for name in published_tensors(vars(embedder)).values()}
    for tail, other in zip(embedder.tails_, again.tails_, strict=True):
        back = other.state_dict()
        for key, tensor in tail.state_dict().items():
            if key not in start or tensor.ndim < 2:
                torch.testing.assert_close(back[key], tensor, rtol=0, atol=0)
                continue
            change = (tensor - _differences.find_published(start[key])).flatten(1)
            error = (tensor - back[key]).flatten(1)
            # A sixteenth of the root mean square where no weight moved far, by the step's size.
            rms, largest = change.square().mean(1).sqrt(), change.abs().amax(1)
            step = torch.maximum(rms / 8, largest / 127)
            assert (error.abs() <= 0.51 * step[:, None] + 1e-7).all()


def test_compact_again_changes_next_to_nothing(embedder, tmp_path):
    save(embedder, tmp_path / "first", compact=True)
    first = load(tmp_path / "first")
    save(first, tmp_path / "second")
    expected = first.decision_function(IMAGES)
    np.testing.assert_array_equal(load(tmp_path / "second").decision_function(IMAGES), expected)


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
