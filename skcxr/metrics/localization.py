"""Attention maps against lesion boxes, with maps that have not seen the image as a control."""

import numbers
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, check_scalar

from skcxr.metrics._tables import interval_frame, markdown_table
from skcxr.metrics.segmentation import summarize

_METRICS = ("pointing game", "IoU", "energy in box")


def box_coverage(boxes, shape, frame):
    """Share of each pixel that a box covers.

    Parameters
    ----------
    boxes : ndarray of shape (m, 4)
        x, y, w, h in a frame of side `frame`.
    shape : tuple of int
        (h, w) of the map.
    frame : float
        Side of the square frame that the boxes refer to.

    Returns
    -------
    ndarray of shape (m, h, w)
        In [0, 1].
    """

    def cover(start, length, size):
        edges = np.arange(size + 1) * (frame / size)
        clipped = np.clip(edges, start[:, None], (start + length)[:, None])
        return np.diff(clipped, axis=1) * (size / frame)

    x, y, w, h = boxes.T
    return cover(y, h, shape[0])[:, :, None] * cover(x, w, shape[1])[:, None, :]


def localize(maps, boxes, frame, threshold):
    """Pointing game, IoU and energy in box of one map per box, shape (m, 3)."""
    h, w = maps.shape[1:]
    covered = box_coverage(boxes, (h, w), frame)
    peak = maps.max(axis=(1, 2), keepdims=True)
    seen = peak > 0  # an all-zero map points nowhere
    x, y, bw, bh = boxes.T[:, :, None]
    cx, cy = (np.arange(w) + 0.5) * frame / w, (np.arange(h) + 0.5) * frame / h
    inside = ((cy >= y) & (cy < y + bh))[:, :, None] & ((cx >= x) & (cx < x + bw))[:, None, :]
    top = seen & (maps == peak)
    hit = (top & inside).sum(axis=(1, 2)) / np.maximum(top.sum(axis=(1, 2)), 1)
    hot = seen & (maps >= threshold * peak)
    both = (hot * covered).sum(axis=(1, 2))
    iou = both / (hot.sum(axis=(1, 2)) + covered.sum(axis=(1, 2)) - both)
    energy = (maps * covered).sum(axis=(1, 2)) / np.where(seen, maps.sum((1, 2), keepdims=True), 1)[
        :, 0, 0
    ]
    return np.stack([hit, iou, energy], axis=1)


@dataclass(frozen=True, repr=False)
class LocalizationReport:
    """What :func:`localization_report` found.

    Attributes
    ----------
    summary : DataFrame
        A row per metric; below each of map, shuffled (maps of other images), mean map, uniform
        (no map at all) and gain (map minus shuffled): value, low and high.
    per_label : DataFrame
        Boxes, and the mean of each metric for the map and for the shuffled control.
    per_box : DataFrame
        Every figure of every box.
    n_empty : int
        Boxes whose map is zero everywhere: they count as misses.
    """

    summary: pd.DataFrame
    per_label: pd.DataFrame
    per_box: pd.DataFrame
    n_empty: int

    def to_markdown(self, digits=3):
        """Return both tables as Markdown.

        Parameters
        ----------
        digits : int, default=3
            Decimals of the numbers.

        Returns
        -------
        str
        """
        return (
            f"{markdown_table(interval_frame(self.summary, digits))}\n\n"
            f"{markdown_table(self.per_label, digits)}"
        )

    def __repr__(self):
        head = f"LocalizationReport: {len(self.per_box)} boxes, {self.n_empty} with an empty map"
        return f"{head}\n{interval_frame(self.summary).to_string()}"


def _check_boxes(maps, boxes, images, label_names, frame):
    """Return rows of maps, label columns, boxes (m, 4) and label names, all checked."""
    if maps.ndim not in (3, 4) or 0 in maps.shape:
        raise ValueError(f"maps must have shape (n, h, w) or (n, k, h, w); got {maps.shape}.")
    if not (np.isfinite(maps).all() and (maps >= 0).all()):
        raise ValueError("maps must hold finite values of 0 or more.")
    missing = [c for c in ("image", "label", "x", "y", "w", "h") if c not in boxes]
    if missing:
        raise ValueError(f"boxes lacks the columns {missing}.")
    if not len(boxes):
        raise ValueError("boxes is empty.")
    n = len(maps)
    images = pd.Index(range(n) if images is None else images)
    if len(images) != n or not images.is_unique:
        raise ValueError(f"images must hold {n} different names, one per map; got {len(images)}.")
    row = images.get_indexer(boxes["image"])
    if (row < 0).any():
        raise ValueError(
            f"{(row < 0).sum()} boxes are of images that have no map, such as "
            f"{boxes['image'].iloc[int(np.argmin(row))]!r}."
        )
    labels = boxes["label"].astype(str).to_numpy()
    column = np.zeros(len(boxes), dtype=int)
    if maps.ndim == 4:
        if label_names is None or len(label_names) != maps.shape[1]:
            raise ValueError(f"label_names must name the {maps.shape[1]} labels of maps.")
        column = pd.Index([str(name) for name in label_names]).get_indexer(labels)
        if (column < 0).any():
            raise ValueError(f"No map is for the label {labels[int(np.argmin(column))]!r}.")
    xywh = boxes[["x", "y", "w", "h"]].to_numpy(dtype=np.float64)
    x, y, w, h = xywh.T
    wrong = ~((w > 0) & (h > 0) & (x >= -1) & (y >= -1) & (x + w <= frame + 1))
    wrong |= ~(y + h <= frame + 1)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"Box {i} ({boxes['image'].iloc[i]!r}), x, y, w, h = {xywh[i].tolist()}, does not lie "
            f"in the {frame:g} by {frame:g} frame; pass frame= if boxes refer to another one."
        )
    return row, column, xywh, labels


