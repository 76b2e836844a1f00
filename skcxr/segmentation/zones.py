"""Zones of the chest out of a lung mask: thirds of each lung, the heart, and the rest."""

import numpy as np

#: In the order of :func:`lung_zones`. Sides are the patient's: his right lung is left in the image.
ZONES = (
    "right upper",
    "right middle",
    "right lower",
    "left upper",
    "left middle",
    "left lower",
    "heart",
    "outside",
)


def lung_zones(masks):
    """Assign each pixel softly to the zones of a chest X-ray.

    Each lung is cut into thirds of its height. The heart's zone lies between the lungs, below the
    upper third of their height, and holds what of the mediastinum is there. Everything else is
    outside. A film is taken to be frontal and upright, with the heart in the image's right half:
    sides are the patient's, so that the right zones are left in the image.

    Parameters
    ----------
    masks : array-like of shape (n, h, w) or (h, w)
        Soft lung masks: floats from 0 to 1, uint8 from 0 to 255, or bool. At 64 pixels or more the
        lungs' borders are exact enough to tell the heart.

    Returns
    -------
    ndarray of shape (n, 8, h, w), float32
        In [0, 1], summing to 1 over the zones, in the order of ``ZONES``: right upper, right
        middle, right lower, left upper, left middle, left lower, heart, outside. Without a lung
        everything is outside; a mask of ones has lungs that fill the film and no heart.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.segmentation import ZONES, lung_zones
    >>> mask = np.zeros((64, 64))
    >>> mask[8:56, 8:24] = mask[8:56, 40:56] = 1
    >>> area = lung_zones(mask)[0].sum(axis=(1, 2))
    >>> dict(zip(ZONES, area.round().astype(int).tolist()))["right upper"]
    256
    """
    masks = np.asarray(masks)
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3 or 0 in masks.shape:
        raise ValueError(f"masks must have shape (n, h, w) or (h, w); got {masks.shape}.")
    scale = 255 if masks.dtype == np.uint8 else 1
    masks = masks.astype(np.float32) / np.float32(scale)
    if not (masks.min() >= 0 and masks.max() <= 1):
        raise ValueError("masks must hold values from 0 to 1, or uint8 from 0 to 255.")
    n, height, width = masks.shape
    middle = _midline(masks)
    on_right = np.clip(middle[:, None] - np.arange(width), 0, 1)[:, None, :]
    zones = np.empty((n, len(ZONES), height, width), np.float32)
    for start, side in ((0, on_right), (3, 1 - on_right)):
        lung = masks * side
        top, bottom = _extent(lung.max(axis=2))
        for third in range(3):
            low, high = (top + (bottom - top) * (third + i) / 3 for i in (0, 1))
            # A soft rim above the lung belongs to its upper third, one below to its lower.
            rows = _beyond(low if third else 0 * low, height)
            if third < 2:
                rows -= _beyond(high, height)
            zones[:, start + third] = lung * rows[:, :, None]
    zones[:, 6] = _between(masks, middle)
    zones[:, 7] = np.clip(1 - zones[:, :7].sum(axis=1), 0, 1)
    return zones


def _midline(masks):
    """Column between the lungs, (n,): where the middle of the film holds least lung."""
    width = masks.shape[2]
    low, high = int(0.3 * width), max(int(np.ceil(0.7 * width)), 1)
    mass = masks[:, :, low:high].sum(axis=1)
    empty = mass <= mass.min(axis=1, keepdims=True) + 0.1 * np.ptp(mass, axis=1, keepdims=True)
    columns = np.arange(low, high) + 0.5
    return (empty * columns).sum(axis=1) / empty.sum(axis=1)


def _extent(profile):
    """First and one past the last place where a profile (n, size) of a mask is above one half."""
    inside = profile > 0.5
    size = inside.shape[1]
    found = inside.any(axis=1)
    first = np.where(found, inside.argmax(axis=1), 0)
    return first, np.where(found, size - inside[:, ::-1].argmax(axis=1), 0)


def _beyond(edge, size):
    """Share of each row (or column) that lies beyond an edge (n,), (n, size)."""
    return np.clip(np.arange(1, size + 1) - np.asarray(edge)[:, None], 0, 1)


def _between(masks, middle):
    """What is reached from the midline without crossing a lung, below the lungs' upper third."""
    height, width = masks.shape[1:]
    right = (np.arange(width) + 0.5 < middle[:, None])[:, None, :]
    crossed = np.maximum(
        np.maximum.accumulate((masks * right)[..., ::-1], axis=2)[..., ::-1],
        np.maximum.accumulate(masks * ~right, axis=2),
    )
    top, bottom = _extent(masks.max(axis=2))
    first, last = _extent(masks.max(axis=1))
    rows = _beyond(top + (bottom - top) / 3, height) - _beyond(bottom, height)
    chest = last - first
    # Beside these the dome of the diaphragm is under the lungs, and no heart however large.
    low, high = np.maximum(first, middle - 0.3 * chest), np.minimum(last, middle + 0.45 * chest)
    columns = _beyond(low, width) - _beyond(high, width)
    return (1 - crossed) * rows[:, :, None] * columns[:, None, :]
