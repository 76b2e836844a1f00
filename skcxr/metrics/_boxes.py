"""Geometry of lesion boxes: reading them, their overlap, and boxes out of maps."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

_COLUMNS = ("x", "y", "w", "h")
_ALSO = {"width": "w", "height": "h"}


def read_boxes(boxes, frame=1024):
    """Check a table of boxes and bring them to the unit square.

    Parameters
    ----------
    boxes : DataFrame
        Columns image, label, x, y, w (or width), h (or height), and where films differ in size
        frame_width and frame_height.
    frame : float or (float, float), default=1024
        Width and height of the frame of all boxes; the table's own columns win.

    Returns
    -------
    images, labels : ndarray of shape (m,)
    xywh : ndarray of shape (m, 4), float64
        In shares of the film's width and height.
    """
    boxes = pd.DataFrame(boxes)
    boxes = boxes.rename(columns={k: v for k, v in _ALSO.items() if v not in boxes})
    missing = [c for c in ("image", "label", *_COLUMNS) if c not in boxes]
    if missing:
        raise ValueError(f"boxes lacks the columns {missing}.")
    if not len(boxes):
        raise ValueError("boxes is empty.")
    if ("frame_width" in boxes) != ("frame_height" in boxes):
        raise ValueError("boxes must have both frame_width and frame_height, or neither.")
    xywh = boxes[list(_COLUMNS)].to_numpy(dtype=np.float64)
    if "frame_width" in boxes:
        frames = boxes[["frame_width", "frame_height"]].to_numpy(dtype=np.float64)
    else:
        frames = np.broadcast_to(np.asarray(frame, dtype=np.float64), (len(boxes), 2))
    (x, y, w, h), (width, height) = xywh.T, frames.T
    # A pixel of rounding is let through, as ChestX-ray14 has it.
    inside = (w > 0) & (h > 0) & (x >= -1) & (y >= -1)
    inside &= (x + w <= width + 1) & (y + h <= height + 1)
    if not inside.all():
        i = int(np.argmin(inside))
        raise ValueError(
            f"Box {i} ({boxes['image'].iloc[i]!r}), x, y, w, h = {xywh[i].tolist()}, does not lie "
            f"in the {width[i]:g} by {height[i]:g} frame; pass frame=, or the columns frame_width "
            "and frame_height, if boxes refer to another one."
        )
    labels = boxes["label"].astype(str).to_numpy()
    return boxes["image"].to_numpy(), labels, xywh / np.tile(frames, 2)


def _edges(boxes, axis):
    return boxes[:, axis, None], (boxes[:, axis] + boxes[:, axis + 2])[:, None]


def axis_coverage(boxes, axis, size):
    """Share of each pixel column (axis 0) or row (axis 1) that boxes of the unit square cover.

    A pixel's covered share is the product of its row's and its column's.

    Returns
    -------
    ndarray of shape (m, size)
    """
    clipped = np.clip(np.arange(size + 1) / size, *_edges(boxes, axis))
    return np.diff(clipped, axis=1) * size


def axis_centres(boxes, axis, size):
    """Whether the centres of pixel columns or rows lie in boxes of the unit square, as float."""
    start, stop = _edges(boxes, axis)
    centre = (np.arange(size) + 0.5) / size
    return ((centre >= start) & (centre < stop)).astype(np.float64)


def overlaps(true, found):
    """IoU and IoBB of all pairs of boxes x, y, w, h.

    Parameters
    ----------
    true : ndarray of shape (m, 4)
        Boxes of lesions.
    found : ndarray of shape (b, 4)
        Boxes out of maps.

    Returns
    -------
    iou, iobb : ndarray of shape (m, b)
        Intersection over union, and intersection over the found box's area.
    """
    low = np.maximum(true[:, None, :2], found[None, :, :2])
    high = np.minimum(
        true[:, None, :2] + true[:, None, 2:], found[None, :, :2] + found[None, :, 2:]
    )
    both = np.clip(high - low, 0, None).prod(axis=2)
    area_true, area_found = true[:, 2:].prod(axis=1)[:, None], found[:, 2:].prod(axis=1)[None]
    return both / (area_true + area_found - both), both / area_found


def boxes_of_map(map_, threshold):
    """Boxes of the connected parts of a map at `threshold` of its maximum.

    Returns
    -------
    xywh : ndarray of shape (b, 4), float64
        In pixels of the map, the part with the highest value first; empty for a map of zeros.
    score : ndarray of shape (b,)
        Highest value in each part.
    """
    from scipy import ndimage

    peak = map_.max()
    if not peak > 0:
        return np.empty((0, 4)), np.empty(0)
    hot = (map_ >= threshold * peak) & (map_ > 0)
    parts, _ = ndimage.label(hot, structure=np.ones((3, 3)))
    xywh, score = [], []
    for i, (y, x) in enumerate(ndimage.find_objects(parts), start=1):
        xywh.append([x.start, y.start, x.stop - x.start, y.stop - y.start])
        score.append(map_[y, x][parts[y, x] == i].max())
    xywh, score = np.array(xywh, dtype=np.float64), np.array(score)
    order = np.argsort(-score, kind="stable")
    return xywh[order], score[order]


def maps_to_boxes(maps, *, threshold=0.5, images=None, label_names=None, frame=None):
    """Turn maps into boxes: cut at a share of the maximum, one box per connected part.

    Parameters
    ----------
    maps : array-like of shape (n, h, w) or (n, k, h, w)
        Non-negative maps.
    threshold : float, default=0.5
        Share of each map's maximum at which it is cut; Wang et al. [1]_ cut at 60/255 and at
        180/255. Pixels that touch at an edge or a corner belong together.
    images : sequence of n, default=None
        Names of the images; their positions when None.
    label_names : sequence of k str, default=None
        For maps (n, k, h, w); the labels' positions when None.
    frame : float or (float, float), default=None
        Width and height that the boxes shall refer to; the size of the maps when None.

    Returns
    -------
    DataFrame
        Columns image, label (for k labels), x, y, w, h, frame_width, frame_height and score, the
        part's highest value. No row for a map of zeros.

    References
    ----------
    .. [1] X. Wang et al. "ChestX-ray8: Hospital-scale chest X-ray database and benchmarks on
       weakly-supervised classification and localization of common thorax diseases". CVPR, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import maps_to_boxes
    >>> maps = np.zeros((1, 8, 8))
    >>> maps[0, 2:4, 1:6] = 1
    >>> maps_to_boxes(maps, frame=1024)[["image", "x", "y", "w", "h"]].values.tolist()
    [[0.0, 128.0, 256.0, 640.0, 256.0]]
    """
    check_scalar(threshold, "threshold", numbers.Real, min_val=0, max_val=1)
    maps = check_maps(maps)
    stack = maps[:, None] if maps.ndim == 3 else maps
    n, k, height, width = stack.shape
    names = range(n) if images is None else list(images)
    labels = range(k) if label_names is None else [str(name) for name in label_names]
    if len(names) != n or len(labels) != k:
        raise ValueError(
            f"images must name {n} maps and label_names {k} labels; got {len(names)} and "
            f"{len(labels)}."
        )
    frame = np.broadcast_to((width, height) if frame is None else frame, 2).astype(np.float64)
    scale = np.tile(frame / (width, height), 2)
    rows = []
    for name, of_image in zip(names, stack, strict=True):
        for label, map_ in zip(labels, of_image, strict=True):
            for box, score in zip(*boxes_of_map(map_, threshold), strict=True):
                rows.append((name, label, *(box * scale), *frame, float(score)))
    columns = ["image", "label", *_COLUMNS, "frame_width", "frame_height", "score"]
    table = pd.DataFrame(rows, columns=columns)
    return table.drop(columns="label") if maps.ndim == 3 else table


def check_maps(maps):
    """Return maps as an array of 3 or 4 axes, finite and not negative."""
    maps = np.asarray(maps)
    if maps.ndim not in (3, 4) or 0 in maps.shape:
        raise ValueError(f"maps must have shape (n, h, w) or (n, k, h, w); got {maps.shape}.")
    # Row by row: a boolean copy of all maps is as large as the maps.
    for i, map_ in enumerate(maps):
        if not (np.isfinite(map_).all() and (map_ >= 0).all()):
            raise ValueError(f"maps must hold finite values of 0 or more; map {i} does not.")
    return maps
