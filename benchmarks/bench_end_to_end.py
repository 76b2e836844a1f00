"""1024² PNG files to hybrid features: the pipeline against the same stages written plainly.

The peer is what one writes by hand from scikit-image, torch and its documentation, image by image:
decode and resize with scikit-image, equalise, LBP and HOG, ResNet18 in float32 on a tripled grey
channel, one backward pass per label for Grad-CAM, MONAI's BasicUNet for the mask, fuse and pool.

The slowest stage is each stage of the pipeline alone, from stored inputs, on all cores. It sets the
pace where stages have processors of their own (a network on a GPU, decoding on the cores). Where
all share the same cores, their sum does: `of_all_stages` is that sum over the pipeline's time.
"""

import tempfile

import numpy as np
import torch
from _harness import (
    alternate,
    machine,
    options,
    plain_resnet18,
    scaled_rgb,
    synchronize,
    write_phantoms,
)
from torch import nn

from skcxr import make_hybrid_pipeline, transform_in_chunks
from skcxr._torch import resolve_device
from skcxr.datasets import make_chest_phantoms


def plain_stages(device, n_labels):
    """The hand-written chain, as a function of a path."""
    from monai.networks.nets import BasicUNet
    from skimage.exposure import equalize_hist
    from skimage.feature import hog, local_binary_pattern
    from skimage.io import imread
    from skimage.transform import resize

    network = plain_resnet18()
    network.fc = nn.Linear(512, n_labels)
    network.to(device)
    unet = BasicUNet(spatial_dims=2, in_channels=1, out_channels=1).to(device).eval()
    kept = {}

    def keep_maps(module, inputs, output):
        output.retain_grad()
        kept["maps"] = output

    network.layer4.register_forward_hook(keep_maps)

    def features(path):
        image = resize(imread(path, as_gray=True), (224, 224), anti_aliasing=True)
        image = equalize_hist(image)
        byte = (image * 255).astype(np.uint8)
        codes = local_binary_pattern(byte, 8, 1, "uniform")
        texture = np.histogram(codes, bins=10, range=(0, 10), density=True)[0]
        gradients = hog(byte, 9, (32, 32), (2, 2), block_norm="L2-Hys")
        grey = torch.from_numpy(image).float().to(device)[None, None]
        with torch.no_grad():
            mask = torch.sigmoid(unet(grey * 2 - 1))
        scores = network(scaled_rgb(byte[None], device))
        cams = []
        for label in range(n_labels):
            network.zero_grad()
            scores[0, label].backward(retain_graph=True)
            maps = kept["maps"]
            alpha = maps.grad.mean((2, 3), keepdim=True)
            cam = torch.relu((alpha * maps).sum(1)).detach()
            cams.append(cam / (cam.max() + 1e-8))
            maps.grad = None
        maps = kept["maps"].detach()
        mask = nn.functional.interpolate(mask, maps.shape[2:], mode="area")[0]
        fused = 0.5 * mask + 0.5 * torch.stack(cams).mean(0)
        pooled = (maps * fused).sum((2, 3)) / fused.sum()
        parts = [texture, gradients, pooled[0].cpu().numpy(), maps.mean((2, 3))[0].cpu().numpy()]
        return np.concatenate(parts)

    return features


def main():
    arguments = options(
        __doc__, images=192, peer_images=6, labels=14, repeats=3, device="auto", n_jobs=1
    )
    device = resolve_device(arguments.device)

    phantoms = make_chest_phantoms(24, random_state=0)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (24, arguments.labels))
    pipe = make_hybrid_pipeline(
        "frozen", backbone="resnet18", weights=None, random_state=0, device=arguments.device
    )
    features = pipe[:-2].fit(phantoms.images, y)
    fuser = features["features"]["attention"]
    plain = plain_stages(device, arguments.labels)

    with tempfile.TemporaryDirectory() as folder:
        paths = write_phantoms(folder, arguments.images, 1024)
        equalised = features[:-1].transform(paths)
        decoded = np.asarray(equalised)
        maps = [m for _, m in fuser.embedder_.rows(decoded).batches(32)]

        def pipeline():
            transform_in_chunks(features, paths, chunk_size=64, n_jobs=arguments.n_jobs)

        def by_hand():
            for path in paths[: arguments.peer_images]:
                plain(path)
            synchronize(device)

        def decode():
            for _ in features[:-1].transform(paths).batches(32):
                pass

        def texture():
            features["features"]["texture"].transform(decoded)

        def network():
            for _ in fuser.embedder_.rows(decoded).batches(32):
                pass

        def masks():
            for _ in fuser.masker_.iter_masks(decoded, (7, 7)):
                pass

        stages = {
            "decode, resize, equalise": decode,
            "texture": texture,
            "network": network,
            "lung masks": masks,
        }
        seconds = alternate(pipeline, by_hand, *stages.values(), repeats=arguments.repeats)
    del maps
    per_image = seconds / len(paths)
    per_image[:, 1] = seconds[:, 1] / arguments.peer_images
    print(machine())
    print(f"{'ms per image':28s}{'median':>10s}")
    names = ["pipeline", "written by hand", *stages]
    for name, column in zip(names, per_image.T, strict=True):
        print(f"{name:28s}{np.median(column) * 1e3:10.2f}")
    slowest = np.median(per_image[:, 2:], axis=0).max()
    total = np.median(per_image[:, 2:].sum(1))
    print(f"sum of the stages           {total * 1e3:10.2f}")
    speedup = np.median(per_image[:, 1] / per_image[:, 0])
    share = slowest / np.median(per_image[:, 0])
    of_all = total / np.median(per_image[:, 0])
    print(
        f"end_to_end_speedup {speedup:.1f} of_slowest_stage {share:.2f} of_all_stages {of_all:.2f}"
    )


if __name__ == "__main__":
    main()
