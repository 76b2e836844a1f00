"""What users ran into with the classifiers, each named after its row of the list."""

import os
import signal
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.classifiers import AttentionCNN, MultilabelMLP, MultilabelNet
from skcxr.metrics import get_scorer
from skcxr.model_selection import MultilabelStratifiedGroupKFold


def quick(**settings):
    return MultilabelMLP(**{"module__hidden": (8,), "max_epochs": 3, "random_state": 0, **settings})


@pytest.fixture
def frame(data):
    X, Y = data
    return X, pd.DataFrame(Y, columns=["Mass", "Edema", "Hernia", "Nodule"])


# -- C1 -------------------------------------------------------------------------------------------


def test_c1_cross_val_predict_is_the_plain_loop(data):
    X, Y = data
    cv = KFold(3)
    expected = np.empty(Y.shape)
    for train, test in cv.split(X):
        expected[test] = quick().fit(X[train], Y[train]).predict_proba(X[test])
    for estimator in (quick(), make_pipeline("passthrough", quick())):
        found = cross_val_predict(estimator, X, Y, cv=cv, method="predict_proba")
        np.testing.assert_array_equal(found, expected)
    one = cross_val_predict(quick(), X, Y[:, 0], cv=cv, method="predict_proba")
    assert one.shape == (len(X), 2)


def test_c1_stacking(data):
    X, Y = data
    final = MultiOutputClassifier(LogisticRegression())
    stack = StackingClassifier([("net", quick()), ("other", quick(lr=0.01))], final, cv=KFold(2))
    stack.fit(X, Y)
    inner = [
        cross_val_predict(e, X, Y, cv=KFold(2), method="predict_proba") for _, e in stack.estimators
    ]
    by_hand = final.fit(np.hstack(inner), Y)
    np.testing.assert_array_equal(
        stack.predict(X),
        by_hand.predict(np.hstack([e.predict_proba(X) for e in stack.estimators_])),
    )


@pytest.mark.parametrize("cv", [KFold(2), MultilabelStratifiedGroupKFold(2), 2], ids=str)
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_c1_nan_that_scikit_learn_would_encode_is_refused(frame, cv, method, n_jobs):
    X, labels = frame
    labels["Mass"] = np.where(labels["Mass"] == 1, 1.0, np.nan)  # would arrive inverted
    pipe = make_pipeline(StandardScaler(), quick())
    for y in (labels, labels.to_numpy(), labels.astype("Int8")):
        with pytest.raises(ValueError, match="out_of_fold_predict"):
            cross_val_predict(quick(), X, y, cv=cv, method=method, n_jobs=n_jobs)
        with pytest.raises(RuntimeError, match="out_of_fold_predict"):
            cross_val_predict(pipe, X, y, cv=cv, method=method, n_jobs=n_jobs)
    # Decisions need no encoding, and unknown labels are fine there.
    if not isinstance(cv, int):
        labels["Mass"] = labels["Edema"].mask(np.arange(len(labels)) % 3 == 0)
        assert cross_val_predict(quick(), X, labels, cv=cv).shape == labels.shape


# -- W1 -------------------------------------------------------------------------------------------


def test_w1_score_matches_labels_by_name(frame):
    X, labels = frame
    net = quick(max_epochs=20, lr=0.01).fit(X, labels)
    expected = net.score(X, labels)
    assert expected > 0.4
    assert net.score(X, labels[["Hernia", "Nodule", "Mass", "Edema"]]) == expected
    assert net.score(X, labels.to_numpy()) == expected
    with pytest.raises(ValueError, match=r"Effusion.*Nodule"):
        net.score(X, labels.rename(columns={"Nodule": "Effusion"}))


# -- W6 -------------------------------------------------------------------------------------------


class Noisy(torch.nn.Module):
    """A module of a user's with every kind of random number."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.hidden = torch.nn.Linear(n_features, 16)
        self.output = torch.nn.Linear(16, n_labels)

    def forward(self, x):
        x = torch.nn.functional.dropout(self.hidden(x), 0.3, self.training)
        if self.training:
            x = x + 0.1 * torch.randn_like(x) * torch.bernoulli(torch.full_like(x, 0.5))
        return self.output(torch.relu(x))


@pytest.mark.parametrize(
    "net",
    [quick(max_epochs=6), MultilabelNet(Noisy, max_epochs=6, random_state=0)],
    ids=["mlp", "own"],
)
def test_w6_threads_give_the_numbers_of_one_job(data, net):
    X, Y = data
    before = torch.get_rng_state()
    scorer = get_scorer("macro_auc")
    cv = KFold(4)
    alone = cross_val_score(net, X, Y, cv=cv, scoring=scorer)
    for _ in range(2):
        with joblib.parallel_config("threading"):
            threads = cross_val_score(net, X, Y, cv=cv, scoring=scorer, n_jobs=2)
        np.testing.assert_array_equal(threads, alone)
    assert torch.equal(torch.get_rng_state(), before)


def test_w6_the_global_generator_is_as_it_was_during_a_fit(data):
    """Between two draws, too: another thread never meets a state of ours for long."""
    torch.manual_seed(5)
    before, seen = torch.get_rng_state(), []

    class Look(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(torch.equal(torch.get_rng_state(), before))
            return super().step(closure)

    quick(optimizer=Look).fit(*data)
    assert len(seen) > 5
    assert all(seen)


# -- C14 ------------------------------------------------------------------------------------------


class PressCtrlC(skorch.callbacks.Callback):
    def __init__(self, event):
        self.event = event

    def press(self, name, net):
        if name == self.event and len(net.history) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    def on_epoch_end(self, net, **kwargs):
        self.press("epoch end", net)

    def on_batch_begin(self, net, **kwargs):
        self.press("batch", net)


@pytest.fixture
def _listening():
    """Tests that a shell started in the background ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listening")
