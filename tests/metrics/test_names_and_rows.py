"""Labels are matched by name and rows by index in every metric, or refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcxr.classifiers import MultilabelMLP
from skcxr.inspection import LabelAUCDisplay
from skcxr.metrics import (
    auc_by,
    auc_within,
    compare_models,
    expected_calibration_error,
    get_scorer,
    get_scorer_names,
    multilabel_report,
    multilabel_scores,
    paired_bootstrap_test,
    paired_label_tests,
)
from skcxr.metrics._predictions import predictions_of

NAMES = ["Mass", "Edema", "Hernia"]
OTHER = ["Hernia", "Mass", "Edema"]
FILES = [f"{i:03d}.png" for i in range(90)]


class Columns(ClassifierMixin, BaseEstimator):
    """Takes the first columns of X for the probabilities of its labels, in its own order."""

    def fit(self, X, y):
        self.label_names_ = np.array(list(y.columns), dtype=object)
        self.classes_ = np.tile([0, 1], (y.shape[1], 1))
        return self

    def predict_proba(self, X):
        return np.asarray(X)[:, : len(self.label_names_)]

    def predict(self, X):
        return (self.predict_proba(X) > 0.5).astype(int)


class Thresholds(Columns):
    """Decides by thresholds of its own, in its own order of labels."""

    def fit(self, X, y):
        self.thresholds_ = np.array([0.2, 0.5, 0.8])
        return super().fit(X, y)


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    y = pd.DataFrame(rng.randint(2, size=(90, 3)), columns=NAMES, index=FILES)
    noise = rng.uniform(size=y.shape)
    weight = np.array([0.9, 0.6, 0.3])  # each label has an AUC of its own
    return y, y * weight + noise * (1 - weight), pd.Series(np.arange(90) // 3, index=FILES)


@pytest.mark.parametrize("estimator", [Columns(), Thresholds()])
@pytest.mark.parametrize(
    "wrap", [lambda e: e, make_pipeline, FrozenEstimator], ids=["alone", "pipeline", "frozen"]
)
def test_w1_scorers_match_columns_by_name(data, estimator, wrap):
    y, prob, _ = data
    X = prob.to_numpy()
    net = wrap(estimator.fit(X, y))
    score = get_scorer(get_scorer_names())
    expected = score(net, X, y)
    assert score(net, X, y[OTHER]) == pytest.approx(expected, abs=1e-15)
    assert expected["macro_auc"] == pytest.approx(roc_auc_score(y, prob))
    with pytest.raises(
        ValueError, match=r"labels of y are \['Mass', 'Edema'\].*those of .* are \['"
    ):
        get_scorer("macro_auc")(wrap(Columns().fit(X, y)), X, y[NAMES[:2]])
    with pytest.raises(ValueError, match=r"\['Mass', 'Edema', 'Nodule'\]"):
        score(net, X, y.set_axis(["Mass", "Edema", "Nodule"], axis=1))
    # An array has no names: position counts.
    assert score(net, X, y.to_numpy()) == pytest.approx(expected)


def test_w1_of_a_net_and_whatever_holds_it():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(120, 3)).astype(np.float32)
    y = pd.DataFrame((X + 0.5 * rng.normal(size=X.shape) > 0).astype(int), columns=NAMES)
    net = MultilabelMLP(max_epochs=20, random_state=0).fit(X, y)
    expected = get_scorer("macro_auc")(net, X, y)
    assert expected > 0.9
    search = GridSearchCV(net, {"max_epochs": [20]}, cv=2, scoring=get_scorer("macro_auc"))
    for model in (net, make_pipeline("passthrough", net)):
        assert get_scorer("macro_auc")(model, X, y[OTHER]) == pytest.approx(expected, abs=1e-6)
    search.fit(X, y[OTHER])
    assert get_scorer("macro_auc")(search, X, y) > 0.9
    table = compare_models({"net": net, "search": search}, X, y[OTHER], n_bootstraps=0).table
    assert (table["Macro AUC"] > 0.9).all()


def test_w1_comparisons_match_columns_by_name(data):
    y, prob, groups = data
    X = prob.to_numpy()
    net = Thresholds().fit(X, y)
    settings = {"groups": groups, "n_bootstraps": 20, "random_state": 0}
    expected = compare_models({"net": net, "prob": prob}, X, y, **settings)
    found = compare_models(
        {"net": net, "prob": prob[OTHER]}, X, y[["Edema", *NAMES[::2]]], **settings
    )
    pd.testing.assert_frame_equal(found.table, expected.table)
    for name in ("net", "prob"):
        pd.testing.assert_frame_equal(
            found.reports[name].per_label.loc[NAMES], expected.reports[name].per_label
        )
    cuts = {name: found.reports[name].operating_points["threshold"] for name in ("net", "prob")}
    assert cuts["net"][NAMES].tolist() == [0.2, 0.5, 0.8]
    assert cuts["prob"].tolist() == [0.5] * 3
    # y has no names: the models' own are taken, and matched with each other.
    table = compare_models({"net": net, "prob": prob[OTHER]}, X, y.to_numpy(), **settings).table
    pd.testing.assert_frame_equal(table, expected.table)
    with pytest.raises(ValueError, match=r"Model 'prob': .*\['Mass', 'Edema', 'Hernia'\].*Oedema"):
        compare_models({"prob": prob.rename(columns={"Edema": "Oedema"})}, None, y)


CALLS = {
    "report": lambda y, p, **k: (
        multilabel_report(y, p, n_bootstraps=20, random_state=0, **k).overall
    ),
    "scores": lambda y, p, groups: pd.DataFrame([multilabel_scores(y, p)]),
    "within": lambda y, p, **k: (
        auc_within(y, p, np.zeros(90), n_bootstraps=20, random_state=0, **k).overall
    ),
    "by": lambda y, p, **k: (
        auc_by(y, p, {"side": np.repeat(["l"], 90)}, n_bootstraps=20, random_state=0, **k).overall
    ),
    "ece": lambda y, p, groups: expected_calibration_error(y, p).sort_index().to_frame(),
    "paired": lambda y, p, **k: paired_bootstrap_test(
        y, p, np.full((90, 3), 0.5), n_bootstraps=20, random_state=0, **k
    ).frame(),
    "paired labels": lambda y, p, **k: paired_label_tests(
        y, np.full((90, 3), 0.5), p, n_bootstraps=20, random_state=0, **k
    ).table.sort_index(),
}


@pytest.mark.parametrize("name", CALLS)
def test_w1_w2_probabilities_are_matched_by_label_and_file(name, data):
    y, prob, groups = data
    call = CALLS[name]
    expected = call(y, prob, groups=groups)
    shuffled = prob.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(call(y, shuffled[OTHER], groups=groups), expected)
    if name not in ("scores", "ece"):
        moved = groups.sample(frac=1, random_state=2)
        pd.testing.assert_frame_equal(call(y, shuffled, groups=moved), expected)
        # Labels without an index: patients are matched with the probabilities.
        as_given = prob.reset_index(drop=True)
        pd.testing.assert_frame_equal(call(y, as_given, groups=groups.to_numpy()), expected)


@pytest.mark.parametrize("name", CALLS)
def test_w2_other_files_are_refused(name, data):
    y, prob, groups = data
    with pytest.raises(
        ValueError, match=r"index of y_true holds '000.png', that of (y_prob|prob_)"
    ):
        CALLS[name](y, prob.rename(index={"000.png": "xxx.png"}), groups=groups)


def test_w2_repeated_and_ambiguous_indexes_are_refused(data):
    y, prob, _ = data
    twice = prob.rename(index={"001.png": "000.png"})
    with pytest.raises(ValueError, match=r"index of y_prob holds '000.png' more than once"):
        multilabel_report(y, twice)
    plain = [frame.reset_index(drop=True) for frame in (y, prob)]
    with pytest.raises(ValueError, match="same index in another order, in one of them a plain"):
        multilabel_report(plain[0], plain[1].sample(frac=1, random_state=0))
    assert multilabel_scores(plain[0], prob) == multilabel_scores(y, plain[1].to_numpy())


def test_w2_decisions_and_weights_are_matched(data):
    y, prob, _ = data
    pred, weight = (prob > 0.4).astype(int), pd.Series(np.arange(90.0), index=FILES)
    order = prob.sample(frac=1, random_state=3).index
    assert multilabel_scores(
        y, prob, y_pred=pred.loc[order, OTHER], sample_weight=weight[order]
    ) == multilabel_scores(y, prob, y_pred=pred.to_numpy(), sample_weight=weight.to_numpy())


def test_w2_labels_are_brought_into_the_order_of_the_films(data):
    y, prob, _ = data
    net = Columns().fit(prob, y)
    shuffled = y.sample(frac=1, random_state=4)
    for scorer in (get_scorer("macro_auc"), get_scorer("macro_f1")):
        assert scorer(net, prob, shuffled) == scorer(net, prob, y)
    table = compare_models({"net": net, "prob": prob}, prob, shuffled, n_bootstraps=0).table
    assert table.loc["net", "Macro AUC"] == pytest.approx(roc_auc_score(y, prob))
    pd.testing.assert_series_equal(table.loc["net"], table.loc["prob"], check_names=False)
    with pytest.raises(ValueError, match=r"index of X holds '089.png'"):
        get_scorer("macro_auc")(net, prob, y.iloc[:-1])


def test_films_drawn_with_replacement_can_be_scored(data):
    y, prob, _ = data
    net = Columns().fit(prob, y)
    rows = np.random.RandomState(0).randint(90, size=60)
    drawn = get_scorer("macro_auc")(net, prob.iloc[rows], y.iloc[rows])
    assert drawn == pytest.approx(roc_auc_score(y.iloc[rows], prob.iloc[rows]))


def test_w1_w2_answers_of_a_model_carry_names_and_files(data):
    y, prob, _ = data
    for part in predictions_of(Thresholds().fit(prob, y), prob):
        assert list(part.columns) == NAMES
        assert list(part.index) == FILES
    display = LabelAUCDisplay.from_estimator(
        Columns().fit(prob, y), prob, y.loc[FILES[::-1], OTHER], n_bootstraps=0
    )
    found = display.reports["model"].per_label["AUC"]
    assert found["Hernia"] == pytest.approx(roc_auc_score(y["Hernia"], prob["Hernia"]))


def test_thresholds_go_by_name(data):
    y, prob, _ = data
    expected = multilabel_scores(y, prob, thresholds=[0.2, 0.5, 0.8])
    by_name = {"Hernia": 0.8, "Mass": 0.2}  # 0.5 where none is named
    assert multilabel_scores(y, prob, thresholds=by_name) == expected
    assert multilabel_scores(y, prob, thresholds=pd.Series(by_name)) == expected
    report = multilabel_report(y, prob, thresholds=by_name, n_bootstraps=0)
    assert report.operating_points["threshold"].tolist() == [0.2, 0.5, 0.8]
    with pytest.raises(ValueError, match=r"thresholds names \['Nodule'\]"):
        multilabel_scores(y, prob, thresholds={"Nodule": 0.1})
    for thresholds in (by_name, {"prob": by_name}):
        table = compare_models({"prob": prob}, None, y, thresholds=thresholds, n_bootstraps=0).table
        assert table.loc["prob", "Micro-F1"] == expected["micro_f1"]
    with pytest.raises(ValueError, match=r"keys \['porb'\]; they must be models, \['prob'\]"):
        compare_models({"prob": prob}, None, y, thresholds={"porb": 0.1})


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "int64[pyarrow]", "bool[pyarrow]", object])
def test_c4_labels_of_any_dtype_that_pandas_has(data, dtype):
    y, prob, _ = data
    hidden = y.astype(float).mask(np.eye(90, 3) == 1)
    expected = multilabel_scores(hidden, prob)
    table = hidden.astype("boolean") if "bool" in str(dtype) else hidden
    table = table.astype("Int64").astype(object) if dtype is object else table.astype(dtype)
    assert table.isna().sum().sum() == 3
    assert multilabel_scores(table, prob) == expected
    net = Columns().fit(prob, table)
    assert get_scorer("macro_auc")(net, prob, table) == expected["macro_auc"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, " "])
def test_c6_a_missing_patient_is_refused_naming_the_row(data, missing):
    y, prob, groups = data
    groups = groups.astype(str).astype(object)
    groups.iloc[7] = missing
    for name in set(CALLS) - {"scores", "ece"}:
        with pytest.raises(ValueError, match="no patient in row 7"):
            CALLS[name](y, prob, groups=groups)
    with pytest.raises(ValueError, match="no patient in row 7"):
        compare_models({"a": prob}, None, y, groups=groups)


def test_c12_label_names_are_names(data):
    y, prob, _ = data
    report = multilabel_report(y, prob, label_names=OTHER, n_bootstraps=0)
    assert list(report.per_label.index) == OTHER
    assert report.per_label.loc["Mass", "AUC"] == pytest.approx(
        roc_auc_score(y["Mass"], prob["Mass"])
    )
    for wrong, match in (
        ("abc", "must be a list of 3 names; got 'abc'"),
        ([True, False, True], "must be a list of 3 names"),
        (["Mass", "Edema", "Nodule"], r"labels of label_names are .* those of y_true are"),
    ):
        with pytest.raises(ValueError, match=match):
            multilabel_report(y, prob, label_names=wrong)
