"""Out-of-fold predictions go into every metric as they are."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skcxr.classifiers import MultilabelMLP
from skcxr.metrics import (
    auc_by,
    auc_within,
    compare_models,
    expected_calibration_error,
    get_scorer_names,
    multilabel_report,
    multilabel_scores,
    paired_bootstrap_test,
    paired_label_tests,
)
from skcxr.model_selection import out_of_fold_predict

NAMES = ["Mass", "Edema"]
SETTINGS = {"n_bootstraps": 20, "random_state": 0}


def predictions(seed=0, weight=0.4, files=None):
    files = [f"{i}.png" for i in range(80)] if files is None else files
    rng = np.random.RandomState(0)
    y = pd.DataFrame(rng.randint(2, size=(80, 2)).astype(float), columns=NAMES, index=files)
    y.iloc[3, 0] = np.nan
    noise = np.random.RandomState(seed).uniform(size=y.shape)
    proba = weight * y.fillna(0) + (1 - weight) * noise
    groups = pd.Series(np.arange(80) // 2, index=files)
    return SimpleNamespace(y=y, proba=proba, decisions=(proba > 0.3).astype(int), groups=groups)


def shuffled(folds):
    order = np.random.RandomState(5).permutation(80)
    moved = {name: part.iloc[order] for name, part in vars(folds).items()}
    return SimpleNamespace(**moved)


def test_a_report_needs_nothing_else():
    folds = predictions()
    expected = multilabel_report(
        folds.y, folds.proba, y_pred=folds.decisions, groups=folds.groups, **SETTINGS
    )
    for found in (
        multilabel_report(folds, **SETTINGS),
        multilabel_report(folds.y, shuffled(folds), groups=folds.groups, **SETTINGS),
        multilabel_report(folds.y, shuffled(folds), **SETTINGS),
    ):
        pd.testing.assert_frame_equal(found.frame(), expected.frame())
        assert found.n_groups == 40
    cut = multilabel_report(folds, thresholds=0.5, **SETTINGS)
    assert cut.operating_points["threshold"].tolist() == [0.5, 0.5]
    assert set(multilabel_scores(folds)) == {n.removeprefix("neg_") for n in get_scorer_names()}


def test_what_out_of_fold_predict_returns():
    rng = np.random.RandomState(0)
    files = [f"{i}.png" for i in range(120)]
    X = pd.DataFrame(rng.normal(size=(120, 3)), index=files)
    y = pd.DataFrame((X.to_numpy()[:, :2] + rng.normal(size=(120, 2)) > 0) * 1.0, files, NAMES)
    y.iloc[5, 1] = np.nan
    groups = pd.Series(np.arange(120) // 3, index=files)
    net = MultilabelMLP(max_epochs=5, random_state=0)
    folds = out_of_fold_predict(net, X, y, groups=groups, cv=2, random_state=0)
    report = multilabel_report(folds, **SETTINGS)
    known = y["Edema"].notna()
    assert report.per_label.loc["Edema", "AUC"] == pytest.approx(
        roc_auc_score(y["Edema"][known], folds.proba["Edema"][known])
    )
    assert report.n_groups == 40
    assert "\u2013" in repr(report)  # decided fold by fold, by no one threshold
    table = compare_models({"net": folds, "again": folds}, y=y[NAMES[::-1]], **SETTINGS).table
    assert table.loc["net", "Macro AUC"] == pytest.approx(report.overall.loc["Macro AUC", "value"])
    assert table.loc["net", "Micro-F1"] == report.overall.loc["Micro-F1", "value"]


def test_an_index_with_copies_is_no_obstacle():
    folds = predictions(files=["a.png"] * 80)
    expected = multilabel_report(predictions(), **SETTINGS)
    pd.testing.assert_frame_equal(multilabel_report(folds, **SETTINGS).frame(), expected.frame())


def test_models_are_compared_as_they_are():
    one, other = predictions(1), predictions(2, 0.3)
    result = compare_models({"one": one, "other": shuffled(other)}, **SETTINGS)
    expected = compare_models(
        {"one": one, "other": other}, None, one.y, groups=one.groups, **SETTINGS
    )
    pd.testing.assert_frame_equal(result.frame(), expected.frame())
    assert result.reports["one"].n_groups == 40
    alone = multilabel_scores(other)
    assert result.table.loc["other", "Micro-F1"] == alone["micro_f1"]
    assert result.table.loc["other", "Macro AUC"] == pytest.approx(alone["macro_auc"])
    mixed = compare_models({"one": one, "chance": np.full((80, 2), 0.5)}, **SETTINGS)
    assert mixed.table.loc["chance", "Macro AUC"] == 0.5
    with pytest.raises(ValueError, match="y is needed"):
        compare_models({"chance": np.full((80, 2), 0.5)})


def test_predictions_for_other_labels_are_refused():
    one, other = predictions(1), predictions(2)
    other.y.iloc[3] = 1
    with pytest.raises(ValueError, match="Model 'other' was scored on other labels than the first"):
        compare_models({"one": one, "other": other}, **SETTINGS)
    compare_models({"one": one, "other": other}, y=other.y, **SETTINGS)
    fewer = SimpleNamespace(**{name: part.iloc[1:] for name, part in vars(one).items()})
    with pytest.raises(ValueError, match=r"Model 'fewer': The index of y holds '0\.png'"):
        compare_models({"one": one, "fewer": fewer}, **SETTINGS)


def test_pairs_are_tested_as_they_are():
    one, other = predictions(1), predictions(2, 0.3)
    for test in (paired_bootstrap_test, paired_label_tests):
        found = test(one.y, one, shuffled(other), **SETTINGS)
        expected = test(one.y, one.proba, other.proba, groups=one.groups, **SETTINGS)
        pd.testing.assert_frame_equal(found.frame(), expected.frame())
    f1 = paired_bootstrap_test(one.y, one, other, metric="micro_f1", **SETTINGS)
    assert f1.value_a == multilabel_scores(one)["micro_f1"]


def test_strata_subgroups_and_calibration():
    folds = predictions()
    site = pd.Series(np.arange(80) % 3, index=folds.y.index, name="site")
    moved = site.sample(frac=1, random_state=0)
    found = auc_within(folds, strata=moved, **SETTINGS)
    expected = auc_within(folds.y, folds.proba, site, groups=folds.groups, **SETTINGS)
    pd.testing.assert_frame_equal(found.per_label, expected.per_label)
    found = auc_by(folds, columns=moved, **SETTINGS)
    expected = auc_by(folds.y, folds.proba, site, groups=folds.groups, **SETTINGS)
    pd.testing.assert_frame_equal(found.overall, expected.overall)
    pd.testing.assert_series_equal(
        expected_calibration_error(folds), expected_calibration_error(folds.y, folds.proba)
    )


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match="y_prob is needed, unless y_true is what out_of_fold"):
        multilabel_report([[1], [0]])
