"""Models side by side: the table, the paired test, and what is asked of each model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.metrics import (
    REPORT_TABLE_1,
    compare_models,
    multilabel_report,
    paired_bootstrap_test,
)

NAMES = ["Mass", "Nodule"]


def make_data(n=150, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 4))
    y = (X[:, :2] + 0.7 * rng.normal(size=(n, 2)) > 0.3).astype(int)
    return X, pd.DataFrame(y, columns=NAMES), rng.randint(n // 3, size=n)


class Counting(TransformerMixin, BaseEstimator):
    """Passes rows on and counts them."""

    def fit(self, X, y=None):
        self.rows_ = 0
        return self

    def transform(self, X):
        self.rows_ += len(X)
        return X


class WithThresholds(LogisticRegression):
    """Probabilities of two labels with thresholds of their own, and no use for predict."""

    def fit(self, X, y):
        self.inner_ = MultiOutputClassifier(LogisticRegression()).fit(X, np.asarray(y))
        self.thresholds_ = np.array([0.2, 0.8])
        return self

    def predict_proba(self, X):
        return np.stack([p[:, 1] for p in self.inner_.predict_proba(X)], axis=1)

    def predict(self, X):
        raise AssertionError("predict would compute everything again")


def test_the_table_holds_what_its_headings_say():
    X, y, groups = make_data()
    linear = make_pipeline(StandardScaler(), MultiOutputClassifier(LogisticRegression()))
    forest = RandomForestClassifier(20, random_state=0)
    models = {"linear": linear.fit(X, y), "forest": forest.fit(X[:, :1], y)}
    prob = np.stack([p[:, 1] for p in models["forest"].predict_proba(X[:, :1])], axis=1)
    result = compare_models(
        {"linear": linear, "forest": prob},
        X,
        y,
        groups=groups,
        n_bootstraps=50,
        random_state=0,
        thresholds={"forest": 0.4},
    )
    assert list(result.table.columns[:4]) == list(REPORT_TABLE_1.columns)
    assert list(result.table.index) == ["linear", "forest"]
    pred = linear.predict(X)
    assert result.table.loc["linear", "Micro-F1"] == pytest.approx(
        f1_score(y, pred, average="micro")
    )
    assert result.table.loc["linear", "Hamming Loss"] == pytest.approx(
        (pred != y).to_numpy().mean()
    )
    assert result.table.loc["forest", "Macro-F1"] == pytest.approx(
        f1_score(y, prob > 0.4, average="macro")
    )
    assert result.table.loc["forest", "Macro AUC"] == pytest.approx(roc_auc_score(y, prob))
    low, high = result.intervals.loc["linear", "Macro AUC"][["low", "high"]]
    assert low < result.table.loc["linear", "Macro AUC"] < high
    assert "| linear" in result.to_markdown()
    assert "forest" in repr(result)


def test_models_see_the_same_resamples():
    _, y, groups = make_data()
    prob = np.random.RandomState(0).uniform(size=y.shape)
    result = compare_models({"a": prob, "b": prob}, None, y, groups=groups, random_state=1)
    np.testing.assert_array_equal(result.intervals.loc["a"], result.intervals.loc["b"])
    test = result.paired_test("a", "b")
    assert test.difference == test.low == test.high == 0
    assert test.p_value == 1


@pytest.mark.parametrize(
    ("last", "passes"),
    [(MultiOutputClassifier(LogisticRegression()), 1), (WithThresholds(), 1)],
    ids=["features shared by predict and predict_proba", "thresholds_"],
)
@pytest.mark.parametrize("searched", [False, True])
def test_features_are_computed_once_per_model(last, passes, searched):
    X, y, _ = make_data()
    pipe = make_pipeline(Counting(), last)
    if searched:
        model = GridSearchCV(pipe, {"counting": [Counting()]}, cv=2, scoring=lambda *_: 0.0)
        model.fit(X, y)
        pipe = model.best_estimator_
    else:
        model = pipe.fit(X, y)
    counter = pipe[0]
    before = counter.rows_
    result = compare_models({"model": model}, X, y, n_bootstraps=0)
    assert counter.rows_ - before == passes * len(X)
    if hasattr(pipe[-1], "thresholds_"):
        prob = pipe.predict_proba(X)
        assert result.table.loc["model", "Micro-F1"] == pytest.approx(
            f1_score(y, prob > [0.2, 0.8], average="micro")
        )


def test_a_label_constant_in_training_has_its_constant_probability():
    X, y, _ = make_data()
    trained = y.assign(Nodule=0)
    forest = RandomForestClassifier(5, random_state=0).fit(X, trained)
    result = compare_models({"forest": forest}, X, y, n_bootstraps=0)
    assert (result.probabilities["forest"][:, 1] == 0).all()
    assert result.reports["forest"].per_label.loc["Nodule", "AUC"] == 0.5


def test_one_warning_for_all_models():
    _, y, _ = make_data()
    prob = np.full(y.shape, 0.5)
    with pytest.warns(UndefinedMetricWarning, match="'Nodule'") as record:
        compare_models({"a": prob, "b": prob}, None, y.assign(Nodule=0), n_bootstraps=0)
    assert len(record) == 1
    assert record[0].filename == __file__


def test_wrong_models_are_named():
    X, y, _ = make_data()
    with pytest.raises(ValueError, match=r"'r' \(Counting\) has no predict_proba"):
        compare_models({"r": Counting()}, X, y)
    with pytest.raises(ValueError, match="Model 'short': y_prob has shape"):
        compare_models({"short": np.zeros((3, 2))}, X, y)
    with pytest.raises(ValueError, match="dict"):
        compare_models([], X, y)
    result = compare_models({"a": np.zeros(y.shape)}, X, y, n_bootstraps=2)
    with pytest.raises(ValueError, match="No model 'b'; there are"):
        result.paired_test("a", "b")


def test_the_report_table_is_put_right_and_says_so():
    last = REPORT_TABLE_1.loc["Final Hybrid MLP"]
    assert (last["Macro-F1"], last["Hamming Loss"]) == (0.0762, 0.0482)
    assert "swapped" in REPORT_TABLE_1.attrs["note"]


@pytest.mark.parametrize("metric", ["macro_auc", "micro_f1", "hamming_loss"])
def test_paired_test_equals_the_difference_of_two_reports(metric):
    _, y, groups = make_data()
    rng = np.random.RandomState(0)
    a, b = (np.clip(w * y + (1 - w) * rng.uniform(size=y.shape), 0, 1) for w in (0.3, 0.2))
    test = paired_bootstrap_test(
        y, a, b, metric=metric, groups=groups, n_bootstraps=200, random_state=5
    )
    reports = [
        multilabel_report(y, p, groups=groups, n_bootstraps=200, random_state=5) for p in (a, b)
    ]
    heading = {"macro_auc": "Macro AUC", "micro_f1": "Micro-F1", "hamming_loss": "Hamming Loss"}
    difference = reports[0].resamples[heading[metric]] - reports[1].resamples[heading[metric]]
    np.testing.assert_allclose(test.resamples, difference, atol=1e-12)
    np.testing.assert_allclose([test.low, test.high], np.percentile(difference, [2.5, 97.5]))
    smaller = min((difference <= 0).sum(), (difference >= 0).sum())
    assert test.p_value == pytest.approx(min(1, 2 * (smaller + 1) / 201))
    swapped = paired_bootstrap_test(
        y, b, a, metric=metric, groups=groups, n_bootstraps=200, random_state=5
    )
    assert swapped.difference == pytest.approx(-test.difference)
    assert swapped.p_value == test.p_value


def test_p_value_is_small_for_a_better_model_and_uniform_enough_for_equals():
    _, y, _ = make_data()
    rng = np.random.RandomState(0)
    good = np.clip(0.8 * y + 0.2 * rng.uniform(size=y.shape), 0, 1)
    chance = rng.uniform(size=y.shape)
    better = paired_bootstrap_test(y, good, chance, n_bootstraps=199, random_state=0)
    assert better.p_value == 2 / 200
    assert better.low > 0
    assert "p = 0.01" in str(better)
    p_values = [
        paired_bootstrap_test(
            y, *rng.uniform(size=(2, *y.shape)), n_bootstraps=99, random_state=0
        ).p_value
        for _ in range(60)
    ]
    assert np.mean(np.array(p_values) <= 0.2) < 0.4
    assert np.mean(np.array(p_values) <= 0.5) > 0.25


def test_paired_test_refuses_unknown_metrics():
    with pytest.raises(ValueError, match="metric must be one of"):
        paired_bootstrap_test([[1], [0]], [[0.5], [0.5]], [[0.5], [0.5]], metric="auc")
    with pytest.raises(ValueError, match="at least 1"):
        paired_bootstrap_test([[1], [0]], [[0.5], [0.5]], [[0.5], [0.5]], n_bootstraps=0)
