"""
Make the lung weights that ship
===============================

``python examples/train_lung_weights.py LUNGS --out work`` with LUNGS a folder that holds
``montgomery/images`` and ``montgomery/masks``. It cross-validates the recipe on the Montgomery
pairs, trains on all of them and on phantoms, and writes ``work/lungs.safetensors``. Whatever is in
``work`` already is not trained again, so a killed run goes on where it was.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.model_selection import KFold

from skcxr._rows import digest
from skcxr.datasets import make_chest_phantoms
from skcxr.preprocessing import HistEqualizer, read_image
from skcxr.segmentation import UNetMasker

N_PHANTOMS = 60
N_FOLDS = 5
CHECKED = slice(None, None, 6)  # images whose Dice the file records, for a test to recompute
NOTE = (
    "Trained on the NLM Montgomery County set (Jaeger et al. 2014, Candemir et al. 2014) and on "
    "skcxr.datasets.make_chest_phantoms; see MODEL_CARD.md."
)


# What decides the weights, recorded in the file.
RECIPE = ("network", "side", "loss", "epochs", "batch_size", "lr", "augment", "random_state")


def recipe(**changes):
    """Build the estimator that is trained; `changes` are for comparisons."""
    settings = {"weights": None, "network": "unet", "epochs": 100, "random_state": 0}
    return UNetMasker(**(settings | changes))


def montgomery(lungs):
    """Read the pairs, in the order of their names: two lists of (h, w) uint8 arrays."""
    paths = sorted((Path(lungs) / "montgomery" / "images").glob("*.png"))
    if not paths:
        raise SystemExit(f"no images in {Path(lungs) / 'montgomery' / 'images'}")
    images = [read_image(path) for path in paths]
    masks = [read_image(path.parents[1] / "masks" / path.name) for path in paths]
    return images, masks


def phantoms(n=N_PHANTOMS):
    """Draw phantoms with all diseases: two lists of (h, w) uint8 arrays."""
    drawn = make_chest_phantoms(n, size=224, label_names="all", random_state=0)
    return list(drawn.images), [mask.astype(np.uint8) * 255 for mask in drawn.masks]


def folds(n):
    """Train and test indices of the cross-validation."""
    return list(KFold(N_FOLDS, shuffle=True, random_state=0).split(np.arange(n)))


def data_digest(images, masks):
    """Identify training data, for the file's metadata."""
    return digest(*(a.tobytes() for a in (*images, *masks))).hex()


def train(path, images, masks, n_phantoms, **changes):
    """Train on images and phantoms and write the file, unless it is there."""
    if not path.exists():
        more = phantoms(n_phantoms) if n_phantoms else ([], [])
        masker = recipe(verbose=1, **changes).fit(images + more[0], masks + more[1])
        about = {
            "recipe": {name: masker.get_params()[name] for name in RECIPE},
            "real_pairs": len(images),
            "real_pairs_digest": data_digest(images, masks),
            "phantoms": n_phantoms,
        }
        masker.save_weights(path, NOTE, about)
        # again with the scores of the file itself: it holds rounded weights
        pairs = zip(images[CHECKED], masks[CHECKED], strict=True)
        dice = [UNetMasker(path).score(i[None], m[None]) for i, m in pairs]
        masker.save_weights(path, NOTE, about | {"dice": [round(d, 4) for d in dice]})
    return UNetMasker(path)


def cross_validate(out, images, masks, only=None, n_phantoms=N_PHANTOMS, **changes):
    """Dice of every image by the network that did not see it, on three kinds of input."""
    rows = []
    for k, (train_index, test_index) in enumerate(folds(len(images))):
        if only is not None and k not in only:
            continue
        part = [images[i] for i in train_index], [masks[i] for i in train_index]
        masker = train(out / f"fold{k}.safetensors", *part, n_phantoms, **changes)
        for i in test_index:
            image, mask = images[i][None], masks[i][None]
            row = {"image": int(i), "fold": k, "raw": masker.score(image, mask)}
            for method in ("global", "clahe"):
                equal = np.asarray(HistEqualizer(method).fit_transform(image))
                row[method] = masker.score(equal, mask)
            rows.append(row)
        mean = np.mean([row["raw"] for row in rows if row["fold"] == k])
        print(f"fold {k}: mean Dice {mean:.4f} on {len(test_index)} images", flush=True)
    (out / "cv.json").write_text(json.dumps(rows, indent=1))
    for kind in ("raw", "global", "clahe"):
        dice = np.array([row[kind] for row in rows])
        print(
            f"{kind:7s} mean Dice {dice.mean():.4f}  5th percentile {np.quantile(dice, 0.05):.4f}"
        )
    return rows


def main():
    """Cross-validate, then make the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lungs", help="folder that holds montgomery/")
    parser.add_argument("--out", type=Path, default=Path("results/lungs"))
    parser.add_argument("--folds", type=int, nargs="*", help="only these folds; none with --folds")
    parser.add_argument("--loss", default="bce+dice", help="for comparisons, with another --out")
    parser.add_argument("--phantoms", type=int, default=N_PHANTOMS, help="likewise")
    parser.add_argument("--skip-final", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    images, masks = montgomery(args.lungs)
    if args.folds != []:
        choice = {"n_phantoms": args.phantoms, "loss": args.loss}
        cross_validate(args.out, images, masks, only=args.folds, **choice)
    if not args.skip_final:
        path = args.out / "lungs.safetensors"
        masker = train(path, images, masks, args.phantoms, loss=args.loss)
        dice = [masker.score(i[None], m[None]) for i, m in zip(images, masks, strict=True)]
        print(f"{path}: Dice on its own training images {np.mean(dice):.4f}")


if __name__ == "__main__":
    main()
