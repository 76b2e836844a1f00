"""
Quickstart: the hybrid on chest phantoms
========================================

Draws synthetic chest radiographs ("phantoms": no patient is behind them), fits the report's four
models, prints its Table 1 with intervals that resample phantom patients, and saves a figure of
where the last of them looks, beside the map of another image as a control. Five networks are
trained on the way, which takes some minutes on two cores; their ImageNet weights come in a package,
and nothing is downloaded.

What a model scores on phantoms says that the software works, and nothing about patients.
"""

import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # the figure goes to a file, also where there is no screen

from skcxr import compare_models, make_chest_phantoms, make_report_models
from skcxr.inspection import AttentionDisplay
from skcxr.model_selection import MultilabelGroupShuffleSplit


def main(out="results", n_images=400):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    # Images, labels, boxes of the lesions, and the patient of each image.
    phantoms = make_chest_phantoms(int(n_images), size=224, random_state=0)
    X, y, groups = phantoms.images, phantoms.labels, phantoms.groups
    # No patient is on both sides, and every label is.
    split = MultilabelGroupShuffleSplit(1, test_size=0.35, random_state=0)
    train, test = next(split.split(X, y, groups))
    print(f"{len(train)} phantoms to train on, {len(test)} to test on; labels: {', '.join(y)}")

    # The models share what they compute through a folder.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as memory:
        models = make_report_models(random_state=0, memory=memory, verbose=1)
        for name, model in models.items():
            begun = time.perf_counter()
            # What stops the training early, and sets thresholds, is held out by patient too.
            model.set_params(classify__thresholds="auto")
            model.fit(X[train], y.iloc[train], classify__groups=groups[train])
            print(f"{name}: fitted in {time.perf_counter() - begun:.0f} s", flush=True)
        comparison = compare_models(
            models, X[test], y.iloc[test], groups=groups[test], random_state=0
        )
        print("\nDas's Table 1, on phantoms (95 % intervals):\n")
        print(comparison.to_markdown(), end="\n\n")

        hybrid = models["final_hybrid_mlp"]
        rows, labels = pick_lesions(y.iloc[test], n=3)
        display = AttentionDisplay.from_estimator(
            hybrid,
            X[test][rows],
            label=labels,
            boxes=phantoms.boxes,
            names=phantoms.frame["Image Index"].to_numpy()[test][rows],
            frame=224,
            random_state=0,
        )
        figure = out / "quickstart.png"
        display.figure_.savefig(figure, dpi=64)
        print(f"Figure: {figure}   ({time.perf_counter() - start:.0f} s in all)")


def pick_lesions(y, n):
    """One image for each of the first n labels: the positions of the images, and the labels."""
    rows, labels = [], []
    for label in y.columns:
        candidates = [i for i in y[label].to_numpy().nonzero()[0] if i not in rows]
        if candidates and len(rows) < n:
            rows.append(candidates[0])
            labels.append(label)
    return rows, labels


if __name__ == "__main__":
    main(*sys.argv[1:])
