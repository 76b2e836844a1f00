"""Out-of-fold predictions against the loop written out."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skcxr.classifiers import MultilabelMLP
from skcxr.model_selection import (
    MultilabelCalibrator,
    MultilabelThresholdTuner,
    OutOfFoldPredictions,
    out_of_fold_predict,
    predict_frame,
    read_predictions,
    write_predictions,
)

NAMES = ["Mass", "Edema", "Hernia"]
LINEAR = OneVsRestClassifier(LogisticRegression())
FOREST = RandomForestClassifier(5, random_state=0)


def quick(**settings):
    return MultilabelMLP(**{"module__hidden": (8,), "max_epochs": 3, "random_state": 0, **settings})


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((160, 5))
    logits = 1.5 * values @ rng.standard_normal((5, 3)) - [0.0, 0.5, 1.0]
    Y = (rng.random((160, 3)) < 1 / (1 + np.exp(-logits))).astype(float)
    index = pd.Index([f"{i:04}.png" for i in rng.permutation(160)], name="film")
    X = pd.DataFrame(values, index=index).add_prefix("f")
    return X, pd.DataFrame(Y, index, NAMES), np.repeat(np.arange(40), 4)


def with_nan(Y):
    Y = Y.copy()
    Y.iloc[::5, 0] = np.nan
    Y["Hernia"] = Y["Hernia"].where(Y["Hernia"] == 1)[::-1].where(Y["Hernia"] == 1)
    Y.iloc[:40, 2] = 0
    return Y


def test_c1_labels_with_nan_are_predicted_as_by_the_plain_loop(data):
    X, Y, groups = data
    Y = with_nan(Y)
    cv = GroupKFold(4)
    pipe = make_pipeline(StandardScaler(), quick())
    found = out_of_fold_predict(pipe, X, Y, groups=groups, cv=cv)
    proba, fold = np.empty(Y.shape), np.empty(len(Y), dtype=int)
    for number, (train, test) in enumerate(cv.split(X, Y, groups)):
        model = clone(pipe).fit(X.iloc[train], Y.iloc[train], multilabelmlp__groups=groups[train])
        proba[test], fold[test] = model.predict_proba(X.iloc[test]), number
    np.testing.assert_array_equal(found.proba, proba)
    np.testing.assert_array_equal(found.decisions, (proba > 0.5).astype(int))
    np.testing.assert_array_equal(found.fold, fold)
    np.testing.assert_array_equal(found.groups, groups)
    pd.testing.assert_frame_equal(found.y, Y.rename_axis(columns="label"))
    for frame in (found.y, found.proba, found.decisions):
        assert frame.columns.tolist() == NAMES
        assert frame.index.equals(X.index)
    assert (found.thresholds == 0.5).all(axis=None)
    with joblib.parallel_config("threading"):
        two = out_of_fold_predict(pipe, X, Y, groups=groups, cv=cv, n_jobs=2)
    np.testing.assert_array_equal(two.proba, proba)


def test_calibration_and_thresholds_are_learnt_inside_each_fold(data):
    X, Y, groups = data
    settings = {"groups": groups, "cv": GroupKFold(2), "inner_cv": 3, "random_state": 7}
    seed = np.random.RandomState(7).randint(np.iinfo(np.int32).max)
    inner = {"cv": 3, "random_state": seed}
    cases = [
        (
            {"calibration": "temperature"},
            MultilabelCalibrator(LINEAR, method="temperature", **inner),
        ),
        ({"threshold_metric": "f1"}, MultilabelThresholdTuner(LINEAR, **inner)),
        (
            {
                "calibration": "sigmoid",
                "threshold_metric": "sensitivity",
                "threshold_target": 0.8,
            },
            MultilabelCalibrator(
                LINEAR, threshold_metric="sensitivity", threshold_target=0.8, **inner
            ),
        ),
    ]
    for asked, model in cases:
        found = out_of_fold_predict(LINEAR, X, Y, **settings, **asked)
        for number, (train, test) in enumerate(GroupKFold(2).split(X, Y, groups)):
            fitted = clone(model).fit(X.iloc[train], Y.iloc[train], groups=groups[train])
            np.testing.assert_array_equal(
                found.proba.iloc[test], fitted.predict_proba(X.iloc[test])
            )
            np.testing.assert_array_equal(found.decisions.iloc[test], fitted.predict(X.iloc[test]))
            np.testing.assert_array_equal(found.thresholds.loc[number], fitted.thresholds_)


@pytest.mark.parametrize("estimator", [FOREST, LINEAR], ids=["list of (n, 2)", "(n, k)"])
def test_models_of_scikit_learn_decide_by_their_predict(data, estimator):
    X, Y, groups = data
    found = out_of_fold_predict(estimator, X, Y, groups=groups, cv=3, random_state=0)
    for number in range(3):
        test = (found.fold == number).to_numpy()
        fitted = clone(estimator).fit(X[~test], Y[~test])
        np.testing.assert_array_equal(found.decisions[test], fitted.predict(X[test]))
        assert not set(groups[test]) & set(groups[~test])
    assert found.thresholds.isna().all(axis=None)


def test_one_label_of_two_classes(data):
    X, Y, _ = data
    y = np.where(Y["Mass"] == 1, "ill", "well")
    for estimator in (quick(lr=0.05, max_epochs=10), LogisticRegression()):
        found = out_of_fold_predict(estimator, X, y, cv=2, random_state=0)
        assert found.proba.shape == (160, 1)
        # "well" comes second, and is class one
        assert np.corrcoef(found.proba.iloc[:, 0], y == "well")[0, 1] > 0.3
        np.testing.assert_array_equal(found.decisions, found.proba > 0.5)
    assert predict_frame(LogisticRegression().fit(X, y), X).shape == (160, 3)


class Owner(TransformerMixin, BaseEstimator):
    """A step that takes groups and refuses to do without."""

    def fit(self, X, y=None, groups=None):
        assert len(groups) == len(X)
        return self

    def transform(self, X):
        return X


def test_groups_reach_every_step_that_takes_them(data):
    X, Y, groups = data
    tuner = MultilabelThresholdTuner(quick(), cv=2, random_state=0)
    pipe = make_pipeline(Owner(), make_union(Owner(), Owner()), tuner)
    found = out_of_fold_predict(pipe, X, Y, groups=groups, cv=2, random_state=0)
    assert found.thresholds.nunique().min() == 2
    weighted = out_of_fold_predict(
        pipe, X, Y, groups=groups, cv=2, random_state=0, sample_weight=np.arange(160) % 3
    )
    assert not weighted.proba.equals(found.proba)


def test_with_metadata_routing(data):
    X, Y, groups = data
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), quick().set_fit_request(groups=True))
        routed = out_of_fold_predict(pipe, X, Y, groups=groups, cv=2, random_state=0)
    plain = out_of_fold_predict(pipe, X, Y, groups=groups, cv=2, random_state=0)
    np.testing.assert_array_equal(routed.proba, plain.proba)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored by KFold")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cv": KFold(3)}, "fold 0 has patient .* in both parts"),
        ({"cv": RepeatedKFold(n_splits=2, n_repeats=2), "groups": None}, "row 0 is in 2"),
        ({"cv": [(np.arange(80), np.arange(80, 160))], "groups": None}, "row 0 is in 0"),
        ({"cv": [(np.arange(160), np.arange(160))]}, "patient 0 in both parts, and 40"),
        ({"cv": [(np.arange(160), np.arange(160))], "groups": None}, "patient 0 in both parts"),
        ({"groups": [None] * 160}, "no patient in row 0"),
        ({"threshold_metric": "sensitivity"}, "target=None"),
        ({"estimator": LogisticRegression()}, "knows no multi-label y"),
        ({"estimator": StandardScaler()}, "The 'estimator' parameter of out_of_fold_predict"),
    ],
    ids=range(9),
)
def test_what_is_wrong_is_said(data, change, message):
    X, Y, groups = data
    given = {"estimator": LINEAR, "groups": groups, "cv": 2, **change}
    with pytest.raises(ValueError, match=message):
        out_of_fold_predict(given.pop("estimator"), X, Y, **given)


def test_the_reports_take_it_as_it_is(data):
    from skcxr.metrics import multilabel_report

    X, Y, groups = data
    found = out_of_fold_predict(LINEAR, X, with_nan(Y).fillna(0), groups=groups, random_state=0)
    by_hand = multilabel_report(
        found.y,
        found.proba,
        y_pred=found.decisions,
        groups=found.groups,
        n_bootstraps=20,
        random_state=0,
    )
    assert by_hand.overall.loc["Macro AUC", "value"] > 0.6


def test_repr_says_what_there_is(data):
    X, Y, groups = data
    found = out_of_fold_predict(LINEAR, X, Y, groups=groups, cv=2, random_state=0)
    assert repr(found).startswith("OutOfFoldPredictions: 160 films of 40 patients, 3 labels, folds")
    assert "Hernia" in found._repr_html_()
    assert found.summary().loc["Mass", "positives"] == Y["Mass"].sum()


def test_a_part_that_a_model_never_saw(data):
    X, Y, groups = data
    net = quick().fit(X[:100], Y[:100])
    found = OutOfFoldPredictions.from_estimator(
        net, X[100:], Y[100:][["Hernia", "Mass", "Edema"]], groups=groups[100:]
    )
    np.testing.assert_array_equal(found.proba[NAMES], net.predict_proba(X[100:]))
    assert found.fold.tolist() == [0] * 60


# -- predict_frame --------------------------------------------------------------------------------


class FromPaths(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        paths = X["path"] if isinstance(X, pd.DataFrame) else X
        return np.array([[float(str(p).split("_")[1][:-4]), 1.0] for p in paths])


@pytest.mark.parametrize("form", ["list", "frame", "array"])
def test_predict_frame_names_the_films(data, form):
    X, Y, _ = data
    paths = [f"films/x_{v:.3f}.png" for v in X["f0"]]
    films = {
        "list": paths,
        "frame": pd.DataFrame({"path": paths, "age": 50}, index=X.index),
        "array": np.array(paths),
    }[form]
    pipe = make_pipeline(FromPaths(), quick(thresholds={"Edema": 0.3}))
    table = predict_frame(pipe.fit(films, Y), films)
    assert table["file"].tolist() == paths
    assert table.index.equals(X.index if form == "frame" else pd.RangeIndex(160))
    assert table.columns[1:4].tolist() == ["Mass probability", "Mass threshold", "Mass decision"]
    np.testing.assert_array_equal(table["Edema probability"], pipe.predict_proba(films)[:, 1])
    np.testing.assert_array_equal(table["Edema decision"], table["Edema probability"] > 0.3)
    assert set(table["Edema threshold"]) == {0.3}


def test_predict_frame_of_a_model_without_names_or_thresholds(data):
    X, Y, _ = data
    table = predict_frame(clone(FOREST).fit(X, Y), X)
    assert table.columns[:3].tolist() == [
        "label0 probability",
        "label0 threshold",
        "label0 decision",
    ]
    assert table["label0 threshold"].isna().all()


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [True, False])
@pytest.mark.parametrize("index", ["text", "integer"])
def test_a_prediction_file_can_be_scored_again(data, tmp_path, groups, index):
    X, Y, patients = data
    Y = with_nan(Y).rename(columns={"Mass": "Mass, large", "Edema": 'say "Edema"'})
    if index == "integer":
        X, Y = X.reset_index(drop=True)[::-1], Y.reset_index(drop=True)[::-1]
    found = out_of_fold_predict(
        quick(thresholds="auto", validation_fraction=0.4),
        X,
        Y,
        groups=[f"patient {g}" for g in patients] if groups else None,
        cv=2,
        random_state=0,
    )
    file = tmp_path / "net.csv"
    write_predictions(file, found)
    again = read_predictions(file)
    for name in ("y", "proba", "decisions", "thresholds"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name), check_names=False)
    pd.testing.assert_series_equal(again.fold, found.fold)
    assert "patient " not in file.read_text()
    if groups:
        assert again.groups.nunique() == 40
        assert again.groups.groupby(found.groups.to_numpy()).nunique().max() == 1
    header = json.loads((tmp_path / "net.json").read_text())
    assert header["labels"] == Y.columns.tolist()
    assert {"skcxr", "torch", "python"} <= set(header["versions"])
    assert sorted(f.name for f in tmp_path.iterdir()) == ["net.csv", "net.json"]


def test_a_prediction_file_that_was_changed_is_refused(data, tmp_path):
    X, Y, _ = data
    found = out_of_fold_predict(LINEAR, X, Y, cv=2, random_state=0)
    file = tmp_path / "a.csv"
    with pytest.raises(ValueError, match=r"ends in \.csv"):
        write_predictions(tmp_path / "a.txt", found)
    write_predictions(file, found)
    text = file.read_text()
    file.write_text(text.replace("0.9", "0.8", 1))
    with pytest.raises(ValueError, match=r"is not what was written with a\.json"):
        read_predictions(file)
    file.write_text(text)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match="is not what write_predictions writes"):
        read_predictions(file)
    (tmp_path / "a.json").write_text('{"format": "other 1", "csv": {"sha256": ""}}')
    with pytest.raises(ValueError, match="says 'other 1'"):
        read_predictions(file)
    (tmp_path / "a.json").unlink()
    with pytest.raises(ValueError, match=r"a\.json is missing"):
        read_predictions(file)
