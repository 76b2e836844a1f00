"""Texture features of 224x224 images on one thread, against scikit-image called per image.

Times are medians of CPU time per image. Prints a table and, last,
``texture_speedup <x> max_abs_diff <d>``: the smallest speed-up and the largest difference of all
image sets. Both sides make the same default features: a density-normalised histogram of uniform LBP
codes (P = 8, R = 1) and HOG with 9 orientations, 32-pixel cells and 2x2 blocks with L2-Hys. Real
X-rays are used where SKCXR_DATA or ../shared/data holds ``nih/images``; random noise always.
"""

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
from skimage.feature import hog, local_binary_pattern

from skcxr.features import LBPHOGExtractor
from skcxr.features._hog import hog_features
from skcxr.features._lbp import lbp_codes, lbp_histograms

HOG = {"orientations": 9, "pixels_per_cell": (32, 32), "cells_per_block": (2, 2)}
SIDE, BATCH = 224, 20


def image_sets(n):
    """Real X-rays where there are any, and noise: {name: (n, 224, 224) uint8}."""
    sets = {}
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKCXR_DATA", default)) / "nih" / "images"
    paths = sorted(folder.glob("*.png"))
    if paths:
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, n).astype(int)]
        sets["X-rays"] = np.stack(
            [cv2.resize(cv2.imread(str(p), 0), (SIDE, SIDE), interpolation=3) for p in paths]
        )
    else:
        print(f"no real X-rays in {folder}; set SKCXR_DATA to measure on them")
    rng = np.random.default_rng(0)
    sets["noise"] = rng.integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)
    return sets


def peer_codes(image):
    return local_binary_pattern(image, 8, 1, "uniform")


def peer_histogram(image):
    return np.histogram(peer_codes(image), bins=10, range=(0, 10), density=True)[0]


def peer_hog(image):
    return hog(image, **HOG)


def seconds(function, argument):
    """CPU time, which on an idle machine is wall time and on a busy one is not the neighbours'."""
    start = time.process_time()
    result = function(argument)
    return time.process_time() - start, result


def wall_seconds(function, argument):
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="images per set")
    parser.add_argument("--n-jobs", type=int, default=0, help="also time this many workers")
    args = parser.parse_args()
    cv2.setNumThreads(1)  # the only library used here that would start threads of its own

    print(
        f"{'images':8s} {'part':16s} {'scikit-image':>12s} {'skcxr':>8s} {'ratio':>6s}  difference"
    )
    speedups, differences = [], []
    for name, images in image_sets(args.n).items():
        extractor = LBPHOGExtractor(batch_size=BATCH).fit(images[:BATCH])
        extractor.transform(images[:BATCH])  # look-up tables are made once per process
        parts = {
            "LBP + histogram": (peer_histogram, lambda b: lbp_histograms(b)[:, 0, 0]),
            "HOG": (peer_hog, lambda b: hog_features(b).reshape(len(b), -1)),
            "both": (
                lambda image: np.concatenate([peer_histogram(image), peer_hog(image)]),
                extractor.transform,
            ),
        }
        for part, (theirs, ours) in parts.items():
            # Both sides in turn, so that what else the machine does falls on both.
            peer_times, times, difference = [], [], 0.0
            for start in range(0, len(images), BATCH):
                batch = images[start : start + BATCH]
                t, mine = seconds(ours, batch)
                times.append(t / len(batch))
                truth = []
                for image in batch:
                    t, row = seconds(theirs, image)
                    peer_times.append(t)
                    truth.append(row)
                truth = np.array(truth)
                difference = max(difference, np.abs(mine - truth.astype(np.float32)).max())
            if part == "LBP + histogram" and difference != 0:
                raise SystemExit(f"{name}: LBP histograms differ by {difference}")
            peer, own = np.median(peer_times), np.median(times)
            print(
                f"{name:8s} {part:16s} {peer * 1e3:9.3f} ms {own * 1e3:5.3f} ms "
                f"{peer / own:6.1f}  {difference:.1e}"
            )
        speedups.append(peer / own)
        differences.append(difference)
        different = sum(
            int((codes != peer_codes(image)).sum())
            for image, codes in zip(images, lbp_codes(images), strict=True)
        )
        print(f"{name:8s} LBP codes that differ: {different} of {images.size}")
        if args.n_jobs:
            workers = LBPHOGExtractor(n_jobs=args.n_jobs).fit(images)
            many = np.concatenate([images] * 5)
            workers.transform(many)
            several = np.median([wall_seconds(workers.transform, many) for _ in range(3)])
            workers.set_params(n_jobs=1)
            one = np.median([wall_seconds(workers.transform, many) for _ in range(3)])
            print(
                f"{name:8s} {len(many)} images: {one / len(many) * 1e3:.3f} ms each with one "
                f"worker, {several / len(many) * 1e3:.3f} ms with {args.n_jobs}"
            )
    print(f"texture_speedup {min(speedups):.1f} max_abs_diff {max(differences):.1e}")


if __name__ == "__main__":
    main()
