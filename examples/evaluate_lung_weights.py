"""
Measure the lung weights that ship
==================================

``python examples/evaluate_lung_weights.py DATA --out results/lungs`` with DATA the folder that
holds ``lungs/montgomery``, ``lungs/shenzhen_val`` (each with ``images`` and ``masks``) and ``nih``.
It prints Dice, IoU and surface distances with intervals, how many of the masks that are wrong the
quality flags find when films are spoilt, and writes figures: the worst and median cases, and
contact sheets of 100 ChestX-ray14 images with masks and quality flags.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from skcxr.inspection import SegmentationDisplay
from skcxr.metrics import segmentation_report
from skcxr.preprocessing import HistEqualizer, ImageLoader, read_image
from skcxr.segmentation import UNetMasker

N_SHEET = 100
UNUSABLE, GOOD = 0.7, 0.9  # Dice below, and from


def pairs(folder):
    """Read images and masks and their names."""
    paths = sorted((folder / "images").glob("*.png"))
    images = np.stack([read_image(path) for path in paths])
    masks = np.stack([read_image(folder / "masks" / path.name) for path in paths])
    return images, masks > 0, [path.stem for path in paths]


def contact_sheet(images, masks, captions, path, columns=10, side=200):
    """Write one picture of all images with the outline of their masks."""
    tiles = []
    for image, mask, caption in zip(images, masks, captions, strict=True):
        tile = cv2.cvtColor(cv2.resize(image, (side, side)), cv2.COLOR_GRAY2BGR)
        inside = (cv2.resize(mask, (side, side)) > 0.5).astype(np.uint8)
        outline, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, outline, -1, (0, 0, 255), 1)
        cv2.putText(tile, caption, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 255, 255), 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.vstack(rows))


def measure(masker, folder, out, name):
    """Print the scores on pairs and draw the worst and median cases."""
    images, truth, names = pairs(folder)
    for kind in ("none", "global", "clahe"):
        given = np.asarray(HistEqualizer(kind).fit_transform(images))
        masks = masker.transform(given)
        report = segmentation_report(truth, masks, names=names, random_state=0)
        print(f"\n{name}, {len(names)} images, equalisation before: {kind}\n{report}")
        if kind == "none":
            display = SegmentationDisplay.from_predictions(
                images, truth, masks, names=names, n_cases=10
            )
            display.figure_.savefig(out / f"{name}.png", dpi=110)
            table = report.per_image.join(masker.mask_quality(images).set_axis(names))
            print(table.sort_values("dice").head(10).round(3).to_string())


def spoilt(image, mask, kind, rng):
    """One film as it should not be, and its mask."""
    height, width = image.shape
    if kind == "underexposed":
        return np.clip(0.12 * image + rng.normal(0, 4, image.shape), 0, 255), mask
    if kind == "noise":
        return np.clip(image + rng.normal(0, 70, image.shape), 0, 255), mask
    if kind == "blur":
        return cv2.GaussianBlur(image, (0, 0), 12), mask
    if kind == "inverted":
        return 255 - image, mask
    if kind == "one lung white":
        lung = mask & (np.arange(width) >= width // 2)
        veil = cv2.GaussianBlur(lung.astype(np.float32), (0, 0), 5)
        return image + veil * (np.quantile(image, 0.95) - image), mask
    if kind == "small in the frame":
        small = [cv2.resize(a, (width // 3, height // 3)) for a in (image, mask.astype(np.uint8))]
        framed = [np.pad(a, ((height // 3,) * 2, (width // 3,) * 2)) for a in small]
        return [cv2.resize(a, (width, height)) for a in framed]
    if kind == "quarter turn":
        return np.rot90(image), np.rot90(mask)
    return image[::-1], mask[::-1]


def check_flags(masker, folder):
    """Print how many unusable masks of spoilt films are flagged, and how many good ones."""
    images, truth, _ = pairs(folder)
    kinds = ["underexposed", "noise", "blur", "inverted", "one lung white", "small in the frame"]
    kinds += ["quarter turn", "upside down"]
    rng = np.random.default_rng(0)
    rows = {}
    for kind in kinds:
        made = [spoilt(i, t, kind, rng) for i, t in zip(images, truth, strict=True)]
        films = np.stack([film for film, _ in made]).astype(np.uint8)
        masks = np.stack([mask for _, mask in made]).astype(bool)
        dice = segmentation_report(masks, masker.transform(films), n_bootstraps=0).per_image["dice"]
        flagged = ~masker.mask_quality(films)["usable"].to_numpy()
        unusable, good = dice.to_numpy() < UNUSABLE, dice.to_numpy() >= GOOD
        rows[kind] = {
            "mean Dice": dice.mean(),
            f"unusable (< {UNUSABLE})": unusable.sum(),
            "of them flagged": (unusable & flagged).sum(),
            f"good (>= {GOOD})": good.sum(),
            "of these flagged": (good & flagged).sum(),
        }
    table = pd.DataFrame(rows).T
    counts = table.columns[1:]
    table = table.astype(dict.fromkeys(counts, int))
    total = table[counts].sum()
    print(f"\nQuality flags on spoilt films\n{table.round(3).to_string()}")
    print(f"in all {total.iloc[1]} of {total.iloc[0]} unusable masks are flagged")


def sheets(masker, folder, out):
    """Write contact sheets of a random 100 images without truth, and print the flags."""
    paths = sorted((folder / "images").glob("*.png"))
    paths = np.random.default_rng(0).choice(paths, N_SHEET, replace=False)
    images = np.asarray(ImageLoader(size=320).fit_transform([str(path) for path in paths]))
    masks, table = masker.transform(images), masker.mask_quality(images)
    table.index = [path.name for path in paths]
    table.to_csv(out / "nih.csv")
    print(f"\nnih, flags\n{table['flag'].value_counts().to_string()}")
    print(table[~table["usable"]].round(3).to_string())
    captions = [f"{i} {flag}" for i, flag in enumerate(table["flag"])]
    for start in range(0, N_SHEET, 50):
        part = slice(start, start + 50)
        contact_sheet(images[part], masks[part], captions[part], out / f"nih_{start}.png")


def main():
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="lungs")
    parser.add_argument("--out", type=Path, default=Path("results/lungs"))
    parser.add_argument("--only", nargs="*", default=["montgomery", "shenzhen_val", "nih"])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    masker = UNetMasker(args.weights)
    for name in ("montgomery", "shenzhen_val"):
        if name in args.only:
            measure(masker, args.data / "lungs" / name, args.out, name)
    if "shenzhen_val" in args.only:
        check_flags(masker, args.data / "lungs" / "shenzhen_val")
    if "nih" in args.only:
        sheets(masker, args.data / "nih", args.out)


if __name__ == "__main__":
    main()
