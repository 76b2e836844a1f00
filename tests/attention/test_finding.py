"""The fuser is found, and gets what the estimator around it gives it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skcxr.attention import find_fuser
from skcxr.model_selection import MultilabelCalibrator, MultilabelThresholdTuner


class Fuser(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float).reshape(len(X), -1)

    def attention_maps(self, X, labels=None, size=None):
        return X


class Net(ClassifierMixin, BaseEstimator):
    """A probability for each of two labels."""

    def fit(self, X, y):
        self.classes_ = [np.array([0, 1])] * 2
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def predict_proba(self, X):
        return np.tile(np.linspace(0.1, 0.9, len(X))[:, None], 2)


X = np.arange(24.0).reshape(12, 2)
Y = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 3)
y = Y[:, 0]


def half(X):
    return X / 2


def halved(net=None):
    union = FeatureUnion([("as it is", StandardScaler()), ("attention", Fuser())])
    return Pipeline([("halve", FunctionTransformer(half)),
                     ("features", union), ("net", net or LogisticRegression())])  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: GridSearchCV(halved(), {"net__C": [1.0]}, cv=2).fit(X, y),
        lambda: MultilabelThresholdTuner(halved(Net()), cv=2).fit(X, Y),
        lambda: MultilabelThresholdTuner(MultilabelCalibrator(halved(Net()), cv=2), cv=2).fit(X, Y),
        lambda: CalibratedClassifierCV(halved(), cv=2).fit(X, y),
        lambda: FrozenEstimator(halved().fit(X, y)),
        lambda: SelectFromModel(halved()).set_params(estimator=halved().fit(X, y)),
        lambda: VotingClassifier([("a", halved()), ("b", halved())]).fit(X, y),
    ],
)
def test_c8_meta_estimators(make):
    fuser, prepare = find_fuser(make())
    assert fuser.fitted_
    np.testing.assert_array_equal(prepare(X), X / 2)


@pytest.mark.parametrize(
    "columns", ["path", ["path"], [0], slice(0, 1), [True, False], lambda frame: ["path"]]
)
def test_c8_column_transformer(columns):
    frame = pd.DataFrame({"path": list("abc"), "age": [30, 40, 50]})

    class Paths(Fuser):
        def transform(self, X):
            return np.zeros((len(X), 1))

    columns_ = ColumnTransformer([("age", StandardScaler(), ["age"]), ("film", Paths(), columns)])
    for estimator in (columns_, make_pipeline(columns_.fit(frame), LogisticRegression())):
        fuser, prepare = find_fuser(estimator)
        assert isinstance(fuser, Paths)
        assert np.ravel(prepare(frame)).tolist() == ["a", "b", "c"]


def test_none_where_there_is_none():
    assert find_fuser(make_pipeline(StandardScaler(), LogisticRegression())) == (None, None)
    fuser = Fuser()
    found, prepare = find_fuser(fuser)
    assert found is fuser
    assert prepare(X) is X


def test_films_are_those_before_equalisation():
    from skcxr.preprocessing import HistEqualizer

    films = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    dark = FunctionTransformer(darker)
    pipe = make_pipeline(dark, HistEqualizer(), "passthrough", Fuser()).fit(films)
    _, prepare = find_fuser(pipe)
    np.testing.assert_array_equal(prepare.films(films), films // 2)
    np.testing.assert_array_equal(prepare(films), pipe[1].transform(films // 2))


def darker(X):
    return X // 2
