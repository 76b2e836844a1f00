"""Predicted and true outlines over the X-rays, the worst cases and the middling ones."""

import numpy as np

from skcxr._image_input import as_images
from skcxr.inspection._drawing import (
    ORANGE,
    SKY,
    draw_contour,
    draw_xray,
    grid_of_axes,
    image_names,
)
from skcxr.metrics import segmentation_report


class SegmentationDisplay:
    """Outlines of true and predicted masks: worst cases above, those around the median below.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : Images
        The X-rays.
    masks_true, masks_pred : sequence of n arrays (h, w)
        Masks of any size; soft ones are cut at 0.5.
    report : SegmentationReport
        Their scores.
    names : list of str
        Names of the images.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (2, n_cases)

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.inspection import SegmentationDisplay
    >>> films = np.zeros((2, 16, 16), np.uint8)
    >>> true = np.zeros((2, 16, 16), bool)
    >>> true[:, 4:12, 4:12] = True
    >>> display = SegmentationDisplay.from_predictions(films, true, true[:, ::-1])
    >>> display.frame()["dice"].tolist()
    [1.0, 1.0]
    """

    def __init__(self, images, masks_true, masks_pred, *, report, names):
        self.images = images
        self.masks_true = masks_true
        self.masks_pred = masks_pred
        self.report = report
        self.names = names

    def plot(self, axes=None, *, n_cases=5):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            Two rows of `n_cases`; a new figure when None.
        n_cases : int, default=5
            Worst and median cases, each at most the number of images.

        Returns
        -------
        SegmentationDisplay
        """
        from matplotlib.lines import Line2D

        dice = self.report.per_image["dice"].to_numpy()
        rank = np.argsort(dice, kind="stable")
        n_cases = min(n_cases, len(rank))
        start = (len(rank) - n_cases) // 2
        rows = {"Worst": rank[:n_cases], "Median": rank[start : start + n_cases]}
        new = axes is None
        self.figure_, self.axes_ = grid_of_axes(2, n_cases, axes=axes)
        for line, (title, cases) in zip(self.axes_, rows.items(), strict=True):
            for ax, i in zip(line, cases, strict=True):
                image = self.images[int(i)]
                draw_xray(ax, image)
                true, pred = (np.asarray(m[i]) for m in (self.masks_true, self.masks_pred))
                draw_contour(ax, true > 0, image.shape, SKY, width=1.8)
                pred = pred > 0 if pred.dtype.kind != "f" else pred
                draw_contour(ax, pred, image.shape, ORANGE, style="dashed", width=1.4)
                ax.set_title(f"Dice {dice[i]:.3f}", fontsize=9)
                ax.set_xlabel(_shorten(self.names[i]), fontsize=7)
            line[0].set_ylabel(title, fontsize=10)
        if new:
            self.figure_.legend(
                [Line2D([], [], color=SKY), Line2D([], [], color=ORANGE, linestyle="dashed")],
                ["truth", "prediction"],
                loc="outside lower center",
                ncols=2,
                fontsize=9,
                frameon=False,
            )
        return self

    def frame(self):
        """Return the scores of every image.

        Returns
        -------
        DataFrame
            Columns dice, iou, assd and hd95, one row per image.
        """
        return self.report.per_image.copy()

    @classmethod
    def from_estimator(cls, estimator, X, masks_true, *, names=None, axes=None, n_cases=5):
        """Draw the masks of a fitted masker.

        Parameters
        ----------
        estimator : fitted UNetMasker
            Its ``transform`` gives soft masks.
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            Images.
        masks_true : sequence of n arrays (h, w)
            True masks, of the images' size.
        names : sequence of n, default=None
            Names of the images: file names where X is made of paths, else positions.
        axes, n_cases
            See :meth:`plot`.

        Returns
        -------
        SegmentationDisplay
        """
        names = image_names(X, names, len(X))
        images = as_images(X, image_shape=getattr(estimator, "image_shape", None))
        pred = np.asarray(estimator.transform(X)).reshape(images.shape)
        return cls.from_predictions(
            images, masks_true, pred, names=names, axes=axes, n_cases=n_cases
        )

    @classmethod
    def from_predictions(cls, images, masks_true, masks_pred, *, names=None, axes=None, n_cases=5):
        """Draw masks that were computed before.

        Parameters
        ----------
        images : paths, or array-like of shape (n, H, W)
            X-rays.
        masks_true, masks_pred : array-like of shape (n, h, w), or sequences of n arrays
            Masks, see :func:`~skcxr.metrics.segmentation_report`.
        names : sequence of n, default=None
            Names of the images.
        axes, n_cases
            See :meth:`plot`.

        Returns
        -------
        SegmentationDisplay
        """
        names = image_names(images, names, len(masks_true))
        images = as_images(images)
        if len(images) != len(masks_true):
            raise ValueError(f"{len(images)} images but {len(masks_true)} masks.")
        report = segmentation_report(masks_true, masks_pred, names=names, n_bootstraps=0)
        display = cls(images, masks_true, masks_pred, report=report, names=names)
        return display.plot(axes, n_cases=n_cases)


def _shorten(name, most=26):
    name = str(name)
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"
