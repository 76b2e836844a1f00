"""How far probabilities are from frequencies."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from skcxr.metrics._check import read_scored


def expected_calibration_error(
    y_true, y_prob=None, *, n_bins=10, strategy="uniform", sample_weight=None, label_names=None
):
    """Compute the expected calibration error of each label.

    Images are binned by probability; the error is the mean over images of the distance between
    their bin's mean probability and its share of positives.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        0, 1, or NaN where unknown (masked).
    y_prob : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        Probabilities in [0, 1]; labels and rows are matched as in :func:`multilabel_report`.
    n_bins : int, default=10
        Bins per label.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of about equal size. Labels of low prevalence crowd the first
        uniform bin; quantile bins spread them.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image in the means.
    label_names : sequence of str, default=None
        Names of the labels.

    Returns
    -------
    Series of length k
        In [0, 1]; 0 is calibrated, as is a model that gives the prevalence to every image. NaN
        for a label without a known value.

    References
    ----------
    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning,
    AAAI 2015.

    Examples
    --------
    >>> from skcxr.metrics import expected_calibration_error
    >>> float(expected_calibration_error([[1], [0]], [[0.75], [0.75]]).iloc[0])
    0.25
    """
    check_scalar(n_bins, "n_bins", numbers.Integral, min_val=1)
    if strategy not in {"uniform", "quantile"}:
        raise ValueError(f"strategy must be 'uniform' or 'quantile'; got {strategy!r}.")
    scored = read_scored(y_true, y_prob, sample_weight=sample_weight, label_names=label_names)
    y, names, prob = scored.y, scored.names, scored.prob
    errors = np.full(len(names), np.nan)
    edges = np.linspace(0, 1, n_bins + 1)
    for j in range(len(names)):
        known = ~np.isnan(y[:, j])
        p, t = prob[known, j], y[known, j]
        w = np.ones(len(p)) if scored.weight is None else scored.weight[known]
        if not w.any():
            continue
        if strategy == "uniform":
            inner = edges[1:-1]
        elif scored.weight is None:
            inner = np.quantile(p, edges)[1:-1]
        else:
            inner = _weighted_quantile(p, w, edges)[1:-1]
        bin_ = np.searchsorted(inner, p)
        gap = np.bincount(bin_, weights=w * (p - t), minlength=n_bins)
        errors[j] = np.abs(gap).sum() / w.sum()
    return pd.Series(errors, index=pd.Index(names, name="label"), name="ECE")


def _weighted_quantile(values, weights, q):
    """Smallest value with at least a share q of the weight at or below it."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return values[order][np.minimum(np.searchsorted(below, q), len(values) - 1)]
