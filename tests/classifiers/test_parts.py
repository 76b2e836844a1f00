"""The parts of a net against the truth from elsewhere."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from skcxr.classifiers import MultilabelMLP
from skcxr.classifiers._batches import Batches, Rows


def test_auto_thresholds_are_the_best_on_the_held_out_part(data):
    X, Y = data
    net = MultilabelMLP(thresholds="auto", random_state=0, validation_fraction=0.3).fit(X, Y)
    rows = net.validation_indices_
    proba = net.predict_proba(X[rows])
    for j in range(Y.shape[1]):
        tried = [f1_score(Y[rows, j], proba[:, j] > t) for t in np.r_[-1, np.unique(proba[:, j])]]
        assert f1_score(Y[rows, j], net.predict(X[rows])[:, j]) == pytest.approx(max(tried))


def test_auto_thresholds_without_held_out_rows_say_so(data):
    X, Y = data
    with pytest.warns(UserWarning, match="0.5 is used there"):
        net = MultilabelMLP(thresholds="auto", max_epochs=1).fit(X[:30], Y[:30])
    assert net.thresholds_.tolist() == [0.5] * 4


def test_batches_hold_every_row_once_and_never_one_row_alone():
    X, Y = np.arange(33.0)[:, None], np.arange(33, dtype=np.float32)[:, None]
    batches = Batches(Rows(X, Y, np.arange(33)), 8, shuffle=True)
    drawn = [(x[:, 0].tolist(), y[:, 0].tolist()) for x, y in batches]
    assert [len(x) for x, _ in drawn] == [8, 8, 8, 9]
    assert all(x == y for x, y in drawn)
    rows = [value for x, _ in drawn for value in x]
    assert sorted(rows) == X[:, 0].tolist() != rows
