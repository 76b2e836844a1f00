"""summarize_labels: how often each label occurs, in whom, and with which others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import read_labels


def check_labels(labels, groups=None):
    """Validate a table of labels and its groups.

    Parameters
    ----------
    labels : array-like or DataFrame of shape (n, k)
        0, 1 or NaN (unknown).
    groups : array-like of shape (n,) or None
        Patient of each row.

    Returns
    -------
    positive, known : ndarray of shape (n, k), bool
        Where the label is 1, and where it is not NaN.
    names : ndarray of shape (k,), object
        Column names; label0, label1, ... for an array.
    codes : ndarray of shape (n,) or None
        Patients numbered from 0.
    """
    values, names = read_labels(labels, name="labels")
    codes = None if groups is None else check_groups(groups, len(values))[0]
    return values == 1, ~np.isnan(values), names, codes


@dataclass(frozen=True, repr=False)
class LabelSummary:
    """What :func:`summarize_labels` returns; prints as a table.

    Attributes
    ----------
    n_samples : int
        Number of images.
    n_patients : int or None
        Number of patients; None without groups.
    n_no_finding : int
        Images with every label known to be 0.
    per_label : DataFrame
        A row for each label: `positive`, `negative`, `unknown` (images), `prevalence` (share of
        the images where it is known; NaN where it never is), `alone` (images with this label and
        no other) and, with groups, `patients` (with at least one such image).
    cooccurrence : DataFrame of shape (k, k), int
        Images with both labels; the diagonal is `positive`.
    n_labels : Series
        Number of images with 0, 1, 2, ... labels.

    Examples
    --------
    >>> from skcxr.datasets import summarize_labels
    >>> summary = summarize_labels([[1, 0], [1, 1], [0, 0]], groups=[7, 7, 8])
    >>> summary.n_samples, summary.n_patients, summary.n_labels.tolist()
    (3, 2, [1, 1, 1])
    """

    n_samples: int
    n_patients: int | None
    n_no_finding: int
    per_label: pd.DataFrame
    cooccurrence: pd.DataFrame
    n_labels: pd.Series

    def _headline(self):
        of = "" if self.n_patients is None else f" of {self.n_patients:,} patients"
        return f"{self.n_samples:,} images{of}, {self.n_no_finding:,} without a finding"

    def __repr__(self):
        table = self.per_label.to_string(formatters={"prevalence": "{:.2%}".format})
        return f"{self._headline()}\n{table}"

    def _repr_html_(self):
        table = self.per_label.to_html(formatters={"prevalence": "{:.2%}".format})
        return f"<p>{self._headline()}</p>{table}"


def summarize_labels(labels, groups=None):
    """Count labels, the patients behind them, and which labels go together.

    Parameters
    ----------
    labels : DataFrame or array-like of shape (n, k)
        0, 1 or NaN, which is counted as unknown.
    groups : array-like of shape (n,) or None, default=None
        Patient of each image.

    Returns
    -------
    summary : LabelSummary
        Attributes `per_label`, `cooccurrence`, `n_labels` (DataFrames and a Series),
        `n_samples`, `n_patients` and `n_no_finding`.

    Examples
    --------
    >>> from skcxr.datasets import summarize_labels
    >>> summary = summarize_labels([[1, 0], [1, 1], [0, 0]], groups=[7, 7, 8])
    >>> summary.n_no_finding, summary.per_label["patients"].tolist()
    (1, [1, 1])
    """
    positive, known, names, codes = check_labels(labels, groups)
    counts = positive.sum(0)
    per_image = positive.sum(1)
    with np.errstate(invalid="ignore"):
        prevalence = counts / known.sum(0)
    table = pd.DataFrame(
        {
            "positive": counts,
            "negative": (known & ~positive).sum(0),
            "unknown": (~known).sum(0),
            "prevalence": prevalence,
            "alone": positive[per_image == 1].sum(0),
        },
        index=pd.Index(names, name="label"),
    )
    if codes is not None:
        table["patients"] = [len(np.unique(codes[column])) for column in positive.T]
    together = positive.astype(np.float64)
    together = np.rint(together.T @ together).astype(np.int64)
    return LabelSummary(
        n_samples=len(positive),
        n_patients=None if codes is None else int(codes.max()) + 1,
        n_no_finding=int((known.all(1) & (per_image == 0)).sum()),
        per_label=table,
        cooccurrence=pd.DataFrame(together, index=names, columns=names),
        n_labels=pd.Series(
            np.bincount(per_image),
            name="images",
            index=pd.RangeIndex(per_image.max() + 1, name="labels"),
        ),
    )
