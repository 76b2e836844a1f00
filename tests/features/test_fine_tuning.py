"""Fine-tuning: what is trained, what stays, and that a killed run ends as if it had not been."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from interruption import interrupt_after_one_epoch
from tiny_networks import tiny_network
from torch import nn
from torch.nn import functional as F

from skcxr.features import FineTuning, ResNetEmbedder, _fits, _training
from skcxr.memory import clear_cache

TESTS = Path(__file__).parents[1]


def make_toy(n=48):
    """Bright squares left or right; each label is one of them."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, (n, 16, 16), dtype=np.uint8)
    Y = rng.integers(0, 2, (n, 2)).astype(float)
    X[Y[:, 0] == 1, 2:7, 2:7] += 120
    X[Y[:, 1] == 1, 9:14:2, 9:14] += 190
    return X, Y


@pytest.fixture
def toy():
    return make_toy()


def tiny(fine_tune="layer4", memory=None, backbone=None, **settings):
    """One network, tuned as the report does unless told otherwise, in float32."""
    if isinstance(fine_tune, str):
        settings = {"epochs": 3, "lr": 0.01, "batch_size": 8, "guidance": 0.0, **settings}
        fine_tune = FineTuning.from_recipe(fine_tune, **settings)
    return ResNetEmbedder(
        backbone or tiny_network(),
        weights=None,
        fine_tune=fine_tune,
        cross_fit=None,
        batch_size=8,
        precision="float32",
        device="cpu",
        random_state=0,
        memory=memory,
    )


def loss(embedder, X, Y):
    logits = torch.from_numpy(embedder.decision_function(X))
    return float(F.binary_cross_entropy_with_logits(logits, torch.tensor(Y).float()))


def test_loss_falls_and_the_toy_is_learnt(toy):
    X, Y = toy
    losses = [loss(tiny(fine_tune=None).fit(X, Y), X, Y)]
    losses += [loss(tiny(epochs=epochs).fit(X, Y), X, Y) for epochs in (1, 4, 25)]
    assert losses == sorted(losses, reverse=True)
    tuned = tiny(epochs=25).fit(X, Y)
    np.testing.assert_array_equal(tuned.decision_function(X) > 0, Y == 1)


def test_only_the_tail_is_trained_and_no_statistics_move(toy):
    untuned = tiny(fine_tune=None).fit(toy[0]).trunk_
    tuned = tiny(batch_size=16).fit(*toy)
    frozen, before = tuned.trunk_.state_dict(), untuned[:1].state_dict()
    assert frozen.keys() == before.keys()
    assert all(torch.equal(frozen[key], before[key]) for key in before)
    after, before = tuned.tail_.state_dict(), untuned[1:].state_dict()
    moved = {key for key in before if not torch.equal(after[key], before[key])}
    assert moved == {"layer4.1.weight", "layer4.2.weight", "layer4.2.bias"}


def test_the_callers_network_is_not_trained(toy):
    network = tiny_network()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    tiny(backbone=network).fit(*toy)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_unknown_labels_do_not_pull(toy):
    X, Y = toy
    hidden = Y.copy()
    hidden[::2] = np.nan
    seen = tiny().fit(X, hidden)
    other = X.copy()
    other[::2] = 255 - other[::2]
    # what the unlabelled images show moves only the standardisation that the head starts from
    assert np.isfinite(seen.head_coef_).all()
    one = hidden.copy()
    one[:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"No positive or no negative example of label1"):
        alone = tiny().fit(X, one)
    assert not alone.head_coef_[1].any()
    assert alone.head_coef_[0].any()


def test_transform_goes_through_the_tuned_tail(toy):
    X, Y = toy
    tuned = tiny().fit(X, Y)
    with torch.inference_mode():
        x = torch.from_numpy(X).float()[:, None] / 127.5 - 1
        expected = tuned.tail_(tuned.trunk_(x)).mean((2, 3)).numpy()
    np.testing.assert_allclose(tuned.transform(X), expected, rtol=2e-3, atol=2e-3)
    untuned = tiny(fine_tune=None).fit_transform(X, Y)
    assert not np.allclose(tuned.transform(X), untuned, atol=1e-2)


