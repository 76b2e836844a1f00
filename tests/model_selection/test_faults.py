"""What users ran into with tuners, calibrators and splitters, named after its row of the list."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr._multilabel._scores import label_scores
from skcxr.classifiers import MultilabelMLP
from skcxr.metrics import get_scorer
from skcxr.model_selection import (
    MultilabelCalibrator,
    MultilabelGroupShuffleSplit,
    MultilabelStratifiedGroupKFold,
    MultilabelThresholdTuner,
)

METAS = [MultilabelThresholdTuner, MultilabelCalibrator]
NAMES = ["Mass", "Edema", "Hernia"]
MIXED = ["Hernia", "Mass", "Edema"]
LINEAR = OneVsRestClassifier(LogisticRegression())


def quick(**settings):
    return MultilabelMLP(module__hidden=(8,), max_epochs=3, random_state=0, **settings)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((240, 6)).astype(np.float32)
    logits = 1.5 * X @ rng.standard_normal((6, 3)) - [0.0, 1.0, 2.0]
    Y = (rng.random((240, 3)) < 1 / (1 + np.exp(-logits))).astype(float)
    return X, pd.DataFrame(Y, columns=NAMES), np.repeat(np.arange(60), 4)


# -- W1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("Meta", METAS)
def test_w1_prefit_matches_labels_by_name(data, Meta):
    X, Y, _ = data
    fitted = quick().fit(X, Y)
    straight = Meta(fitted, cv="prefit").fit(X, Y)
    mixed = Meta(fitted, cv="prefit").fit(X, Y[MIXED])
    order = [NAMES.index(name) for name in MIXED]
    assert mixed.label_names_.tolist() == MIXED
    np.testing.assert_array_equal(mixed.predict_proba(X), straight.predict_proba(X)[:, order])
    np.testing.assert_array_equal(mixed.predict(X), straight.predict(X)[:, order])
    np.testing.assert_array_equal(mixed.thresholds_, straight.thresholds_[order])
    assert mixed.score(X, Y) == straight.score(X, Y)
    with pytest.raises(ValueError, match=r"Effusion.*Hernia"):
        Meta(fitted, cv="prefit").fit(X, Y.rename(columns={"Hernia": "Effusion"}))
    with pytest.raises(ValueError, match="'Mass', 'Edema'"):
        Meta(fitted, cv="prefit").fit(X, Y[["Mass", "Edema"]])


# -- W8 -------------------------------------------------------------------------------------------


class Remembers(ClassifierMixin, BaseEstimator):
    """Takes groups, and remembers what each of its fits was given."""

    fits = []

    def fit(self, X, y, groups=None):
        self.groups_ = None if groups is None else np.asarray(groups)
        Remembers.fits.append(self.groups_)
        self.classes_ = np.tile([0, 1], (np.shape(y)[1], 1))
        self.k_ = np.shape(y)[1]
        return self

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-np.asarray(X)[:, : self.k_]))

    def predict(self, X):
        return (self.predict_proba(X) > 0.5).astype(int)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


NESTED = {
    "tuner around calibrator": lambda net: MultilabelThresholdTuner(
        MultilabelCalibrator(net, cv=3, random_state=0), cv=2, random_state=0
    ),
    "with a pipeline between": lambda net: MultilabelThresholdTuner(
        make_pipeline(StandardScaler(), MultilabelCalibrator(net, cv=3, random_state=0)),
        cv=2,
        random_state=0,
    ),
    "with a pipeline inside": lambda net: MultilabelCalibrator(
        make_pipeline(StandardScaler(), net), cv=3, random_state=0
    ),
    "with a search between": lambda net: MultilabelThresholdTuner(
        GridSearchCV(
            make_pipeline(StandardScaler(), MultilabelCalibrator(net, cv=2, random_state=0)),
            {"multilabelcalibrator__method": ["temperature"]},
            cv=MultilabelStratifiedGroupKFold(2),
            scoring=lambda *args: 0.0,
        ),
        cv=2,
        random_state=0,
    ),
}


@pytest.mark.parametrize("form", NESTED)
def test_w8_patients_are_whole_at_every_level(data, form, monkeypatch):
    X, Y, groups = data
    seen = []
    split = MultilabelStratifiedGroupKFold.split

    def watched(self, X, y=None, groups=None):
        for train, test in split(self, X, y, groups):
            if groups is not None:
                part = np.asarray(groups)
                seen.append(not set(part[train]) & set(part[test]))
            else:
                seen.append(None)
            yield train, test

    monkeypatch.setattr(MultilabelStratifiedGroupKFold, "split", watched)
    Remembers.fits = []
    NESTED[form](Remembers()).fit(X, Y, groups=groups)
    assert seen
    assert all(seen)
    assert all(given is not None for given in Remembers.fits)


def test_w8_tuner_around_calibrator_is_the_loop_written_out(data):
    X, Y, groups = data
    seeds = [int(np.random.RandomState(s).randint(np.iinfo(np.int32).max)) for s in (1, 2)]
    net = quick()
    tuner = MultilabelThresholdTuner(
        MultilabelCalibrator(net, cv=3, method="temperature", random_state=2), cv=2, random_state=1
    ).fit(X, Y, groups=groups)

    def folds(seed, n, y, g):
        cv = MultilabelStratifiedGroupKFold(n, shuffle=True, random_state=seed)
        return list(cv.split(y, y, g))

    def calibrated(rows):
        """A calibrator written out: three folds, then a net on all rows."""
        x, y, g = X[rows], Y.to_numpy()[rows], groups[rows]
        logits = np.empty(y.shape)
        for train, test in folds(seeds[1], 3, y, g):
            inner = clone(net).fit(x[train], y[train], groups=g[train])
            logits[test] = inner.decision_function(x[test])
        final = clone(net).fit(x, y, groups=g)
        scale = MultilabelCalibrator(_Given(logits), method="temperature", cv="prefit").fit(x, y)
        return lambda z: np.column_stack(
            [c(s) for c, s in zip(scale.calibrators_, final.decision_function(z).T, strict=True)]
        )

    proba = np.empty(Y.shape)
    for train, test in folds(seeds[0], 2, Y.to_numpy(), groups):
        assert not set(groups[train]) & set(groups[test])
        proba[test] = calibrated(train)(X[test])
    np.testing.assert_allclose(tuner.predict_proba(X), calibrated(np.arange(240))(X), rtol=1e-6)
    again = MultilabelThresholdTuner(_Given(proba, "predict_proba"), cv="prefit").fit(X, Y)
    np.testing.assert_allclose(tuner.thresholds_, again.thresholds_, rtol=1e-6)


class _Given(BaseEstimator):
    """Answers with what it was given."""

    def __init__(self, answer, method="decision_function"):
        self.answer, self.method = answer, method
        setattr(self, method, lambda X: answer)
        self.fitted_ = True

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-self.answer))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LosesGroups(ClassifierMixin, BaseEstimator):
    """A meta-estimator that has never heard of groups."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def test_w8_a_splitter_that_misses_the_groups_warns(data):
    X, Y, groups = data
    inner = MultilabelCalibrator(LINEAR, cv=2, random_state=0)
    outer = MultilabelThresholdTuner(LosesGroups(inner), cv=2, random_state=0)
    with pytest.warns(UserWarning, match="got no groups inside a fit that was given some") as told:
        outer.fit(X, Y, groups=groups)
    assert {warning.filename for warning in told} == {__file__}
    outer.fit(X, Y)  # nobody has any: no warning
    net = quick()
    with pytest.warns(UserWarning, match="got no groups inside a fit that was given some"):
        MultilabelThresholdTuner(LosesGroups(net), cv=2, random_state=0).fit(X, Y, groups=groups)


