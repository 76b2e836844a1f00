"""Overlap and surface distance of segmentation masks, per image and with intervals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import check_units
from skcxr.metrics._result import Result

_HEADINGS = {
    "dice": "Dice",
    "iou": "IoU",
    "assd": "Average surface distance (px)",
    "hd95": "Hausdorff-95 (px)",
}


def as_mask(mask, what="mask", threshold=None):
    """Return a mask as a 2-D or 3-D bool array.

    Accepts bool, 0/1 and 0/255; with a `threshold`, also soft values in [0, 1].
    """
    mask = np.asarray(mask)
    if mask.dtype == bool:
        return mask
    values = np.unique(mask)
    if len(values) and not np.isfinite(values).all():
        raise ValueError(f"{what} holds NaN or infinite values.")
    if np.isin(values, (0, 1)).all() or np.isin(values, (0, 255)).all():
        return mask > 0
    if threshold is not None and mask.dtype.kind == "f" and values[0] >= 0 and values[-1] <= 1:
        return mask >= threshold
    soft = "" if threshold is None else ", or floats in [0, 1]"
    raise ValueError(
        f"{what} must be bool, 0/1 or 0/255{soft}; it holds {len(values)} values from "
        f"{values[0]:g} to {values[-1]:g}."
    )


def dice_score(mask_true, mask_pred):
    """Dice coefficient, ``2 |A ∩ B| / (|A| + |B|)``.

    Parameters
    ----------
    mask_true, mask_pred : array-like of shape (h, w) or (n, h, w)
        Masks: bool, 0/1 or 0/255.

    Returns
    -------
    float or ndarray of shape (n,)
        1 where both masks are empty, 0 where one is.

    References
    ----------
    Dice, Measures of the amount of ecologic association between species, 1945.

    Examples
    --------
    >>> from skcxr.metrics import dice_score
    >>> dice_score([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5
    """
    a, b = as_mask(mask_true, "mask_true"), as_mask(mask_pred, "mask_pred")
    if a.shape != b.shape or a.ndim not in (2, 3):
        raise ValueError(
            f"Masks must have the same (h, w) or (n, h, w) shape; got {a.shape} and {b.shape}."
        )
    both = (a & b).sum(axis=(-2, -1))
    total = a.sum(axis=(-2, -1)) + b.sum(axis=(-2, -1))
    score = np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)
    return float(score) if a.ndim == 2 else score


def surface_distances(a, b):
    """Distances in pixels from each surface pixel of `a` to the surface of `b`, and back.

    The surface is what an erosion by the 4-neighbourhood takes away; beyond the image is outside.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt

    a, b = a & ~binary_erosion(a), b & ~binary_erosion(b)
    return distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]


@dataclass(frozen=True, repr=False)
class SegmentationReport(Result):
    """What :func:`segmentation_report` found.

    Attributes
    ----------
    summary : DataFrame
        A row per metric; columns mean, low, high (interval of the mean), median, 5th and 95th
        percentile, and n, the images where the metric is defined.
    per_image : DataFrame
        Columns dice, iou, assd and hd95 (pixels), one row per image.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import segmentation_report
    >>> true = np.zeros((2, 8, 8), bool)
    >>> true[:, 2:6, 2:6] = True
    >>> report = segmentation_report(true, np.roll(true, 1, axis=2), n_bootstraps=0)
    >>> float(report.summary.loc["Dice", "mean"])
    0.75
    """

    summary: pd.DataFrame
    per_image: pd.DataFrame

    def frame(self):
        """Return the table of images with the image as a column.

        Returns
        -------
        DataFrame
        """
        return self.per_image.reset_index()

    def _tables(self, digits=3):
        return [self.summary]

    def _head(self):
        return f"SegmentationReport: {len(self.per_image)} images"


def segmentation_report(
    masks_true,
    masks_pred,
    *,
    threshold=0.5,
    names=None,
    groups=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
):
    """Score masks per image: Dice, IoU, average surface distance and Hausdorff-95.

    Parameters
    ----------
    masks_true : array-like of shape (n, h, w), or sequence of n arrays (h, w)
        Bool, 0/1 or 0/255. Sizes may differ between images.
    masks_pred : same as `masks_true`
        As above, or soft masks in [0, 1].
    threshold : float, default=0.5
        A soft mask is foreground at or above it.
    names : sequence of n, default=None
        Names of the images, the index of ``per_image``.
    groups : array-like of shape (n,), default=None
        Patients, resampled whole.
    n_bootstraps : int, default=1000
        Resamples for the interval of the mean; 0 for none.
    confidence_level : float, default=0.95
        Of the percentile interval.
    random_state : int, RandomState or None, default=None
        Draws the resamples.

    Returns
    -------
    SegmentationReport
        Where both masks are empty Dice and IoU are 1; where one is, 0. Surface distances are then
        undefined (NaN) and left out of their mean: the column n counts the rest.

    References
    ----------
    Average symmetric surface distance (the mean over both surfaces' pixels) and the symmetric 95th
    percentile Hausdorff distance are as in MONAI's ``compute_average_surface_distance`` and
    ``compute_hausdorff_distance``; Reinke et al., Metrics reloaded, Nature Methods 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import segmentation_report
    >>> true = np.zeros((2, 8, 8), bool)
    >>> true[:, 2:6, 2:6] = True
    >>> pred = np.stack([true[0], np.roll(true[1], 1, axis=1)])
    >>> segmentation_report(true, pred, n_bootstraps=0).per_image["iou"].tolist()
    [1.0, 0.6]
    """
    if len(masks_true) != len(masks_pred) or not len(masks_true):
        raise ValueError(
            f"As many predicted as true masks expected, at least one; got {len(masks_pred)} and "
            f"{len(masks_true)}."
        )
    rows = []
    for i, (true, pred) in enumerate(zip(masks_true, masks_pred, strict=True)):
        what = f"[{i}]" if names is None else f"[{i}] ({names[i]})"
        a = as_mask(true, f"masks_true{what}")
        b = as_mask(pred, f"masks_pred{what}", threshold)
        if a.shape != b.shape or a.ndim != 2:
            raise ValueError(
                f"masks_true{what} has shape {a.shape} and masks_pred{what} has shape {b.shape}: "
                "the same (h, w) expected."
            )
        dice = dice_score(a, b)
        row = [dice, dice / (2 - dice), np.nan, np.nan]
        if a.any() and b.any():
            there, back = surface_distances(a, b)
            row[2] = np.concatenate([there, back]).mean()
            row[3] = max(np.percentile(there, 95), np.percentile(back, 95))
        rows.append(row)
    index = pd.RangeIndex(len(rows)) if names is None else pd.Index(names)
    per_image = pd.DataFrame(rows, columns=list(_HEADINGS), index=index.rename("image"))
    columns = per_image.rename(columns=_HEADINGS).rename_axis(columns="metric")
    summary = summarize(columns, groups, n_bootstraps, confidence_level, random_state)
    return SegmentationReport(summary, per_image)


def summarize(values, groups, n_bootstraps, confidence_level, random_state):
    """Mean with its bootstrap interval, median and percentiles of each column, NaN left out."""
    table = values.to_numpy(dtype=np.float64)
    unit, n_units = check_units(groups, len(table))
    known = ~np.isnan(table)
    sums = np.zeros((2, table.shape[1], n_units))
    for part, array in zip(sums, (np.where(known, table, 0), known), strict=True):
        np.add.at(part.T, unit, array)

    def mean(weights):
        total, count = sums @ weights
        with np.errstate(invalid="ignore"):
            return {"mean": total / count}

    point, samples = resample(mean, n_units, n_bootstraps, random_state)
    low, high = percentile_interval(samples["mean"], confidence_level)
    return pd.DataFrame(
        {
            "mean": point["mean"],
            "low": low,
            "high": high,
            "median": values.median(),
            "5 %": values.quantile(0.05),
            "95 %": values.quantile(0.95),
            "n": known.sum(axis=0),
        },
        index=values.columns,
    )
