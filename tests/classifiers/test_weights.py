"""sample_weight, soft labels and balanced sampling."""

import numpy as np
import pytest
import torch

from skcxr.classifiers import MultilabelMLP, MultilabelNet
from skcxr.classifiers._batches import Batches, Rows
from skcxr.classifiers._emphasis import class_balanced_chances, count_labels


def linear(**settings):
    return MultilabelNet(
        torch.nn.Linear,
        module__in_features=20,
        module__out_features=4,
        optimizer=torch.optim.SGD,
        early_stopping=False,
        batch_size=1000,
        lr=0.1,
        random_state=0,
        **settings,
    )


def test_a_step_on_weighted_rows_is_that_on_repeated_rows(data):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    weighted = linear(max_epochs=3).fit(X, Y, sample_weight=weight)
    plain = linear(max_epochs=3).fit(X[repeated], Y[repeated])
    np.testing.assert_allclose(weighted.predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_weights_of_one_change_nothing_and_of_zero_take_rows_out(data):
    X, Y = data
    settings = {"max_epochs": 3, "random_state": 0, "module__hidden": (8,)}
    plain = MultilabelMLP(**settings).fit(X, Y).predict_proba(X)
    ones = MultilabelMLP(**settings).fit(X, Y, sample_weight=np.ones(len(X))).predict_proba(X)
    np.testing.assert_allclose(ones, plain, atol=1e-5)
    wrong, weight = Y.copy(), np.ones(len(X))
    weight[::3] = 0
    wrong[::3] = 1 - wrong[::3]
    first, second = (
        MultilabelMLP(**settings).fit(X, y, groups=np.arange(len(X)) // 3, sample_weight=weight)
        for y in (wrong, np.where(weight[:, None] == 0, np.nan, Y))
    )
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X), atol=0.05)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), r"each of the 240 rows, got the shape \(3,\)"),
        (np.r_[np.ones(239), -1], "row 239 is -1"),
        (np.r_[np.ones(239), np.nan], "row 239 is nan"),
        (["a"] * 240, "must hold numbers"),
        (np.zeros(240), "at least one non-zero"),
    ],
)
def test_c10_wrong_weights_are_refused_before_the_training(data, weight, message):
    with pytest.raises(ValueError, match=message):
        MultilabelMLP().fit(*data, sample_weight=weight)


def test_soft_labels_are_taken_as_they_are_with_the_switch_only(data):
    X, Y = data
    soft = np.clip(Y, 0.2, 0.8)
    with pytest.raises(ValueError, match="soft_labels=True"):
        MultilabelMLP().fit(X, soft)
    net = MultilabelMLP(soft_labels=True, lr=0.01, random_state=0, thresholds="auto").fit(X, soft)
    hard = MultilabelMLP(lr=0.01, random_state=0).fit(X, Y)
    assert net.predict_proba(X).min() > hard.predict_proba(X).min()
    assert ((net.predict_proba(X) > 0.5) == Y).mean() > 0.8
    # Cross-entropy is linear in y: a soft label of 1/4 is one positive and three negatives.
    quarter = linear(soft_labels=True, max_epochs=2).fit(X, np.full_like(Y, 0.25))
    rows = np.repeat(np.arange(len(X)), 4)
    dealt = np.tile(np.array([1.0, 0.0, 0.0, 0.0]), len(X))[:, None] * np.ones(4)
    np.testing.assert_allclose(
        quarter.predict_proba(X),
        linear(max_epochs=2).fit(X[rows], dealt).predict_proba(X),
        atol=1e-6,
    )


def test_chances_are_the_inverse_effective_numbers():
    Y = np.array([[1, 0], [1, 0], [1, 1], [0, np.nan], [0, 0], [np.nan, 0]], dtype=float)
    beta = 5 / 6
    e1, e2, e3 = ((1 - beta**m) / (1 - beta) for m in (1, 2, 3))
    # label 0 has 3 positives, label 1 has 1, and 3 rows are positive for nothing
    expected = np.array([1 / e3, 1 / e3, 1 / e1, 1 / e3, 1 / e3, 1 / e3])
    assert e2 > e1
    np.testing.assert_allclose(class_balanced_chances(Y), expected / expected.sum())


def test_balanced_batches_follow_the_chances():
    n = 4000
    X, Y = np.arange(n, dtype=float)[:, None], np.zeros((n, 1), dtype=np.float32)
    chances = np.where(np.arange(n) < 400, 5.0, 1.0)
    batches = Batches(Rows(X, Y), 64, shuffle=True, chances=chances)
    drawn = np.concatenate([x[:, 0].numpy() for x, _ in batches])
    assert len(drawn) == n
    assert (drawn < 400).mean() == pytest.approx(2000 / 5600, abs=0.03)
    positives, negatives = count_labels((X < 400).astype(float), chances=chances / chances.sum())
    np.testing.assert_allclose([positives[0], negatives[0]], [n * 2000 / 5600, n * 3600 / 5600])


def test_balanced_sampling_raises_what_is_rare(data):
    X, Y = data
    settings = {"lr": 0.01, "max_epochs": 6, "random_state": 0, "module__hidden": (8,)}
    plain = MultilabelMLP(**settings).fit(X, Y).predict_proba(X)
    balanced = MultilabelMLP(sampling="balanced", **settings).fit(X, Y).predict_proba(X)
    rarest = Y.mean(axis=0).argmin()
    assert balanced[:, rarest].mean() > plain[:, rarest].mean()