def localization_report(
    maps,
    boxes,
    *,
    images=None,
    label_names=None,
    groups=None,
    frame=1024,
    threshold=0.5,
    n_shuffles=20,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
):
    """Compare attention maps with lesion boxes, and with maps that have not seen the image.

    Attention centred in the lungs hits many boxes by luck, so every figure comes with controls: the
    same boxes against maps of other images (same label), against the mean map of the other images,
    and against no map at all.

    Parameters
    ----------
    maps : ndarray of shape (n, h, w) or (n, k, h, w)
        Non-negative maps of one or of k labels. Upsample coarse maps first: the pointing game
        looks at the centre of the highest pixel.
    boxes : DataFrame
        Columns image (a value of `images`), label, x, y, w, h; as ``load_chestxray14().boxes``.
    images : sequence of n, default=None
        Names of the images; their positions when None.
    label_names : sequence of k str, default=None
        Labels of `maps`, needed for (n, k, h, w).
    groups : array-like of shape (n,), default=None
        Patient of each image; resampled whole. Images are resampled otherwise. A map of the same
        patient is never a control.
    frame : float, default=1024
        Side in pixels of the square frame that the boxes refer to.
    threshold : float, default=0.5
        For IoU, the map is cut at this share of its maximum.
    n_shuffles : int, default=20
        Maps of other images drawn for each box.
    n_bootstraps : int, default=1000
        Resamples; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Draws the control maps and the resamples.

    Returns
    -------
    LocalizationReport
        Pointing game: share of boxes that hold the map's maximum (ties share the point). IoU: of
        the cut map and the box. Energy in box: the box's share of the map's sum.

    References
    ----------
    Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018 (pointing game).
    Wang et al., Score-CAM, CVPR workshops 2020 (energy-based pointing game).
    Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018 (why a control).
    """
    check_scalar(threshold, "threshold", numbers.Real, min_val=0, max_val=1)
    check_scalar(n_shuffles, "n_shuffles", numbers.Integral, min_val=1)
    maps = np.asarray(maps)
    row, column, xywh, labels = _check_boxes(maps, boxes, images, label_names, frame)
    rng = check_random_state(random_state)
    patient = np.arange(len(maps)) if groups is None else pd.factorize(np.asarray(groups))[0]
    if len(patient) != len(maps):
        raise ValueError(f"groups must hold one value per map ({len(maps)}); got {len(patient)}.")
    if len(np.unique(patient)) < 2:
        raise ValueError("The control needs maps of at least two images or patients.")
    stack = maps[:, None] if maps.ndim == 3 else maps

    figures = {c: np.empty((len(xywh), 3)) for c in ("map", "shuffled", "mean map", "uniform")}
    flat = np.ones((1, *stack.shape[2:]))
    n_empty = 0
    for i, box in enumerate(xywh):
        of_label = stack[:, column[i]]
        own = of_label[row[i]].astype(np.float64)
        n_empty += not own.any()
        others = np.flatnonzero(patient != patient[row[i]])
        drawn = of_label[rng.choice(others, n_shuffles)].astype(np.float64)
        mean = of_label[others].mean(axis=0, dtype=np.float64)
        tested = np.concatenate([own[None], mean[None], flat, drawn])
        found = localize(tested, np.repeat(box[None], len(tested), axis=0), frame, threshold)
        figures["map"][i], figures["mean map"][i], figures["uniform"][i] = found[:3]
        figures["shuffled"][i] = found[3:].mean(axis=0)
    figures["gain"] = figures["map"] - figures["shuffled"]

    per_box = pd.concat(
        {name: pd.DataFrame(f, columns=_METRICS) for name, f in figures.items()}, axis=1
    )
    means = summarize(per_box, patient[row], n_bootstraps, confidence_level, rng)
    means = means[["mean", "low", "high"]].rename(columns={"mean": "value"})
    summary = pd.concat({name: means.loc[name] for name in figures}, axis=1).rename_axis("metric")
    by_label = per_box.groupby(labels)
    per_label = pd.DataFrame({"boxes": by_label.size()}).rename_axis("label")
    for metric in _METRICS:
        for name in ("map", "shuffled"):
            heading = metric if name == "map" else f"{metric}, shuffled"
            per_label[heading] = by_label[[(name, metric)]].mean()
    per_box.index = pd.MultiIndex.from_arrays([boxes["image"], labels], names=["image", "label"])
    return LocalizationReport(summary, per_label, per_box, n_empty)
