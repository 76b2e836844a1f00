"""Images that enter the network in a search: counted, not timed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from tiny_grid import GRID, N, data, pipeline, scores, search
from tiny_networks import COUNT_FILE, counted, tiny_network

from skcxr.features import _fits

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def plain():
    """Scores of the search without memory."""
    return np.array(scores(search()))


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """A folder after the search of 15 candidates and 5 folds, its scores and its passes."""
    folder = tmp_path_factory.mktemp("memory")
    count = folder / "count"
    os.environ[COUNT_FILE] = str(count)
    try:
        found = np.array(scores(search(memory=str(folder))))
    finally:
        del os.environ[COUNT_FILE]
    return folder, found, counted(count)


@pytest.fixture
def count(tmp_path, monkeypatch):
    """The file that counts; at first there is none."""
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    return tmp_path / "count"


def test_a_search_is_one_pass_with_the_scores_of_many(plain, cold):
    _, found, passes = cold
    assert found.shape == (5, 15)
    assert passes == N
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-6)
    assert len(np.unique(found.round(9))) > 60  # λ and dropout do make a difference


def test_the_same_search_in_a_new_process_is_no_pass(cold, count):
    folder, found, _ = cold
    paths = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(TESTS / "tiny_grid.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert counted(count) == 0
    np.testing.assert_array_equal(json.loads(done.stdout), found)


def test_two_processes_on_a_warm_store_are_no_pass(cold, count, tmp_path):
    get_reusable_executor().shutdown()  # older workers do not know where to count
    folder, found, _ = cold
    grid = {name: values[:2] for name, values in GRID.items()}
    again = np.array(scores(search(grid, n_jobs=2, memory=str(folder))))
    assert counted(count) == 0
    np.testing.assert_allclose(again, found[:, [0, 1, 5, 6]], rtol=0, atol=1e-6)
    # these workers do count, and what one has written the other need not compute
    search({name: values[:1] for name, values in GRID.items()}, n_jobs=2, memory=str(tmp_path))
    assert N <= counted(count) <= 2 * N


def features(folder, X, y, **settings):
    return pipeline(memory=str(folder), **settings)[:-1].fit_transform(X, y)


def test_a_shuffled_subset_is_no_pass(cold, count):
    X, y, _ = data()
    index = np.random.default_rng(0).permutation(N)[:25]
    found = features(cold[0], X[index], y[index])
    assert counted(count) == 0
    np.testing.assert_array_equal(found, pipeline()[:-1].fit_transform(X[index], y[index]))


def test_another_lam_or_classifier_is_no_pass(cold, count):
    X, y, _ = data()
    model = pipeline(memory=str(cold[0]), lam=0.123)
    model.set_params(classify__module__hidden=(5,)).fit(X, y).predict_proba(X)
    assert counted(count) == 0


def test_one_changed_pixel_is_one_pass(cold, count):
    X, y, _ = data()
    X[17, 20, 11] ^= 64
    features(cold[0], X, y)
    assert counted(count) == 1


def _other_weights(tmp_path):
    torch.save(tiny_network(seed=1).state_dict(), tmp_path / "other.pth")
    return {"weights": tmp_path / "other.pth"}


@pytest.mark.parametrize(
    "setting",
    [
        _other_weights,
        lambda _: {"precision": "bfloat16"},
        lambda _: {"fine_tune": "layer4"},
        lambda _: {"equalize": "clahe"},
        lambda _: {"equalize": "none"},
        lambda _: {"backbone": tiny_network(channels=(6, 9))},
    ],
    ids=["weights", "precision", "layer", "clahe", "no equaliser", "backbone"],
)
def test_what_changes_the_features_is_a_pass(cold, count, tmp_path, setting):
    X, y, _ = data()
    settings = setting(tmp_path)
    found = features(cold[0], X, y, **settings)
    assert counted(count) == N
    count.unlink()
    again = features(cold[0], X, y, **settings)
    assert counted(count) == 0
    np.testing.assert_array_equal(again, found)


def test_fine_tuning_is_once_per_fold(tmp_path, count, monkeypatch):
    tune, trainings = _fits.train_network, []

    def counting(*args, **kwargs):
        trainings.append(1)
        # the head starts from a pass through the untuned tail, which is part of the training
        with monkeypatch.context() as patch:
            patch.delenv(COUNT_FILE)
            return tune(*args, **kwargs)

    monkeypatch.setattr(_fits, "train_network", counting)
    settings = {"memory": str(tmp_path / "kept"), "fine_tune": "layer4"}
    search(**settings)
    assert len(trainings) == 5
    # five networks; each fold's network sees its training and its test images once
    assert counted(count, "tail") <= 5 * N
    assert counted(count, "trunk") <= N
    count.unlink()
    grid = {"features__attention__lam": [0.9]}
    search(grid, **settings)
    assert len(trainings) == 5
    assert counted(count, "tail") == counted(count, "trunk") == 0


def test_fine_tuned_features_are_those_without_memory(tmp_path):
    X, y, _ = data()
    kept = features(tmp_path, X, y, fine_tune="layer4")
    made = pipeline(fine_tune="layer4")[:-1].fit_transform(X, y)
    np.testing.assert_array_equal(kept, made)
    np.testing.assert_array_equal(features(tmp_path, X, y, fine_tune="layer4"), kept)


def test_settings_that_change_nothing_are_no_pass(cold, count):
    X, y, _ = data()
    model = pipeline(memory=str(cold[0]))[:-1]
    model = clone(model).set_params(
        features__attention__embedder__batch_size=7,
        features__attention__embedder__verbose=0,
        features__attention__embedder__head_C=1.0,
    )
    model.fit(X, y)
    assert counted(count) == 0
