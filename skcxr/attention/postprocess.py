"""What can be done to finished maps: scales fused, flips averaged, means taken off, masked."""

import numpy as np

from .gradcam import normalise


def resize_maps(maps, size):
    """Interpolate maps bilinearly.

    Parameters
    ----------
    maps : ndarray of shape (..., h, w)
    size : (int, int)
        Height and width.

    Returns
    -------
    ndarray of shape (..., height, width), float32
        No value leaves the range of its map.

    Examples
    --------
    >>> from skcxr.attention import resize_maps
    >>> resize_maps([[[0, 1]]], (1, 4)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    import cv2

    maps = np.asarray(maps, dtype=np.float32)
    size = int(size[0]), int(size[1])
    if maps.shape[-2:] == size:
        return maps
    flat = maps.reshape(-1, *maps.shape[-2:])
    out = np.empty((len(flat), *size), np.float32)
    for map_, into in zip(flat, out, strict=True):
        resized = cv2.resize(map_, size[::-1], interpolation=cv2.INTER_LINEAR)
        # Weights that sum to 1 up to rounding give 1.0000001 out of ones.
        np.clip(resized, map_.min(), map_.max(), out=into)
    return out.reshape(*maps.shape[:-2], *size)


def mirror_contrast(maps):
    """What maps exceed those of the place mirrored about the film's middle by.

    Chests are nearly symmetrical, and many findings are on one side. Evidence that both sides have
    alike, such as a network's notion of lungs, drops out.

    Parameters
    ----------
    maps : ndarray of shape (..., h, w)
        Non-negative.

    Returns
    -------
    ndarray of shape (..., h, w), float32
        Non-negative; zero at a place or at its mirrored one.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import mirror_contrast
    >>> mirror_contrast(np.array([[3.0, 1.0, 2.0]]))
    array([[1., 0., 0.]], dtype=float32)
    """
    maps = np.asarray(maps, dtype=np.float32)
    return np.maximum(maps - maps[..., ::-1], 0)


def fuse_scales(maps, size=None, *, gamma=2.0):
    r"""Fuse maps of several stages into one, as LayerCAM does.

    Each map is divided by its maximum; those of the earlier stages, whose values lie low, are
    lifted by :math:`\tanh(\gamma M)`; then the maximum over the stages is taken.

    Parameters
    ----------
    maps : sequence of ndarray of shape (..., h_s, w_s)
        Non-negative, the last stage last.
    size : (int, int) or None, default=None
        Height and width of the result; None is that of the finest.
    gamma : float, default=2.0
        Lift of the earlier stages.

    Returns
    -------
    ndarray of shape (..., h, w), float32
        In [0, 1].

    References
    ----------
    P.-T. Jiang et al. "LayerCAM: Exploring hierarchical class activation maps for localization".
    IEEE Transactions on Image Processing, 2021, section III-C.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import fuse_scales
    >>> fine, coarse = np.zeros((1, 4, 4)), np.ones((1, 2, 2))
    >>> float(fuse_scales([fine, coarse]).min())
    1.0
    """
    size = max((stage.shape[-2:] for stage in maps), key=np.prod) if size is None else size
    fused = normalise(resize_maps(maps[-1], size))
    for stage in maps[:-1]:
        np.maximum(fused, np.tanh(gamma * normalise(resize_maps(stage, size))), out=fused)
    return fused


def average_flipped(maps, flipped):
    """Average maps with those of the mirrored films, turned back.

    Parameters
    ----------
    maps, flipped : ndarray of shape (..., h, w)
        Maps of films and, in the same order, of the films mirrored left to right.

    Returns
    -------
    ndarray of shape (..., h, w)

    Examples
    --------
    >>> from skcxr.attention import average_flipped
    >>> average_flipped([[0.0, 1.0]], [[0.5, 0.0]]).tolist()
    [[0.0, 0.75]]
    """
    return (np.asarray(maps) + np.asarray(flipped)[..., ::-1]) / 2


def subtract_mean_map(maps, normal):
    """Take the mean map of films without the finding off, and keep what is above it.

    What a network looks at in every film (the spine, a marker's usual place) is no evidence.

    Parameters
    ----------
    maps : ndarray of shape (n, n_labels, h, w)
        Not normalised, so that films stay comparable.
    normal : ndarray of shape (m, n_labels, h, w), or (n_labels, h, w)
        Maps of films without the findings, or their mean; of training films.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w)
        Non-negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import subtract_mean_map
    >>> normal = np.array([[[[0.0, 2.0]]], [[[0.0, 4.0]]]])
    >>> subtract_mean_map(np.array([[[[1.0, 2.0]]]]), normal).tolist()
    [[[[1.0, 0.0]]]]
    """
    normal = np.asarray(normal)
    mean = normal.mean(axis=0, dtype=np.float64) if normal.ndim == 4 else normal
    return np.clip(maps - mean.astype(np.asarray(maps).dtype), 0, None)


def fuse_mask(maps, masks, *, lam=0.5, how="sum"):
    r"""Constrain maps by masks.

    Parameters
    ----------
    maps : ndarray of shape (n, n_labels, h, w)
        Divided by its maximum each, before it is fused.
    masks : ndarray of shape (n, h, w) or (n, n_labels, h, w)
        Soft masks in [0, 1], of the same height and width.
    lam : float, default=0.5
        λ of the sum.
    how : {"sum", "product"}, default="sum"
        ``"sum"`` is :math:`F = \lambda U + (1 - \lambda) G`, eq. 3 of Das 2025, which leaves
        evidence outside the mask; ``"product"`` is :math:`U \cdot G`, which leaves none.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w)
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import fuse_mask
    >>> maps, mask = np.array([[[[2.0, 1.0]]]]), np.array([[[0.0, 1.0]]])
    >>> fuse_mask(maps, mask, lam=0.25).ravel().tolist()
    [0.75, 0.625]
    >>> fuse_mask(maps, mask, how="product").ravel().tolist()
    [0.0, 0.5]
    """
    if how not in ("sum", "product"):
        raise ValueError(f"how must be 'sum' or 'product'; got {how!r}.")
    if not 0 <= lam <= 1:
        raise ValueError(f"lam must lie in [0, 1]; got {lam}.")
    maps, masks = normalise(np.asarray(maps)), np.asarray(masks)
    masks = masks[:, None] if masks.ndim == 3 else masks
    return masks * maps if how == "product" else lam * masks + (1 - lam) * maps
