"""Read masks as people have them, and say what is wrong with one that cannot be used."""

import numpy as np

from .._image_input import paths_of
from .._rows import Images
from ._preprocess import resize


def mask_reader(masks, n, size=None):
    """Return a function that reads mask i as a boolean array.

    Parameters
    ----------
    masks : sequence of paths, DataFrame with a ``path`` column, array (n, h, w), sequence of \
            (h, w) arrays, or flat rows (n, h·w)
        Values 0/1, 0/255 or bool.
    n : int
        Number of images.
    size : tuple of (int, int), optional
        Size of the images if they came as flat rows.

    Returns
    -------
    read : callable
        ``read(i, shape)`` is the checked mask of image i, whose size is ``shape``.

    Raises
    ------
    ValueError
        Here or when a mask is read; the message names the mask.
    """
    paths = None if isinstance(masks, Images) else paths_of(masks)
    if paths is None and not isinstance(masks, list | Images):
        masks = np.asarray(masks)
        if masks.ndim == 2 and size is not None and masks.shape[1] == size[0] * size[1]:
            masks = masks.reshape(len(masks), *size)
        elif masks.ndim != 3:
            raise ValueError(
                f"y has shape {masks.shape}; expected masks: paths, an array (n, h, w), a list "
                "of (h, w) arrays, or flat rows as X has them."
            )
    found = len(masks) if paths is None else len(paths)
    if found != n:
        raise ValueError(f"{n} images and {found} masks; every image needs one mask.")

    def read(i, shape):
        if paths is None:
            return check_mask(np.asarray(masks[i]), shape, f"mask {i}")
        from .._decode import read_image

        return check_mask(read_image(paths[i]), shape, f"mask {i} ({paths[i]})")

    return read


def check_mask(mask, shape, name):
    """Turn one mask into bool, or say what is wrong with it.

    Parameters
    ----------
    mask : ndarray
    shape : tuple of (int, int)
        Size of its image.
    name : str
        For the message.

    Returns
    -------
    mask : ndarray of shape ``shape``, bool
    """
    accepted = "accepted are 0/1, 0/255 and bool, of the size of the image, not empty and not full"
    if mask.ndim != 2 or mask.shape != tuple(shape):
        found = " x ".join(map(str, mask.shape))
        raise ValueError(f"{name} is {found} and its image {shape[0]} x {shape[1]}; {accepted}.")
    values = np.unique(mask)
    if not (np.isin(values, (0, 1)).all() or np.isin(values, (0, 255)).all()):
        shown = ", ".join(map(str, values[:5].tolist())) + (", …" if len(values) > 5 else "")
        raise ValueError(f"{name} has the values {shown}; {accepted}.")
    if len(values) == 1:
        state = "empty" if values[0] == 0 else "full"
        raise ValueError(f"{name} is {state} (all {values[0]}); {accepted}.")
    return mask > 0


def dice_scores(images, y, mask_of):
    """Dice coefficient of each image's mask at 0.5, at the size of its true one.

    Parameters
    ----------
    images : Images
        Sizes may differ.
    y : as for :func:`mask_reader`
    mask_of : callable
        ``mask_of(i)`` is the soft mask of image i, uint8 of any size.

    Returns
    -------
    dice : ndarray of shape (n,)
    """
    read = mask_reader(y, len(images), images.shape[1:] if images.is_flat else None)
    dice = np.empty(len(images))
    for i in range(len(images)):
        truth = read(i, images.take([i]).shape[1:])
        found = resize(mask_of(i).astype(np.float32), truth.shape) > 127.5
        dice[i] = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    return dice


def looks_like_labels(y, n_pixels):
    """Whether y is a label vector or label table, which a Pipeline passes on, and not masks."""
    if isinstance(y, Images) or paths_of(y) is not None:
        return False
    if isinstance(y, list) and len(y) and np.ndim(y[0]) == 2:
        return False
    shape = np.asarray(y).shape
    return len(shape) == 1 or (len(shape) == 2 and shape[1] != n_pixels)


def training_arrays(images, read, side):
    """Bring images and masks to one working size.

    Parameters
    ----------
    images : Images
        Sizes may differ.
    read : callable
        As :func:`mask_reader` returns it.
    side : int

    Returns
    -------
    images, masks : ndarray of shape (n, side, side), uint8
        Masks are 0 to 255 with soft edges, the share of each pixel inside.
    """
    n = len(images)
    x, y = np.empty((2, n, side, side), np.uint8)
    for i in range(n):
        image = images.take([i])[0]
        x[i] = resize(image, (side, side))
        y[i] = resize(read(i, image.shape).astype(np.uint8) * 255, (side, side))
    return x, y