@pytest.mark.parametrize("how", ["search", "cross_validate"])
def test_w8_groups_that_a_search_keeps_to_itself(data, how):
    X, Y, groups = data
    tuner = MultilabelThresholdTuner(make_pipeline(StandardScaler(), LINEAR), cv=2, random_state=0)
    pipe = Pipeline([("tune", tuner)])
    cv, scorer = MultilabelStratifiedGroupKFold(2), get_scorer("macro_auc")

    def run(**params):
        if how == "search":
            search = GridSearchCV(
                pipe, {"tune__metric": ["f1"]}, cv=cv, scoring=scorer, error_score="raise"
            )
            return search.fit(X, Y, groups=groups, **params)
        return cross_validate(
            pipe, X, Y, groups=groups, cv=cv, scoring=scorer, params=params, error_score="raise"
        )

    with pytest.warns(UserWarning, match=r"got no groups .* <step>__groups="):
        run()
    run(tune__groups=groups)  # no warning


# -- W12 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "value"), [("sensitivity", 1), ("specificity", 0)])
@pytest.mark.parametrize("target", [0.8, 0.95])
def test_w12_thresholds_at_a_wanted_sensitivity(data, metric, value, target):
    X, Y, _ = data
    fitted = clone(LINEAR).fit(X, Y)
    tuner = MultilabelThresholdTuner(fitted, metric=metric, target=target, cv="prefit").fit(X, Y)
    calibrator = MultilabelCalibrator(
        fitted, threshold_metric=metric, threshold_target=target, cv="prefit"
    ).fit(X, Y)
    for called in (tuner.predict(X), calibrator.predict(X)):
        for truth, said in zip(Y.to_numpy().T, called.T, strict=True):
            assert (said[truth == value] == value).mean() >= target


