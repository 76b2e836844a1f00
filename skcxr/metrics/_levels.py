"""Subgroups of images from columns of a table: levels of text, bands of numbers."""

from itertools import pairwise

import numpy as np
import pandas as pd

_MAX_LEVELS = 30
_MISSING = "missing"


def subgroups(columns, bands):
    """Return the rows of every level of every column.

    Parameters
    ----------
    columns : DataFrame of n rows
    bands : dict of {str: list of float}
        Cut points of columns of numbers.

    Returns
    -------
    dict of {(str, str): ndarray of shape (n,), bool}
        Column and level to its rows.
    """
    foreign = [name for name in bands if name not in columns]
    if foreign:
        raise ValueError(f"bands names {foreign}; the columns are {list(columns)}.")
    members = {}
    for name in columns:
        values = columns[name]
        missing = values.isna().to_numpy()
        number = values.dtype.kind in "iuf"
        if name in bands and not number:
            raise ValueError(f"bands needs numbers; column {name!r} holds {values.dtype}.")
        if name in bands or (number and values.nunique() > 8):
            levels = _cut(values.to_numpy(dtype=float, na_value=np.nan), bands.get(name), name)
        else:
            seen = list(pd.Categorical(values).categories)  # sorted, or in an order of their own
            if len(seen) > _MAX_LEVELS:
                raise ValueError(
                    f"Column {name!r} holds {len(seen)} different values; at most {_MAX_LEVELS} "
                    "make subgroups (numbers are cut into bands)."
                )
            levels = {str(level): (values == level).fillna(False).to_numpy(bool) for level in seen}
        members |= {(str(name), level): rows for level, rows in levels.items() if rows.any()}
        if missing.any():
            members[str(name), _MISSING] = missing
    return members


def _cut(values, cuts, name):
    """Return the rows of each band; cut points are quartiles where none are given."""
    given = np.nanquantile(values, [0.25, 0.5, 0.75]) if cuts is None else cuts
    cuts = np.unique(np.asarray(given, dtype=float))
    if not len(cuts) or not np.isfinite(cuts).all():
        raise ValueError(f"bands of {name!r} must be finite numbers; got {given}.")
    band = np.searchsorted(cuts, values, side="right")
    text = [f"{cut:g}" for cut in cuts]
    levels = [f"under {text[0]}"]
    levels += [f"{a} to under {b}" for a, b in pairwise(text)]
    levels.append(f"{text[-1]} and over")
    return {level: (band == i) & ~np.isnan(values) for i, level in enumerate(levels)}
