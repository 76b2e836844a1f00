"""ROC and precision-recall curves are scikit-learn's; bands are those of resampled patients."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.multioutput import MultiOutputClassifier

from skcxr.inspection import MultilabelPrecisionRecallDisplay, MultilabelRocDisplay

NAMES = ["Mass", "Edema", "Hernia"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    y = pd.DataFrame((rng.uniform(size=(120, 3)) < [0.5, 0.3, 0.2]).astype(float), columns=NAMES)
    prob = np.round(np.clip(0.3 * y + 0.7 * rng.uniform(size=y.shape), 0, 1), 1)  # with ties
    y.iloc[::7, 1] = np.nan
    return y, prob, np.arange(120) // 2


def test_roc_is_scikit_learns(data):
    y, prob, groups = data
    display = MultilabelRocDisplay.from_predictions(y, prob, groups=groups, n_bootstraps=30)
    frame = display.frame()
    for row, name in zip(display.scores.itertuples(), NAMES, strict=True):
        known = y[name].notna()
        truth, score = y.loc[known, name], prob.loc[known, name]
        assert row.value == pytest.approx(roc_auc_score(truth, score))
        assert row.low < row.value < row.high
        x, tpr, _ = roc_curve(truth, score, drop_intermediate=False)
        mine = frame[frame["label"] == name]
        np.testing.assert_allclose(
            mine["sensitivity"], np.interp(mine["false positive rate"], x, tpr)
        )
        assert (mine["low"] <= mine["high"]).all()


def test_precision_recall_is_scikit_learns(data):
    y, prob, _ = data
    display = MultilabelPrecisionRecallDisplay.from_predictions(y, prob, n_bootstraps=0)
    for row, name in zip(display.scores.itertuples(), NAMES, strict=True):
        known = y[name].notna()
        truth, score = y.loc[known, name], prob.loc[known, name]
        assert row.value == pytest.approx(average_precision_score(truth, score))
        precision, recall, _ = precision_recall_curve(truth, score)
        mine = display.frame().query("label == @name")
        for at, found in mine[["recall", "precision"]].to_numpy()[1:]:
            # the highest threshold that reaches the recall
            first = np.flatnonzero(recall >= at - 1e-12)[-1]
            assert found == pytest.approx(precision[first])


def test_band_is_of_patients(data):
    y, prob, groups = data
    display = MultilabelRocDisplay.from_predictions(
        y[["Mass"]], prob[["Mass"]], groups=groups, n_bootstraps=50, random_state=2
    )
    rng = np.random.RandomState(2)
    truth, score = y["Mass"].to_numpy(), prob["Mass"].to_numpy()
    found = []
    for _ in range(50):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.randint(60, size=60)])
        found.append(roc_auc_score(truth[rows], score[rows]))
    expected = np.percentile(found, [2.5, 97.5])
    np.testing.assert_allclose(display.scores[["low", "high"]].to_numpy()[0], expected)


def test_labels_without_both_classes_or_with_few_patients_are_drawn(data):
    y, prob, groups = data
    y = y.assign(Edema=0.0, Hernia=(np.arange(120) < 8).astype(float))
    display = MultilabelRocDisplay.from_predictions(y, prob, groups=groups, n_bootstraps=10)
    scores = display.scores.set_index("label")
    assert np.isnan(scores.loc["Edema", "value"])
    assert scores.loc["Hernia", "value"] > 0
    assert np.isnan(scores.loc["Hernia", "low"])  # four patients
    assert [text.get_text() for text in display.axes_.ravel()[1].texts] == ["no positive"]
    display.figure_.canvas.draw()
    MultilabelPrecisionRecallDisplay.from_predictions(y, prob, n_bootstraps=0)


def test_models_labels_and_axes(data):
    import matplotlib.pyplot as plt

    y, prob, _ = data
    y = y.fillna(0)
    model = MultiOutputClassifier(LogisticRegression()).fit(prob.to_numpy(), y)
    shuffled = prob.sample(frac=1, random_state=0)[NAMES[::-1]]
    shuffled.index = [f"film {i}" for i in shuffled.index]
    named = y.set_axis([f"film {i}" for i in y.index])
    display = MultilabelRocDisplay.from_predictions(
        named, {"as they are": prob.set_axis(named.index), "shuffled": shuffled}, n_bootstraps=5
    )
    by_model = display.scores.pivot_table("value", "label", "model")
    np.testing.assert_allclose(by_model["as they are"], by_model["shuffled"])
    figure, axes = plt.subplots(1, 2)
    display.plot(axes, labels=["Hernia", "Mass"])
    assert display.figure_ is figure
    assert axes[0].get_title().startswith("Hernia (n = ")
    display = MultilabelRocDisplay.from_estimator(model, prob.to_numpy(), y, n_bootstraps=0)
    assert display.scores["label"].tolist() == NAMES
    with pytest.raises(ValueError, match="no label 'Mas'"):
        display.plot(labels="Mas")
