"""A search over λ and dropout: no memory, Pipeline(memory=), and the per-image store.

The same pipeline, grid (5 λ × 3 dropout) and patient-grouped folds for all three. Images through
the network are counted by a hook, not inferred from time.
"""

import tempfile
import time

import numpy as np
from _harness import machine, options
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold

from skcxr import get_scorer, make_chest_phantoms, make_hybrid_pipeline
from skcxr.features import CNNEmbedder


class Counter:
    """Counts images that enter the network, in this process."""

    def __init__(self):
        self.images = 0
        original = CNNEmbedder._forward

        def counted(embedder, part, batch):
            self.images += len(batch) * (part == "trunk")
            return original(embedder, part, batch)

        CNNEmbedder._forward = counted


def search(pipe, phantoms, grid, folds):
    return GridSearchCV(
        pipe,
        grid,
        cv=GroupKFold(folds),
        scoring=get_scorer("macro_auc"),
        error_score="raise",
        refit=False,
    ).fit(phantoms.images, phantoms.labels, groups=phantoms.groups)


def main():
    arguments = options(__doc__, images=300, size=224, folds=5, lams=5, max_epochs=3)

    phantoms = make_chest_phantoms(arguments.images, size=arguments.size, random_state=0)
    grid = {
        "features__attention__lam": np.linspace(0, 1, arguments.lams).tolist(),
        "classify__module__dropout": [0.2, 0.4, 0.6],
    }
    counter = Counter()
    print(machine())
    print(
        f"{arguments.images} phantoms of {arguments.size}², "
        f"{arguments.lams} λ × 3 dropout × {arguments.folds} folds"
    )
    print(f"{'':24s}{'seconds':>10s}{'passes':>10s}")
    seconds, scores = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        base = make_hybrid_pipeline(
            "frozen", backbone="resnet18", size=arguments.size, weights=None, random_state=0
        )
        base.set_params(classify__max_epochs=arguments.max_epochs)
        stored = make_hybrid_pipeline(
            "frozen",
            backbone="resnet18",
            size=arguments.size,
            weights=None,
            random_state=0,
            memory=f"{folder}/store",
        ).set_params(classify__max_epochs=arguments.max_epochs)
        ways = {
            "per-image store": stored,
            "Pipeline(memory=)": clone(base).set_params(memory=f"{folder}/pipeline"),
            "no memory": base,
        }
        for name, pipe in ways.items():
            counter.images = 0
            begun = time.perf_counter()
            result = search(pipe, phantoms, grid, arguments.folds)
            seconds[name] = time.perf_counter() - begun
            scores[name] = result.cv_results_["mean_test_score"]
            if not counter.images:
                raise SystemExit("no image was counted: the hook is on something that never runs")
            passes = counter.images / arguments.images
            if name == "per-image store":
                stored_passes = passes
            print(f"{name:24s}{seconds[name]:10.1f}{passes:10.1f}", flush=True)
    difference = np.abs(scores["per-image store"] - scores["no memory"]).max()
    print(f"largest difference of a score between store and no memory: {difference:.1e}")
    none = seconds["no memory"] / seconds["per-image store"]
    pipeline = seconds["Pipeline(memory=)"] / seconds["per-image store"]
    print(
        f"grid_passes {stored_passes:.2f} speedup_vs_none {none:.1f} "
        f"speedup_vs_pipeline_memory {pipeline:.1f}"
    )


if __name__ == "__main__":
    main()