def test_same_seed_same_result(toy):
    one, two = tiny().fit(*toy), tiny().fit(*toy)
    np.testing.assert_array_equal(one.head_coef_, two.head_coef_)
    other = tiny().set_params(random_state=1).fit(*toy)
    assert not np.array_equal(one.head_coef_, other.head_coef_)


def test_fine_tune_from_the_first_stage_trains_all(toy):
    tuned = tiny("stem").fit(*toy)
    assert len(tuned.trunk_) == 0
    assert not torch.equal(tuned.tail_.stem[1].weight, tiny_network().stem[1].weight)
    assert tuned.transform(toy[0]).shape == (48, 8)


# ---- killed runs -------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def _result(fitted, X):
    return np.concatenate([fitted.head_coef_.ravel(), fitted.transform(X).ravel()])


def _epochs(monkeypatch):
    """Epochs that are written from now on, as a list that fills."""
    write, written = _training.write_checkpoint, []

    def note(path, state):
        written.append(state["epoch"])
        write(path, state)

    monkeypatch.setattr(_training, "write_checkpoint", note)
    return written


@pytest.mark.parametrize(
    ("last", "where"),
    [
        *((last, "after the epoch") for last in (1, 2, 3)),
        *((last, "in the next one") for last in (0, 1, 2)),
    ],
)
def test_a_killed_run_goes_on_from_its_last_epoch(toy, tmp_path, monkeypatch, last, where):
    X, Y = toy
    expected = _result(tiny().fit(X, Y), X)
    write, update = _training.write_checkpoint, _training.Progress.update

    def dies_after(path, state):
        write(path, state)
        if state["epoch"] == last:
            raise Killed

    def dies_in(self, n, stored=0):
        update(self, n, stored)
        if self.desc == "fine-tuning" and self.done > last * len(Y) + 8:
            raise Killed

    with monkeypatch.context() as patch:
        if where == "after the epoch":
            patch.setattr(_training, "write_checkpoint", dies_after)
        else:
            patch.setattr(_training.Progress, "update", dies_in)
        with pytest.raises(Killed):
            tiny(memory=str(tmp_path)).fit(X, Y)
    written = _epochs(monkeypatch)
    resumed = tiny(memory=str(tmp_path)).fit(X, Y)
    assert written == list(range(last + 1, 4))
    np.testing.assert_array_equal(_result(resumed, X), expected)
    assert not list(tmp_path.rglob("*.zip"))
    np.testing.assert_array_equal(_result(tiny(memory=str(tmp_path)).fit(X, Y), X), expected)
    assert written == list(range(last + 1, 4))


def test_a_damaged_checkpoint_is_begun_again(toy, tmp_path, monkeypatch):
    X, Y = toy
    interrupt_after_one_epoch(monkeypatch, lambda: tiny(memory=str(tmp_path)).fit(X, Y))
    (checkpoint,) = tmp_path.rglob("*.zip")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    written = _epochs(monkeypatch)
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        resumed = tiny(memory=str(tmp_path)).fit(X, Y)
    assert written == [1, 2, 3]
    np.testing.assert_array_equal(_result(resumed, X), _result(tiny().fit(X, Y), X))


def test_other_settings_do_not_go_on_from_this_run(toy, tmp_path, monkeypatch):
    X, Y = toy
    interrupt_after_one_epoch(monkeypatch, lambda: tiny(memory=str(tmp_path)).fit(X, Y))
    written = _epochs(monkeypatch)
    changed = 1 - Y
    for settings, y in [({"lr": 0.02}, Y), ({}, changed), ({"batch_size": 9}, Y)]:
        tiny(memory=str(tmp_path), **settings).fit(X, y)
        assert written == [1, 2, 3], settings
        written.clear()


