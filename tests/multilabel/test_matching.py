"""Labels and rows of two sides in one order, or refused with both named."""

import numpy as np
import pandas as pd
import pytest

from skcxr._multilabel._matching import match_labels, match_rows, names_of, select_labels

NAMES = ["Mass", "Edema", "Hernia"]


def test_w1_labels_are_matched_by_name():
    order = match_labels(["Hernia", "Edema", "Mass"], NAMES)
    assert np.array(NAMES)[order].tolist() == ["Hernia", "Edema", "Mass"]
    assert match_labels([2, 0, 1], ["0", "1", "2"]).tolist() == [2, 0, 1]


@pytest.mark.parametrize("unnamed", [None, ["label0", "label1", "label2"], range(3)])
def test_position_counts_where_a_side_has_no_names(unnamed):
    assert match_labels(NAMES, unnamed).tolist() == [0, 1, 2]
    assert match_labels(unnamed, NAMES).tolist() == [0, 1, 2]
    assert match_labels(None, None) == slice(None)


@pytest.mark.parametrize(
    ("wanted", "available"),
    [(NAMES[:2], NAMES), (NAMES, NAMES[:2]), (NAMES, ["Mass", "Edema", "mass"]), (range(2), NAMES)],
)
def test_w1_different_names_are_refused_naming_both(wanted, available):
    with pytest.raises(ValueError, match=r"labels of here are \[.*those of there are \["):
        match_labels(wanted, available, names=("here", "there"))


def test_repeated_names_are_refused():
    with pytest.raises(ValueError, match=r"of the model must differ; it has \['Mass'\]"):
        match_labels(NAMES, ["Mass", "Mass", "Edema"])


def test_names_of():
    assert names_of(pd.DataFrame([[1, 2]], columns=["a", 3])) == ["a", "3"]
    assert names_of(pd.Series([1], name="a")) == ["a"]
    assert names_of(pd.Series([1])) is names_of(np.ones((2, 2))) is names_of([[1]]) is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (None, [0, 1, 2]),
        ("Edema", [1]),
        (2, [2]),
        (["Hernia", "Mass"], [2, 0]),
        (np.array([2, 0]), [2, 0]),
        ([True, False, True], [0, 2]),
        (np.array([0, 1, 0], dtype=bool), [1]),
        (pd.Index(["Mass"]), [0]),
    ],
)
def test_c12_names_positions_and_masks_select_labels(labels, expected):
    assert select_labels(labels, NAMES).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ("Ede", "no label 'Ede'"),
        (3, "no label 3"),
        (-1, "no label -1"),
        (1.0, "not iterable"),
        ([1.5], "no label 1.5"),
        ([True, "Mass"], "no label True"),
        ([True, False], "boolean mask of labels needs 3"),
        ([False] * 3, "at least one"),
        (["Mass", "Mass"], "none twice"),
        (["Mass", 1], "no label 1"),
    ],
)
def test_c12_everything_else_is_refused(labels, match):
    with pytest.raises((ValueError, TypeError), match=match):
        select_labels(labels, NAMES)


def test_c12_integer_names_win_over_positions():
    assert select_labels([7, 2], [2, 5, 7]).tolist() == [2, 0]
    with pytest.raises(ValueError, match="no label 1"):
        select_labels([7, 1], [2, 5, 7])


def frame(index):
    return pd.DataFrame({"a": range(len(index))}, index=index)


def test_w2_rows_are_matched_by_index():
    a, b = frame(["x", "y", "z"]), frame(["z", "x", "y"])
    assert b.index[match_rows(a, b)].equals(a.index)
    assert match_rows(a, frame(["x", "y", "z"])["a"]) is None


def test_w2_position_counts_where_a_side_has_no_index():
    a = frame(["x", "y", "z"])
    for other in (np.arange(3), [0, 1, 2], frame(range(3)), frame([0, 1, 2])):
        assert match_rows(a, other) is match_rows(other, a) is None
    assert match_rows(frame(range(3)), frame(range(3))) is None


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        (["x", "y"], ["x", "w"], r"index of A holds 'y', that of B does not \(1 .* 1 only in B\)"),
        (["x"], ["x", "w"], "index of B holds 'w', that of A does not"),
        (["x", "x"], ["x", "y"], "index of A holds 'x' more than once"),
        (["x", "x"], ["x", "x"], "index of A holds 'x' more than once"),
        (["y", "x"], ["x", "x"], "index of B holds 'x' more than once"),
        ([0, 1, 2], [2, 0, 1], "in another order, in one of them a plain range"),
        ([2, 0, 1], [0, 1, 2], "in another order, in one of them a plain range"),
    ],
)
def test_w2_what_cannot_be_matched_is_refused(a, b, match):
    with pytest.raises(ValueError, match=match):
        match_rows(frame(a), frame(b), names=("A", "B"))
