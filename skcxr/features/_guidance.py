"""Guidance: where in the chest a network may find the evidence of a label."""

import hashlib

import numpy as np
import torch

from .._rows import Spool
from ..segmentation import LABEL_ZONES, ZONES
from ..segmentation.regions import label_regions, region_kinds

_MASK_SIDE = 64  # fine enough to tell the heart from the lungs
_CHEST = ZONES[:-1]  # all but what is outside
_SIDE = 32  # what is kept: still several times finer than a network's maps


class Regions:
    """Regions of the chest of each film, and which of them each label belongs to.

    Parameters
    ----------
    rows : Spool
        One row (side, side, r) uint8 per film.
    index : ndarray of int
        Rows of the films.
    of_label : ndarray of shape (n_labels,), int
        Region of each label.
    key : bytes
        Digest of all of it.
    """

    def __init__(self, rows, index, of_label, key):
        self.rows, self.index, self.of_label, self.key = rows, index, of_label, key

    def take(self, index):
        """Those of the films at `index`."""
        return Regions(self.rows, self.index[index], self.of_label, self.key)

    def read(self, index):
        """(m, side, side, r) uint8 of the films at `index`."""
        return np.stack(self.rows.get_many("regions", self.index[index]))


def make_regions(masker, images, label_names, regions, dilate):
    """Regions of the labels on each film, out of lung masks.

    Parameters
    ----------
    masker : object with ``fit`` and ``iter_masks(images, shape)``
        Fitted.
    images : Images
    label_names : sequence of str
    regions, dilate
        As of :class:`~skcxr.features.FineTuning`.

    Returns
    -------
    regions : Regions
    n_usable : int
        Films with a plausible mask. The others are regions all over.
    """
    import cv2

    rows, n_usable = Spool(len(images)), 0
    zones = LABEL_ZONES if regions == "labels" else regions
    if regions == "chest":
        heart = {name for name, zones in LABEL_ZONES.items() if zones == ("heart",)}
        zones = {str(name): ("heart",) if name in heart else _CHEST for name in label_names}
    first, of_label = region_kinds(label_names, zones)
    names = [label_names[i] for i in first]
    digest = hashlib.blake2b(digest_size=16)
    for where, masks, usable in masker.iter_masks(images, (_MASK_SIDE, _MASK_SIDE)):
        masks = np.where(usable[:, None, None], masks, np.float32(1))
        made = label_regions(masks, names, label_zones=zones, dilate=dilate)
        small = [
            cv2.resize(np.moveaxis(one, 0, 2), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
            for one in made
        ]
        small = np.rint(np.stack(small) * 255).astype(np.uint8)
        small = small.reshape(-1, _SIDE, _SIDE, len(names))  # OpenCV drops a last axis of one
        digest.update(small.tobytes())
        rows.put_many("regions", np.arange(len(images))[where], small)
        n_usable += int(usable.sum())
    digest.update(of_label.tobytes())
    return Regions(rows, np.arange(len(images)), of_label, digest.digest()), n_usable


def stray_share(maps, weight, regions):
    """Share of the positive evidence of each label that lies outside its region, averaged.

    The evidence of a label at a place is :math:`w_c A_{ij}`, less its mean over the places: the
    class activation map about its own level.

    Parameters
    ----------
    maps : tensor of shape (m, C, h, w)
    weight : tensor of shape (n_labels, C)
        Of the linear head.
    regions : tensor of shape (m, n_labels, H, W)
        In [0, 1]; averaged to the size of the maps.

    Returns
    -------
    tensor of shape ()
        In [0, 1].
    """
    evidence = torch.einsum("kc,mchw->mkhw", weight, maps)
    evidence = torch.relu(evidence - evidence.mean((2, 3), keepdim=True))
    inside = torch.nn.functional.adaptive_avg_pool2d(regions, maps.shape[2:])
    outside = (evidence * (1 - inside)).sum((2, 3))
    return (outside / (evidence.sum((2, 3)) + 1e-3)).mean()
