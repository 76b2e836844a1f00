"""Logits among the features that go past the layers."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skcxr.classifiers import MultilabelMLP
from skcxr.classifiers._modules import MLP


def data(n=400, noise=30, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3))
    Y = (rng.random((n, 3)) < expit(2 * logits - 1)).astype(np.float32)
    return np.hstack([rng.normal(size=(n, noise)), logits]).astype(np.float32), Y


def test_the_gain_begins_at_half_the_slope_of_a_linear_discriminant():
    X, Y = data()
    module = MLP(X.shape[1], 3, skip=True)
    module.start_skip(X, Y)
    slopes = [
        LinearDiscriminantAnalysis(priors=[0.5, 0.5]).fit(X[:, [-3 + j]], Y[:, j]).coef_[0, 0]
        for j in range(3)
    ]
    # scikit-learn weights the two classes' variances by the priors that it is given.
    np.testing.assert_allclose(module.gain.detach(), np.array(slopes) / 2, rtol=0.05)


def test_it_begins_as_the_logits_and_features_that_say_nothing_begin_at_nothing():
    X, Y = data()
    module = MLP(X.shape[1], 3, skip=True).eval()
    module.start_skip(X, Y)
    with torch.no_grad():
        made = module(torch.from_numpy(X)) - module.output.bias
    np.testing.assert_allclose(made, X[:, -3:] * module.gain.detach().numpy(), atol=1e-6)
    shuffled = MLP(X.shape[1], 3, skip=True)
    shuffled.start_skip(X[np.random.default_rng(1).permutation(len(X))], Y)
    assert shuffled.gain.abs().max() < 0.1


def test_unknown_labels_do_not_pull_and_a_constant_label_begins_at_nothing():
    X, Y = data()
    holes = Y.copy()
    holes[::3, 0] = np.nan
    holes[:, 1] = 0
    module = MLP(X.shape[1], 3, skip=True)
    module.start_skip(X, holes)
    known = MLP(X.shape[1], 3, skip=True)
    keep = np.arange(len(X)) % 3 > 0
    known.start_skip(X[keep], Y[keep])
    assert module.gain[0] == known.gain[0]
    assert module.gain[1] == 0


def test_it_ranks_better_than_layers_that_have_to_find_the_logits_among_noise():
    from sklearn.metrics import roc_auc_score

    (X, Y), (X_new, Y_new) = data(noise=300), data(2000, noise=300, seed=1)
    scores = [
        roc_auc_score(
            Y_new,
            MultilabelMLP(module__skip=skip, max_epochs=15, random_state=0)
            .fit(X, Y)
            .predict_proba(X_new),
        )
        for skip in (False, True)
    ]
    assert scores[1] > scores[0] + 0.01


def test_too_few_features_are_refused():
    with pytest.raises(ValueError, match="3 labels among the features, and there are 2"):
        MultilabelMLP(module__skip=True).fit(np.ones((20, 2)) * np.arange(20)[:, None], data(20)[1])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_predictions_use_a_share_of_the_correction(share):
    """In training all of it; the logits and the prevalence stay as they are."""
    X, Y = data(60)
    torch.manual_seed(0)
    module = MLP(X.shape[1], 3, skip=True, correction=share, dropout=0.0, batch_norm=False)
    module.start_skip(X, Y)
    torch.nn.init.normal_(module.output.weight)
    torch.nn.init.normal_(module.output.bias)
    x = torch.from_numpy(X)
    with torch.no_grad():
        known = module.gain * x[:, -3:] + module.output.bias
        learnt = module.body(x) @ module.output.weight.T
        torch.testing.assert_close(module.train()(x), known + learnt)
        torch.testing.assert_close(module.eval()(x), known + share * learnt)


def test_a_share_of_the_correction_is_a_parameter():
    X, Y = data(60)
    models = [
        MultilabelMLP(
            module__skip=True, module__correction=share, max_epochs=2, thresholds=0.5,
            early_stopping=False, random_state=0,
        ).fit(X, Y)
        for share in (1.0, 0.5)
    ]  # fmt: skip
    assert not np.array_equal(models[0].predict_proba(X), models[1].predict_proba(X))
    with pytest.raises(ValueError, match="module__correction"):
        MultilabelMLP(module__correction=1.5).fit(X, Y)
