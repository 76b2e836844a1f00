"""Scorers in scikit-learn's searches."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, hamming_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.multioutput import MultiOutputClassifier

from skcxr.metrics import get_scorer, get_scorer_names, multilabel_scores


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(120, 3))
    return X, (X[:, :2] + 0.5 * rng.normal(size=(120, 2)) > 0.5).astype(int)


@pytest.fixture
def model():
    return MultiOutputClassifier(LogisticRegression())


def test_scores_are_those_of_scikit_learn(data, model):
    X, y = data
    model.fit(X, y)
    prob = np.stack([p[:, 1] for p in model.predict_proba(X)], axis=1)
    pred = model.predict(X)
    expected = {
        "macro_auc": roc_auc_score(y, prob),
        "macro_ap": average_precision_score(y, prob),
        "macro_f1": f1_score(y, pred, average="macro"),
        "micro_f1": f1_score(y, pred, average="micro"),
        "neg_hamming_loss": -hamming_loss(y, pred),
    }
    assert get_scorer_names() == sorted(expected)
    for name, value in expected.items():
        scorer = pickle.loads(pickle.dumps(get_scorer(name)))
        assert scorer(model, X, y) == pytest.approx(value)
    assert get_scorer(sorted(expected))(model, X, y) == pytest.approx(expected)


def test_unknown_labels_are_masked(data, model):
    X, y = data
    model.fit(X, y)
    hidden = y.astype(float)
    hidden[:40] = np.nan
    score = get_scorer("macro_auc")
    assert score(model, X, hidden) == score(model, X[40:], y[40:])


def test_in_a_search(data, model):
    X, y = data
    grid = {"estimator__C": [0.01, 1.0]}
    for scoring, refit in (
        (get_scorer("macro_auc"), True),
        (get_scorer(["macro_auc", "neg_hamming_loss"]), "macro_auc"),
        ({name: get_scorer(name) for name in get_scorer_names()}, "micro_f1"),
    ):
        search = GridSearchCV(
            model, grid, scoring=scoring, refit=refit, cv=GroupKFold(3), error_score="raise"
        ).fit(X, y, groups=np.arange(120) // 2)
        assert search.best_score_ > (0.5 if refit != "neg_hamming_loss" else -1)


def test_a_rare_label_missing_in_a_fold_does_not_break_the_search(data):
    X, y = data
    y = y.copy()
    y[:, 1] = 0
    y[:3, 1] = 1  # only the first test fold has any
    forest = RandomForestClassifier(5, random_state=0)
    with pytest.warns(UndefinedMetricWarning, match="'label1' \\(no positive\\)"):
        scores = cross_validate(
            forest, X, y, cv=KFold(3), scoring=get_scorer("macro_auc"), error_score="raise"
        )
    assert np.isfinite(scores["test_score"]).all()


def test_nothing_to_score_says_so(data, model):
    X, y = data
    model.fit(X, y)
    with (
        pytest.warns(UndefinedMetricWarning),
        pytest.raises(ValueError, match="macro_auc cannot be computed: no label has both"),
    ):
        get_scorer("macro_auc")(model, X, np.zeros_like(y))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"scoring must be of \['macro_ap'.*got 'auc'"):
        get_scorer("auc")


def test_weights_are_those_of_scikit_learn(data, model):
    X, y = data
    weight = np.random.RandomState(0).uniform(size=len(y))
    prob = np.stack([p[:, 1] for p in model.fit(X, y).predict_proba(X)], axis=1)
    found = get_scorer("macro_auc")(model, X, y, sample_weight=weight)
    assert found == pytest.approx(roc_auc_score(y, prob, sample_weight=weight))
    found = get_scorer("micro_f1")(model, X, y, sample_weight=weight)
    assert found == pytest.approx(
        f1_score(y, model.predict(X), average="micro", sample_weight=weight)
    )


def test_soft_labels_count_as_a_share_of_a_positive(data):
    X, y = data
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    rng = np.random.RandomState(0)
    soft, weight = rng.uniform(size=y.shape).round(1), rng.uniform(size=len(y))
    prob = np.stack([p[:, 1] for p in forest.predict_proba(X)], axis=1)
    found = get_scorer(get_scorer_names())(forest, X, soft, sample_weight=weight)
    # scikit-learn, on every image as a positive and a negative one.
    both, pred = np.repeat([1, 0], len(y)), np.tile(forest.predict(X), (2, 1))
    mass = np.concatenate([soft, 1 - soft]) * np.tile(weight, 2)[:, None]
    prob = np.tile(prob, (2, 1))
    for name, score in (("macro_auc", roc_auc_score), ("macro_ap", average_precision_score)):
        each = [score(both, prob[:, j], sample_weight=mass[:, j]) for j in range(2)]
        assert found[name] == pytest.approx(np.mean(each))
    each = [f1_score(both, pred[:, j], sample_weight=mass[:, j]) for j in range(2)]
    assert found["macro_f1"] == pytest.approx(np.mean(each))
    flat = {"sample_weight": mass.ravel()}
    micro = f1_score(np.repeat(both, 2), pred.ravel(), **flat)
    assert found["micro_f1"] == pytest.approx(micro)
    loss = hamming_loss(np.repeat(both, 2), pred.ravel(), **flat)
    assert found["neg_hamming_loss"] == pytest.approx(-loss)
    with pytest.raises(ValueError, match=r"y_true holds 0\.5 in row 0"):
        multilabel_scores([[0.5], [1]], [[0.1], [0.2]])


def test_weights_are_routed(data):
    X, y = data
    weight = np.random.RandomState(0).uniform(size=len(y))
    folds = list(KFold(3).split(X))
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("macro_auc").set_score_request(sample_weight=True)
        model = RandomForestClassifier(5, random_state=0).set_fit_request(sample_weight=False)
        found = cross_validate(
            model, X, y, cv=folds, scoring=scorer, params={"sample_weight": weight}
        )["test_score"]
    for (train, test), score in zip(folds, found, strict=True):
        model.fit(X[train], y[train])
        assert score == get_scorer("macro_auc")(model, X[test], y[test], weight[test])


class Sealed(BaseEstimator):
    """May not be asked for anything."""

    def predict_proba(self, X):
        raise AssertionError("the images went through the network")


def test_c10_labels_are_refused_before_images_go_through_the_network():
    for y, weight, match in (
        ([[0, 2]], None, "row 0 of label 'label1'"),
        ([0, 1], None, "for one label pass a single column"),
        ([[0, 1]], [-1], "row 0 is -1"),
    ):
        with pytest.raises(ValueError, match=match):
            get_scorer("macro_auc")(Sealed(), [[0]], y, sample_weight=weight)
