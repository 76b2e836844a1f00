"""One (n, k) array from whatever an estimator answers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skcxr._multilabel._probabilities import label_names_of, probabilities

NAMES = ["Mass", "Edema", "Hernia"]


class Answer(BaseEstimator):
    """Gives back what it was made with."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y):
        self.label_names_ = np.array(list(y.columns), dtype=object)
        self.classes_ = np.tile([0, 1], (y.shape[1], 1))
        return self

    def predict_proba(self, X):
        check_is_fitted(self)
        return self.answer


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 4))
    return X, pd.DataFrame((X[:, :3] > 0.2).astype(int), columns=NAMES)


@pytest.mark.parametrize(
    "estimator",
    [
        MultiOutputClassifier(LogisticRegression()),
        RandomForestClassifier(3, random_state=0),
        OneVsRestClassifier(LogisticRegression()),
        ClassifierChain(LogisticRegression()),
        make_pipeline(StandardScaler(), MultiOutputClassifier(LogisticRegression())),
    ],
    ids=lambda e: type(e).__name__,
)
def test_estimators_of_scikit_learn(data, estimator):
    X, y = data
    found = probabilities(estimator.fit(X, y), X, labels=NAMES)
    assert found.shape == (60, 3)
    assert found.dtype == np.float64
    for j, name in enumerate(NAMES):  # high where the label is
        assert found[y[name] == 1, j].mean() > found[y[name] == 0, j].mean() + 0.3


def test_forms_of_answers():
    prob = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    both = np.stack([1 - prob, prob], axis=2)
    y = pd.DataFrame(np.zeros((2, 3)), columns=NAMES)
    for answer in (prob, both, list(both.transpose(1, 0, 2)), pd.DataFrame(prob, columns=NAMES)):
        np.testing.assert_array_equal(probabilities(Answer(answer).fit(None, y), None), prob)
    one = Answer(both[:, 0]).fit(None, y[["Mass"]])
    np.testing.assert_array_equal(probabilities(one, None, labels=["Mass"]), prob[:, :1])


def test_scores_where_asked(data):
    X, y = data
    chain = ClassifierChain(LogisticRegression()).fit(X, y)
    scores = probabilities(chain, X, labels=NAMES, method="decision_function")
    np.testing.assert_array_equal(scores, chain.decision_function(X))
    binary = LogisticRegression().fit(X, y["Mass"])
    found = probabilities(binary, X, labels=["Mass"], method="decision_function")
    np.testing.assert_array_equal(found[:, 0], binary.decision_function(X))
    np.testing.assert_array_equal(
        probabilities(binary, X, n_labels=1)[:, 0], binary.predict_proba(X)[:, 1]
    )


def test_w1_columns_come_in_the_order_asked_for():
    prob = np.array([[0.1, 0.2, 0.3]])
    y = pd.DataFrame(np.zeros((1, 3)), columns=NAMES)
    net = Answer(prob).fit(None, y)
    search = GridSearchCV(net, {})
    search.best_estimator_ = make_pipeline(FrozenEstimator(net))
    for estimator in (net, FrozenEstimator(net), make_pipeline(net), search):
        assert label_names_of(estimator) == NAMES
    asked = ["Hernia", "Mass", "Edema"]
    np.testing.assert_array_equal(probabilities(net, None, labels=asked), [[0.3, 0.1, 0.2]])
    frame = pd.DataFrame(prob, columns=["Edema", "Mass", "Hernia"])  # its own names count
    np.testing.assert_array_equal(
        probabilities(Answer(frame).fit(None, y), None, labels=asked), [[0.3, 0.2, 0.1]]
    )
    with pytest.raises(ValueError, match=r"labels of y are \['Mass', 'Edema'\] .*of Answer are"):
        probabilities(net, None, labels=["Mass", "Edema"])


def test_label_names_of_estimators_without_any(data):
    X, y = data
    assert label_names_of(RandomForestClassifier(2).fit(X, y)) is None
    assert label_names_of(MultiOutputClassifier(LogisticRegression()).fit(X, y)) is None


def test_a_label_constant_in_training_has_its_constant_probability(data):
    X, y = data
    forest = RandomForestClassifier(3, random_state=0).fit(X, y.assign(Mass=0, Edema=1))
    found = probabilities(forest, X)
    assert (found[:, 0] == 0).all()
    assert (found[:, 1] == 1).all()


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (np.ones((2, 2)), r"answers with shape \(2, 2\); \(n, 3\)"),
        (np.ones((2, 2, 3)), r"shape \(2, 2, 3\)"),
        ([np.ones((2, 3))] * 3, r"label 0 probabilities of shape \(2, 3\)"),
    ],
)
def test_other_answers_are_refused(answer, match):
    y = pd.DataFrame(np.zeros((2, 3)), columns=NAMES)
    with pytest.raises(ValueError, match=match):
        probabilities(Answer(answer).fit(None, y), None, labels=NAMES)


def test_c1_classes_that_scikit_learn_made_of_nan_are_refused():
    net = Answer([np.ones((2, 2))])
    net.fit(None, pd.DataFrame({"Mass": [0, 1]})).classes_ = [np.array([1.0, np.nan])]
    with pytest.raises(ValueError, match=r"classes \[1.0, nan\]; \(n, 2\) for the classes 0 and 1"):
        probabilities(net, None)


def test_a_missing_method_is_named():
    with pytest.raises(ValueError, match="Answer has no decision_function"):
        probabilities(Answer(), None, method="decision_function")
