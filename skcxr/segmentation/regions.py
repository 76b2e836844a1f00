"""Where in the chest a finding can be, out of the lung mask."""

import numpy as np

from .zones import ZONES, lung_zones

_UPPER, _MIDDLE, _LOWER = (
    tuple(zone for zone in ZONES if zone.endswith(third)) for third in ("upper", "middle", "lower")
)

#: Zones of findings that have a place of their own; all others are looked for in both lungs. Heart
#: and hiatus lie between the lungs; free fluid collects at the bases; atelectasis, pneumonia and
#: the other opacities of the air spaces prefer the lower and middle zones; air in the pleura rises.
LABEL_ZONES = {
    "Atelectasis": _LOWER + _MIDDLE,
    "Cardiomegaly": ("heart",),
    "Consolidation": _LOWER + _MIDDLE,
    "Effusion": _LOWER,
    "Enlarged Cardiomediastinum": ("heart",),
    "Hernia": ("heart",),
    "Infiltration": _LOWER + _MIDDLE,
    "Pleural Effusion": _LOWER,
    "Pneumonia": _LOWER + _MIDDLE,
    "Pneumothorax": _UPPER + _MIDDLE,
}


def label_regions(masks, label_names, *, label_zones=None, dilate=0.03, soften=0.0):
    """Masks of the regions that labels belong to, as a constraint for their maps.

    The zones of :func:`~skcxr.segmentation.lung_zones` that a label names, dilated so that the
    pleura and the border of a lung that a lesion hides are in them, and softened towards their
    border if asked.

    Parameters
    ----------
    masks : ndarray of shape (n, h, w)
        Soft lung masks in [0, 1].
    label_names : sequence of k str
        Names of the labels.
    label_zones : dict of {str: sequence of str} or None, default=None
        Zones of each label; a label that is not in it has the six zones of the lungs. None is
        ``LABEL_ZONES``, what textbooks say of upright films; ``{}`` gives every label the lungs.
    dilate : float, default=0.03
        Radius of the dilation as a share of the film's height.
    soften : float, default=0.0
        Standard deviation of a Gaussian blur as a share of the film's height; each region keeps a
        maximum of 1. At 0.07 a map times its region points to the inside of the region.

    Returns
    -------
    ndarray of shape (n, k, h, w), float32
        In [0, 1]. A mask of ones, which stands for a film without a usable mask, leaves every
        label the whole film.

    References
    ----------
    D. M. Hansell et al. "Fleischner Society: Glossary of terms for thoracic imaging". Radiology,
    2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.segmentation import label_regions
    >>> mask = np.zeros((1, 64, 64))
    >>> mask[:, 8:56, 8:24] = mask[:, 8:56, 40:56] = 1
    >>> lungs, heart = label_regions(mask, ["Mass", "Hernia"], dilate=0)[0]
    >>> float(lungs[40, 32]), float(heart[40, 32])
    (0.0, 1.0)
    """
    import cv2

    wanted = _zones_of(label_names, label_zones)
    masks = np.asarray(masks, dtype=np.float32)
    zones = lung_zones(masks)
    height = masks.shape[1]
    radius = round(dilate * height)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    out = np.empty((len(masks), len(wanted), *masks.shape[1:]), np.float32)
    for names in set(wanted):
        region = zones[:, [ZONES.index(zone) for zone in names]].sum(axis=1)
        for i, one in enumerate(region):
            if radius:
                one = cv2.dilate(one, around)
            if soften:
                one = cv2.GaussianBlur(one, (0, 0), soften * height)
                one /= one.max() or 1
            out[i, [name == names for name in wanted]] = one
    out[(masks >= 0.5).all(axis=(1, 2))] = 1  # without an outline nothing is known
    return np.clip(out, 0, 1)


def region_kinds(label_names, label_zones=None):
    """Labels with regions of their own, so that equal regions are made once.

    Parameters
    ----------
    label_names, label_zones : as for :func:`label_regions`

    Returns
    -------
    first : list of int
        Position of the first label of each kind.
    kind : ndarray of shape (k,), int
        Kind of each label: ``label_regions(masks, names[first])[:, kind]`` are the regions of all.

    Raises
    ------
    ValueError
        For zones of a label that is not there, unless they are ``LABEL_ZONES``, or for a zone that
        there is not.
    """
    if label_zones is not None and label_zones is not LABEL_ZONES:
        known = list(map(str, label_names))
        strangers = [str(name) for name in label_zones if str(name) not in known]
        if strangers:
            raise ValueError(
                f"Zones are given for {', '.join(strangers)}, and the labels are "
                f"{', '.join(known)}."
            )
    zones = _zones_of(label_names, label_zones)
    kinds = sorted(set(zones), key=zones.index)
    return [zones.index(kind) for kind in kinds], np.array([kinds.index(z) for z in zones])


def _zones_of(label_names, label_zones):
    label_zones = LABEL_ZONES if label_zones is None else label_zones
    wanted = [tuple(label_zones.get(str(name), ZONES[:6])) for name in label_names]
    unknown = sorted({zone for zones in wanted for zone in zones} - set(ZONES))
    if unknown:
        raise ValueError(f"There is no zone {unknown[0]!r}; the zones are {', '.join(ZONES)}.")
    return wanted
