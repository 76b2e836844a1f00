"""The parts of a net against the truth from elsewhere."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from skcxr.classifiers import MultilabelMLP
from skcxr.classifiers._batches import Batches, Rows
from skcxr.classifiers._loss import MaskedBCEWithLogits
from skcxr.classifiers._thresholds import best_threshold, resolve_thresholds


@pytest.mark.parametrize("pos_weight", [None, torch.tensor([1.0, 4.0, 0.5])])
def test_masked_loss_is_torchs_on_the_known_entries(pos_weight):
    torch.manual_seed(0)
    logits = torch.randn(50, 3, requires_grad=True)
    truth = torch.randint(0, 2, (50, 3)).float()
    known = torch.rand(50, 3) < 0.6
    y = torch.where(known, truth, torch.nan)
    loss = MaskedBCEWithLogits(pos_weight)(logits, y)
    (gradient,) = torch.autograd.grad(loss, logits)
    weight = None if pos_weight is None else pos_weight.expand(50, 3)[known]
    expected = torch.nn.BCEWithLogitsLoss(pos_weight=weight)(logits[known], truth[known])
    (wanted,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, wanted)


def test_masked_loss_of_nothing_known_is_zero():
    logits = torch.zeros(4, 2, requires_grad=True)
    loss = MaskedBCEWithLogits()(logits, torch.full((4, 2), torch.nan))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert (gradient == 0).all()


def _youden(y, called):
    return recall_score(y, called) + recall_score(y, called, pos_label=0) - 1


@pytest.mark.parametrize(("metric", "score"), [("f1", f1_score), ("youden", _youden)])
@pytest.mark.parametrize("seed", range(5))
def test_threshold_is_the_best_of_all(metric, score, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(60) < 0.3).astype(float)
    proba = np.round(np.clip(0.3 * y + rng.random(60) * 0.7, 0, 1), 2)  # with ties
    y_unknown, hidden = y.copy(), rng.random(60) < 0.2
    y_unknown[hidden] = np.nan
    found = best_threshold(y_unknown, proba, metric)
    y, proba = y[~hidden], proba[~hidden]
    tried = [score(y, proba > t) for t in np.r_[-0.01, np.unique(proba)]]
    assert score(y, proba > found) == pytest.approx(max(tried))


def test_threshold_without_a_positive_is_none():
    assert best_threshold(np.zeros(5), np.linspace(0, 1, 5)) is None
    assert best_threshold(np.ones(5), np.linspace(0, 1, 5), "youden") is None


def test_thresholds_by_number_array_and_name():
    names = np.array(["a", "b"], dtype=object)
    assert resolve_thresholds(0.3, names).tolist() == [0.3, 0.3]
    assert resolve_thresholds([0.1, 0.2], names).tolist() == [0.1, 0.2]
    assert resolve_thresholds({"b": 0.9}, names).tolist() == [0.5, 0.9]
    with pytest.raises(ValueError, match=r"\['c'\]"):
        resolve_thresholds({"c": 0.9}, names)
    with pytest.raises(ValueError, match="2 labels"):
        resolve_thresholds([0.1, 0.2, 0.3], names)


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
