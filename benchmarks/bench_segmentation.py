"""Images per second of the shipped masker, beside MONAI's plain U-Net and its BasicUNet.

``python benchmarks/bench_segmentation.py [--threads 2]``; all three in turns, batches of 32 at
224 x 224, at the precision the masker chooses. The masker's figure is the whole of it: resizing,
equalisation, network, clean-up, resizing back. The networks' figures are the forward pass alone.
"""

import numpy as np
from _harness import alternate, machine, options, synchronize

BATCH = 32


def main():
    """Measure and print."""
    args = options(__doc__, threads=2, repeats=7)

    import torch
    from monai.networks.nets import BasicUNet, UNet

    from skcxr._torch import autocast, resolve_device, resolve_precision
    from skcxr.datasets import make_chest_phantoms
    from skcxr.segmentation import UNetMasker

    torch.set_num_threads(args.threads)
    device = resolve_device()
    images = make_chest_phantoms(BATCH, size=224, random_state=0).images
    batch = torch.from_numpy(images[:, None]).to(device).float() / 127.5 - 1
    batch = batch.contiguous(memory_format=torch.channels_last)
    masker = UNetMasker().fit(images)

    def forward(network):
        network = network.to(device, memory_format=torch.channels_last).eval()

        def run():
            with torch.inference_mode(), autocast(device):
                network(batch)
            synchronize(device)

        return network, run

    channels = (16, 32, 64, 128, 256)
    networks = {
        "our network": forward(masker.module_),
        "MONAI UNet": forward(UNet(2, 1, 1, channels, (2, 2, 2, 2), num_res_units=0)),
        "MONAI BasicUNet": forward(BasicUNet(2, 1, 1, features=(16, 16, 32, 64, 128, 16))),
    }
    runs = [lambda: masker.transform(images), *(run for _, run in networks.values())]
    rates = BATCH / np.median(alternate(*runs, repeats=args.repeats), axis=0)
    print(f"{machine()}, {args.threads} threads, {resolve_precision('auto', device)}")
    print(f"{'UNetMasker.transform':22s}{rates[0]:8.0f} images/s")
    for (name, (network, _)), rate in zip(networks.items(), rates[1:], strict=True):
        millions = sum(p.numel() for p in network.parameters()) / 1e6
        print(f"{name:22s}{rate:8.0f} images/s, forward alone, {millions:.2f} M parameters")
    print(f"masker_images_per_s {rates[0]:.0f} speedup_vs_basicunet {rates[0] / rates[-1]:.1f}")


if __name__ == "__main__":
    main()
