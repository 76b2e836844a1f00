"""What a model says of films and where it looks, for AttentionDisplay and explain."""

from dataclasses import dataclass

import numpy as np

from skcxr._image_input import as_images
from skcxr._multilabel._matching import select_labels
from skcxr._multilabel._probabilities import probabilities
from skcxr.attention.finding import require_fuser
from skcxr.inspection._models import thresholds_of
from skcxr.segmentation import mask_quality

_ROUNDING = 1e-4  # by which interpolated values of [0, 1] may leave it


@dataclass
class Observation:
    """Films with what a model says and shows of them.

    Attributes
    ----------
    films : ndarray of shape (n, H, W), uint8
        As they are, not equalised.
    label_names : list of k str
    cam, fused : ndarray of shape (n, k, H, W), float32
        In [0, 1]; a map of zeros has no positive evidence.
    masks : ndarray of shape (n, H, W) or None
        Lung masks; ones where the fusion did without. None where the model uses none.
    mask_flags : list of n str or None
        What :func:`~skcxr.segmentation.mask_quality` says of the masker's own masks.
    probabilities, thresholds : ndarray of shape (n, k) and (k,), or None
        None for a part that does not predict.
    """

    films: np.ndarray
    label_names: list
    cam: np.ndarray
    fused: np.ndarray
    masks: np.ndarray | None
    mask_flags: list | None
    probabilities: np.ndarray | None
    thresholds: np.ndarray | None


def observe(estimator, X, labels=None):
    """Run a fitted estimator on films and collect what there is to see.

    Parameters
    ----------
    estimator : fitted estimator
        With a part that has ``attention_maps``, wherever it is nested.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
    labels : str, int, sequence of them or None, default=None
        None takes all.

    Returns
    -------
    Observation
    """
    fuser, prepare = require_fuser(estimator)
    shape = getattr(fuser, "image_shape", None)
    ready = prepare(X)
    size = np.asarray(as_images(ready, image_shape=shape)).shape[1:]
    films = np.asarray(as_images(prepare.films(X), image_shape=shape))
    known = [str(name) for name in fuser.label_names_]
    names = [known[j] for j in select_labels(labels, known)]
    parts = fuser.attention_maps(ready, labels=names, size=size)
    prob = thresholds = None
    if hasattr(estimator, "predict_proba"):
        chosen = [known.index(name) for name in names]
        prob = probabilities(estimator, X, labels=known)[:, chosen]
        thresholds = thresholds_of(estimator, known)[chosen]
    masks, flags = _masks(fuser, ready, parts.mask, size)
    return Observation(
        films=films,
        label_names=names,
        cam=unit_maps(parts.cam, "Grad-CAM"),
        fused=unit_maps(parts.fused, "fused maps"),
        masks=masks,
        mask_flags=flags,
        probabilities=prob,
        thresholds=thresholds,
    )


def unit_maps(maps, what):
    """Maps as float32 in [0, 1]; what lies outside by rounding is brought in, more is refused."""
    maps = np.asarray(maps, dtype=np.float32)
    if not np.isfinite(maps).all() or maps.min() < -_ROUNDING or maps.max() > 1 + _ROUNDING:
        raise ValueError(f"{what}: values in [0, 1] expected.")
    return np.clip(maps, 0, 1)


def _masks(fuser, ready, used, size):
    """Take the masker's own masks, at full size, and their flags; ones where the fusion has ones.

    Those of `used` may have gone through the size of the feature maps, too coarse for an outline.
    """
    masker = getattr(fuser, "masker_", None)
    if masker is None:
        return None, None
    used = np.asarray(used)
    masks = unit_maps(np.asarray(masker.transform(ready)).reshape(len(used), *size), "masks")
    flags = mask_quality(masks)["flag"].tolist()
    return np.where((used == 1).all(axis=(1, 2), keepdims=True), np.float32(1), masks), flags