def test_w12_a_threshold_that_calls_almost_all_is_named(data):
    X, _, _ = data
    Y = pd.DataFrame(np.random.default_rng(1).random((240, 1)) < 0.05, columns=["Hernia"])
    tuner = MultilabelThresholdTuner(LINEAR, metric="sensitivity", target=1.0, random_state=0)
    with pytest.warns(UserWarning, match=r"Hernia \(threshold 0\.\d+ calls \d+% of the rows"):
        tuner.fit(X, Y.astype(int))


def test_a_calibrators_thresholds_are_those_of_a_tuner_on_its_probabilities(data):
    X, Y, groups = data
    calibrator = MultilabelCalibrator(LINEAR, threshold_metric="f1", random_state=0)
    calibrator.fit(X, Y, groups=groups)
    raw = MultilabelThresholdTuner(LINEAR, random_state=0).fit(X, Y, groups=groups)
    # Rising maps: the same rows are called as by the thresholds on what is not calibrated.
    np.testing.assert_array_equal(calibrator.predict(X), raw.predict(X))


# -- C10 ------------------------------------------------------------------------------------------


class Expensive(BaseEstimator):
    """A stage that must not run."""

    def fit(self, X, y=None):
        raise AssertionError("the films went through the networks")

    def transform(self, X):
        return X


@pytest.mark.parametrize("Meta", METAS)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": 7}, "y holds 7 in row 0 of label 'Mass'"),
        ({"y": -1}, "load_table"),
        ({"groups": ["a"] * 5}, "each of the 240 rows"),
        ({"groups": [None] * 240}, "no patient in row 0"),
        ({"sample_weight": [1.0] * 7}, r"sample_weight .* \(7,\)"),
        ({"sample_weight": [-1.0] * 240}, "sample_weight .* row 0 is -1"),
        ({"rows": 100}, "X has 100 rows and y has 240"),
        (
            {"classifier": LogisticRegression()},
            r"LogisticRegression knows no multi-label y .*OneVsRestClassifier",
        ),
        ({"classifier": LINEAR, "sample_weight": [1.0] * 240}, "fit takes no weights"),
    ],
    ids=str,
)
def test_c10_what_is_wrong_is_said_before_the_films_go_through(data, Meta, wrong, message):
    X, Y, groups = data
    if "y" in wrong:
        Y = Y.mask(Y.index.to_series() == 0, wrong["y"])
    pipe = Pipeline([("films", Expensive()), ("classify", wrong.get("classifier", quick()))])
    given = {"groups": groups, "sample_weight": None, **wrong}
    with pytest.raises(ValueError, match=message):
        Meta(pipe).fit(
            X[: wrong.get("rows", 240)],
            Y,
            groups=given["groups"],
            sample_weight=given["sample_weight"],
        )


