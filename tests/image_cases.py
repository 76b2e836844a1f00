"""Estimators that take images, each in the ways that matter, and small images for them."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from public_estimators import tiny_embedder
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from tiny_networks import ThresholdMasker

from skcxr._base import _ImageToImage
from skcxr.attention import GradCAMFuser
from skcxr.classifiers import MultilabelMLP
from skcxr.features import LBPHOGExtractor
from skcxr.preprocessing import HistEqualizer, ImageLoader
from skcxr.segmentation import UNetMasker
from skcxr.segmentation._weights import write_weights

N, SIDE = 12, 32
LABELS = ["Mass", "Edema"]
_FOLDER = tempfile.TemporaryDirectory(prefix="skcxr-tests-")
TUNED = {"fine_tune": "layer4", "epochs": 1, "head_C": 1.0}
CROSS_FITTED = {**TUNED, "cross_fit": 2}


def embedder(**settings):
    return tiny_embedder(batch_size=5, **settings)


def texture():
    return LBPHOGExtractor(pixels_per_cell=(8, 8))


def fuser(embedder, **settings):
    return GradCAMFuser(embedder, ThresholdMasker(), **settings)


def masker():
    """A masker with a network of one convolution, whose weights are in a file."""
    network = torch.nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0.1)
    path = Path(_FOLDER.name) / "one_convolution.safetensors"
    if not path.exists():
        write_weights(path, network, {"network": "module"})
    return UNetMasker(weights=path, network=network, side=32, device="cpu", precision="float32")


def pipeline():
    branches = [("texture", texture()), ("attention", fuser(embedder(), passthrough=True))]
    return Pipeline(
        [
            ("load", ImageLoader(SIDE)),
            ("equalize", HistEqualizer()),
            ("features", FeatureUnion(branches)),
            ("scale", StandardScaler()),
            ("classify", MultilabelMLP(max_epochs=2, random_state=0, device="cpu")),
        ]
    )


CASES = {
    "ImageLoader": lambda: ImageLoader(16),
    "ImageLoader, memory": lambda: ImageLoader(16, memory=str(Path(_FOLDER.name) / "loader")),
    "HistEqualizer": HistEqualizer,
    "HistEqualizer, CLAHE": lambda: HistEqualizer("clahe", tile_grid=(2, 2)),
    "LBPHOGExtractor": texture,
    "CNNEmbedder": embedder,
    "CNNEmbedder, memory": lambda: embedder(memory=str(Path(_FOLDER.name) / "embedder")),
    "CNNEmbedder, fine-tuned": lambda: embedder(cross_fit=None, **TUNED),
    "CNNEmbedder, cross-fitted": lambda: embedder(**CROSS_FITTED),
    "UNetMasker": masker,
    "GradCAMFuser": lambda: fuser(embedder(), passthrough=True),
    "GradCAMFuser, maps": lambda: fuser(embedder(), output="maps"),
    "GradCAMFuser, cross-fitted": lambda: fuser(embedder(**CROSS_FITTED), passthrough=True),
    "pipeline": pipeline,
}

#: Like others in most: the cross-fitted embedder, the fuser and the pipeline are not left out.
SLOW = {
    "CNNEmbedder, fine-tuned",
    "CNNEmbedder, memory",
    "GradCAMFuser, cross-fitted",
    "GradCAMFuser, maps",
}


# ---- what a check applies to -------------------------------------------------------------------


def is_transformer(estimator):
    return hasattr(estimator, "fit_transform")  # not a pipeline that ends in a classifier


def is_pipeline(estimator):
    return isinstance(estimator, Pipeline)


def gives_images(estimator):
    return isinstance(estimator, _ImageToImage)


def takes_labels(estimator):
    tags = estimator.__sklearn_tags__().classifier_tags
    return tags is not None and tags.multi_label


def is_trained(estimator):
    return getattr(getattr(estimator, "embedder", estimator), "fine_tune", None) is not None


def is_cross_fitted(estimator):
    inner = getattr(estimator, "embedder", estimator)
    return is_trained(estimator) and inner.cross_fit is not None


def learns_in_parts(estimator):
    return is_pipeline(estimator) or is_cross_fitted(estimator)


def first_stage(estimator):
    return estimator[0] if is_pipeline(estimator) else estimator


def cases(*, where=lambda estimator: True):
    """Parametrize a check with the cases that it applies to, at least one."""
    names = [name for name, make in CASES.items() if where(make())]
    assert names, "a check that applies to nothing"
    made = [
        pytest.param(CASES[name], id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in names
    ]
    return pytest.mark.parametrize("make", made)


# ---- images, labels and what comes out ---------------------------------------------------------


def make_images(n=N, side=SIDE, seed=0):
    """Smooth pictures that use all of 0..255, so that other dtypes are stretched to themselves."""
    rng = np.random.default_rng(seed)
    images = [cv2.resize(rng.random((5, 5)), (side, side)) for _ in range(n)]
    images = [(image - image.min()) / np.ptp(image) for image in images]
    return np.rint(255 * np.stack(images)).astype(np.uint8)


def make_labels(n=N):
    Y = np.random.default_rng(1).integers(0, 2, (n, len(LABELS)))
    Y[:4] = [[0, 1], [1, 0], [0, 0], [1, 1]]
    return pd.DataFrame(Y, columns=LABELS)


def write_images(images, folder):
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / f"{i:02}.png"), image)
    return [folder / f"{i:02}.png" for i in range(len(images))]


def outputs(estimator, X):
    """(n, d) whatever the estimator makes of images."""
    made = estimator.transform(X) if hasattr(estimator, "transform") else None
    made = estimator.predict_proba(X) if made is None else made
    return np.asarray(made).reshape(len(X), -1)


def fitted(estimator, X=None, y=None):
    return estimator.fit(make_images() if X is None else X, make_labels() if y is None else y)
