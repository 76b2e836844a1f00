"""A scorer of maps against boxes, for searches."""

import os

import numpy as np
import pandas as pd

from skcxr._image_input import paths_of
from skcxr.attention.finding import require_fuser
from skcxr.metrics._box_scores import FIGURES, BoxScores
from skcxr.metrics._boxes import read_boxes

_MAPS = ("fused", "cam", "raw_cam", "mask")


class _LocalizationScorer:
    """Callable ``(estimator, X, y=None) -> float``; picklable."""

    def __init__(self, boxes, metric, kind, size, frame, threshold):
        self.boxes = boxes
        self.metric = metric
        self.kind = kind
        self.size = size
        self.frame = frame
        self.threshold = threshold

    def __call__(self, estimator, X, y=None):
        fuser, prepare = require_fuser(estimator)
        images, labels, xywh = read_boxes(self.boxes, self.frame)
        row = _names_of(X, images).get_indexer(images)
        here = row >= 0
        if not here.any():
            raise ValueError(
                f"None of the {len(images)} boxes is of one of the {len(X)} images to score."
            )
        row, labels, xywh = row[here], labels[here], xywh[here]
        films, row = np.unique(row, return_inverse=True)
        names = list(pd.unique(labels))
        boxed = X.iloc[films] if hasattr(X, "iloc") else [X[i] for i in films]
        if isinstance(X, np.ndarray):
            boxed = X[films]
        found = fuser.attention_maps(prepare(boxed), labels=names, size=self.size)
        maps = found[self.kind]
        values = np.empty(len(row))
        for j, label in enumerate(names):
            mine = np.flatnonzero(labels == label)
            of_label = maps[row[mine]] if maps.ndim == 3 else maps[row[mine], j]
            score = BoxScores(xywh[mine], maps.shape[-2:], self.threshold)
            for i, box in enumerate(mine):
                figures = score.take(i)(of_label[i : i + 1])[0, 0]
                values[box] = figures[FIGURES.index(self.metric)]
        return float(np.nanmean(values))

    def __repr__(self):
        return f"make_localization_scorer({len(self.boxes)} boxes, metric={self.metric!r})"


def _names_of(X, images):
    """Names of the films in X that boxes are looked up by: file names, or the index of X."""
    paths = paths_of(X)
    if paths is not None:
        full = pd.Index([os.fspath(path) for path in paths])
        if full.get_indexer_for(images).max(initial=-1) >= 0:
            return _unique(full)
        return _unique(pd.Index([os.path.basename(path) for path in full]))
    if hasattr(X, "index"):
        return _unique(pd.Index(X.index))
    raise ValueError(
        "Boxes belong to images by name: X must be paths, or a DataFrame whose index holds the "
        "names in boxes['image']; an array has none."
    )


def _unique(names):
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise ValueError(f"Boxes belong to images by name, but {twice!r} is in X more than once.")
    return names


def make_localization_scorer(
    boxes, *, metric="pointing game", kind="fused", size=(224, 224), frame=1024, threshold=0.5
):
    """Return a scorer of attention maps against boxes, for ``scoring=`` in a search.

    Parameters
    ----------
    boxes : DataFrame
        Columns image, label, x, y, w, h, and maybe frame_width, frame_height: see
        :func:`localization_report`. ``image`` is a film's file name, its path, or its place in the
        index of X. Boxes of films that are not in a fold do not count there.
    metric : str, default="pointing game"
        A figure of :func:`localization_report`, such as ``"energy in box"`` or ``"IoU>=0.3"``.
    kind : {"fused", "cam", "raw_cam", "mask"}, default="fused"
        Which map is scored.
    size : (int, int), default=(224, 224)
        Height and width that the maps are interpolated to.
    frame : float or (float, float), default=1024
        Width and height that the boxes refer to, where they do not say it themselves.
    threshold : float, default=0.5
        Share of its maximum at which a map is cut.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None)``: the mean over the boxes, greater is better. It raises a
        ValueError where no film of X has a box.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr.metrics import get_scorer, make_localization_scorer
    >>> boxes = pd.DataFrame(
    ...     [("a.png", "Mass", 0, 0, 512, 512)], columns=["image", "label", "x", "y", "w", "h"]
    ... )
    >>> scoring = {"auc": get_scorer("macro_auc"), "pointing": make_localization_scorer(boxes)}
    >>> scoring["pointing"]
    make_localization_scorer(1 boxes, metric='pointing game')
    """
    if metric not in FIGURES:
        raise ValueError(f"metric must be one of {list(FIGURES)}; got {metric!r}.")
    if kind not in _MAPS:
        raise ValueError(f"kind must be one of {list(_MAPS)}; got {kind!r}.")
    boxes = pd.DataFrame(boxes)
    read_boxes(boxes, frame)
    return _LocalizationScorer(boxes, metric, kind, size, frame, threshold)
