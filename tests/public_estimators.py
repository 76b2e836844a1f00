"""Every public estimator, found by walking the package, with settings that make it quick."""

import importlib
import inspect
import pkgutil

from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from tiny_networks import ThresholdMasker, tiny_network

import skcxr
from skcxr.features import CNNEmbedder


def public_estimators():
    """Name to class of all that has ``fit``, in the order of names."""
    found = {}
    for module in pkgutil.iter_modules(skcxr.__path__, "skcxr."):
        if "._" in module.name:
            continue
        package = importlib.import_module(module.name)
        for name in getattr(package, "__all__", ()):
            cls = getattr(package, name)
            if inspect.isclass(cls) and issubclass(cls, BaseEstimator) and hasattr(cls, "fit"):
                found[cls.__name__] = cls
    return dict(sorted(found.items()))


def tiny_embedder(**settings):
    """An embedder whose network is two small convolutions."""
    settings = {"precision": "float32", "device": "cpu", "random_state": 0, **settings}
    return CNNEmbedder(tiny_network(), weights=None, **settings)


ROWS = {"image_shape": (1, -1)}  # a table of scikit-learn's checks: each row a picture of one line
NET = {"max_epochs": 8, "lr": 0.01}
TRAINED = {"fine_tune": "layer4", "epochs": 1, "head_C": 1.0}


def table_estimators():
    """Instances for scikit-learn's checks on tables; a class that is not named here as it is."""
    classifier = OneVsRestClassifier(LogisticRegression())
    known = {
        "AttentionCNN": [{"map_shape": (1, 1, -1), "module__channels": (8, 16), **NET}],
        "CNNEmbedder": [
            tiny_embedder(**ROWS),
            tiny_embedder(**TRAINED, cross_fit=None, **ROWS),
            tiny_embedder(**TRAINED, cross_fit=2, **ROWS),
        ],
        "DeeperMLP": [{"module__hidden": (32, 16), **NET}],
        "GradCAMFuser": [{"embedder": tiny_embedder(), "masker": ThresholdMasker(-1), **ROWS}],
        "HistEqualizer": [ROWS],
        "ImageLoader": [{"size": 4, **ROWS}],
        "LBPHOGExtractor": [
            {"hog": False, **ROWS},
            {"pixels_per_cell": (1, 1), "cells_per_block": (1, 1), **ROWS},
        ],
        "MultilabelAverager": [
            {"estimators": [("one", classifier), ("two", classifier)], "weights": [2, 1]}
        ],
        "MultilabelCalibrator": [
            {"estimator": classifier, "cv": 2, "method": method}
            for method in ("sigmoid", "temperature", "isotonic")
        ],
        "MultilabelMLP": [{"module__hidden": (16,), **NET}],
        "MultilabelNet": [NET],
        "MultilabelThresholdTuner": [{"estimator": classifier, "cv": 2}],
        # a small working size, so that the real network is quick
        "UNetMasker": [{"side": 32, "random_state": 0, **ROWS}],
    }
    for name, cls in public_estimators().items():
        for made in known.get(name, [{}]):
            yield cls(**made) if isinstance(made, dict) else made
