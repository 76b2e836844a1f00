"""The linear head is scikit-learn's logistic regression on standardised features."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.features.linear_head import fit_linear_head


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    E = rng.gamma(2.0, size=(80, 5)).astype(np.float32) * [1, 10, 0.1, 1, 1]
    Y = (E[:, :2] / [1, 10] + rng.normal(size=(80, 2)) > 2).astype(np.float32)
    return E.astype(np.float32), Y


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_scores_are_those_of_scikit_learn(problem, C):
    E, Y = problem
    coef, intercept = fit_linear_head(E, Y, ["a", "b"], C=C)
    assert coef.shape == (2, 5)
    assert coef.dtype == intercept.dtype == np.float32
    for j in range(2):
        reference = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-8))
        expected = reference.fit(E.astype(float), Y[:, j]).decision_function(E)
        np.testing.assert_allclose(E @ coef[j] + intercept[j], expected, atol=0.01)


def test_unknown_labels_take_no_part(problem):
    E, Y = problem
    hidden = Y.copy()
    hidden[::3, 0] = np.nan
    coef, _ = fit_linear_head(E, hidden, ["a", "b"], C=1.0)
    flipped = Y.copy()
    flipped[::3, 0] = 1 - flipped[::3, 0]
    flipped[::3, 0] = np.nan
    np.testing.assert_array_equal(coef, fit_linear_head(E, flipped, ["a", "b"], C=1.0)[0])
    assert not np.array_equal(coef[0], fit_linear_head(E, Y, ["a", "b"], C=1.0)[0][0])
    np.testing.assert_array_equal(coef[1], fit_linear_head(E, Y, ["a", "b"], C=1.0)[0][1])


@pytest.mark.parametrize(("value", "positives"), [(0.0, 0), (1.0, 80)])
def test_a_label_with_one_value_gets_its_smoothed_log_odds(problem, value, positives):
    E, Y = problem
    Y[:, 1] = value
    with pytest.warns(UserWarning, match=r"No positive or no negative example of Hernia"):
        coef, intercept = fit_linear_head(E, Y, ["Mass", "Hernia"], C=1.0)
    assert not coef[1].any()
    assert coef[0].any()
    share = (positives + 1) / 82
    np.testing.assert_allclose(intercept[1], np.log(share / (1 - share)), rtol=1e-6)


def test_a_label_that_is_never_known_predicts_one_half(problem):
    E, Y = problem
    Y[:, 0] = np.nan
    with pytest.warns(UserWarning, match=r"example of a in"):
        coef, intercept = fit_linear_head(E, Y, ["a", "b"], C=1.0)
    assert intercept[0] == 0
    assert not coef[0].any()


def test_a_constant_feature_gets_no_infinite_weight(problem):
    E, Y = problem
    E[:, 3] = 7
    coef, intercept = fit_linear_head(E, Y, ["a", "b"], C=1.0)
    assert np.isfinite(coef).all()
    assert np.isfinite(intercept).all()
    np.testing.assert_allclose(coef[:, 3], 0, atol=1e-6)
