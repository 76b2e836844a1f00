"""One reading of labels, in every form that people have them in."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from skcxr._multilabel._labels import encode_targets, read_labels

TRUTH = np.array([[1, 0], [np.nan, 1], [0, np.nan]])
NULLABLE = ["Int8", "Int64", "boolean", "Float32", "int64[pyarrow]", "bool[pyarrow]", "object"]


def with_dtype(dtype):
    table = pd.DataFrame(TRUTH, columns=["Mass", "Edema"]).astype(object)
    table = table.where(table.notna(), pd.NA)
    return table if dtype == "object" else table.astype(dtype)


@pytest.mark.parametrize("dtype", NULLABLE)
def test_c4_nullable_and_arrow_labels_with_na(dtype):
    Y, names = read_labels(with_dtype(dtype))
    np.testing.assert_array_equal(Y, TRUTH)
    assert names.tolist() == ["Mass", "Edema"]
    targets = encode_targets(with_dtype(dtype))
    np.testing.assert_array_equal(targets.Y, TRUTH.astype(np.float32))
    assert targets.classes.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y.tolist(),
        lambda y: torch.from_numpy(y),
        lambda y: sp.csr_matrix(y),
        lambda y: sp.csc_array(y.astype(int)),
        lambda y: pd.DataFrame(y).astype("category"),
        lambda y: y.astype(str),
        lambda y: y.astype(bool),
        lambda y: [[None if v == 9 else v for v in row] for row in y.tolist()],
    ],
)
def test_the_same_labels_in_other_containers(form):
    y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(read_labels(form(y))[0], y)


def test_names_have_one_spelling_and_differ():
    assert read_labels([[0, 1]])[1].tolist() == ["label0", "label1"]
    assert read_labels([[0, 1]], ["a", "b"])[1].tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="several labels called 'a'"):
        read_labels(pd.DataFrame([[0, 1]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="2 labels but 1"):
        read_labels([[0, 1]], ["a"])


DUMMIES = r'get_dummies\("\|"\).*MultiLabelBinarizer'


@pytest.mark.parametrize(
    "y",
    [
        ["Mass|Edema", "Mass", "Edema"],
        ["Mass|Edema", "Mass", "Mass"],
        pd.Series(["Mass", "Edema", "No Finding"]),
        [["Mass", "Edema"], ["Mass"], []],
        [["Mass", "Edema"], ["Edema", "Mass"]],
        pd.Series([["Mass"], ["Edema"], ["Mass"]]),
        pd.Series([{"Mass"}, {"Edema"}]),
        pd.DataFrame({"a": ["Mass", "Edema|Mass"], "b": [0, 1]}),
    ],
    ids=repr,
)
def test_c9_text_and_lists_say_how_they_become_columns(y):
    with pytest.raises(ValueError, match=DUMMIES):
        encode_targets(y)


@pytest.mark.parametrize(
    "y",
    [
        [[1, -1], [0, 1]],
        pd.DataFrame({"a": [1, -1.0], "b": [0, 1]}),
        pd.DataFrame({"a": [1, -1, None]}, dtype="Int8"),
        [1, 0, -1, 0],
    ],
    ids=repr,
)
def test_c9_minus_one_points_to_the_policies(y):
    with pytest.raises(ValueError, match=r"-1 usually stands for uncertain: .*load_table"):
        encode_targets(y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0, 2]], "y_true holds 2 in row 0 of label 'label1' and 1 such"),
        ([[0, 0.5]], "soft_labels=True"),
        ([[0, np.inf]], "y_true holds inf"),
        ([0, 1], r"y_true must be a non-empty \(n, k\) table .*\(2,\)"),
        ([[]], r"shape \(1, 0\)"),
        ([[0, "ill"]], "got 'ill' in row 0 of label 'label1'"),
    ],
)
def test_a_wrong_table_says_where(y, message):
    with pytest.raises(ValueError, match=message):
        read_labels(y, name="y_true")


def test_soft_labels_with_the_switch_only():
    soft = [[0.25, 1.0], [np.nan, 0.0]]
    np.testing.assert_array_equal(read_labels(soft, soft=True)[0], soft)
    assert encode_targets([0.25, 1.0, 0.0], soft=True).Y[:, 0].tolist() == [0.25, 1.0, 0.0]
    with pytest.raises(ValueError, match="labels are 0 to 1 or NaN"):
        read_labels([[1.25]], soft=True)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["ill", "well", "ill"], ["ill", "well"]),
        (pd.Series(["ill", None, "well"]), ["ill", "well"]),
        (pd.array(["ill", pd.NA, "well"], dtype="string[pyarrow]"), ["ill", "well"]),
        ([1, None, 0], [0, 1]),
        (pd.Series([1, pd.NA, 0], dtype="Int64"), [0, 1]),
        ([-1, 1, 1], [-1, 1]),
    ],
    ids=repr,
)
def test_one_column_of_two_classes(y, classes):
    targets = encode_targets(y)
    assert targets.binary
    assert targets.classes.tolist() == classes
    known = ~np.isnan(targets.Y[:, 0])
    decoded = targets.classes[targets.Y[known, 0].astype(int)]
    assert decoded.tolist() == [v for v in list(y) if not pd.isna(v)]
