"""Bars, points and whiskers are where the reports say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning

from skcxr.inspection import LabelAUCDisplay, LabelDistributionDisplay, ModelComparisonDisplay
from skcxr.metrics import compare_models, multilabel_report

NAMES = ["Mass", "Nodule", "Hernia"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    y = pd.DataFrame((rng.uniform(size=(90, 3)) < [0.5, 0.3, 0.2]).astype(int), columns=NAMES)
    probs = {
        name: np.clip(w * y.to_numpy() + (1 - w) * rng.uniform(size=y.shape), 0, 1)
        for name, w in (("good", 0.4), ("poor", 0.0))
    }
    return y, probs


def test_bars_are_the_table_and_whiskers_its_intervals(data):
    y, probs = data
    comparison = compare_models(probs, None, y, n_bootstraps=50, random_state=0)
    display = ModelComparisonDisplay.from_comparison(comparison)
    for ax, metric in zip(
        display.axes_, ["Micro-F1", "Macro-F1", "Macro AUC", "Hamming Loss"], strict=True
    ):
        assert ax.get_title().startswith(metric)
        ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
        starts = [bar.get_x() for bar in ax.patches]
        np.testing.assert_allclose(ends, comparison.table[metric])
        assert starts == [0.5 if metric == "Macro AUC" else 0] * 2
        whiskers = [line[:, 0] for line in ax.collections[0].get_segments()]
        np.testing.assert_allclose(whiskers, comparison.intervals[metric][["low", "high"]])
        left, right = ax.get_xlim()
        assert (comparison.intervals[metric]["low"] >= left).all()
        assert (comparison.intervals[metric]["high"] < right).all()
    assert [t.get_text() for t in display.axes_[0].get_yticklabels()] == ["good", "poor"]


def test_comparison_from_models_without_intervals(data):
    y, probs = data
    forest = RandomForestClassifier(5, random_state=0).fit(probs["good"], y)
    display = ModelComparisonDisplay.from_estimators(
        {"forest": forest}, probs["good"], y, n_bootstraps=0
    )
    assert len(display.axes_[0].patches) == 1
    display = ModelComparisonDisplay.from_predictions(y, probs, n_bootstraps=0)
    with pytest.raises(ValueError, match="metrics must be of"):
        display.plot(metrics=["AUC"])


def points(ax, n):
    """y position (label) to x, of the round markers."""
    (line,) = (line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == n)
    return line.get_xdata()


@pytest.mark.parametrize("metric", ["AUC", "AP", "F1"])
def test_forest_holds_the_per_label_table(data, metric):
    y, probs = data
    report = multilabel_report(y, probs["good"], n_bootstraps=50, random_state=0)
    display = LabelAUCDisplay.from_reports(report, metric=metric)
    ordered = report.per_label.sort_values(metric, ascending=False)
    np.testing.assert_allclose(points(display.ax_, 3), ordered[metric])
    segments = display.ax_.collections[0].get_segments()
    np.testing.assert_allclose(
        [s[:, 0] for s in segments[:3]], ordered[[f"{metric} low", f"{metric} high"]]
    )
    ticks = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert ticks[-1] == "Macro average"
    assert ticks[0] == f"{ordered.index[0]} (n = {y[ordered.index[0]].sum()})"


def test_forest_of_two_models_keeps_the_order_of_labels(data):
    y, probs = data
    comparison = compare_models(probs, None, y, n_bootstraps=20, random_state=0)
    display = LabelAUCDisplay.from_reports(comparison, sort=False)
    found = [line.get_xdata() for line in display.ax_.lines if line.get_marker() == "o"]
    for xs, name in zip(found, probs, strict=True):
        np.testing.assert_allclose(xs, comparison.reports[name].per_label["AUC"])
    chance = [line for line in display.ax_.lines if line.get_label() == "chance"]
    assert list(chance[0].get_xdata()) == [0.5, 0.5]
    with pytest.raises(ValueError, match="metric must be one of"):
        display.plot(metric="auc")


def test_forest_from_a_model_on_given_axes_with_a_label_left_out(data):
    import matplotlib.pyplot as plt

    y, probs = data
    forest = RandomForestClassifier(5, random_state=0).fit(probs["good"], y)
    _, ax = plt.subplots()
    with pytest.warns(UndefinedMetricWarning, match="'Hernia'"):
        display = LabelAUCDisplay.from_estimator(
            forest, probs["good"], y.assign(Hernia=0), ax=ax, n_bootstraps=10
        )
    assert display.ax_ is ax
    assert np.isnan(points(ax, 3)).sum() == 1
    display.figure_.canvas.draw()


def test_label_distribution_counts(data):
    y = pd.DataFrame(
        [[1, 1, 0], [1, 0, np.nan], [0, 0, 0], [1, 1, 1], [0, np.nan, 0]], columns=NAMES
    )
    display = LabelDistributionDisplay.from_labels(y)
    assert display.counts["positives"].to_dict() == {"Mass": 3, "Nodule": 2, "Hernia": 1}
    assert display.counts["known"].to_dict() == {"Mass": 5, "Nodule": 4, "Hernia": 4}
    assert display.n_none == 1  # an unknown label is not a 0
    assert display.together.loc["Mass", "Nodule"] == 2
    widths = [bar.get_width() for bar in display.axes_[0].patches]
    assert widths == [3, 2, 1, 1]
    share = display.axes_[1].images[0].get_array()
    assert share[0, 1] == pytest.approx(2 / 3)
    assert share[1, 0] == pytest.approx(1)
    assert "3 (60.0%)" in [t.get_text() for t in display.axes_[0].texts]


def test_label_distribution_without_any_positive_draws():
    display = LabelDistributionDisplay.from_labels(np.zeros((4, 2)))
    display.figure_.canvas.draw()
    assert display.n_none == 4
