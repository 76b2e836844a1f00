"""Attention maps against lesion boxes, and against maps that have not seen the film."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, check_scalar

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._box_controls import blobs, mean_boxes
from skcxr.metrics._box_scores import FIGURES, BoxScores
from skcxr.metrics._boxes import check_maps, read_boxes
from skcxr.metrics._few import MIN_UNITS
from skcxr.metrics._localization_report import LocalizationReport

_BLOB_SIDE = 64  # pixels that many smooth blobs are drawn with


def localization_report(
    maps,
    boxes,
    *,
    images=None,
    label_names=None,
    groups=None,
    masks=None,
    train_boxes=None,
    frame=1024,
    threshold=0.5,
    n_random=100,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
):
    """Compare attention maps with lesion boxes, and with maps that have not seen the film.

    Attention in the middle of the lungs hits many boxes by luck, so the same boxes are scored
    against controls, and every difference is paired, box by box:

    - ``other patient``: the maps of the same label of other patients, of those films that have a
      box of the label; of all films where no other patient has one,
    - ``mean map``: the mean of these,
    - ``mean box``: where boxes of the label lie in general: those of `train_boxes`, else those of
      the other patients in `boxes`,
    - ``lung mask``, where `masks` are given,
    - ``centre`` and ``random``: a blob in the middle of the film, and blobs anywhere,
    - ``uniform``: no map at all.

    Parameters
    ----------
    maps : array-like of shape (n, h, w) or (n, k, h, w)
        Non-negative maps of one or of k labels. Upsample coarse maps first: the pointing game
        looks at the centre of the highest pixel.
    boxes : DataFrame
        Columns image (a value of `images`), label, x, y, w or width, h or height; as
        ``load_chestxray14().boxes``. Where films differ in size, also frame_width and
        frame_height, the size in which the box was drawn.
    images : sequence of n, default=None
        Names of the images; their positions when None.
    label_names : sequence of k str, default=None
        Labels of `maps`, needed for (n, k, h, w).
    groups : array-like of shape (n,), default=None
        Patient of each image; resampled whole. Images are resampled otherwise. A map of the same
        patient is never a control.
    masks : array-like of shape (n, H, W), default=None
        Lung masks.
    train_boxes : DataFrame, default=None
        As `boxes`, of films that are not scored.
    frame : float or (float, float), default=1024
        Width and height in pixels that the boxes refer to, where they do not say it themselves.
    threshold : float, default=0.5
        Share of its maximum at which a map is cut for the IoU and for :func:`maps_to_boxes`.
    n_random : int, default=100
        Random blobs; each box meets all of them.
    n_bootstraps : int, default=1000
        Resamples of patients; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Places the random blobs and draws the resamples.

    Returns
    -------
    LocalizationReport
        Pointing game: share of boxes that hold the map's maximum, ties share the point [1]_.
        Energy in box: the box's share of the map's sum [2]_. Pixel AUC: chance that a pixel of the
        box is above one outside it. IoU: of the cut map and the box. Box IoU and box IoBB: best
        overlap of the lesion box with one of the map's own boxes, over the union and over the
        map's box; ``IoU>=0.1`` to ``IoBB>=0.7`` are the shares of boxes found at that level [3]_.
        A map of zeros misses and is counted. No interval where fewer than five patients have such
        a box.

    References
    ----------
    .. [1] J. Zhang et al. "Top-down neural attention by excitation backprop". IJCV, 2018.
    .. [2] H. Wang et al. "Score-CAM: Score-weighted visual explanations for convolutional neural
       networks". CVPR workshops, 2020.
    .. [3] X. Wang et al. "ChestX-ray8: Hospital-scale chest X-ray database and benchmarks on
       weakly-supervised classification and localization of common thorax diseases". CVPR, 2017.
    .. [4] J. Adebayo et al. "Sanity checks for saliency maps". NeurIPS, 2018 (why controls).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skcxr.metrics import localization_report
    >>> boxes = pd.DataFrame(
    ...     [(0, "Mass", 0, 0, 512, 512), (1, "Mass", 512, 512, 512, 512)],
    ...     columns=["image", "label", "x", "y", "w", "h"],
    ... )
    >>> maps = np.zeros((2, 8, 8))
    >>> maps[0, 1, 1] = maps[1, 6, 6] = 1
    >>> report = localization_report(maps, boxes, n_bootstraps=0, random_state=0)
    >>> report.summary["map"]["value"][["pointing game", "IoU"]].tolist()
    [1.0, 0.0625]
    >>> report.summary["other patient"]["value"][["pointing game", "IoU"]].tolist()
    [0.0, 0.0]
    """
    check_scalar(threshold, "threshold", numbers.Real, min_val=0, max_val=1)
    check_scalar(n_random, "n_random", numbers.Integral, min_val=1)
    maps = check_maps(maps)
    rng = check_random_state(random_state)
    row, column, xywh, labels = _match(maps, boxes, images, label_names, frame)
    patient = _patients(groups, len(maps))
    stack = maps[:, None] if maps.ndim == 3 else maps
    shape = stack.shape[2:]
    masks = None if masks is None else _check_masks(masks, len(maps))
    known = labels, patient[row], xywh
    if train_boxes is not None:
        known = _train_boxes(train_boxes, boxes, frame)
    mean = list(mean_boxes(labels, None if train_boxes is not None else patient[row], known, shape))

    values = {}
    n_controls = np.zeros(len(xywh), dtype=int)
    empty = np.zeros(len(xywh), dtype=bool)
    coarse = tuple(min(side, _BLOB_SIDE) for side in shape)
    fixed = {
        "centre": blobs([[0.5, 0.5]], shape),
        "random": blobs(rng.uniform(size=(n_random, 2)), coarse),
        "uniform": np.ones((1, *shape)),
    }

    def put(source, where, figures):
        values.setdefault(source, np.full((len(xywh), len(FIGURES)), np.nan))[where] = figures

    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        score = BoxScores(xywh[mine], shape, threshold)
        of_label = stack[:, column[mine[0]]]
        films = np.unique(row[mine])
        if len(np.unique(patient[films])) < 2:
            films = np.arange(len(stack))
        pool = of_label if len(films) == len(stack) else of_label[films]
        others = patient[films] != patient[row[mine], None]
        n_controls[mine] = others.sum(axis=1)
        pairs = score(pool)
        own = np.searchsorted(films, row[mine])
        put("map", mine, pairs[np.arange(len(mine)), own])
        empty[mine] = ~pool[own].any(axis=(1, 2))
        put("other patient", mine, (others[..., None] * pairs).sum(1) / others.sum(1)[:, None])
        for i, box in enumerate(mine):
            one = score.take(i)
            put("mean map", box, one(pool[others[i]].mean(axis=0, dtype=np.float64)[None])[0, 0])
            if mean[box] is not None:
                put("mean box", box, one(mean[box][None])[0, 0])
            if masks is not None:
                lungs = BoxScores(xywh[box : box + 1], masks.shape[1:], threshold)
                put("lung mask", box, lungs(masks[row[box], None])[0, 0])
    for source, control in fixed.items():
        score = BoxScores(xywh, control.shape[1:], threshold)
        put(source, slice(None), score(control).mean(axis=1))

    return _report(
        {name: values[name] for name in ("map", *sorted(set(values) - {"map"}, key=_ORDER.index))},
        pd.MultiIndex.from_arrays([_names(images, len(maps))[row], labels], names=_INDEX),
        patient[row],
        {"n_controls": n_controls, "empty": empty},
        n_bootstraps,
        confidence_level,
        rng,
    )


_INDEX = ["image", "label"]
_ORDER = ["other patient", "mean map", "mean box", "lung mask", "centre", "random", "uniform"]


def _names(images, n):
    names = pd.Index(range(n) if images is None else images)
    if len(names) != n or not names.is_unique:
        raise ValueError(f"images must hold {n} different names, one per map; got {len(names)}.")
    return names


def _match(maps, boxes, images, label_names, frame):
    """Return rows and label columns of maps, boxes (m, 4) and label names, all checked."""
    box_images, labels, xywh = read_boxes(boxes, frame)
    row = _names(images, len(maps)).get_indexer(box_images)
    if (row < 0).any():
        raise ValueError(
            f"{(row < 0).sum()} boxes are of images that have no map, such as "
            f"{box_images[int(np.argmin(row))]!r}."
        )
    column = np.zeros(len(labels), dtype=int)
    if maps.ndim == 4:
        if label_names is None or len(label_names) != maps.shape[1]:
            raise ValueError(f"label_names must name the {maps.shape[1]} labels of maps.")
        column = pd.Index([str(name) for name in label_names]).get_indexer(labels)
        if (column < 0).any():
            raise ValueError(f"No map is for the label {labels[int(np.argmin(column))]!r}.")
    return row, column, xywh, labels


def _patients(groups, n):
    patient = np.arange(n) if groups is None else pd.factorize(np.asarray(groups))[0]
    if len(patient) != n:
        raise ValueError(f"groups must hold one value per map ({n}); got {len(patient)}.")
    if (patient < 0).any():
        raise ValueError(f"groups has a missing value at index {int(np.argmin(patient))}.")
    if len(np.unique(patient)) < 2:
        raise ValueError("The control needs maps of at least two images or patients.")
    return patient


def _check_masks(masks, n):
    masks = np.asarray(masks)
    if masks.ndim != 3 or len(masks) != n:
        raise ValueError(f"masks must have shape ({n}, h, w); got {masks.shape}.")
    return check_maps(masks)


def _train_boxes(train_boxes, boxes, frame):
    images, labels, xywh = read_boxes(train_boxes, frame)
    both = set(images) & set(boxes["image"])
    if both:
        raise ValueError(
            f"train_boxes holds {len(both)} of the films that are scored, such as {min(both)!r}."
        )
    return labels, None, xywh


def _report(values, index, patient, notes, n_bootstraps, confidence_level, rng):
    """Means over the boxes of each label and of all, with intervals, of maps and differences."""
    sources = list(values)
    figures = np.stack(list(values.values()), axis=1)
    table = np.concatenate([figures, figures[:, :1] - figures[:, 1:]], axis=1)
    labels = index.get_level_values("label")
    names = ["all", *pd.unique(labels.sort_values())]
    belongs = np.stack([np.ones(len(labels), bool), *(labels == name for name in names[1:])])
    unit, patients = pd.factorize(patient)

    # sums over the boxes of each label and patient: (labels, maps, figures, patients)
    known = ~np.isnan(table)
    sums = np.zeros((2, len(names), *table.shape[1:], len(patients)))
    for box, of_box in enumerate(unit):
        sums[0, belongs[:, box], ..., of_box] += np.where(known[box], table[box], 0)
        sums[1, belongs[:, box], ..., of_box] += known[box]

    def mean(weights):
        total, count = (part.reshape(-1, len(patients)) @ weights for part in sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"mean": (total / count).reshape(*sums.shape[1:-1], -1)}

    point, samples = resample(mean, len(patients), n_bootstraps, rng)
    low, high = percentile_interval(samples["mean"], confidence_level)
    n_patients = np.array([len(np.unique(unit[each])) for each in belongs])
    for bound in (low, high):
        bound[n_patients < MIN_UNITS] = np.nan
    per_box = pd.concat(
        {name: pd.DataFrame(values[name], index, list(FIGURES)) for name in sources}, axis=1
    )
    return LocalizationReport(
        per_box=per_box,
        patients=pd.Series(patient, index, name="patient"),
        counts=pd.DataFrame(
            {
                "boxes": belongs.sum(axis=1),
                "patients": n_patients,
                "control maps": [int(np.median(notes["n_controls"][each])) for each in belongs],
                "empty maps": [int(notes["empty"][each].sum()) for each in belongs],
            },
            index=pd.Index(names, name="label"),
        ),
        _means=np.stack([point["mean"], low, high]),
        _samples=samples["mean"].astype(np.float32),
        sources=sources,
        confidence_level=confidence_level,
    )
