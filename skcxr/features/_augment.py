"""Small random changes of a film that leave its findings what they are."""

import numpy as np


def augment(image, rng, *, rotation, shift, zoom, contrast, gamma, noise, flip):
    """Turn, move, zoom and re-expose one film at random.

    Parameters
    ----------
    image : ndarray of shape (H, W), uint8
    rng : numpy.random.Generator
    rotation : float
        Largest angle, in degrees.
    shift : float
        Largest shift, as a share of the side.
    zoom : float
        The scale is drawn between 1 / (1 + zoom) and 1 + zoom, evenly in its logarithm.
    contrast : float
        The contrast about mid-grey is drawn from 1 ± contrast, and the brightness from
        ± contrast / 2 of the whole range.
    gamma : float
        The exponent of the grey levels is drawn between exp(-gamma) and exp(gamma).
    noise : float
        Largest standard deviation of Gaussian noise, in grey levels.
    flip : bool
        Whether left and right change places in half of the cases.

    Returns
    -------
    ndarray of shape (H, W), uint8
        What comes in from outside the film is black.
    """
    import cv2

    height, width = image.shape
    matrix = draw_movement(image.shape, rng, rotation=rotation, shift=shift, zoom=zoom, flip=flip)
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    levels = (np.arange(256) / 255) ** np.exp(rng.uniform(-gamma, gamma))
    levels = (levels - 0.5) * (1 + rng.uniform(-contrast, contrast)) + 0.5
    levels += rng.uniform(-contrast, contrast) / 2
    exposed = cv2.LUT(moved, np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8))
    if noise == 0:
        return exposed
    grain = rng.normal(0, rng.uniform(0, noise), exposed.shape)
    return np.rint(np.clip(exposed + grain, 0, 255)).astype(np.uint8)


def draw_movement(shape, rng, *, rotation, shift, zoom, flip):
    """Draw how a film is turned, moved, zoomed and mirrored.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the film.
    rng, rotation, shift, zoom, flip : as for :func:`augment`
        It draws these first, so that a generator in the same state draws the same movement.

    Returns
    -------
    ndarray of shape (2, 3)
        Matrix that takes a pixel (x, y, 1) of the film to its new place.
    """
    import cv2

    height, width = shape
    angle = rng.uniform(-rotation, rotation)
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(zoom))
    centre = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, angle, scale)
    matrix[:, 2] += rng.uniform(-shift, shift, 2) * (width, height)
    if flip and rng.random() < 0.5:
        matrix[0] = -matrix[0] + (0, 0, width - 1)
    return matrix


def move_regions(regions, matrix, shape):
    """Move masks of a film as the film was moved.

    Parameters
    ----------
    regions : ndarray of shape (h, w, r), uint8
        Masks that cover the film at another resolution.
    matrix : ndarray of shape (2, 3)
        Of :func:`draw_movement`, in the film's pixels.
    shape : (int, int)
        Height and width of the film.

    Returns
    -------
    ndarray of shape (h, w, r), uint8
        Nothing comes in from outside the film.
    """
    import cv2

    height, width = regions.shape[:2]
    fine, coarse = (shape[1], shape[0]), (width, height)
    # From a pixel of the masks to the film's, moved, and back; pixels are known by their centres.
    up, down = np.eye(3), np.eye(3)
    for axis, (many, few) in enumerate(zip(fine, coarse, strict=True)):
        up[axis, [axis, 2]] = many / few, (many / few - 1) / 2
        down[axis, [axis, 2]] = few / many, (few / many - 1) / 2
    whole = down @ np.vstack([matrix, (0, 0, 1)]) @ up
    moved = cv2.warpAffine(regions, whole[:2], (width, height), flags=cv2.INTER_LINEAR)
    return moved.reshape(regions.shape)  # OpenCV drops a last axis of one


def mix(images, partners, share, method, rng):
    """Blend films pairwise (MixUp [1]_) or paste a rectangle of the partner (CutMix [2]_).

    Parameters
    ----------
    images, partners : ndarray of shape (m, H, W), uint8
    share : float
        Weight of `images`; the rest is the partners'.
    method : {"mixup", "cutmix"}
    rng : numpy.random.Generator

    Returns
    -------
    mixed : ndarray of shape (m, H, W), uint8
    share : float
        Weight of the labels of `images`: for CutMix, what is left of them after rounding.

    References
    ----------
    .. [1] H. Zhang et al. "mixup: Beyond empirical risk minimization". ICLR, 2018.
    .. [2] S. Yun et al. "CutMix: Regularization strategy to train strong classifiers with
       localizable features". ICCV, 2019.
    """
    if method == "mixup":
        mixed = share * images.astype(np.float32) + (1 - share) * partners
        return np.rint(mixed).astype(np.uint8), share
    height, width = images.shape[1:]
    cut = np.sqrt(1 - share)
    tall, wide = int(cut * height), int(cut * width)
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    mixed = images.copy()
    where = np.s_[:, top : top + tall, left : left + wide]
    mixed[where] = partners[where]
    return mixed, 1 - tall * wide / (height * width)