@pytest.mark.slow
def test_sigkill_in_the_second_epoch(toy, tmp_path, monkeypatch):
    X, Y = toy
    script = f"""
        import os, signal, sys
        sys.path[:0] = [{str(TESTS)!r}, {str(Path(__file__).parent)!r}]
        from skcxr.features import _training
        from test_fine_tuning import make_toy, tiny
        update = _training.Progress.update

        def dies(self, n, stored=0):
            update(self, n, stored)
            if self.desc == "fine-tuning" and self.done > 60:
                os.kill(os.getpid(), signal.SIGKILL)

        _training.Progress.update = dies
        tiny(memory={str(tmp_path)!r}).fit(*make_toy())
    """
    paths = [str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    written = _epochs(monkeypatch)
    resumed = tiny(memory=str(tmp_path)).fit(X, Y)
    assert written == [2, 3]
    np.testing.assert_array_equal(_result(resumed, X), _result(tiny().fit(X, Y), X))


@pytest.mark.slow
def test_killed_at_twenty_moments(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    paths = [str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
    # One thread each: a fork of a process whose pools have started may hang.
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kill_fine_tuning.py"), tmp_path],
        env={
            **os.environ,
            **threads,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONWARNINGS": "error",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)
    attempts = [attempt for attempt in result["attempts"] if attempt["killed"]]
    in_trunk = sum(attempt["image"] > 0 for attempt in attempts)
    in_tuning = sum(attempt["step"] > 0 for attempt in attempts)
    # Else the test has shown nothing.
    assert len(attempts) == 20
    assert in_trunk >= 2
    assert in_tuning >= 12
    assert sum(attempt["partial"] for attempt in attempts) >= 2  # while a checkpoint was written
    # A head is fitted again only after a kill before the first checkpoint.
    assert sum(attempt["head"] for attempt in attempts) >= 2
    assert result["equal"] == dict.fromkeys(["tail", "coef", "intercept", "transform"], True)
    assert result["images_seen"] == result["images"]
    recomputed = result["images_entered"] - result["images"]
    assert recomputed <= result["batch"] * in_trunk  # the batch in flight and no more
    assert result["epochs_begun"] <= result["epochs"] + in_tuning  # likewise the epoch
    assert result["left"] == []


def test_clear_cache_forgets_an_interrupted_run(toy, tmp_path, monkeypatch):
    interrupt_after_one_epoch(monkeypatch, lambda: tiny(memory=str(tmp_path)).fit(*toy))
    assert list(tmp_path.rglob("*.zip"))
    clear_cache(tmp_path, "trunk")
    assert list(tmp_path.rglob("*.zip"))
    clear_cache(tmp_path)
    assert not list(tmp_path.rglob("*.zip"))


def test_a_disk_that_takes_no_checkpoint_loses_no_fit(toy, tmp_path):
    X, Y = toy
    (tmp_path / "skcxr").mkdir()
    (tmp_path / "skcxr" / "fine_tuning").touch()  # a file where the folder should be
    with pytest.warns(RuntimeWarning, match="could not be kept"):
        fitted = tiny(memory=str(tmp_path)).fit(X, Y)
    np.testing.assert_array_equal(_result(fitted, X), _result(tiny().fit(X, Y), X))


def test_dropout_in_the_tail_does_not_make_runs_differ(toy):
    network = nn.Sequential(tiny_network(), nn.Sequential(nn.Dropout(0.5), nn.Conv2d(8, 4, 1)))
    one = tiny("1", backbone=network).fit(*toy)
    two = tiny("1", backbone=network).fit(*toy)
    np.testing.assert_array_equal(one.head_coef_, two.head_coef_)


def test_the_tail_is_tuned_once_with_memory(toy, tmp_path, monkeypatch):
    calls = []
    train = _fits.train_network
    monkeypatch.setattr(_fits, "train_network", lambda *a, **k: calls.append(1) or train(*a, **k))
    for _ in range(3):
        tiny(memory=str(tmp_path)).fit(*toy)
    assert len(calls) == 1
