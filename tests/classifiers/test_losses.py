"""Losses against their formulas, written out for one entry at a time."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from skcxr.classifiers import MultilabelMLP
from skcxr.classifiers._losses import LOSSES, AsymmetricLoss, BinaryCrossEntropy, FocalLoss

from .conftest import make_problem


def entry(name, x, y, g=2.0, a=0.0, b=4.0, m=0.05):
    p = 1 / (1 + math.exp(-x))
    if name == "bce":
        return -math.log(p) if y else -math.log(1 - p)
    if name == "focal":  # Lin et al. 2017, eq. 4
        p_t = p if y else 1 - p
        return -((1 - p_t) ** g) * math.log(p_t)
    shifted = max(p - m, 0.0)  # Ridnik et al. 2021, eq. 5 to 7
    return -((1 - p) ** a) * math.log(p) if y else -(shifted**b) * math.log(1 - shifted)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("settings", [{}, {"g": 0.5, "a": 1.0, "b": 2.0, "m": 0.2}])
@pytest.mark.parametrize("pos_weight", [None, [3.0, 0.5]])
def test_the_mean_of_the_formula_over_what_is_known(name, settings, pos_weight):
    logits = [[-4.0, 0.3], [2.0, -0.1], [0.0, 7.0]]
    y = [[1, 0], [math.nan, 1], [0, 0]]
    arguments = {
        "bce": {},
        "focal": {"gamma": settings.get("g", 2.0)},
        "asymmetric": {
            "gamma_pos": settings.get("a", 0.0),
            "gamma_neg": settings.get("b", 4.0),
            "margin": settings.get("m", 0.05),
        },
    }[name]
    weight = pos_weight or [1.0, 1.0]
    entries = [
        (weight[j] if y[i][j] else 1.0) * entry(name, logits[i][j], y[i][j], **settings)
        for i in range(3)
        for j in range(2)
        if not math.isnan(y[i][j])
    ]
    loss = LOSSES[name](None if pos_weight is None else torch.tensor(pos_weight), **arguments)
    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    found = loss(x, torch.tensor(y, dtype=torch.float64))
    assert found.item() == pytest.approx(sum(entries) / len(entries), rel=1e-6)
    (gradient,) = torch.autograd.grad(found, x)
    assert torch.isfinite(gradient).all()
    assert gradient[1, 0] == 0
    # Far out, where p rounds to 0 and 1.
    far = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    for label in (0.0, 1.0):
        far_loss = loss(far, torch.full((1, 2), label))
        (gradient,) = torch.autograd.grad(far_loss, far)
        assert torch.isfinite(far_loss)
        assert torch.isfinite(gradient).all()


def test_the_special_cases_are_the_cross_entropy():
    torch.manual_seed(0)
    logits, y = torch.randn(20, 3), torch.rand(20, 3)
    expected = torch.nn.BCEWithLogitsLoss()(logits, y)  # soft labels, too
    for loss in (BinaryCrossEntropy(), FocalLoss(gamma=0.0), AsymmetricLoss(None, 0.0, 0.0, 0.0)):
        torch.testing.assert_close(loss(logits, y), expected)


@pytest.mark.parametrize("settings", [{"loss": "focal"}, {"loss": "asymmetric"}], ids=str)
@pytest.mark.parametrize("sampling", [None, "balanced"])
def test_nets_learn_with_every_loss(settings, sampling):
    X, Y = make_problem(600)
    Y[::7, 1] = np.nan
    net = MultilabelMLP(
        module__hidden=(16,), lr=0.01, random_state=0, sampling=sampling, **settings
    )
    assert roc_auc_score(Y[401::7], net.fit(X[:400], Y[:400]).predict_proba(X[401::7])) > 0.8


def test_arguments_of_the_loss_are_parameters(data):
    X, Y = data
    net = MultilabelMLP(loss="focal", loss__gamma=0.0, max_epochs=2, random_state=0)
    plain = MultilabelMLP(max_epochs=2, random_state=0).fit(X, Y)
    np.testing.assert_allclose(net.fit(X, Y).predict_proba(X), plain.predict_proba(X), atol=1e-4)
    assert net.get_params()["loss__gamma"] == 0.0
    with pytest.raises(ValueError, match="did you mean 'loss__gamma'"):
        MultilabelMLP(loss="focal").set_params(loss__gama=1.0)
    with pytest.raises(ValueError, match="no such argument"):
        MultilabelMLP(loss="bce", loss__gamma=1.0)
    with pytest.raises(ValueError, match="The 'loss' parameter of MultilabelMLP must be"):
        MultilabelMLP(loss="hinge").fit(X, Y)
