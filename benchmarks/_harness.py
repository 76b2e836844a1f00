"""What the benchmarks share: options, paired medians, and phantoms on disk."""

import argparse
import platform
import time
from pathlib import Path

import numpy as np


def options(description, **defaults):
    """Options of the command line by their defaults, whose types theirs are."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()


def alternate(*functions, repeats=5):
    """Seconds of each function, called in turn `repeats` times after one warm-up each.

    Taking turns lets a machine whose speed drifts slow all of them alike.
    """
    for function in functions:
        function()
    seconds = np.empty((repeats, len(functions)))
    for i in range(repeats):
        for j, function in enumerate(functions):
            begun = time.perf_counter()
            function()
            seconds[i, j] = time.perf_counter() - begun
    return seconds


def machine():
    """One line on what this runs on."""
    import os

    import torch

    line = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    if torch.cuda.is_available():
        line += f", {torch.cuda.get_device_name()}"
    return line


def synchronize(device):
    """Wait for a GPU, so that a clock read afterwards counts its work."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def plain_resnet18():
    """The three-channel network with random weights, as MONAI builds it."""
    import torch
    from monai.networks.nets import resnet18

    torch.manual_seed(0)
    return resnet18(
        spatial_dims=2,
        n_input_channels=3,
        num_classes=1000,
        conv1_t_stride=2,
        shortcut_type="B",
        bias_downsample=False,
    ).eval()


def scaled_rgb(images, device):
    """(m, H, W) uint8 → (m, 3, H, W) float32 as ImageNet weights expect it, written plainly."""
    import torch

    mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1)
    grey = torch.from_numpy(images).to(device).float() / 255
    return (grey.unsqueeze(1).expand(-1, 3, -1, -1) - mean) / std


def write_phantoms(folder, n, size, n_distinct=64):
    """`n` PNG files of phantoms, of which `n_distinct` differ; returns their paths."""
    import cv2

    from skcxr.datasets import make_chest_phantoms

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    phantoms = make_chest_phantoms(min(n, n_distinct), size=224, random_state=0)
    rng = np.random.default_rng(0)
    files = []
    for image in phantoms.images:
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
        # Film grain, without which a PNG would be smaller and faster than a real one.
        noisy = image + rng.normal(0, 3, image.shape)
        files.append(cv2.imencode(".png", np.clip(noisy, 0, 255).astype(np.uint8))[1].tobytes())
    paths = []
    for i in range(n):
        path = folder / f"{i:08d}_000.png"
        path.write_bytes(files[i % len(files)])
        paths.append(str(path))
    return paths
