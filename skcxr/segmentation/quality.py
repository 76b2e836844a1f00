"""Is this a plausible pair of lungs? Clean-up of masks and flags for those to fall back from."""

import cv2
import numpy as np
import pandas as pd

#: Limits of what counts as plausible: shares of the image; of the larger lung; of the mask.
LIMITS = {
    "min_area": 0.04,
    "max_area": 0.62,
    "min_lung": 0.012,
    "min_balance": 0.22,
    "max_doubt": 0.22,
}


def keep_two_largest(mask):
    """Keep the two largest connected parts of a soft mask and fill the holes in them.

    Parameters
    ----------
    mask : ndarray of shape (h, w), uint8
        Soft mask, 0 to 255.

    Returns
    -------
    mask : ndarray of shape (h, w), uint8
        Soft edges stay; other parts become 0, holes become at least 128.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.segmentation import keep_two_largest
    >>> mask = np.zeros((32, 32), np.uint8)
    >>> mask[4:28, 2:12] = mask[4:28, 20:30] = mask[15, 16] = 255
    >>> kept = keep_two_largest(mask)
    >>> int(kept[15, 16]), int((kept > 0).sum())
    (0, 480)
    """
    binary = (mask > 127).astype(np.uint8)
    n, parts, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    out = mask
    if n > 3:
        area = stats[1:, cv2.CC_STAT_AREA]
        keep = np.zeros(n, np.uint8)
        keep[1 + np.argsort(area, kind="stable")[-2:]] = 1
        dropped = (binary > 0) & (keep[parts] == 0)
        # with their soft rim, but never what belongs to a part that stays
        rim = cv2.dilate(dropped.astype(np.uint8), np.ones((5, 5), np.uint8))
        kept = keep[parts] * binary
        near = cv2.dilate(kept, np.ones((5, 5), np.uint8))
        out = np.where((rim > 0) & (near == 0), 0, out)
        out[dropped] = 0
        binary = kept
    outline, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(binary), outline, -1, 1, cv2.FILLED)
    holes = (filled > 0) & (binary == 0)
    return np.where(holes, np.maximum(out, 128), out).astype(np.uint8) if holes.any() else out


def measure(mask):
    """Measure one soft mask.

    Parameters
    ----------
    mask : ndarray of shape (h, w), uint8
        Soft mask, 0 to 255.

    Returns
    -------
    dict
        ``area``: share of the image inside; ``left``, ``right``: areas of the part left and
        right in the image; ``balance``: smaller over larger; ``parts``: connected parts of at
        least 0.5 % of the image; ``doubt``: pixels neither in nor out over pixels in.
    """
    h, w = mask.shape
    binary = (mask > 127).astype(np.uint8)
    _, _, stats, centre = cv2.connectedComponentsWithStats(binary, connectivity=8)
    area = stats[1:, cv2.CC_STAT_AREA] / (h * w)
    total = float(area.sum())
    large = np.flatnonzero(area >= 0.005)
    if len(large) >= 2:
        two = large[np.argsort(area[large], kind="stable")[-2:]]
        two = two[np.argsort(centre[1:][two, 0])]
        left, right = (float(a) for a in area[two])
        # two parts of one lung, one above the other, are one lung
        apart = abs(float(np.diff(centre[1:][two, 0])[0])) / w
        if apart < 0.08:
            left, right = left + right, 0.0
    elif total:
        # lungs that touch: the middle of the part divides them
        x, _, width, _ = stats[1 + np.argmax(area), :4]
        middle = x + width // 2
        left = float(binary[:, :middle].sum()) / (h * w) if width > 0.45 * w else total
        right = total - left
    else:
        left = right = 0.0
    doubt = float(((mask > 51) & (mask < 204)).sum()) / max(int(binary.sum()), 1)
    return {
        "area": total,
        "left": left,
        "right": right,
        "balance": min(left, right) / max(left, right, 1e-9),
        "parts": len(large),
        "doubt": doubt,
    }


def flag(values):
    """Name what is wrong with a mask, or return ``"ok"``.

    Parameters
    ----------
    values : dict
        As :func:`measure` returns it.

    Returns
    -------
    str
        ``"no lung"``, ``"almost all"``, ``"one lung"``, ``"unsure"`` or ``"ok"``.
    """
    smaller = min(values["left"], values["right"])
    if values["area"] < LIMITS["min_area"]:
        return "no lung"
    if values["area"] > LIMITS["max_area"]:
        return "almost all"
    if values["balance"] < LIMITS["min_balance"] or smaller < LIMITS["min_lung"]:
        return "one lung"
    if values["doubt"] > LIMITS["max_doubt"]:
        return "unsure"
    return "ok"


def mask_quality(masks):
    """Measure and flag soft masks.

    Parameters
    ----------
    masks : ndarray of shape (n, h, w)
        Soft masks: uint8 from 0 to 255, floats from 0 to 1, or bool.

    Returns
    -------
    DataFrame of n rows
        The columns of the measures, ``flag`` (``"ok"``, ``"no lung"``, ``"one lung"``,
        ``"almost all"``, ``"unsure"``) and ``usable`` (flag is ``"ok"``).

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.segmentation import mask_quality
    >>> masks = np.zeros((2, 64, 64), bool)
    >>> masks[:, 8:56, 8:28] = True
    >>> masks[0, 8:56, 36:56] = True
    >>> mask_quality(masks)["flag"].tolist()
    ['ok', 'one lung']
    """
    masks = np.asarray(masks)
    if masks.dtype != np.uint8:
        masks = np.rint(masks.astype(np.float32) * 255).astype(np.uint8)
    rows = [measure(mask) for mask in masks]
    table = pd.DataFrame(
        rows, columns=["area", "left", "right", "balance", "parts", "doubt"]
    ).astype({"parts": int})
    table["flag"] = [flag(row) for row in rows]
    table["usable"] = table["flag"] == "ok"
    return table
