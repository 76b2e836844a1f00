"""Who was in the data: patients, films, findings and metadata, by part."""

import numpy as np
import pandas as pd

_MOST_LEVELS = 8


def cohort_table(y, groups, metadata, parts):
    """Describe the films of each part.

    Parameters
    ----------
    y : DataFrame of shape (n, k)
        0, 1 or NaN.
    groups : ndarray of shape (n,) or None
        Patients.
    metadata : DataFrame of n rows or None
        Numbers are told by mean and standard deviation, all else by counts.
    parts : dict of {str: ndarray of int}
        Rows of each part.

    Returns
    -------
    DataFrame
        Index (what, level), a column for each part: text.
    """
    columns = {name: _describe(y, groups, metadata, rows) for name, rows in parts.items()}
    table = pd.DataFrame(columns)
    return table.rename_axis(["", "level"]).fillna("–")


def _describe(y, groups, metadata, rows):
    n = len(rows)
    out = {("films", ""): f"{n:,}"}
    if groups is not None:
        patients = len(np.unique(groups[rows]))
        out["patients", ""] = f"{patients:,}"
        out["films per patient", ""] = f"{n / max(patients, 1):.2f}"
    for name in [] if metadata is None else metadata:
        out |= _column(str(name), metadata[name].iloc[rows])
    values = y.iloc[rows]
    for label in y.columns:
        known = int(values[label].notna().sum())
        positive = int((values[label] == 1).sum())
        share = f" ({positive / known:.1%})" if known else ""
        out["positive", str(label)] = f"{positive:,}{share}"
    return out


def _column(name, values):
    missing = int(values.isna().sum())
    out = {}
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_LEVELS:
        out[name, "mean (SD)"] = f"{values.mean():.1f} ({values.std():.1f})"
    else:
        counts = values.astype("string").value_counts()
        for level, count in counts.iloc[:_MOST_LEVELS].items():
            out[name, str(level)] = f"{count:,} ({count / len(values):.1%})"
        rest = int(counts.iloc[_MOST_LEVELS:].sum())
        if rest:
            out[name, "other"] = f"{rest:,} ({rest / len(values):.1%})"
    if missing:
        out[name, "unknown"] = f"{missing:,} ({missing / len(values):.1%})"
    return out
