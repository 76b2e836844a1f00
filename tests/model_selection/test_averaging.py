"""The averager against the average written out."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skcxr.classifiers import MultilabelMLP
from skcxr.model_selection import (
    MultilabelAverager,
    MultilabelThresholdTuner,
    out_of_fold_predict,
)

NAMES = ["Mass", "Edema", "Hernia"]
LINEAR = OneVsRestClassifier(LogisticRegression())
FOREST = RandomForestClassifier(10, random_state=0)


def quick(**settings):
    return MultilabelMLP(**{"module__hidden": (8,), "max_epochs": 3, "random_state": 0, **settings})


def logit(p):
    p = np.clip(p, 1.1920929e-07, 1 - 1.1920929e-07)
    return np.log(p / (1 - p))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((160, 5)).astype(np.float32)
    logits = 1.5 * X @ rng.standard_normal((5, 3)) - [0.0, 0.5, 1.0]
    Y = (rng.random((160, 3)) < 1 / (1 + np.exp(-logits))).astype(float)
    return X, pd.DataFrame(Y, columns=NAMES), np.repeat(np.arange(40), 4)


@pytest.mark.parametrize("weights", [None, [1, 0.5, 2.5], {"forest": 0.5, "linear": 2.5}])
def test_logits_are_averaged(data, weights):
    X, Y, _ = data
    parts = [("net", quick()), ("forest", FOREST), ("linear", LINEAR)]
    both = MultilabelAverager(parts, weights=weights, thresholds={"Edema": 0.2}).fit(X, Y)
    net, forest, linear = (clone(e).fit(X, Y) for _, e in parts)
    forests = np.column_stack([p[:, 1] for p in forest.predict_proba(X)])
    each = [net.decision_function(X), logit(forests), logit(linear.predict_proba(X))]
    expected = np.average(each, axis=0, weights=weights and [1, 0.5, 2.5])
    np.testing.assert_allclose(both.decision_function(X), expected, atol=1e-6)
    np.testing.assert_allclose(both.predict_proba(X), 1 / (1 + np.exp(-expected)), atol=1e-6)
    np.testing.assert_array_equal(both.predict(X), both.predict_proba(X) > [0.5, 0.2, 0.5])
    assert both.named_estimators_.net is both.estimators_[0]
    again = pickle.loads(pickle.dumps(both))
    np.testing.assert_array_equal(again.predict_proba(X), both.predict_proba(X))


def test_prefit_models_are_matched_by_name(data):
    X, Y, _ = data
    mixed = ["Hernia", "Mass", "Edema"]
    a, b = quick().fit(X, Y), quick(random_state=1).fit(X, Y[mixed])
    both = MultilabelAverager([("a", a), ("b", b)], prefit=True).fit(X, Y)
    expected = (a.decision_function(X) + b.decision_function(X)[:, [1, 2, 0]]) / 2
    np.testing.assert_allclose(both.decision_function(X), expected)
    assert both.score(X, Y[mixed]) == both.score(X, Y)
    other = MultilabelAverager([("a", a), ("c", quick().fit(X, Y[["Mass", "Edema"]]))], prefit=True)
    with pytest.raises(ValueError, match=r"Hernia.*'Mass', 'Edema'\]"):
        other.fit(X, Y).predict_proba(X)


def test_groups_weights_and_unknown_labels_reach_each_estimator(data):
    X, Y, groups = data
    Y = Y.mask(np.random.default_rng(1).random(Y.shape) < 0.2)
    weight = np.arange(160) % 3
    pipe = make_pipeline(StandardScaler(), quick(validation_fraction=0.3))
    tuner = MultilabelThresholdTuner(quick(random_state=1), cv=2, random_state=0)
    both = MultilabelAverager([("pipe", pipe), ("tuner", tuner)])
    both.fit(X, Y, groups=groups, sample_weight=weight)
    first = clone(pipe).fit(X, Y, multilabelmlp__groups=groups, multilabelmlp__sample_weight=weight)
    second = clone(tuner).fit(X, Y, groups=groups, sample_weight=weight)
    expected = (first.decision_function(X) + logit(second.predict_proba(X))) / 2
    np.testing.assert_allclose(both.decision_function(X), expected, atol=1e-5)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = MultilabelAverager([("net", quick().set_fit_request(groups=True))])
        routed.fit(X, Y, groups=groups)
    plain = quick().fit(X, Y, groups=groups)
    np.testing.assert_allclose(routed.predict_proba(X), plain.predict_proba(X))


def test_parameters_reach_the_estimators(data):
    X, Y, groups = data
    both = MultilabelAverager([("net", quick()), ("forest", FOREST)])
    assert both.get_params()["net__max_epochs"] == 3
    both.set_params(net__max_epochs=2, weights=[1, 3])
    assert clone(both).get_params()["net__max_epochs"] == 2
    dropped = clone(both).set_params(forest="drop").fit(X, Y)
    alone = quick(max_epochs=2).fit(X, Y)
    np.testing.assert_allclose(dropped.predict_proba(X), alone.predict_proba(X))
    assert "forest" in both._repr_html_()
    search = GridSearchCV(
        both, {"weights": [[1, 0], [0, 1]]}, cv=KFold(2), error_score="raise"
    ).fit(X, Y)
    assert search.best_params_["weights"] in ([1, 0], [0, 1])
    tuned = MultilabelThresholdTuner(both, cv=2, random_state=0).fit(X, Y, groups=groups)
    assert tuned.predict(X).shape == Y.shape
    assert out_of_fold_predict(both, X, Y, groups=groups, cv=2).proba.shape == Y.shape
    found = cross_val_predict(both, X, Y, cv=KFold(2), method="predict_proba")
    assert found.shape == Y.shape


def test_one_label_of_two_classes(data):
    X, Y, _ = data
    y = np.where(Y["Mass"] == 1, "ill", "well")
    both = MultilabelAverager([("net", quick()), ("linear", LogisticRegression())]).fit(X, y)
    assert both.predict_proba(X).shape == (160, 2)
    assert both.decision_function(X).shape == (160,)
    assert set(both.predict(X)) <= {"ill", "well"}
    assert both.score(X, y) > 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimators": []}, "at least one"),
        ({"estimators": [quick()]}, r"list of \(name, estimator\)"),
        ({"estimators": [("a", quick()), ("a", quick())]}, "not unique"),
        ({"estimators": [("a", "drop")]}, "all estimators are dropped"),
        ({"estimators": [("a", LinearSVC())]}, r"'a' \(LinearSVC\) has no fit or no predict_proba"),
        ({"estimators": [("a", LogisticRegression())]}, "knows no multi-label y"),
        ({"weights": [1, 2]}, "there are 1 estimators"),
        ({"weights": {"b": 1}}, r"names \['b'\]; the estimators are \['net'\]"),
        ({"weights": [0]}, "not all 0"),
        ({"thresholds": {"Effusion": 0.5}}, r"names \['Effusion'\]; the labels are"),
    ],
    ids=range(10),
)
def test_what_is_wrong_is_said_before_anything_is_fitted(data, settings, message):
    X, Y, _ = data
    with pytest.raises(ValueError, match=message):
        MultilabelAverager(**{"estimators": [("net", quick())], **settings}).fit(X, Y)
