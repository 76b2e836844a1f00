"""Pickles that hold more than tensors: torchxrayvision's published layout, and checkpoints."""

import argparse
import hashlib
import importlib
import json
import pickle
import sys
import textwrap
import zipfile

import numpy as np
import pytest
import torch
from published_networks import (
    densenet121_forward,
    densenet121_state,
    resnet_forward,
    resnet_state,
)
from torch import nn

from skcxr._torch import fold_batch_norms, to_input
from skcxr._weight_files import _unpickle
from skcxr.features import (
    CHEST_WEIGHTS,
    build_backbone,
    convert_checkpoint,
    convert_torchxrayvision,
)

CPU = torch.device("cpu")
NIH = CHEST_WEIGHTS["densenet121-res224-nih"]
RESNET = CHEST_WEIGHTS["resnet50-res512-all"]


def file_name(weights):
    return weights.source.rpartition("/")[2]


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A module of the name under which the published pickles look for their classes."""
    package = tmp_path / "site" / "torchxrayvision"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    source = """
        from torch import nn

        class DenseNet(nn.Module):
            pass

        class _DenseLayer(nn.Sequential):
            pass
    """
    (package / "models.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield importlib.import_module("torchxrayvision.models")
    for name in [name for name in sys.modules if name.startswith("torchxrayvision")]:
        del sys.modules[name]


def as_module(state, models):
    """A whole network with the names and values of a state dict."""
    root = models.DenseNet()
    for key, value in state.items():
        *path, name = key.split(".")
        node = root
        for part in path:
            if part not in node._modules:
                layer = models._DenseLayer() if part.startswith("denselayer") else nn.Module()
                node.add_module(part, layer)
            node = node._modules[part]
        if name in ("weight", "bias"):
            node.register_parameter(name, nn.Parameter(value))
        else:
            node.register_buffer(name, value)
    root.register_buffer("op_threshs", torch.full((18,), torch.nan))
    return root


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def input_range(grey):
    """torchxrayvision's ``normalize(img, 255)``: (2 * img / 255 - 1) * 1024."""
    return (2 * torch.from_numpy(grey).float()[:, None] / 255 - 1) * 1024


@pytest.fixture(scope="module")
def grey():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)


@torch.inference_mode()
def assert_same_maps(network, grey, expected):
    for net in (network, fold_batch_norms(network)):
        maps = net(to_input(grey, CPU))
        assert (maps - expected).abs().max() <= 2e-5 * expected.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
def test_densenet_is_converted_without_running_it(zipped, models, grey, tmp_path):
    state = densenet121_state(channels=1)
    module = as_module(state, models)
    module.evil = Payload(tmp_path / "ran")
    path = tmp_path / file_name(NIH)
    torch.save(module, path, _use_new_zipfile_serialization=zipped)
    (tmp_path / "ran").unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"torchxrayvision, which is not run; .*convert_torch"):
        build_backbone("densenet121", path)
    out = convert_torchxrayvision(path, tmp_path / "nih.safetensors")
    assert not (tmp_path / "ran").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, out.name, "site"])
    network = build_backbone("densenet121", out)
    with torch.inference_mode():
        expected = densenet121_forward(input_range(grey), state)
    assert_same_maps(network, grey, expected)
    assert network.trained_on == ("ChestX-ray14",)


