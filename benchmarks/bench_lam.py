"""A new λ on a warm store: fit and predict of everything but the classifier, with its parts.

Also what the store takes for each kind of result, per image and for ChestX-ray14's 112,120.

With a folder in ChestX-ray14's layout it uses those images, else phantoms.
"""

import argparse
import tempfile
import time

import numpy as np
from _harness import machine

from skcxr import cache_info, load_chestxray14, make_chest_phantoms, make_hybrid_pipeline

N_CHESTXRAY14 = 112_120


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", nargs="?", help="ChestX-ray14 folder; default phantoms")
    parser.add_argument("--images", type=int, default=1641)
    parser.add_argument("--memory", help="folder of the store; default a temporary one")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--weights", help="as of CNNEmbedder; default random ones")
    arguments = parser.parse_args()

    if arguments.data_dir:
        data = load_chestxray14(arguments.data_dir)
        X, y = data.frame, data.labels
    else:
        data = make_chest_phantoms(arguments.images, random_state=0)
        X, y = data.images, data.labels
    print(machine(), f"{len(y)} images")
    with tempfile.TemporaryDirectory() as folder:
        memory = arguments.memory or folder
        features = make_hybrid_pipeline(
            "frozen",
            backbone=arguments.backbone,
            weights=arguments.weights,
            random_state=0,
            memory=memory,
        )[:-1]
        begun = time.perf_counter()
        features.fit_transform(X, y)
        print(f"cold fit                        {time.perf_counter() - begun:8.2f} s")
        features.set_params(features__attention__lam=0.25)
        times = {}
        begun = time.perf_counter()
        features.fit_transform(X, y)
        times["fit_transform with a new λ"] = time.perf_counter() - begun
        begun = time.perf_counter()
        features.transform(X)
        times["transform"] = time.perf_counter() - begun
        total = sum(times.values())
        images = features[:2].transform(X)
        begun = time.perf_counter()
        images.keys()
        times["  of which digests of images"] = time.perf_counter() - begun
        fuser, texture = (branch for _, branch in features["features"].transformer_list[::-1])
        begun = time.perf_counter()
        texture.transform(images)
        times["  of which texture"] = time.perf_counter() - begun
        begun = time.perf_counter()
        for _ in fuser.embedder_.rows(images).batches(32):
            pass
        times["  of which reading feature maps"] = time.perf_counter() - begun
        begun = time.perf_counter()
        for _ in fuser.masker_.iter_masks(images, (7, 7)):
            pass
        times["  of which masks"] = time.perf_counter() - begun
        for name, seconds in times.items():
            print(f"{name:32s}{seconds:8.2f} s")
        info = cache_info(memory)
    per_image = info["bytes"] / info["entries"]
    for kind, size in per_image.items():
        print(f"stored: {kind:24s}{size:8.0f} bytes an image")
    gigabytes = info.attrs["file_bytes"] / len(y) * N_CHESTXRAY14 / 1e9
    print(f"the file, for {N_CHESTXRAY14:,} images {gigabytes:8.1f} GB")
    print(f"warm_lam_seconds {np.round(total, 2)}")


if __name__ == "__main__":
    main()
