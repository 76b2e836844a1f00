"""Patients of a table, and that none of them is in two parts."""

import numpy as np
import pandas as pd

from ._messages import name_some


def read_patients(column, source):
    """Patient of each row: int64 where all are whole numbers, str otherwise.

    Numbers with leading zeros stay text, so that 007 and 7 stay two patients.
    """
    text = column.astype(object)
    lacking = text.isna() | (text.astype(str).str.strip() == "")
    if lacking.any():
        row = int(np.flatnonzero(lacking)[0])
        raise ValueError(
            f"{source}, data row {row}: column {column.name!r} names no patient, and films of an "
            "unknown patient cannot be kept out of the other part of a split."
        )
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=float)
        if (numbers % 1 == 0).all():
            return column.astype(np.int64)
    text = text.astype(str).str.strip()
    if text.str.fullmatch(r"0|[1-9]\d{0,17}").all():
        return text.astype(np.int64)
    return text


def check_parts(groups, parts, source):
    """Refuse a patient in two parts. Rows whose part is None are in none."""
    table = pd.DataFrame({"patient": groups, "part": parts}).dropna(subset="part")
    table = table.drop_duplicates()
    both = table[table["patient"].duplicated(keep=False)]
    if len(both):
        named = both.groupby("patient", sort=False)["part"].agg(" and ".join)
        raise ValueError(
            f"{len(named):,} patients are in more than one part of {source}: "
            f"{name_some([f'{patient} ({of})' for patient, of in named.items()])}; a model "
            "that is tested on patients it was trained on looks better than it is."
        )
