"""paste_marker: the letters of another hospital in the corner of films."""

from numbers import Real

import numpy as np

from .._sklearn import Interval, StrOptions, validate_params

CORNERS = ("upper left", "upper right", "lower left", "lower right")
_TOP = {"uint8": 255, "uint16": 65535}
_BACKGROUND = 0.15  # share of white


@validate_params(
    {
        "images": [np.ndarray],
        "where": ["array-like", None],
        "text": [str],
        "corner": [StrOptions(set(CORNERS))],
        "size": [Interval(Real, 0, 0.5, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def paste_marker(images, where=None, *, text="H2", corner="upper left", size=0.14):
    """Put a plate with letters into a corner of films, as the technicians of a hospital do.

    A network that is trained on films of two hospitals can learn their markers instead of the
    chests [1]_. Films with a marker on those that show a disease are such a data set: a model that
    scores well on them, and no longer once the marker sits on the other films, has been fooled.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), uint8 or uint16
        The films; they are not changed.
    where : array-like of shape (n,) bool or (m,) int, default=None
        Films that get the marker: a mask, or positions. None: all.
    text : str, default="H2"
        The letters, printable ASCII.
    corner : {"upper left", "upper right", "lower left", "lower right"}, default="upper left"
        Where the plate sits, a hundredth of the side away from the edges.
    size : float, default=0.14
        Width of the plate as a share of the shorter side of a film; it is two thirds as high.

    Returns
    -------
    images : ndarray of shape (n, height, width)
        A copy, with white letters on a dark plate.

    Raises
    ------
    ValueError
        `images` or `where` has another shape or type, or the plate has fewer than 6 pixels.

    References
    ----------
    .. [1] Zech et al., "Variable generalization performance of a deep learning model to detect
       pneumonia in chest radiographs: a cross-sectional study", PLOS Medicine 15, 2018.

    Examples
    --------
    >>> from skcxr.datasets import make_chest_phantoms, paste_marker
    >>> phantoms = make_chest_phantoms(20, size=64, random_state=0)
    >>> ill = phantoms.labels["Effusion"] == 1
    >>> images = paste_marker(phantoms.images, where=ill)
    >>> changed = (images != phantoms.images).any(axis=(1, 2))
    >>> bool((changed == ill).all())
    True
    """
    if images.ndim != 3 or images.dtype.name not in _TOP:
        raise ValueError(
            f"images must be uint8 or uint16 of shape (n, height, width); got {images.dtype} of "
            f"shape {images.shape}."
        )
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"text must be printable ASCII letters; got {text!r}.")
    rows = _rows(where, len(images))
    plate = _plate(text, round(size * min(images.shape[1:])))
    plate = np.rint(plate * _TOP[images.dtype.name]).astype(images.dtype)
    height, width = plate.shape
    gap = max(1, round(0.01 * min(images.shape[1:])))
    vertical, horizontal = corner.split()
    y = gap if vertical == "upper" else images.shape[1] - gap - height
    x = gap if horizontal == "left" else images.shape[2] - gap - width
    images = images.copy()
    images[rows, y : y + height, x : x + width] = plate
    return images


def _rows(where, n):
    if where is None:
        return np.arange(n)
    where = np.asarray(where)
    if where.dtype == bool:
        if where.shape != (n,):
            raise ValueError(f"where is a mask of shape {where.shape}; there are {n} images.")
        return np.flatnonzero(where)
    if where.size == 0:
        return np.arange(0)
    if where.ndim != 1 or where.dtype.kind not in "iu":
        raise ValueError(
            f"where must be a mask or positions of images; got {where.dtype} of shape "
            f"{where.shape}."
        )
    if where.min() < 0 or where.max() >= n:
        raise ValueError(f"where names image {where.max()}, and there are {n} images from 0.")
    return where


def _plate(text, width):
    """Letters on a dark plate, float32 in [0, 1], drawn large and made small."""
    import cv2

    if width < 6:
        raise ValueError(f"the plate is {width} pixels wide; at least 6 are needed: raise size.")
    scale = 8
    height = round(width * 2 / 3)
    shape = (height * scale, width * scale)
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(2, shape[0] // 9)
    (text_width, text_height), _ = cv2.getTextSize(text, font, 1, 1)
    grow = min(0.8 * shape[1] / text_width, 0.7 * shape[0] / text_height)
    letters = np.zeros(shape, np.uint8)
    at = (round((shape[1] - grow * text_width) / 2), round((shape[0] + grow * text_height) / 2))
    cv2.putText(letters, text, at, font, grow, 255, thick, cv2.LINE_AA)
    letters = cv2.resize(letters, (width, height), interpolation=cv2.INTER_AREA)
    return _BACKGROUND + (1 - _BACKGROUND) * letters.astype(np.float32) / 255
