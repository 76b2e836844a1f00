"""Every network that has a name, and networks of torch's and MONAI's layers, come back."""

import numpy as np
import pytest
import torch
from torch import nn

from skcxr import CNNEmbedder, UNetMasker
from skcxr.features import BACKBONES
from skcxr.persistence import load, save

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64), np.uint8)


def comes_back(estimator, tmp_path):
    expected = estimator.transform(IMAGES)
    save(estimator, tmp_path / "m")
    back = load(tmp_path / "m")
    np.testing.assert_allclose(back.transform(IMAGES), expected, rtol=0, atol=1e-6)
    return back


QUICK = {"resnet18", "efficientnet_lite0"}


@pytest.mark.parametrize(
    "backbone",
    [b if b in QUICK else pytest.param(b, marks=pytest.mark.slow) for b in BACKBONES],
)
def test_a_backbone(tmp_path, backbone):
    embedder = CNNEmbedder(backbone, weights=None, random_state=0, precision="float32")
    comes_back(embedder.fit(IMAGES), tmp_path)


@pytest.mark.parametrize("network", ["unet", "attention_unet", "unet++"])
def test_a_network_of_masks(tmp_path, network):
    masks = np.zeros(IMAGES.shape, np.uint8)
    masks[:, 10:30, 10:50] = 255
    masker = UNetMasker(None, network, side=32, epochs=1, random_state=0, precision="float32")
    comes_back(masker.fit(IMAGES, masks), tmp_path)


def test_networks_of_layers(tmp_path):
    from monai.networks.nets import BasicUNet

    torch.manual_seed(0)
    for network in (
        nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 6, 3, padding="same"), nn.GroupNorm(2, 6), nn.GELU()),
        BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(4, 4, 4, 4, 4, 4)),
    ):
        embedder = CNNEmbedder(network, weights=None, precision="float32").fit(IMAGES)
        back = comes_back(embedder, tmp_path)
        for name, tensor in embedder.trunk_.state_dict().items():
            torch.testing.assert_close(back.trunk_.state_dict()[name], tensor, rtol=0, atol=0)


def test_what_is_frozen_stays_frozen(tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3))
    network[0].weight.requires_grad_(False)
    save(CNNEmbedder(network, weights=None), tmp_path / "m")
    back = load(tmp_path / "m").backbone
    assert [p.requires_grad for p in back.parameters()] == [False, True, True, True]


def test_equal_tensors_are_written_once_but_are_not_one_when_read(tmp_path):
    layer = nn.Linear(300, 300)
    twice = nn.Sequential(layer, nn.Linear(300, 300))
    twice[1].load_state_dict(layer.state_dict())
    save(CNNEmbedder(twice, weights=None), tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 1.2 * 300 * 301 * 4
    back = load(tmp_path / "m").backbone
    back[0].weight.data.zero_()
    assert back[1].weight.any()
