"""Where in the chest a finding can be, out of the lung mask."""

import numpy as np

from ..segmentation import ZONES, lung_zones

#: Findings of the heart and the mediastinum; all others are looked for in the lungs.
HEART_LABELS = (
    "Cardiomegaly",
    "Enlarged Cardiomediastinum",
    "Hernia",
)


def label_regions(masks, label_names, *, dilate=0.03, heart_labels=HEART_LABELS):
    """Masks of the regions that labels belong to.

    Lungs, dilated so that the pleura and the border of a lung that a lesion hides are in them; for
    findings of the heart and mediastinum the region between the lungs (the heart's zone of
    :func:`~skcxr.segmentation.lung_zones`), dilated likewise.

    Parameters
    ----------
    masks : ndarray of shape (n, h, w)
        Soft lung masks in [0, 1].
    label_names : sequence of k str
        Names of the labels.
    dilate : float, default=0.03
        Radius of the dilation as a share of the film's height.
    heart_labels : sequence of str
        Labels whose region is the heart's.

    Returns
    -------
    ndarray of shape (n, k, h, w), float32
        In [0, 1]. A mask of ones, which stands for a film without a usable mask, leaves every
        label the whole film.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import label_regions
    >>> mask = np.zeros((1, 64, 64))
    >>> mask[:, 8:56, 8:24] = mask[:, 8:56, 40:56] = 1
    >>> lungs, heart = label_regions(mask, ["Mass", "Hernia"], dilate=0)[0]
    >>> float(lungs[40, 32]), float(heart[40, 32])
    (0.0, 1.0)
    """
    import cv2

    masks = np.asarray(masks, dtype=np.float32)
    # Without an outline nothing is known of the heart either.
    unknown = (masks >= 0.5).all(axis=(1, 2))
    heart = lung_zones(masks)[:, ZONES.index("heart")]
    heart[unknown] = 1
    radius = round(dilate * masks.shape[1])
    if radius:
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        masks, heart = (np.stack([cv2.dilate(m, around) for m in part]) for part in (masks, heart))
    return np.stack([heart if str(n) in heart_labels else masks for n in label_names], axis=1)
