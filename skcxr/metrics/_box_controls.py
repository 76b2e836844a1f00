"""Maps that have not seen the film: what a lesion's map must beat."""

import numpy as np

from skcxr.metrics._boxes import axis_coverage

#: Standard deviation of a blob as a share of the film: at half its height it is 0.35 wide, about
#: the mean box of ChestX-ray14.
SIGMA = 0.15


def blobs(centres, shape):
    """Gaussian blobs.

    Parameters
    ----------
    centres : array-like of shape (b, 2)
        x, y in the unit square.
    shape : tuple of int
        (h, w).

    Returns
    -------
    ndarray of shape (b, h, w)
        In (0, 1].
    """

    def profile(at, size):
        return np.exp(-0.5 * (((np.arange(size) + 0.5) / size - at[:, None]) / SIGMA) ** 2)

    x, y = np.asarray(centres, dtype=np.float64).T
    return profile(y, shape[0])[:, :, None] * profile(x, shape[1])[:, None, :]


def mean_box(boxes, shape):
    """Mean coverage of boxes of the unit square, (h, w): where such lesions are in general."""
    rows, columns = axis_coverage(boxes, 1, shape[0]), axis_coverage(boxes, 0, shape[1])
    return rows.T @ columns / len(boxes)


def mean_boxes(labels, patients, known, shape):
    """Mean training box for each scored box.

    Parameters
    ----------
    labels : ndarray of shape (m,)
        Of the scored boxes.
    patients : ndarray of shape (m,) or None
        Of the scored boxes; None where `known` are boxes of other patients anyway.
    known : tuple of (labels, patients, boxes)
        The boxes that the mean is taken of.
    shape : tuple of int
        (h, w).

    Yields
    ------
    ndarray of shape (h, w) or None
        Of the same label where another patient has such a box, else of every label; None where no
        other patient has a box.
    """
    known_labels, known_patients, boxes = known
    made = {}
    for i, label in enumerate(labels):
        key = label, None if patients is None else patients[i]
        if key not in made:
            others = np.ones(len(boxes), bool) if patients is None else known_patients != key[1]
            same = others & (known_labels == label)
            chosen = same if same.any() else others
            made[key] = mean_box(boxes[chosen], shape) if chosen.any() else None
        yield made[key]
