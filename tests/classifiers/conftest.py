import numpy as np
import pytest


def make_problem(n=240, d=20, k=4, seed=0):
    """Features that tell the labels, some labels rarer than others."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)).astype(np.float32)
    logits = 3 * X @ rng.standard_normal((d, k)) / np.sqrt(d) - np.linspace(0.0, 2.0, k)
    return X, (rng.random((n, k)) < 1 / (1 + np.exp(-3 * logits))).astype(float)


@pytest.fixture
def data():
    return make_problem()
