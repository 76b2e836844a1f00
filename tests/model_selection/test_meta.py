"""Threshold tuning and calibration against scikit-learn and brute force."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skcxr.classifiers import MultilabelMLP
from skcxr.model_selection import MultilabelCalibrator, MultilabelThresholdTuner
from skcxr.model_selection.calibration import Sigmoid

METAS = [MultilabelThresholdTuner, MultilabelCalibrator]
LINEAR = OneVsRestClassifier(LogisticRegression())


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((240, 6))
    logits = 1.5 * X @ rng.standard_normal((6, 3)) - [0.0, 1.0, 2.0]
    return X, (rng.random((240, 3)) < 1 / (1 + np.exp(-logits))).astype(float)


def test_tuned_thresholds_are_the_best_out_of_fold(data):
    X, Y = data
    cv = KFold(4)
    tuner = MultilabelThresholdTuner(LINEAR, cv=cv).fit(X, Y)
    proba = cross_val_predict(LINEAR, X, Y, cv=cv, method="predict_proba")
    for j, threshold in enumerate(tuner.thresholds_):
        y, called = Y[:, j], proba[:, j] > np.r_[-1, proba[:, j], threshold][:, None]
        *tried, found = 2 * (called * y).sum(axis=1) / (called.sum(axis=1) + y.sum())  # F1
        assert found == pytest.approx(max(tried))


def test_tuner_predicts_above_its_thresholds(data):
    X, Y = data
    tuner = MultilabelThresholdTuner(LINEAR, random_state=0).fit(X, Y)
    proba = clone(LINEAR).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(tuner.predict_proba(X), proba)
    np.testing.assert_array_equal(tuner.predict(X), (proba > tuner.thresholds_).astype(int))
    binary = MultilabelThresholdTuner(LINEAR, random_state=0).fit(X, Y[:, 0])
    above = binary.predict_proba(X)[:, 1] > binary.thresholds_
    np.testing.assert_array_equal(binary.predict(X), above.astype(float))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_of_one_label_is_scikit_learns(data, method):
    X, Y = data
    cv, model = KFold(4), LogisticRegression(C=100)
    ours = MultilabelCalibrator(model, method=method, cv=cv).fit(X, Y[:, 1])
    theirs = CalibratedClassifierCV(model, method=method, cv=cv, ensemble=False).fit(X, Y[:, 1])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-4)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_labels_are_calibrated_one_by_one_on_what_is_known(data, method):
    X, Y = data
    fitted = clone(LINEAR).fit(X[:120], Y[:120])
    Y = Y[120:].copy()
    Y[:40, 1] = np.nan
    both = MultilabelCalibrator(fitted, method=method, cv="prefit").fit(X[120:], Y)
    known = MultilabelCalibrator(fitted, method=method, cv="prefit").fit(X[160:], Y[40:])
    proba = both.predict_proba(X)
    np.testing.assert_allclose(proba[:, 1], known.predict_proba(X)[:, 1])
    assert np.abs(proba[:, 0] - known.predict_proba(X)[:, 0]).max() > 1e-3
    order = np.argsort(fitted.decision_function(X), axis=0)
    assert (np.diff(np.take_along_axis(proba, order, axis=0), axis=0) >= 0).all()


@pytest.mark.parametrize("Meta", METAS)
def test_labels_without_a_positive_are_named(data, Meta):
    X, Y = data
    labels = pd.DataFrame(Y, columns=["a", "b", "c"])
    fitted = clone(LINEAR).fit(X, Y)
    labels["b"] = 0.0
    with pytest.warns(UserWarning, match="of b:"):
        meta = Meta(fitted, cv="prefit").fit(X, labels)
    assert meta.label_names_.tolist() == ["a", "b", "c"]
    if Meta is MultilabelThresholdTuner:
        assert meta.thresholds_[1] == 0.5
    else:
        np.testing.assert_allclose(meta.predict_proba(X)[:, 1], fitted.predict_proba(X)[:, 1])


@pytest.mark.parametrize("Meta", METAS)
def test_one_label_as_a_column(data, Meta):
    X, Y = data
    net = MultilabelMLP(module__hidden=(8,), max_epochs=3, random_state=0)
    column = Meta(net, cv=2, random_state=0).fit(X, Y[:, :1])
    flat = Meta(net, cv=2, random_state=0).fit(X, Y[:, 0])
    assert column.predict(X).shape == column.predict_proba(X).shape == (240, 1)
    assert flat.predict(X).shape == (240,)
    np.testing.assert_allclose(column.predict_proba(X)[:, 0], flat.predict_proba(X)[:, 1])


@pytest.mark.parametrize("Meta", METAS)
def test_forests_lists_of_probabilities_are_read(data, Meta):
    X, Y = data
    forest = RandomForestClassifier(20, random_state=0)
    meta = Meta(forest, cv=3, random_state=0).fit(X, Y)
    assert meta.predict_proba(X).shape == Y.shape
    assert meta.score(X, Y) > 0.5


def _measure(paths):
    return np.array([[float(path.split("_")[1]), 1.0] for path in paths])


@pytest.mark.parametrize("Meta", METAS)
def test_paths_in_a_pipeline_with_groups_in_a_search(data, Meta):
    X, Y = data
    Y = np.where(np.random.default_rng(2).random(Y.shape) < 0.1, np.nan, Y)
    paths = [f"x_{value:.4f}" for value in X[:, 0]]
    groups = np.repeat(np.arange(60), 4)
    net = MultilabelMLP(module__hidden=(8,), max_epochs=2, random_state=0)
    pipe = Pipeline([("load", FunctionTransformer(_measure)), ("classify", net)])
    meta = Meta(pipe, cv=2, random_state=0).fit(paths, Y, groups=groups, classify__groups=groups)
    assert len(meta.estimator_[-1].validation_indices_)
    assert meta.predict(paths[:5]).shape == (5, 3)
    assert pickle.loads(pickle.dumps(meta)).predict_proba(paths[:1]).shape == (1, 3)
    search = GridSearchCV(
        Meta(pipe, cv=2, random_state=0),
        {"estimator__classify__module__dropout": [0.2, 0.4]},
        cv=GroupKFold(2),
        error_score="raise",
    )
    with pytest.warns(UserWarning, match="got no groups"):  # of the splitters inside
        assert search.fit(paths, Y, groups=groups).best_params_


class _Groups(KFold):
    """Remembers the groups that it was given."""

    __metadata_request__split = {"groups": True}
    seen = None

    def split(self, X, y=None, groups=None):
        _Groups.seen = groups
        return super().split(X, y)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("Meta", METAS)
def test_groups_reach_the_splitter_and_the_net(data, Meta, routing):
    X, Y = data
    groups = np.repeat(np.arange(60), 4)
    net = MultilabelMLP(module__hidden=(8,), max_epochs=2, random_state=0)
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            net.set_fit_request(groups=True)
        _Groups.seen = None
        meta = Meta(net, cv=_Groups(2)).fit(X, Y, groups=groups)
    assert _Groups.seen is groups
    held_out = meta.estimator_.validation_indices_
    assert not set(groups[held_out]) & set(np.delete(groups, held_out))


@pytest.mark.parametrize("score", [0.0, -5.5, 3.1])
def test_scores_that_are_all_the_same_are_calibrated_to_the_prevalence(score):
    y = np.array([1.0] * 5 + [0.0] * 15)
    calibrated = Sigmoid(np.full(20, score), y)
    smoothed = (5 * 6 / 7 + 15 * 1 / 17) / 20  # the mean of Platt's targets
    np.testing.assert_allclose(calibrated(np.full(3, score)), smoothed)
    assert (np.diff(calibrated(score + np.arange(-2, 3))) > 0).all()
