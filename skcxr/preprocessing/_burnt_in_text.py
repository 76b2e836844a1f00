"""Letters in the pixels of a film: the longest run of small bright shapes on one line."""

import numpy as np

_SIDE = 512  # longer side of the copy that letters are looked for in
_STROKE = 13  # wider than a stroke of a letter
_CONTRAST = 40  # grey levels above what is around
_MOST = 1000  # shapes; more are noise, grids or cloth


def longest_run(film):
    """Number of letters in the longest run, 0 where there is none.

    Parameters
    ----------
    film : ndarray of shape (H, W), uint8

    Returns
    -------
    int
    """
    import cv2

    scale = _SIDE / max(film.shape)
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        film = cv2.resize(film, None, fx=scale, fy=scale, interpolation=how)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (_STROKE, _STROKE))
    bright = cv2.morphologyEx(film, cv2.MORPH_TOPHAT, kernel) > _CONTRAST
    _, _, shapes, _ = cv2.connectedComponentsWithStats(bright.view(np.uint8), connectivity=8)
    return _longest(*_letters(shapes[1:]))  # the first is the background


def _letters(shapes):
    """Left, width, height and bottom of the shapes that may be letters, from left to right."""
    x, y, w, h, area = shapes.T
    fits = (h >= 5) & (h <= 24) & (w <= 1.6 * h) & (area >= 0.25 * w * h)
    x, y, w, h = (side[fits] for side in (x, y, w, h))
    order = np.argsort(x, kind="stable")
    return x[order], w[order], h[order], (y + h)[order]


def _longest(x, w, h, bottom):
    if not 0 < len(x) <= _MOST:
        return 0
    length = np.ones(len(x), int)
    for i in range(1, len(x)):
        gap = x[i] - (x[:i] + w[:i])
        follows = (gap >= -1) & (gap <= 1.6 * np.maximum(h[i], h[:i]))
        follows &= np.abs(bottom[i] - bottom[:i]) <= 0.2 * h[:i] + 1
        follows &= np.abs(h[i] - h[:i]) <= 0.25 * h[:i] + 1
        if follows.any():
            length[i] += length[:i][follows].max()
    return int(length.max())
