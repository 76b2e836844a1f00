"""Calibration, confusion, searches, localisation and histories: drawn numbers against others'."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skcxr.classifiers import MultilabelMLP
from skcxr.inspection import (
    GridDisplay,
    HistoryDisplay,
    LocalizationDisplay,
    MultilabelConfusionDisplay,
    ReliabilityDisplay,
)
from skcxr.metrics import expected_calibration_error, localization_report

NAMES = ["Mass", "Edema", "Hernia"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    y = pd.DataFrame((rng.uniform(size=(200, 3)) < [0.5, 0.3, 0.2]).astype(float), columns=NAMES)
    prob = np.clip(0.3 * y + 0.7 * rng.uniform(size=y.shape), 0, 1)
    y.iloc[::9, 1] = np.nan
    return y, prob, np.arange(200) // 2


def texts(ax):
    return {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts
    }


def test_bins_are_scikit_learns_and_their_error_ours(data):
    y, prob, groups = data
    display = ReliabilityDisplay.from_predictions(
        y, prob, groups=groups, n_bins=8, n_bootstraps=40, labels=None
    )
    assert len(display.axes_.ravel()) == 4
    for name in NAMES:
        known = y[name].notna()
        observed, predicted = calibration_curve(
            y.loc[known, name], prob.loc[known, name], n_bins=8, strategy="quantile"
        )
        mine = display.frame().query("label == @name")
        np.testing.assert_allclose(mine["observed"], observed)
        np.testing.assert_allclose(mine["predicted"], predicted)
        assert (mine["low"] <= mine["observed"]).all()
    expected = expected_calibration_error(y, prob, n_bins=8, strategy="quantile")
    errors = display.errors.set_index("label")["ECE"]
    np.testing.assert_allclose(errors[NAMES], expected)
    pooled = display.frame().query("label == 'all labels'")
    assert pooled["images"].sum() == y.notna().to_numpy().sum()


def test_reliability_of_ties_of_few_and_of_unknown_labels(data):
    y, _, groups = data
    constant = pd.DataFrame(0.25, y.index, NAMES)
    y = y.assign(Hernia=np.nan)
    display = ReliabilityDisplay.from_predictions(
        y, {"constant": constant, "half": constant * 2}, groups=groups, labels="Hernia"
    )
    pooled = display.frame().query("model == 'constant' and label == 'all labels'")
    assert len(pooled) == 1
    assert pooled["predicted"].iloc[0] == pytest.approx(0.25)
    assert display.frame().query("label == 'Hernia'").empty
    few = ReliabilityDisplay.from_predictions(y, constant, groups=np.arange(200) // 50)
    assert few.frame()["low"].isna().all()
    display.figure_.canvas.draw()


def test_confusion_by_hand():
    y = [[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0], [np.nan, 0]]
    pred = [[1, 1], [0, 1], [0, 0], [1, 1], [0, 0], [1, 0], [1, 1]]
    display = MultilabelConfusionDisplay.from_predictions(
        y, np.asarray(pred, float), y_pred=pred, label_names=["A", "B"], n_bootstraps=20
    )
    matrix = display.matrix()
    # A on three films, found on one; on the two without B, B was said both times.
    assert matrix.loc["A"].tolist() == pytest.approx([1 / 3, 1])
    assert matrix.loc["B"].tolist() == pytest.approx([1, 1 / 2])
    assert matrix.loc["none of them"].tolist() == pytest.approx([1 / 2, 0])
    films = display.frame().set_index(["true", "predicted"])["films"]
    assert films["A", "A"] == 3
    assert films["A", "B"] == 2
    assert films["none of them", "A"] == 2
    assert texts(display.ax_)[0, 1] == "1.00"
    assert display.ax_.get_yticklabels()[0].get_text() == "A (3)"


def test_confusions_diagonal_is_the_recall_at_the_models_thresholds(data):
    y, prob, groups = data
    display = MultilabelConfusionDisplay.from_predictions(
        y, prob, thresholds=[0.4, 0.5, 0.6], groups=groups, n_bootstraps=30
    )
    for name, cut in zip(NAMES, [0.4, 0.5, 0.6], strict=True):
        known = y[name].notna()
        expected = recall_score(y.loc[known, name], prob.loc[known, name] > cut)
        assert display.matrix().loc[name, name] == pytest.approx(expected)
    frame = display.frame()
    assert (frame["low"] <= frame["share"] + 1e-9).all()
    complete = y.fillna(0)
    model = MultiOutputClassifier(LogisticRegression()).fit(prob.to_numpy(), complete)
    model.thresholds_ = np.zeros(3)
    drawn = MultilabelConfusionDisplay.from_estimator(
        model, prob.to_numpy(), complete, n_bootstraps=0
    )
    assert (drawn.matrix() == 1).all(axis=None)


def test_confusion_without_a_positive_draws():
    display = MultilabelConfusionDisplay.from_predictions(
        np.zeros((6, 2)), np.zeros((6, 2)), n_bootstraps=5
    )
    assert display.matrix().iloc[:2].isna().all(axis=None)
    assert texts(display.ax_)[0, 0] == "–"
    display.figure_.canvas.draw()


@pytest.fixture(scope="module")
def search():
    X = np.random.RandomState(0).normal(size=(60, 3))
    y = (X[:, 0] + X[:, 1] ** 2 > 0.7).astype(int)
    pipe = make_pipeline(StandardScaler(), SVC())
    grid = {"svc__C": [0.1, 1.0, 10.0], "svc__gamma": ["scale", 0.01], "svc__tol": [1e-3, 1e-2]}
    return GridSearchCV(
        pipe, grid, cv=3, scoring=["accuracy", "roc_auc"], refit="roc_auc"
    ).fit(X, y)  # fmt: skip


def test_grid_holds_the_search(search):
    display = GridDisplay.from_estimator(search, parameters=["gamma", "C"])
    assert display.metric == "roc_auc"
    results = pd.DataFrame(search.cv_results_)
    table = display.frame().set_index(["svc__gamma", "svc__C"])
    assert len(table) == 6
    for (gamma, C), cell in table.iterrows():
        same = (results["param_svc__gamma"].astype(str) == gamma) & (results["param_svc__C"] == C)
        best = results[same].sort_values("mean_test_roc_auc").iloc[-1]
        assert cell["mean"] == best["mean_test_roc_auc"]
        folds = best[[f"split{i}_test_roc_auc" for i in range(3)]]
        assert (cell["low"], cell["high"], cell["folds"]) == (folds.min(), folds.max(), 3)
    assert table["rank"].min() == 1
    row = int(display.ax_.get_yticklabels()[0].get_text() != "scale")
    found = texts(display.ax_)[row, 1].split("\n")[0]
    assert found == f"{table.loc[('scale', 1.0), 'mean']:.3f}"


def test_grid_over_one_parameter_is_a_line(search):
    display = GridDisplay.from_estimator(search, metric="accuracy", parameters="C")
    (line,) = display.ax_.lines
    assert line.get_xdata().tolist() == [0.1, 1, 10]
    by_c = pd.DataFrame(search.cv_results_).groupby("param_svc__C")["mean_test_accuracy"].max()
    np.testing.assert_allclose(line.get_ydata(), by_c)
    GridDisplay.from_estimator(search, parameters="gamma").figure_.canvas.draw()


def test_grid_with_failed_candidates(search):
    results = {name: np.array(values, copy=True) for name, values in search.cv_results_.items()}
    for name in results:
        if name.endswith("_test_accuracy") and not name.startswith("rank"):
            results[name][results["param_svc__C"] == 1.0] = np.nan
    display = GridDisplay.from_results(results, metric="accuracy", parameters=["gamma", "C"])
    table = display.frame().set_index(["svc__gamma", "svc__C"])
    assert table["failed"].to_dict()["scale", 1.0] == 2
    assert np.isnan(table.loc[("scale", 1.0), "mean"])
    display.figure_.canvas.draw()


def test_grid_says_what_it_wants(search):
    with pytest.raises(ValueError, match="name one or two"):
        GridDisplay.from_estimator(search)
    with pytest.raises(ValueError, match="'lam' names"):
        GridDisplay.from_estimator(search, parameters="lam")
    with pytest.raises(ValueError, match="metric must be one of"):
        GridDisplay.from_results(search.cv_results_, parameters="C")
    with pytest.raises(ValueError, match="pass a fitted search"):
        GridDisplay.from_estimator(SVC())


def test_localization_draws_map_and_controls():
    rng = np.random.RandomState(0)
    boxes = pd.DataFrame(
        [(i, ("Mass", "Edema")[i % 2], *rng.uniform(0, 600, 2), 300, 300) for i in range(20)],
        columns=["image", "label", "x", "y", "w", "h"],
    )
    maps = rng.uniform(size=(20, 16, 16))
    kwargs = {"n_bootstraps": 20, "random_state": 0}
    reports = {
        "Grad-CAM": localization_report(maps, boxes, **kwargs),
        "fused": localization_report(maps**2, boxes, **kwargs),
    }
    display = LocalizationDisplay.from_reports(reports, metrics=["pointing game", "IoU"])
    names = [tick.get_text() for tick in display.axes_[0].get_yticklabels()]
    assert names[:3] == ["Grad-CAM", "fused", "other patient (Grad-CAM)"]
    values = [line.get_xdata()[0] for line in display.axes_[1].lines]
    assert values[1] == reports["fused"].summary.loc["IoU", ("map", "value")]
    assert values[names.index("centre")] == reports["fused"].summary.loc["IoU", ("centre", "value")]
    assert set(display.frame()["report"]) == {"Grad-CAM", "fused"}
    one = LocalizationDisplay.from_predictions(maps, boxes, label="Mass", **kwargs)
    assert "Mass: 10 boxes of 10 patients" in one.figure_.get_suptitle()
    with pytest.raises(ValueError, match="metrics must be of"):
        display.plot(metrics=["auc"])
    with pytest.raises(ValueError, match="label must be of"):
        display.plot(label="Hernia")


def test_history_of_nets_tables_and_losses():
    rows = [
        {"net": net, "epoch": epoch, "train_loss": 1 / epoch, "valid_loss": 1.1 / epoch, "lr": 0.1}
        for net in (0, 1)
        for epoch in (1, 2, 3)
    ]
    display = HistoryDisplay.from_history(rows)
    assert [ax.get_title() for ax in display.axes_] == ["loss, 2 nets", "learning rate, 2 nets"]
    drawn = [line.get_ydata().tolist() for line in display.axes_[0].lines]
    assert drawn[0] == drawn[1] == [1, 1 / 2, 1 / 3]
    assert len(drawn) == 4
    assert HistoryDisplay.from_history([0.7, 0.5]).frame()["epoch"].tolist() == [1, 2]
    pd.testing.assert_frame_equal(
        HistoryDisplay.from_history(pd.DataFrame(rows)).frame(), pd.DataFrame(rows)
    )
    with pytest.raises(ValueError, match="nothing was trained"):
        HistoryDisplay.from_history([])
    with pytest.raises(ValueError, match="nothing to draw"):
        HistoryDisplay.from_history([{"epoch": 1, "dur": 0.5}])


def test_history_is_found_in_a_pipeline():
    X = np.random.RandomState(0).normal(size=(40, 5)).astype(np.float32)
    Y = (X[:, :2] > 0).astype(int)
    pipe = make_pipeline(StandardScaler(), MultilabelMLP(max_epochs=3, random_state=0)).fit(X, Y)
    display = HistoryDisplay.from_estimator(pipe)
    assert display.frame()["epoch"].max() == 3
    with pytest.raises(ValueError, match="LogisticRegression holds nothing"):
        HistoryDisplay.from_estimator(LogisticRegression())


def test_every_display_has_its_numbers_as_a_table():
    import skcxr.inspection

    displays = [name for name in skcxr.inspection.__all__ if name.endswith("Display")]
    assert len(displays) == 12
    for name in displays:
        display = getattr(skcxr.inspection, name)
        assert callable(display.frame)
        assert callable(display.plot)
        assert any(method.startswith("from_") for method in vars(display) | vars(display.__base__))
        assert "Examples" in display.__doc__
