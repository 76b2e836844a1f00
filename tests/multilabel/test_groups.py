"""Patients: counted, and refused where one is missing."""

import numpy as np
import pandas as pd
import pytest

from skcxr._multilabel._groups import check_groups
from skcxr.classifiers import MultilabelMLP
from skcxr.model_selection import MultilabelGroupShuffleSplit, MultilabelStratifiedGroupKFold


@pytest.mark.parametrize(
    "groups",
    [
        ["b", "a", "b", "c"],
        [7, 3, 7, 1],
        [1.5, 0.0, 1.5, 3.0],
        pd.Series(["b", "a", "b", "c"], dtype="string"),
        pd.Series([7, 3, 7, 1], dtype="Int64"),
        pd.Categorical(["b", "a", "b", "c"]),
        np.array(["b", "a", "b", "c"], dtype=object),
    ],
    ids=repr,
)
def test_patients_are_numbered_as_they_come(groups):
    codes, n = check_groups(groups, 4)
    assert (codes.tolist(), n) == ([0, 1, 0, 2], 3)


MISSING = [
    ["a", "b", None, "a"],
    ["a", "b", "  ", "a"],
    [1.0, 2.0, np.nan, 1.0],
    pd.Series([1, 2, pd.NA, 1], dtype="Int64"),
    pd.Series(["a", "b", pd.NA, "a"], dtype="string"),
    pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-01"])),
]


@pytest.mark.parametrize("groups", MISSING, ids=repr)
def test_c6_a_missing_patient_is_refused_with_its_row(groups):
    y = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
    message = "no patient in row 2 and in 1 rows"
    with pytest.raises(ValueError, match=message):
        check_groups(groups, 4)
    for splitter in (MultilabelStratifiedGroupKFold(2), MultilabelGroupShuffleSplit(2)):
        with pytest.raises(ValueError, match=message):
            next(splitter.split(y, y, groups))
    with pytest.raises(ValueError, match=message):
        MultilabelMLP().fit(y, y, groups=groups)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "b"], r"each of the 3 rows, got the shape \(2,\)"),
        ([["a"], ["b"], ["c"]], r"\(3, 1\)"),
        (np.array([7, "7", 7], dtype=object), "mixes text and numbers: row 0 is 7"),
    ],
)
def test_groups_of_another_form(groups, message):
    with pytest.raises(ValueError, match=message):
        check_groups(groups, 3)
