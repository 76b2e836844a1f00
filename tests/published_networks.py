"""Published architectures in torch's functions, and state dicts in their layout.

The state dicts have the published key names and shapes, spelled out from the papers' tables and
torchvision's naming, and random values.
"""

import torch
import torch.nn.functional as F

RESNETS = {
    "resnet18": ((2, 2, 2, 2), False, 512),
    "resnet34": ((3, 4, 6, 3), False, 512),
    "resnet50": ((3, 4, 6, 3), True, 2048),
}


class State(dict):
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


def resnet_state(name, channels=3):
    blocks, bottleneck, n_features = RESNETS[name]
    state, n_in = State(), 64
    state.conv("conv1", 64, channels, 7)
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


def densenet121_state(dot="", channels=3):
    """`dot`: the published file says ``norm.1``, later torchvision ``norm1``."""
    state, n = State(), 64
    state.conv("features.conv0", 64, channels, 7)
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


def rgb(grey):
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
