"""Films that a model got right and wrong, with what it looked at, as small pictures."""

import base64
from dataclasses import dataclass

import numpy as np

from skcxr._sklearn import _safe_indexing
from skcxr.attention.finding import find_fuser
from skcxr.inspection._observation import observe

_SIZE = 224  # pixels of a picture's longer side
KINDS = ("true positive", "false positive", "false negative", "true negative")
_MOST = 160  # pictures of a page, which stay under 5 MB


@dataclass
class Picture:
    """One film of the gallery.

    Attributes
    ----------
    label, kind : str
    row : int
        Position in the scored films.
    probability, threshold : float
    film, overlay : str
        JPEG as data URIs, the film alone and with its map.
    empty : bool
        Whether the map is zero everywhere.
    """

    label: str
    kind: str
    row: int
    probability: float
    threshold: float
    film: str
    overlay: str
    empty: bool


def has_maps(run):
    """Whether a run's models make attention maps."""
    return bool(run.fitted) and find_fuser(run.fitted[0])[0] is not None


def gallery(experiment, run, most=2):
    """Return pictures of the surest films of each kind.

    Parameters
    ----------
    experiment : Experiment
    run : Run
    most : int, default=2
        Films of each label and kind.

    Returns
    -------
    list of Picture
        Empty where the model has no maps.
    """
    chosen = [
        (rank, (int(row), label, kind))
        for label in run.proba
        for kind in KINDS
        for rank, row in enumerate(_surest(run, label, kind)[:most])
    ]
    # Of many labels, the surest film of each before the second.
    kept = set(sorted(range(len(chosen)), key=lambda i: chosen[i][0])[:_MOST])
    chosen = [item for i, (_, item) in enumerate(chosen) if i in kept]
    pictures = []
    for fold, estimator in enumerate(run.fitted):
        here = [item for item in chosen if run.fold[item[0]] == fold]
        if not here or find_fuser(estimator)[0] is None:
            continue
        rows = list(dict.fromkeys(row for row, *_ in here))
        X = _safe_indexing(experiment.X, experiment.scored[rows])
        seen = observe(estimator, X)
        for row, label, kind in here:
            i, j = rows.index(row), seen.label_names.index(label)
            film, map_ = seen.films[i], seen.cam[i, j]
            pictures.append(
                Picture(
                    label=label,
                    kind=kind,
                    row=int(row),
                    probability=float(run.proba[label].iloc[row]),
                    threshold=float(run.thresholds[label].iloc[fold]),
                    film=_jpeg(_small(film)),
                    overlay=_jpeg(_overlay(_small(film), _small(map_))),
                    empty=not map_.any(),
                )
            )
    order = {item: place for place, item in enumerate(chosen)}
    return sorted(pictures, key=lambda p: order[p.row, p.label, p.kind])


def _surest(run, label, kind):
    """Rows of a kind, those first that the model was surest of."""
    y, decided = run.y[label].to_numpy(), run.decisions[label].to_numpy()
    part = {
        "true positive": (y == 1) & decided,
        "false positive": (y == 0) & decided,
        "false negative": (y == 1) & ~decided,
        "true negative": (y == 0) & ~decided,
    }[kind]
    rows = np.flatnonzero(part)
    sign = 1 if kind.endswith("negative") else -1
    return rows[np.argsort(sign * run.proba[label].to_numpy()[rows], kind="stable")]


def _small(image):
    import cv2

    scale = _SIZE / max(image.shape)
    if scale >= 1:
        return image
    size = tuple(max(1, round(side * scale)) for side in image.shape[::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _overlay(film, map_):
    """The film with its map on top: the lower the map, the more of the film shows."""
    from matplotlib import colormaps

    grey = np.repeat(film[..., None].astype(np.float32), 3, axis=2)
    color = colormaps["inferno"](np.clip(map_, 0, 1))[..., :3].astype(np.float32) * 255
    alpha = 0.7 * np.clip(map_, 0, 1)[..., None]
    return np.rint((1 - alpha) * grey + alpha * color).astype(np.uint8)


def _jpeg(image):
    import cv2

    bgr = image if image.ndim == 2 else image[..., ::-1]
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
