"""A small search over the whole hybrid, which other processes can run too."""

import json
import sys

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold
from tiny_networks import ThresholdMasker, tiny_network

from skcxr import make_hybrid_pipeline
from skcxr.classifiers import MultilabelMLP
from skcxr.datasets import make_chest_phantoms

N = 40
GRID = {
    "features__attention__lam": [0.0, 0.25, 0.5, 0.75, 1.0],
    "classify__module__dropout": [0.1, 0.2, 0.4],
}


def data(n=N):
    phantoms = make_chest_phantoms(
        n, size=32, n_patients=n // 2, label_names=["Effusion", "Infiltration"],
        prevalence=0.4, random_state=0,
    )  # fmt: skip
    Y = phantoms.labels.to_numpy().copy()
    # every training part has positives and negatives of both
    Y[::4, 0], Y[1::4, 1], Y[2::4] = 1, 1, 0
    return phantoms.images, Y, phantoms.groups


def pipeline(**settings):
    """The hybrid with a tiny network, a tiny classifier and a masker that thresholds."""
    settings = {
        "backbone": tiny_network(),
        "weights": None,
        "precision": "float32",
        "masker": ThresholdMasker(60),
        **settings,
    }
    classifier = MultilabelMLP(
        module__hidden=(8,), max_epochs=2, early_stopping=False, random_state=0, device="cpu"
    )
    made = make_hybrid_pipeline(
        "frozen", cross_fit=None, size=32, classifier=classifier, batch_size=16, device="cpu",
        random_state=0, **settings,
    )  # fmt: skip
    return made.set_params(
        features__texture__pixels_per_cell=(8, 8),
        **({"features__attention__embedder__epochs": 2} if "fine_tune" in settings else {}),
    )


def score(estimator, X, y):
    """Mean log likelihood: unlike a share of right answers, it sees the last digit."""
    p = estimator.predict_proba(X)
    return float(np.where(y == 1, np.log(p), np.log(1 - p)).mean())


def search(grid=None, n_jobs=None, **settings):
    X, y, groups = data()
    return GridSearchCV(
        pipeline(**settings), grid or GRID, cv=GroupKFold(5), scoring=score, refit=False,
        n_jobs=n_jobs, error_score="raise",
    ).fit(X, y, groups=groups)  # fmt: skip


def scores(fitted):
    return [list(fitted.cv_results_[f"split{i}_test_score"]) for i in range(5)]


if __name__ == "__main__":
    print(json.dumps(scores(search(memory=sys.argv[1]))))
