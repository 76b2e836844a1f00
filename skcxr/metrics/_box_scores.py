"""Figures of maps against boxes, as sums over pixels, for all pairs of a map and a box."""

import numpy as np

from skcxr.metrics._boxes import axis_centres, axis_coverage, boxes_of_map, overlaps

#: Shares of overlap from which a box counts as found (Wang et al., CVPR 2017).
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
MAIN = ("pointing game", "energy in box", "pixel AUC", "IoU", "box IoU", "box IoBB")
HITS = tuple(f"{name}>={level}" for name in ("IoU", "IoBB") for level in LEVELS)
FIGURES = MAIN + HITS

_PIXELS = 2**21  # of the maps that are worked on at a time


class BoxScores:
    """Scores maps against a fixed set of boxes.

    Parameters
    ----------
    boxes : ndarray of shape (m, 4)
        x, y, w, h in the unit square.
    shape : tuple of int
        (h, w) of the maps.
    threshold : float
        Share of its maximum at which a map is cut.
    """

    def __init__(self, boxes, shape, threshold):
        self.boxes = boxes
        self.shape = shape
        self.threshold = threshold
        height, width = shape
        self.covered = axis_coverage(boxes, 1, height), axis_coverage(boxes, 0, width)
        self.inside = axis_centres(boxes, 1, height), axis_centres(boxes, 0, width)

    def take(self, i):
        """Return the scores of box i alone."""
        return BoxScores(self.boxes[i : i + 1], self.shape, self.threshold)

    def __call__(self, maps):
        """Return every figure of every pair.

        Parameters
        ----------
        maps : ndarray of shape (b, h, w)

        Returns
        -------
        ndarray of shape (m, b, n_figures), float64
            NaN where a figure is undefined: the AUC of pixels of a box that fills the film.
        """
        out = np.empty((len(self.boxes), len(maps), len(FIGURES)))
        step = max(1, _PIXELS // np.prod(self.shape))
        for start in range(0, len(maps), step):
            out[:, start : start + step] = self._pairs(np.asarray(maps[start : start + step]))
        return out

    def _pairs(self, maps):
        from scipy.stats import rankdata

        n, n_pixels = len(maps), maps[0].size
        # A pixel outranks `below` others, ties by half; single precision is sorted faster.
        below = rankdata(maps.reshape(n, -1), axis=1).reshape(maps.shape) - 0.5
        maps = maps.astype(np.float64)
        peak = maps.max(axis=(1, 2), keepdims=True)
        seen = peak > 0  # a map of zeros points nowhere
        top = (seen & (maps == peak)).astype(np.float64)
        hit = _weigh(top, *self.inside) / np.maximum(top.sum((1, 2)), 1)
        total = maps.sum((1, 2))
        energy = _weigh(maps, *self.covered) / np.where(total > 0, total, 1)
        hot = (seen & (maps >= self.threshold * peak)).astype(np.float64)
        both = _weigh(hot, *self.covered)
        area = _weigh(np.ones_like(maps[:1]), *self.covered)
        iou = both / (hot.sum((1, 2)) + area - both)
        # Pairs inside the box, which hold area² / 2 by symmetry, are taken off. A pixel at the rim
        # belongs to both sides in part.
        pairs = area * (n_pixels - area)
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = (_weigh(below, *self.covered) - area**2 / 2) / pairs
        auc[np.broadcast_to(pairs < 1e-9 * n_pixels**2, auc.shape)] = np.nan
        best_iou, best_iobb = self._best(maps)
        main = np.stack([hit, energy, auc, iou, best_iou, best_iobb], axis=-1)
        hits = [best[..., None] >= np.array(LEVELS) - 1e-9 for best in (best_iou, best_iobb)]
        return np.concatenate([main, *hits], axis=-1)

    def _best(self, maps):
        """Largest IoU and IoBB of each lesion box with the boxes of each map, two (m, b)."""
        size = np.tile(self.shape[::-1], 2)
        out = np.zeros((2, len(self.boxes), len(maps)))
        for j, map_ in enumerate(maps):
            found, _ = boxes_of_map(map_, self.threshold)
            if len(found):
                out[:, :, j] = [each.max(axis=1) for each in overlaps(self.boxes, found / size)]
        return out


def _weigh(maps, rows, columns):
    """Sum of maps (b, h, w) weighted by the outer products of rows and columns, (m, b)."""
    return np.einsum("mbw,mw->mb", np.tensordot(rows, maps, axes=(1, 1)), columns)
