"""Tests per label against the test of one label, Holm's correction against a case by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from skcxr.metrics import compare_models, paired_bootstrap_test, paired_label_tests
from skcxr.metrics.paired import holm


def make_data(n=150, seed=0):
    rng = np.random.RandomState(seed)
    y = pd.DataFrame(rng.randint(2, size=(n, 3)), columns=["Mass", "Edema", "Hernia"])
    a, b = (w * y + (1 - w) * rng.uniform(size=y.shape) for w in (0.4, np.array([0.4, 0.3, 0.1])))
    return y, a, b, rng.randint(n // 3, size=n)


def test_holm_by_hand():
    # Sorted: 0.005 · 4, 0.01 · 3, 0.03 · 2, then 0.04 · 1, which may not fall below 0.06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.6]), [0.04, np.nan, 0.6])
    np.testing.assert_allclose(holm([0.7, 0.8]), [1, 1])


def test_each_label_is_tested_as_it_would_be_alone():
    y, a, b, groups = make_data()
    settings = {"groups": groups, "n_bootstraps": 100, "random_state": 0}
    found = paired_label_tests(y, a, b, **settings)
    for name in y:
        alone = paired_bootstrap_test(y[[name]], a[[name]], b[[name]], **settings)
        row = found.table.loc[name]
        assert row["a"] == pytest.approx(roc_auc_score(y[name], a[name]))
        assert row["b"] == pytest.approx(roc_auc_score(y[name], b[name]))
        np.testing.assert_allclose(
            row[["difference", "low", "high", "p"]].astype(float),
            [alone.difference, alone.low, alone.high, alone.p_value],
            atol=1e-12,
        )
    np.testing.assert_allclose(found.table["p (Holm)"], holm(found.table["p"]))
    assert found.table.loc["Hernia", "p (Holm)"] == pytest.approx(3 * 2 / 101)
    sensitivity = paired_label_tests(
        y, a, b, metric="sensitivity", thresholds_a={"Mass": 0.3}, **settings
    ).table
    assert sensitivity.loc["Mass", "a"] == pytest.approx(recall_score(y["Mass"], a["Mass"] > 0.3))


def test_few_positive_patients_are_not_tested():
    y, a, b, groups = make_data()
    y["Hernia"] = np.isin(groups, groups[:3]).astype(int)
    table = paired_label_tests(y, a, b, groups=groups, n_bootstraps=50, random_state=0)
    assert table.table.loc["Hernia", ["low", "high", "p", "p (Holm)"]].isna().all()
    assert table.table.loc["Hernia", "positive patients"] == len(set(groups[:3]))
    assert table.notes == (
        f"No interval with fewer than 5 positive patients: Hernia ({len(set(groups[:3]))}).",
    )
    assert table.table["p (Holm)"].notna().sum() == 2


def test_all_pairs_of_models_in_one_table():
    y, a, b, groups = make_data()
    models = {"a": a, "b": b, "c": b**2}  # b and c rank alike
    result = compare_models(models, None, y, groups=groups, n_bootstraps=200, random_state=0)
    pairs = result.pairwise()
    assert list(pairs.index) == [("a", "b"), ("a", "c"), ("b", "c")]
    for one, other in pairs.index:
        test = result.paired_test(one, other, n_bootstraps=200)
        np.testing.assert_allclose(
            pairs.loc[(one, other), ["value a", "value b", "difference", "low", "high", "p"]],
            [test.value_a, test.value_b, test.difference, test.low, test.high, test.p_value],
            atol=1e-12,
        )
    np.testing.assert_allclose(pairs["p (Holm)"], holm(pairs["p"]))
    assert pairs.loc[("b", "c"), "p (Holm)"] == 1
    assert result.pairwise("hamming_loss").loc[("a", "b"), "difference"] == pytest.approx(
        result.table.loc["a", "Hamming Loss"] - result.table.loc["b", "Hamming Loss"]
    )
    labels = result.label_tests("a", "b", n_bootstraps=50)
    assert labels.table.loc["Mass", "a"] == pytest.approx(roc_auc_score(y["Mass"], a["Mass"]))


def test_wrong_arguments_are_named():
    y, a, b, _ = make_data()
    with pytest.raises(ValueError, match=r"metric must be one of \['auc'"):
        paired_label_tests(y, a, b, metric="macro_auc")
    with pytest.raises(ValueError, match="at least 1"):
        paired_label_tests(y, a, b, n_bootstraps=0)
    result = compare_models({"a": a, "b": b}, None, y, n_bootstraps=0)
    with pytest.raises(ValueError, match="2 models and 0 resamples"):
        result.pairwise()
    with pytest.raises(ValueError, match="No model 'x'"):
        result.label_tests("a", "x")
