"""Grad-CAM of 14 labels: one forward pass and a matrix product against one pass per label.

The peer is captum's ``LayerGradCam`` on the plain three-channel resnet18 in float32, called once
per label as its interface asks, and pytorch-grad-cam's ``GradCAM`` where it can be imported. skcxr
runs as a user runs it: a fitted ``CNNEmbedder`` with the same weights, at the precision it
chooses (``--precision float32`` for the same as the peer's). All sides include the forward pass.
"""

import tempfile

import numpy as np
import torch
from _harness import alternate, machine, options, plain_resnet18, scaled_rgb, synchronize
from torch import nn

from skcxr._torch import resolve_device
from skcxr.attention import grad_cam
from skcxr.datasets import make_chest_phantoms
from skcxr.features import CNNEmbedder


def main():
    arguments = options(__doc__, images=16, labels=14, repeats=5, device="auto", precision="auto")
    device = resolve_device(arguments.device)

    images = make_chest_phantoms(arguments.images, random_state=0).images
    labels = np.random.default_rng(0).integers(0, 2, (len(images), arguments.labels))
    model = plain_resnet18()
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(model.state_dict(), file.name)
        embedder = CNNEmbedder(
            weights=file.name, device=arguments.device, precision=arguments.precision
        ).fit(images, labels)
    model.fc = nn.Linear(512, arguments.labels)
    model.fc.weight.data = torch.from_numpy(embedder.head_coef_)
    model.fc.bias.data = torch.from_numpy(embedder.head_intercept_)
    model.to(device)

    def ours():
        return grad_cam(embedder, images)

    from captum.attr import LayerGradCam

    explainer = LayerGradCam(model, model.layer4)

    def captum():
        x = scaled_rgb(images, device)
        cams = [
            explainer.attribute(x, target=label, relu_attributions=True).detach()[:, 0]
            for label in range(arguments.labels)
        ]
        synchronize(device)
        return torch.stack(cams, 1).cpu().numpy()

    peers = {"captum LayerGradCam": captum}
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError as error:
        print(f"pytorch-grad-cam left out: {error}")
    else:
        other = GradCAM(model, [model.layer4])

        def pytorch_grad_cam():
            x = scaled_rgb(images, device)
            targets = range(arguments.labels)
            return [other(x, [ClassifierOutputTarget(t)] * len(x)) for t in targets]

        peers["pytorch-grad-cam"] = pytorch_grad_cam

    truth = captum()
    difference = float(np.abs(ours() - truth).max())
    seconds = alternate(ours, *peers.values(), repeats=arguments.repeats)
    print(machine())
    print(f"{'':24s}{'ms per image, all labels':>28s}{'ratio to skcxr':>18s}")
    for name, column in zip(["skcxr", *peers], seconds.T, strict=True):
        ms = np.median(column) / len(images) * 1e3
        print(f"{name:24s}{ms:28.2f}{np.median(column / seconds[:, 0]):18.1f}")
    print(f"the largest value of a map is {truth.max():.1e}")
    speedup = np.median(seconds[:, 1] / seconds[:, 0])
    print(f"gradcam_speedup {speedup:.1f} max_abs_diff {difference:.1e}")


if __name__ == "__main__":
    main()
