"""Batch norms inside convolutions, and the depthwise gradients, against torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skcxr.features._frozen_norm import _Depthwise, to_trainable
from skcxr.features.backbones import build_backbone


def with_statistics(network):
    """Statistics and scales as a trained network has them, not zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.running_mean.shape
            module.running_mean.copy_(torch.randn(shape, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(shape, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(shape, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(shape, generator=generator) * 0.1)
    return network


def gradients(network, x):
    network.zero_grad()
    network(x).square().mean().backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "densenet121")]


@pytest.mark.parametrize("name", ["efficientnet_lite0", *SLOW])
def test_outputs_and_gradients_are_those_of_the_network_in_eval_mode(name):
    torch.manual_seed(0)
    network = with_statistics(build_backbone(name, None).double())
    trainable = to_trainable(network)
    x = torch.rand(2, 1, 64, 64, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(trainable(x), network(x), rtol=1e-9, atol=1e-9)
    assert list(trainable.state_dict()) == list(network.state_dict())
    found, expected = gradients(trainable, x), gradients(network, x)
    border = {key for key in expected if ".border." in key}
    assert found.keys() == expected.keys() - border
    for key, gradient in found.items():
        scale = float(expected[key].abs().max()) + 1e-12
        torch.testing.assert_close(gradient / scale, expected[key] / scale, rtol=1e-6, atol=1e-6)


def test_statistics_and_the_network_itself_stay():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    trainable = to_trainable(network)
    trainable(torch.rand(2, 1, 8, 8)).mean().backward()
    for key, value in trainable.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [12, 13])
def test_depthwise_gradients_are_torchs(kernel, stride, size):
    generator = torch.Generator().manual_seed(0)
    channels = 8
    values = [
        torch.randn(shape, generator=generator)
        for shape in ((2, channels, size, size), (channels, 1, kernel, kernel), (channels,))
    ]
    exact = [value.clone().double().requires_grad_() for value in values]
    low = [value.bfloat16().requires_grad_() for value in values]
    padding = (kernel // 2, kernel // 2)
    expected = F.conv2d(*exact, stride, padding, 1, channels)
    found = _Depthwise.apply(*low, (stride, stride), padding)
    torch.testing.assert_close(found.double(), expected, rtol=0.05, atol=0.1)
    gradient = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    expected.backward(gradient)
    found.backward(gradient.bfloat16())
    for a, b in zip(low, exact, strict=True):
        error = (a.grad.double() - b.grad).abs().max() / b.grad.abs().max()
        assert error < 0.02  # bfloat16 has 8 bits
