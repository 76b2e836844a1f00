"""Network inference: CNNEmbedder against the plain float32 loop in torch.

The limit is the rate at which this machine multiplies matrices of the network's own precision:
images per second = measured FLOP/s / the FLOP of the network's convolutions.
"""

import tempfile

import numpy as np
import torch
from _harness import alternate, machine, options, plain_resnet18, scaled_rgb, synchronize
from torch import nn

from skcxr._image_input import as_images
from skcxr._torch import resolve_device, resolve_precision
from skcxr.datasets import make_chest_phantoms
from skcxr.features import CNNEmbedder


def convolution_flop(network, x):
    """Multiply-adds count two; counted by hooks from the shapes that really occur."""
    total, hooks = 0, []

    def count(module, _, output):
        nonlocal total
        per_output = module.in_channels // module.groups * np.prod(module.kernel_size)
        total += 2 * output[0].numel() * per_output

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(count))
    with torch.inference_mode():
        network(x)
    for hook in hooks:
        hook.remove()
    return total


def matmul(device, dtype, size):
    a = torch.randn(size, size, device=device).to(dtype)
    b = torch.randn(size, size, device=device).to(dtype)

    def multiply():
        a @ b
        synchronize(device)

    return multiply, 2 * size**3


def main():
    arguments = options(
        __doc__, images=128, batch_size=32, repeats=5, device="auto", precision="auto"
    )
    device = resolve_device(arguments.device)
    dtype = resolve_precision(arguments.precision, device)

    images = make_chest_phantoms(arguments.images, random_state=0).images
    plain = plain_resnet18()
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(plain.state_dict(), file.name)
        embedder = CNNEmbedder(
            weights=file.name,
            batch_size=arguments.batch_size,
            device=arguments.device,
            precision=arguments.precision,
        ).fit(images[:1])
    plain.fc = nn.Identity()
    plain.to(device)

    def loop():
        rows = []
        with torch.no_grad():
            for start in range(0, len(images), arguments.batch_size):
                batch = images[start : start + arguments.batch_size]
                rows.append(plain(scaled_rgb(batch, device)).cpu())
        return torch.cat(rows).numpy()

    stack = as_images(images)
    multiply, flop = matmul(device, dtype, 8192 if device.type == "cuda" else 2048)
    per_image = convolution_flop(embedder.trunk_.to(device), torch.zeros(1, 1, 224, 224).to(device))
    embedder.trunk_.cpu()

    ours, theirs = embedder.transform(stack), loop()
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    seconds = alternate(
        lambda: embedder.transform(stack), loop, multiply, repeats=arguments.repeats
    )
    rates = len(images) / seconds[:, :2]
    limit = flop / seconds[:, 2] / per_image
    print(machine())
    print(f"resnet18, {per_image / 1e9:.2f} GFLOP an image in convolutions, {dtype}")
    print(f"skcxr CNNEmbedder   {np.median(rates[:, 0]):8.1f} images/s")
    print(f"plain float32 loop     {np.median(rates[:, 1]):8.1f} images/s")
    print(f"matrix-product limit   {np.median(limit):8.1f} images/s")
    print(
        f"embed_speedup {np.median(rates[:, 0] / rates[:, 1]):.2f} "
        f"of_limit {np.median(rates[:, 0] / limit):.2f} min_cosine {cosine.min():.5f}"
    )


if __name__ == "__main__":
    main()