def test_what_the_file_says_of_itself(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "own.pt"
    thresholds = {"op_threshs": torch.full((18,), torch.nan)}
    torch.save(densenet121_state(channels=1) | thresholds, path)
    out = convert_torchxrayvision(path, tmp_path / "own.safetensors", trained_on=["MIMIC-CXR"])
    with safe_open(out, "pt") as file:
        about = json.loads(file.metadata()["skcxr"])
        assert "op_threshs" not in set(file.keys())
    assert about == {
        "backbone": "densenet121",
        "input_range": [-1024, 1024],
        "source": "own.pt",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "trained_on": ["MIMIC-CXR"],
    }
    assert build_backbone("densenet121", out).trained_on == ("MIMIC-CXR",)
    unknown = convert_torchxrayvision(path, tmp_path / "unknown.safetensors")
    assert build_backbone("densenet121", unknown).trained_on is None
    with pytest.raises(ValueError, match="belongs to backbone='densenet121', not 'resnet50'"):
        build_backbone("resnet50", out)


@pytest.mark.slow
def test_resnet_is_a_state_dict(grey, tmp_path):
    state = resnet_state("resnet50", channels=1)
    path = tmp_path / file_name(RESNET)
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"\(64, 1, 7, 7\) instead of.*convert_torchxrayvision"):
        build_backbone("resnet50", path)
    network = build_backbone("resnet50", convert_torchxrayvision(path, tmp_path / "r.safetensors"))
    with torch.inference_mode():
        expected = resnet_forward(input_range(grey), state, "resnet50")
    assert_same_maps(network, grey, expected)
    assert "VinDr-CXR" in network.trained_on


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html></html>", "is a web page"),
        (b"", "is empty"),
        pytest.param(b"nothing", "no network could be read from it", marks=pytest.mark.slow),
    ],
)
def test_other_files_are_named(content, message, tmp_path):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"w.pt:? {message}"):
        convert_torchxrayvision(tmp_path / "w.pt", tmp_path / "o.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


@pytest.mark.slow
def test_other_networks_are_refused(tmp_path):
    torch.save(nn.Conv2d(1, 2, 3), tmp_path / "conv.pt")
    with pytest.raises(ValueError, match=r"conv.pt does not fit the backbone"):
        convert_torchxrayvision(tmp_path / "conv.pt", tmp_path / "o.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        convert_torchxrayvision(tmp_path / "conv.pt", tmp_path / "o.pt")
    torch.save(densenet121_state(channels=1), tmp_path / file_name(RESNET))
    with pytest.raises(ValueError, match="has the name of resnet50-res512-all but holds a dense"):
        convert_torchxrayvision(tmp_path / file_name(RESNET), tmp_path / "o.safetensors")
    assert not list(tmp_path.glob("*.safetensors"))


class Net(nn.Module):
    """A network of the caller's own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.register_buffer("hidden", torch.zeros(2), persistent=False)

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_the_reader_finds_the_network_among_other_things(whole, zipped, tmp_path):
    network = Net()
    checkpoint = {
        "epoch": 3,
        "best_auc": np.float64(0.8),
        "args": argparse.Namespace(lr=0.1),
        "evil": Payload(tmp_path / "ran"),
        "model": network if whole else network.state_dict(),
        "optimizer": torch.optim.Adam(network.parameters()).state_dict(),
    }
    torch.save(checkpoint, tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    found = _unpickle.read(tmp_path / "c.pth")
    assert sorted(found) == ["conv.bias", "conv.weight"]
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_checkpoint_is_converted(tmp_path):
    network, other = Net(), Net()
    checkpoint = {"state_dict": network.state_dict(), "args": argparse.Namespace(lr=0.1)}
    path = tmp_path / "checkpoint.pth"
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match=r"argparse.Namespace, .*convert_checkpoint"):
        build_backbone(other, path)
    out = convert_checkpoint(path, tmp_path / "w.safetensors", trained_on="PadChest")
    loaded = build_backbone(other, out)
    assert loaded.trained_on == ("PadChest",)
    assert torch.equal(loaded[0].conv.weight, network.conv.weight)


@pytest.mark.parametrize("zipped", [True, False])
def test_the_reader_runs_nothing(zipped, tmp_path):
    content = [Payload(tmp_path / "ran"), {"a": Payload(tmp_path / "ran")}]
    torch.save(content, tmp_path / "evil.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="no tensors of a network"):
        _unpickle.read(tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(content))
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        _unpickle.read(tmp_path / "plain.pt")
    assert not (tmp_path / "ran").exists()


def test_a_program_of_torchscript_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
    with pytest.raises(ValueError, match="a TorchScript archive, which is a program"):
        _unpickle.read(tmp_path / "script.pt")


def test_names_of_chest_weights_say_how_they_are_had():
    with pytest.raises(ValueError, match=r"fetch https://.*backbone='densenet121'"):
        build_backbone("densenet121", "densenet121-res224-nih")


def test_table_of_chest_weights():
    names = {weights.backbone for weights in CHEST_WEIGHTS.values()}
    film = torch.zeros(1, 1, 64, 64)
    channels = {name: build_backbone(name)(film).shape[1] for name in names}
    for name, weights in CHEST_WEIGHTS.items():
        assert weights.name == name
        assert name.startswith(f"{weights.backbone}-res{weights.size}-")
        assert weights.input_range == (-1024, 1024)
        assert weights.trained_on
        assert channels[weights.backbone] == weights.channels
