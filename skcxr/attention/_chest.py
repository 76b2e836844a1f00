"""Lung masks, and the regions of labels out of them, in the batches of feature maps."""

import numpy as np

from .._base import warn_at_user
from ..segmentation.regions import label_regions, region_kinds

_SOFTEN = 0.1  # of the height: a region is weighed down towards its border
_SIDE = 64  # where regions are made at the least: fine enough to tell the heart from the lungs


def lungs_everywhere(n, shape, batch_size):
    """Masks of ones, for those who give no weight to them.

    Yields
    ------
    masks : ndarray of shape (m, h, w), float32
    regions : the same, (m, 1, h, w)
    """
    for start in range(0, n, batch_size):
        ones = np.ones((min(batch_size, n - start), *shape), np.float32)
        yield ones, ones[:, None]


def iter_regions(masker, images, shape, batch_size, label_names, zones):
    """Where each label is looked for on each film.

    Parameters
    ----------
    masker : fitted, with ``iter_masks``
    images : Images
    shape : (int, int)
        Height and width of what is yielded.
    batch_size : int
    label_names : sequence of k str
    zones : dict of {str: sequence of str} or None
        Zones of each label as for :func:`~skcxr.segmentation.label_regions`; None is the lung mask
        for all of them.

    Yields
    ------
    masks : ndarray of shape (m, h, w), float32
        Soft lung masks; ones where a mask is implausible.
    regions : ndarray of shape (m, k or 1, h, w), float32
    """
    if zones is not None:
        first, kind = region_kinds(label_names, zones)
        names = [label_names[i] for i in first]
    fine = shape if zones is None or min(shape) >= _SIDE else (_SIDE, _SIDE)
    implausible = []
    for where, masks, usable in masker.iter_masks(images, fine, batch_size=batch_size):
        masks[~usable] = 1
        implausible += [images.name(where.start + i) for i in np.flatnonzero(~usable)]
        if zones is None:
            yield masks, masks[:, None]
        else:
            regions = label_regions(masks, names, label_zones=zones, soften=_SOFTEN)
            yield _shrunk(masks[:, None], shape)[:, 0], _shrunk(regions, shape)[:, kind]
    if implausible:
        named = ", ".join(implausible[:3]) + (", …" if len(implausible) > 3 else "")
        warn_at_user(
            f"{len(implausible)} of {len(images)} lung masks are implausible: {named}; those "
            "images are pooled without one. mask_quality(images) of the masker, here "
            "masker_, names them all."
        )


def _shrunk(stack, shape):
    """(m, k, H, W) → (m, k, h, w), area-averaged."""
    import cv2

    if stack.shape[-2:] == tuple(shape):
        return stack
    flat = stack.reshape(-1, *stack.shape[-2:])
    small = [cv2.resize(one, shape[::-1], interpolation=cv2.INTER_AREA) for one in flat]
    return np.stack(small).reshape(*stack.shape[:2], *shape)
