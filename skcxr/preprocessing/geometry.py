"""Between a film's own frame and that of the image that is made of it."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from .._base import warn_at_user

ASPECTS = ("stretch", "pad", "crop")


@dataclass(frozen=True)
class FilmGeometry:
    """How a film became an image of another size, and the way back.

    Coordinates are those of pixel edges: the pixel in row i and column j covers [j, j + 1] in x
    and [i, i + 1] in y. A box x, y, w, h is its left upper corner, width and height.

    Attributes
    ----------
    film : (int, int)
        Height and width of the film, upright, in pixels.
    size : int or (int, int)
        Height and width of the image; one number is both.
    aspect : {"stretch", "pad", "crop"}, default="stretch"
        As in :class:`ImageLoader`.

    See Also
    --------
    ImageLoader.geometry : Those of all films of X.
    move_boxes : A table of boxes of many films.

    Examples
    --------
    >>> from skcxr.preprocessing import FilmGeometry
    >>> pad = FilmGeometry((2000, 1000), 200, "pad")
    >>> pad.boxes_to_image([[100, 100, 500, 200]]).tolist()
    [[60.0, 10.0, 50.0, 20.0]]
    >>> pad.boxes_to_film([[60, 10, 50, 20]]).tolist()
    [[100.0, 100.0, 500.0, 200.0]]
    """

    film: tuple
    size: tuple
    aspect: str = "stretch"

    def __post_init__(self):
        object.__setattr__(self, "film", size_pair(self.film, "film"))
        object.__setattr__(self, "size", size_pair(self.size))
        if self.aspect not in ASPECTS:
            raise ValueError(f"aspect={self.aspect!r}; expected 'stretch', 'pad' or 'crop'.")

    @property
    def film_part(self):
        """Rows and columns of the film that are in the image, two slices."""
        return _centred(self._taken, self.film)

    @property
    def image_part(self):
        """Rows and columns of the image that show the film, two slices; the rest is black."""
        return _centred(self._shown, self.size)

    @property
    def _taken(self):
        if self.aspect != "crop":
            return self.film
        scale = max(a / b for a, b in zip(self.size, self.film, strict=True))
        return tuple(_within(a / scale, b) for a, b in zip(self.size, self.film, strict=True))

    @property
    def _shown(self):
        if self.aspect != "pad":
            return self.size
        scale = min(a / b for a, b in zip(self.size, self.film, strict=True))
        return tuple(_within(b * scale, a) for a, b in zip(self.size, self.film, strict=True))

    def image(self, film):
        """Make the image: areas are averaged where it shrinks, interpolated where it grows.

        Parameters
        ----------
        film : ndarray of shape (H, W), uint8

        Returns
        -------
        ndarray of shape (h, w), uint8
        """
        if film.shape != self.film:
            raise ValueError(f"a film of {film.shape} and the geometry of one of {self.film}.")
        shown = resize(np.ascontiguousarray(film[self.film_part]), self._shown)
        if self._shown == self.size:
            return shown
        image = np.zeros(self.size, film.dtype)
        image[self.image_part] = shown
        return image

    def boxes_to_image(self, boxes):
        """Boxes of the film in the frame of the image; they may reach beyond a crop.

        Parameters
        ----------
        boxes : array-like of shape (m, 4)
            x, y, w, h.

        Returns
        -------
        ndarray of shape (m, 4), float64
        """
        scale, shift = self._affine()
        return np.asarray(boxes, np.float64).reshape(-1, 4) * scale + shift

    def boxes_to_film(self, boxes):
        """Boxes of the image in the frame of the film.

        Parameters
        ----------
        boxes : array-like of shape (m, 4)
            x, y, w, h.

        Returns
        -------
        ndarray of shape (m, 4), float64
        """
        scale, shift = self._affine()
        return (np.asarray(boxes, np.float64).reshape(-1, 4) - shift) / scale

    def maps_to_film(self, maps, fill=0.0):
        """Bring maps or masks of the image to the film, interpolated linearly.

        Parameters
        ----------
        maps : array-like of shape (..., h, w)
            Of any resolution, over the whole image.
        fill : float, default=0.0
            Value where the film was cut off.

        Returns
        -------
        ndarray of shape (..., H, W), float32
        """
        maps = np.asarray(maps, np.float32)
        flat = maps.reshape(-1, *maps.shape[-2:])
        film = np.full((len(flat), *self.film), fill, np.float32)
        for map_, into in zip(flat, film, strict=True):
            shown = np.ascontiguousarray(resize(map_, self.size)[self.image_part])
            into[self.film_part] = resize(shown, self._taken)
        return film.reshape(*maps.shape[:-2], *self.film)

    def _affine(self):
        """(4,) factors and (4,) summands of x, y, w, h."""
        scale = [a / b for a, b in zip(self._shown, self._taken, strict=True)]
        shift = [
            there.start - here.start * s
            for there, here, s in zip(self.image_part, self.film_part, scale, strict=True)
        ]
        return np.tile(scale[::-1], 2), np.array([*shift[::-1], 0, 0])


def move_boxes(boxes, geometries, *, to="image"):
    """Move a table of boxes of many films between the films' frames and the images'.

    Parameters
    ----------
    boxes : DataFrame
        Columns image, x, y, w, h; where it has frame_width and frame_height, boxes refer to a frame
        of that size, whatever the film's; others are kept as they are.
    geometries : mapping, or sequence of FilmGeometry
        By what the column ``image`` holds.
    to : {"image", "film"}, default="image"
        Where to.

    Returns
    -------
    DataFrame
        With frame_width and frame_height, as :func:`~skcxr.metrics.localization_report` reads them.
        Boxes end where their frame does.

    Warns
    -----
    UserWarning
        For boxes that lie wholly in what was cut off; they are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr.preprocessing import FilmGeometry, move_boxes
    >>> boxes = pd.DataFrame({"image": [0], "x": [10.0], "y": [0.0], "w": [20.0], "h": [50.0]})
    >>> moved = move_boxes(boxes, [FilmGeometry((100, 50), 64, "pad")])
    >>> moved[["x", "y", "w", "h", "frame_width"]].to_numpy().round(1).tolist()
    [[22.4, 0.0, 12.8, 32.0, 64.0]]
    """
    if to not in ("image", "film"):
        raise ValueError(f"to={to!r}; expected 'image' or 'film'.")
    columns, frame_columns = ["x", "y", "w", "h"], ["frame_width", "frame_height"]
    moved = boxes.copy()
    moved[columns] = moved[columns].astype(float)
    xywh, frames = moved[columns].to_numpy(), np.empty((len(moved), 2))
    framed = set(frame_columns) <= set(moved)
    own = moved[frame_columns].to_numpy(float) if framed else None
    for i, name in enumerate(moved["image"]):
        geometry = geometries[name]
        start, end = geometry.film, geometry.size
        if to == "film":
            start, end = end, start
        box = xywh[i] if own is None else xywh[i] * np.tile(np.array(start[::-1]) / own[i], 2)
        move = geometry.boxes_to_image if to == "image" else geometry.boxes_to_film
        x, y, w, h = move(box)[0]
        frames[i] = width, height = end[::-1]
        left, top = max(x, 0), max(y, 0)
        xywh[i] = left, top, min(x + w, width) - left, min(y + h, height) - top
    moved[columns], moved[frame_columns] = xywh, frames
    lost = (xywh[:, 2:] <= 0).any(axis=1)
    if lost.any():
        names = ", ".join(map(str, moved["image"][lost].unique()[:10]))
        warn_at_user(f"{lost.sum()} of {len(moved)} boxes were cut off with the border of {names}.")
    return moved[~lost]


def size_pair(size, name="size"):
    """Height and width as two positive integers; one number is both."""
    pair = (size, size) if isinstance(size, Integral) else size
    if not (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(isinstance(n, Integral) and n >= 1 for n in pair)
    ):
        raise ValueError(f"{name}={size!r}; expected a positive integer, or (height, width).")
    return int(pair[0]), int(pair[1])


def resize(image, size):
    """Area average where an image shrinks, linear interpolation where it grows."""
    import cv2

    if image.shape == size:
        return image
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=interpolation)


def fit_to(image, size, aspect):
    """The image that a film becomes, see :class:`FilmGeometry`."""
    if aspect == "stretch":
        return resize(image, size)
    return FilmGeometry(image.shape, size, aspect).image(image)


def _within(value, most):
    return min(max(round(value), 1), most)


def _centred(part, whole):
    starts = [(b - a) // 2 for a, b in zip(part, whole, strict=True)]
    return tuple(slice(s, s + a) for s, a in zip(starts, part, strict=True))
