"""Load models and write down what they say; run by test_save_load.py in a process of its own.

Usage: load_in_fresh_process.py FOLDER. For each NAME.skcxr there is a NAME.npz with the input.
"""

import sys
from pathlib import Path

import numpy as np

from skcxr.persistence import load

METHODS = ("transform", "predict_proba", "decision_function", "predict")


def answers(estimator, X):
    """What an estimator says of X, by method."""
    found = {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}
    return {name: np.asarray(value) for name, value in found.items()}


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.skcxr")):
        with np.load(path.with_suffix(".npz")) as given:
            found = answers(load(path), given["X"])
        np.savez(path.with_suffix(".answers.npz"), **found)
