"""Grad-CAM of 14 labels: one matrix product against one backward pass per label.

The peer is captum's ``LayerGradCam`` on the same resnet18, called once per label as its interface
asks, and pytorch-grad-cam's ``GradCAM`` where it can be imported. Both sides run in float32 and
include the forward pass.
"""

import argparse

import numpy as np
import torch
from _harness import alternate, machine, synchronize
from torch import nn

from skcxr._torch import resolve_device, to_input
from skcxr.attention import linear_grad_cam
from skcxr.datasets import make_chest_phantoms
from skcxr.features import build_backbone


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--labels", type=int, default=14)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)

    torch.manual_seed(0)
    network = build_backbone("resnet18").to(device, memory_format=torch.channels_last)
    linear = nn.Linear(512, arguments.labels).to(device)
    model = nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear).eval()
    coef = linear.weight.detach().cpu().numpy()
    x = to_input(make_chest_phantoms(arguments.images, random_state=0).images, device)

    def ours():
        with torch.inference_mode():
            maps = network(x).cpu().numpy()
        return linear_grad_cam(maps, coef)

    from captum.attr import LayerGradCam

    explainer = LayerGradCam(model, network)

    def captum():
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
        other = GradCAM(model, [network])

        def pytorch_grad_cam():
            targets = range(arguments.labels)
            return [other(x, [ClassifierOutputTarget(t)] * len(x)) for t in targets]

        peers["pytorch-grad-cam"] = pytorch_grad_cam

    difference = float(np.abs(ours() - captum()).max())
    seconds = alternate(ours, *peers.values(), repeats=arguments.repeats)
    print(machine())
    print(f"{'':24s}{'ms per image, all labels':>28s}{'ratio to skcxr':>18s}")
    for name, column in zip(["skcxr", *peers], seconds.T, strict=True):
        ms = np.median(column) / len(x) * 1e3
        print(f"{name:24s}{ms:28.2f}{np.median(column / seconds[:, 0]):18.1f}")
    speedup = np.median(seconds[:, 1] / seconds[:, 0])
    print(f"gradcam_speedup {speedup:.1f} max_abs_diff {difference:.1e}")


if __name__ == "__main__":
    main()
