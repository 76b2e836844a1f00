"""State dicts as they are published: nested, prefixed, of torchvision, timm and CheXNet."""

import copy

import pytest
import torch
from published_networks import densenet121_state, resnet_state
from torch import nn

from skcxr.features import build_backbone
from skcxr.features.backbones import state_digest


def own_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())


class Wrapped(nn.Module):
    """A network of the caller's own that is no nn.Sequential."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.classifier = nn.Conv2d(4, 4, 1)  # a name that heads have, inside the network

    def forward(self, x):
        return self.classifier(self.conv(x).relu())


@pytest.fixture(scope="module")
def resnet18():
    return resnet_state("resnet18")


@pytest.fixture(scope="module")
def resnet18_digest(resnet18, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.pth"
    torch.save(resnet18, path)
    return state_digest(build_backbone("resnet18", path))


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


CHECKPOINTS = {
    "safetensors": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state},
    "model.state_dict": lambda state: {"model": {"state_dict": state}},
    "module.": lambda state: prefixed("module.", state),
    "backbone.": lambda state: prefixed("backbone.", state),
    "encoder_q.": lambda state: {"state_dict": prefixed("module.encoder_q.", state)},
    "_orig_mod.": lambda state: prefixed("_orig_mod.", state),
    "compiled in parallel": lambda state: prefixed("_orig_mod.module.model.", state),
    "beside a projection": lambda state: (
        prefixed("backbone.", state) | {"projection.0.weight": torch.zeros(2, 2)}
    ),
    "momentum contrast": lambda state: (
        prefixed("module.encoder_k.", {k: v * 0 for k, v in state.items()})
        | prefixed("module.encoder_q.", state)
        | {"module.queue": torch.zeros(4, 4), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    ),
    "no head": lambda state: {k: v for k, v in state.items() if not k.startswith("fc.")},
    "head of two layers": lambda state: (
        {k: v for k, v in state.items() if not k.startswith("fc.")}
        | {"fc.0.weight": torch.zeros(9, 512), "fc.2.weight": torch.zeros(3, 9)}
    ),
    "by position": lambda state: {
        f"backbone.{positions[key.split('.')[0]]}.{key.partition('.')[2]}": value
        for key, value in state.items()
        if key.split(".")[0] in positions
    },
}
# nn.Sequential(*list(torchvision.models.resnet18().children())[:-2])
positions = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


QUICK = {"safetensors", "module.", "momentum contrast", "by position"}


@pytest.mark.parametrize(
    "layout", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CHECKPOINTS]
)
def test_c7_published_layouts_load(layout, resnet18, resnet18_digest, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pth")
    (save_file if layout == "safetensors" else torch.save)(CHECKPOINTS[layout](resnet18), path)
    network = build_backbone("resnet18", path)
    assert state_digest(network) == resnet18_digest
    assert network.trained_on is None


@pytest.mark.parametrize(
    "layout",
    {
        # torchvision's DenseNet of 2017 in a module that names it, in DataParallel
        "chexnet": lambda: {
            "state_dict": prefixed("module.densenet121.", densenet121_state("."))
            | {"module.densenet121.classifier.0.weight": torch.zeros(14, 1024)},
            "best_loss": 0.5,
        },
        "torchvision and timm": densenet121_state,
        "features alone": lambda: {
            key.removeprefix("features."): value
            for key, value in densenet121_state().items()
            if key.startswith("features.")
        },
        "features in a sequence": lambda: {
            key.replace("features.", "backbone.0.", 1): value
            for key, value in densenet121_state().items()
            if key.startswith("features.")
        },
    }.items(),
    ids=lambda layout: layout[0],
)
def test_c7_densenet_layouts_load(layout, tmp_path):
    torch.save(layout[1](), tmp_path / "w.pth.tar")
    network = build_backbone("densenet121", tmp_path / "w.pth.tar")
    state = densenet121_state()
    last = network.layer4[1].denselayer16.layers
    assert torch.equal(last.conv2.weight, state["features.denseblock4.denselayer16.conv2.weight"])
    assert torch.equal(
        last.norm1.running_var, state["features.denseblock4.denselayer16.norm1.running_var"]
    )
    assert torch.equal(network.layer2[0].conv.weight, state["features.transition1.conv.weight"])


@pytest.mark.parametrize("make", [own_network, Wrapped])
@pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
def test_c7_own_state_dict_loads(make, prefix, tmp_path):
    module = make().eval()
    torch.save(prefixed(prefix, module.state_dict()), tmp_path / "own.pth")
    other = copy.deepcopy(module)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    expected = state_digest(build_backbone(module))
    assert state_digest(build_backbone(other, tmp_path / "own.pth")) == expected
    assert state_digest(build_backbone(other)) != expected
    assert not any(p.any() for p in other.parameters())  # the caller's module is not changed


def test_c7_own_module_with_imagenet_weights():
    message = r"backbone=Sequential\(…\) is a module of your own.*pass weights=None"
    with pytest.raises(ValueError, match=message):
        build_backbone(own_network(), "imagenet")


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), r"\(2, 4\), one vector for each"),
        (nn.Flatten(2), r"tokens of shape \(2, 4, 64\); wrap it as TokenMaps"),
        (nn.LSTM(8, 8), r"returned tuple, not a tensor; wrap it as TokenMaps"),
    ],
)
def test_c7_a_module_that_returns_no_maps_is_told_so(last, message):
    if isinstance(last, nn.LSTM):
        last = nn.Sequential(nn.Flatten(2), nn.Unflatten(2, (8, 8)), nn.Flatten(0, 1), last)
    network = build_backbone(nn.Sequential(*own_network(), last))
    with pytest.raises(ValueError, match=r"must return maps \(m, C, h, w\).*" + message):
        network(torch.zeros(2, 1, 8, 8))


def test_c7_in_the_embedder(tmp_path):
    import numpy as np

    from skcxr.features import ResNetEmbedder

    films = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    with pytest.raises(ValueError, match="pass weights=None"):
        ResNetEmbedder(own_network()).fit(films)
    pooled = nn.Sequential(*own_network(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match=r"returned an array of shape \(\d, 4\), one vector"):
        ResNetEmbedder(pooled, weights=None).fit_transform(films)
    module = own_network()
    torch.save(module.state_dict(), tmp_path / "own.pth")
    nn.init.zeros_(module[0].weight)
    embedded = ResNetEmbedder(module, weights=tmp_path / "own.pth").fit_transform(films)
    expected = ResNetEmbedder(own_network(), weights=None).fit_transform(films)
    np.testing.assert_array_equal(embedded, expected)


def _renamed(state):
    state["layer9.weight"] = state.pop("layer1.0.conv1.weight")
    return state


def _reshaped(state):
    state["conv1.weight"] = torch.zeros(64, 3, 5, 5)
    return state


def _one_channel(state):
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    return state


def _unexpected_under_prefix(state):
    return prefixed("module.", state | {"layer5.0.weight": torch.zeros(3)})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_renamed, r"1 parameters missing \['layer1.0.conv1.weight'\], 1 unexpected"),
        (_reshaped, r"another shape \['conv1.weight \(64, 3, 5, 5\) instead of \(64, 3, 7, 7\)'\]"),
        (_one_channel, r"\(64, 1, 7, 7\) instead of.*convert_torchxrayvision makes"),
        (_unexpected_under_prefix, r"1 unexpected \['module.layer5.0.weight'\]"),
        (lambda state: {}, "does not fit the backbone: .* parameters missing"),
        (
            lambda state: prefixed("left.", state) | prefixed("right.", state),
            "more than one such network, under left., right.",
        ),
    ],
)
def test_weights_of_another_network_say_what_differs(damage, message, resnet18, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(damage(dict(resnet18)), path)
    with pytest.raises(ValueError, match=message) as error:
        build_backbone("resnet18", path)
    assert str(path) in str(error.value)


def test_a_network_of_heads_names_is_loaded_whole(tmp_path):
    """A layer called as heads are is one of the network's own where the network has it."""
    state = Wrapped().state_dict()
    del state["classifier.weight"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"1 parameters missing \['classifier.weight'\]"):
        build_backbone(Wrapped(), tmp_path / "w.pth")
