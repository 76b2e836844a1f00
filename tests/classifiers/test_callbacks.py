"""scikit-learn's callbacks on the nets: what they see, and that they change nothing."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skorch
from recorder import Recorder
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.classifiers import AttentionCNN, MultilabelMLP
from skcxr.classifiers._batches import Rows
from skcxr.metrics import get_scorer


def mlp(**settings):
    quick = {"module__hidden": (8,), "max_epochs": 4, "lr": 0.01, "random_state": 0}
    return MultilabelMLP(**(quick | settings))


def epochs_of(recorder):
    """(net, epoch) as in ``history_``."""
    paths = recorder.tasks("epoch")
    assert {path[-2][1] for path in paths} <= {"net"}
    return [(path[-2][2], path[-1][2] + 1) for path in paths]


def trained(net):
    return [(row["net"], row["epoch"]) for row in net.history_]


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": False},
        {"n_nets": 3},
        {"n_nets": 2, "lr": 1.0, "max_epochs": 40, "patience": 2},  # stops early
    ],
    ids=str,
)
def test_the_epochs_that_were_trained_are_seen(data, settings):
    recorder = Recorder()
    net = mlp(**settings).set_callbacks(recorder).fit(*data)
    assert epochs_of(recorder) == trained(net)
    assert len(recorder.tasks("net")) == len(net.nets_) == net.n_nets
    assert recorder.tasks("fit") == [(("MultilabelMLP", "fit", 0),)]
    assert [what for what, _ in recorder.events][:: len(recorder.events) - 1] == [
        "setup",
        "teardown",
    ]
    if net.max_epochs == 40:
        assert max(epoch for _, epoch in trained(net)) < 40


class Raise(skorch.callbacks.Callback):
    def __init__(self, error, epoch):
        self.error, self.epoch = error, epoch

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise self.error


@pytest.mark.parametrize("where", ["X", "y", "epoch", "callback"])
def test_a_fit_that_fails_is_torn_down(data, where):
    X, y = data
    recorder = Recorder()
    net = mlp().set_callbacks(recorder)
    if where == "X":
        X = X[0]
    elif where == "y":
        y = y + 1
    elif where == "epoch":
        net.set_params(callbacks=[Raise(ValueError("broken"), 2)])
    else:
        recorder.stop = lambda path: path[1000]  # an IndexError
    with pytest.raises((ValueError, IndexError)):
        net.fit(X, y)
    assert recorder.count("setup") == recorder.count("teardown") == 1
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(net))


def test_an_epoch_that_is_broken_off_ends(data):
    recorder = Recorder()
    net = mlp(early_stopping=False, callbacks=[Raise(KeyboardInterrupt(), 3)])
    net.set_callbacks(recorder).fit(*data)
    assert epochs_of(recorder) == trained(net) == [(0, 1), (0, 2), (0, 3)]


def test_epochs_are_seen_under_the_tasks_of_a_search(data):
    pipe = make_pipeline(StandardScaler(), mlp(max_epochs=2))
    recorder = Recorder()
    search = GridSearchCV(pipe, {"multilabelmlp__lr": [0.01, 0.1]}, cv=KFold(2))
    search.set_callbacks(recorder).fit(*data)
    paths = recorder.tasks("epoch")
    for path in paths:
        assert path[0][0] == "GridSearchCV"
        assert [name for name, *_ in path[-4:]] == ["Pipeline"] + 3 * ["MultilabelMLP"]
        assert [task for _, task, _ in path[-3:]] == ["fit", "net", "epoch"]
    fits = [path[:-3] for path in paths if path[-1][2] == 0]
    assert len(set(fits)) == len(fits) == 2 * 2 + 1  # candidates, folds, and the last fit
    assert len(paths) == 2 * len(fits)
    assert recorder.count("setup") == recorder.count("teardown") == 1


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_progress_bar_runs(data, capsys, n_jobs):
    pipe = make_pipeline(StandardScaler(), mlp(max_epochs=2, n_nets=2))
    search = GridSearchCV(pipe, {"multilabelmlp__lr": [0.01, 0.1]}, cv=KFold(2), n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*data)
    printed = capsys.readouterr().out
    bars = [line for line in printed.splitlines() if "MultilabelMLP - net" in line]
    assert len(bars) == 2 * (2 * 2 + 1)
    assert all("100%" in bar for bar in bars)


@pytest.mark.parametrize("settings", [{}, {"n_nets": 2, "thresholds": "auto"}], ids=str)
def test_results_are_the_same_with_callbacks(data, settings):
    X, y = data
    plain = mlp(**settings).fit(X, y)
    watched = mlp(**settings)
    watched.set_callbacks(Recorder(), ScoringMonitor(scoring=get_scorer(["macro_auc"])))
    watched.fit(X, y)
    np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(watched.thresholds_, plain.thresholds_)
    assert watched.history_ == plain.history_


def test_pickle_and_clone(data):
    X, y = data
    net = mlp(max_epochs=2).set_callbacks(ScoringMonitor(scoring=get_scorer(["macro_auc"])))
    assert net.get_params() == mlp(max_epochs=2).get_params()
    for same in (clone(net), pickle.loads(pickle.dumps(net))):
        assert len(same._skl_callbacks) == 1
    net.fit(X, y)
    expected = net.predict_proba(X)
    for same in (pickle.loads(pickle.dumps(net)), clone(net).fit(X, y)):
        np.testing.assert_array_equal(same.predict_proba(X), expected)
    assert vars(net.set_callbacks()).keys() == vars(mlp(max_epochs=2).fit(X, y)).keys()


class Kept:
    """Keeps the fitted estimator of each task."""

    def __init__(self):
        self.fitted = {}

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        key = (context.task_name, context.task_id)
        self.fitted[key] = fitted_estimator, fitted_estimator.predict_proba(X)

    def teardown(self, estimator, context):
        pass


def test_the_estimator_after_an_epoch_is_that_of_a_training_so_long(data):
    X, y = data
    kept = Kept()
    net = mlp(early_stopping=False).set_callbacks(kept).fit(X, y)
    assert len(kept.fitted) == 4 + 1 + 1
    for epoch in range(4):
        fitted, proba = kept.fitted["epoch", epoch]
        shorter = mlp(early_stopping=False, max_epochs=epoch + 1).fit(X, y)
        np.testing.assert_array_equal(proba, shorter.predict_proba(X))
        # It stays what it was, though the training went on.
        np.testing.assert_array_equal(fitted.predict_proba(X), proba)
        np.testing.assert_array_equal(fitted.predict(X), shorter.predict(X))
    for end in (("net", 0), ("fit", 0)):
        np.testing.assert_array_equal(kept.fitted[end][1], net.predict_proba(X))


def test_the_nets_before_count_in_the_estimator_after_an_epoch(data):
    X, y = data
    kept = Kept()
    net = mlp(early_stopping=False, n_nets=2).set_callbacks(kept).fit(X, y)
    np.testing.assert_array_equal(kept.fitted["epoch", 3][1], net.predict_proba(X))
    assert [len(kept.fitted["net", i][0].nets_) for i in range(2)] == [1, 2]


@pytest.mark.parametrize("case", ["table", "one label", "maps"])
def test_a_scoring_monitor_scores_every_form_of_data(data, case):
    X, y = data
    net = mlp(max_epochs=3, early_stopping=False, thresholds="auto")
    if case == "table":
        X = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
        y = pd.DataFrame(y, columns=list("abcd"))
    elif case == "one label":
        y = np.where(y[:, 0] == 1, "ill", "well")
    else:
        X = X.reshape(-1, 1, 4, 5)
        net = AttentionCNN(module__channels=(4,), max_epochs=3, random_state=0)
    monitor = ScoringMonitor(scoring=make_scorer(lambda y, pred: np.mean(y == pred)))
    if case == "table":
        monitor = ScoringMonitor(scoring=get_scorer(["macro_auc"]))
    net.set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    assert log.task_name.value_counts().to_dict() == {"epoch": 3, "net": 1, "fit": 1}
    scores = log["macro_auc" if case == "table" else "score"]
    assert scores.between(0, 1).all()
    assert len(set(scores)) > 1


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_callback_may_stop_the_training(data, early_stopping):
    X, y = data
    settings = {"early_stopping": early_stopping, "lr": 0.1}
    net = mlp(max_epochs=20, **settings)
    net.set_callbacks(Recorder(lambda path: path[-1][1:] == ("epoch", 2))).fit(X, y)
    assert net.n_iter_ == 3
    # skorch's callbacks have seen the last epoch: the best weights are those of a short training.
    shorter = mlp(max_epochs=3, **settings).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), shorter.predict_proba(X))
    assert net.history_ == shorter.history_


def test_a_callback_may_leave_out_the_nets_to_come(data):
    net = mlp(n_nets=5)
    net.set_callbacks(Recorder(lambda path: path[-1][1:] == ("net", 1))).fit(*data)
    assert len(net.nets_) == 2
    np.testing.assert_array_equal(
        net.predict_proba(data[0]), mlp(n_nets=2).fit(*data).predict_proba(data[0])
    )


class PickleNet(skorch.callbacks.Callback):
    def on_epoch_end(self, net, **kwargs):
        pickles.append(pickle.dumps(net))


pickles = []


def test_a_skorch_callback_may_pickle_the_net(data):
    """And takes none of scikit-learn's callbacks with it, which could not go on."""
    X, y = data
    mlp(callbacks=[PickleNet()]).set_callbacks(Recorder()).fit(X, y)
    assert len(pickles) == 4
    net = pickle.loads(pickles[1])
    assert not any(type(c).__name__ in ("EpochTasks", "StopIfAsked") for _, c in net.callbacks_)
    net.partial_fit(Rows(X, y.astype(np.float32)), epochs=1)
    assert len(net.history) == 2 + 1