@pytest.mark.parametrize("event", ["epoch end", "batch"])
def test_c14_ctrl_c_is_not_swallowed(data, event):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        quick(callbacks=[PressCtrlC(event)], max_epochs=9).fit(*data)
    assert signal.getsignal(signal.SIGINT) is handler


class Interrupted(torch.nn.Linear):
    def forward(self, x):
        if self.training:
            raise KeyboardInterrupt
        return super().forward(x)


def test_c14_an_interrupt_inside_the_network_is_not_swallowed(data):
    net = MultilabelNet(Interrupted, module__in_features=20, module__out_features=4)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*data)


class StopAt(skorch.callbacks.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("in_thread", [False, True])
def test_c14_a_callback_that_stops_the_training_stops_it(data, in_thread):
    net = quick(callbacks=[StopAt(2)], max_epochs=9)
    if in_thread:
        thread = threading.Thread(target=net.fit, args=data)
        thread.start()
        thread.join()
    else:
        net.fit(*data)
    assert net.n_iter_ == 2
    assert net.predict_proba(data[0]).shape == data[1].shape


# -- H16, C10, C12 ---------------------------------------------------------------------------------


def test_h16_features_that_float32_cannot_hold(data):
    X, Y = data
    far = X.astype(np.float64)
    far[7, 3] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 in row 7 of feature 3"):
        quick().fit(far, Y)
    net = quick().fit(X, Y)
    with pytest.raises(ValueError, match=r"1e\+300 in row 7 of feature 3"):
        net.predict_proba(far)
    maps = far.reshape(-1, 1, 4, 5)
    with pytest.raises(ValueError, match=r"1e\+300 in row 7"):
        AttentionCNN(module__channels=(4,), max_epochs=1).fit(maps, Y)


def test_h16_what_overflows_inside_the_network(data):
    X, Y = data
    net = quick(module__batch_norm=False, lr=0.1).fit(X, Y)
    far = X.copy()
    far[11, :4] = 3e38
    with pytest.raises(ValueError, match=r"row 11 of X gives no finite logit.*3e\+38"):
        net.predict_proba(far)


def test_h16_a_training_that_diverges(data):
    X, Y = data
    net = quick(module__batch_norm=False, optimizer=torch.optim.SGD, lr=1e30)
    with pytest.raises(ValueError, match=r"weights that are not finite after .* lower lr"):
        net.fit(X, Y)


def test_c10_rows_in_another_order_are_refused(frame):
    X, labels = frame
    names = [f"{i:03}.png" for i in range(len(X))]
    table = pd.DataFrame(X, index=names).add_prefix("f")
    labels.index = names
    quick().fit(table, labels)
    with pytest.raises(ValueError, match=r"same index in another order: row 0 is '000\.png' in X"):
        quick().fit(table, labels.sample(frac=1, random_state=0))


def test_w12_a_threshold_that_calls_almost_all(data):
    X, Y = data
    noise = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    rare = (np.arange(len(X)) % 12 == 0).astype(float)
    with pytest.warns(UserWarning, match=r"almost everything positive: label1 \(threshold"):
        quick(
            thresholds="auto",
            threshold_metric="sensitivity",
            threshold_target=1.0,
            validation_fraction=0.4,
        ).fit(noise, np.column_stack([Y[:, 0], rare]))


@pytest.mark.parametrize(("metric", "pick"), [("sensitivity", 1), ("specificity", 0)])
def test_w12_nets_choose_thresholds_at_a_wanted_sensitivity(data, metric, pick):
    X, Y = data
    net = quick(
        thresholds="auto",
        threshold_metric=metric,
        threshold_target=0.8,
        validation_fraction=0.4,
        max_epochs=15,
        lr=0.01,
    ).fit(X, Y)
    rows = net.validation_indices_
    for truth, called in zip(Y[rows].T, net.predict(X[rows]).T, strict=True):
        assert (called[truth == pick] == pick).mean() >= 0.8
    with pytest.raises(ValueError, match="target=None with metric='sensitivity'"):
        quick(thresholds="auto", threshold_metric="sensitivity").fit(X, Y)