def test_sample_weight_reaches_the_classifier_in_a_pipeline(data):
    X, Y, groups = data
    weight = np.random.default_rng(0).integers(0, 3, 240)
    pipe = make_pipeline(StandardScaler(), quick())
    tuner = MultilabelThresholdTuner(pipe, cv=2, random_state=0)
    tuner.fit(X, Y, groups=groups, sample_weight=weight)
    by_hand = clone(pipe).fit(
        X, Y, multilabelmlp__groups=groups, multilabelmlp__sample_weight=weight
    )
    np.testing.assert_array_equal(tuner.predict_proba(X), by_hand.predict_proba(X))


def test_soft_labels_where_the_net_inside_takes_them(data):
    X, Y, groups = data
    soft = Y.clip(0.1, 0.9)
    net = quick(soft_labels=True)
    tuner = NESTED["with a pipeline between"](net).fit(X, soft, groups=groups)
    hard = MultilabelThresholdTuner(tuner.estimator_, cv="prefit").fit(X, Y)
    assert set(np.unique(tuner.predict(X))) == {0, 1}
    assert tuner.thresholds_ == pytest.approx(hard.thresholds_, abs=0.3)
    with pytest.raises(ValueError, match="soft_labels=True"):
        NESTED["with a pipeline between"](quick()).fit(X, soft, groups=groups)


def test_rows_in_another_order_are_refused(data):
    _, Y, _ = data
    names = [f"{i:03}.png" for i in range(240)]
    films, labels = pd.DataFrame({"path": names}, index=names), Y.set_axis(names)
    mixed = labels.sample(frac=1, random_state=0)
    for splitter in (MultilabelStratifiedGroupKFold(2), MultilabelGroupShuffleSplit(2)):
        next(splitter.split(films, labels))
        with pytest.raises(ValueError, match="X and y hold the same index in another order"):
            next(splitter.split(films, mixed))


# -- calibration keeps the ranking ----------------------------------------------------------------


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
@pytest.mark.parametrize("sign", [1, -1], ids=["with", "against"])
def test_platt_and_temperature_keep_the_auc(data, method, sign):
    X, Y, _ = data
    rng = np.random.default_rng(3)
    scores = sign * 4 * X[:, :3].astype(float) * [1.0, 30.0, 0.01] + rng.standard_normal((240, 3))
    calibrator = MultilabelCalibrator(_Given(scores), method=method, cv="prefit").fit(X, Y)
    proba = calibrator.predict_proba(X)
    assert ((proba > 0) & (proba < 1)).all()
    for truth, before, after in zip(Y.to_numpy().T, scores.T, proba.T, strict=True):
        assert abs(roc_auc_score(truth, before) - roc_auc_score(truth, after)) < 1e-6


def test_label_scores_of_what_gives_no_logits(data):
    X, Y, _ = data
    fitted = clone(LINEAR).fit(X, Y)
    np.testing.assert_allclose(
        label_scores(_Given(fitted.decision_function(X), "ask"), X, NAMES),
        fitted.decision_function(X),
        rtol=1e-2,
    )


def test_nothing_warns_where_nobody_has_groups(data):
    X, Y, _ = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NESTED["tuner around calibrator"](quick()).fit(X, Y)
