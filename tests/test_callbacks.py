"""scikit-learn's callbacks on the estimators of images."""

import numpy as np
import pytest
from interruption import interrupt_after_one_epoch
from recorder import Recorder
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import make_pipeline
from tiny_grid import data as hybrid_data
from tiny_grid import pipeline as hybrid
from tiny_networks import ThresholdMasker, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.classifiers import MultilabelMLP
from skcxr.features import ResNetEmbedder


@pytest.fixture
def toy():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 16, 16), dtype=np.uint8), np.eye(2)[np.arange(12) % 2]


def tiny(**settings):
    settings = {"fine_tune": "layer4", "cross_fit": None, "epochs": 3, "lr": 0.01, **settings}
    return ResNetEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", random_state=0, **settings
    )


def fuser(embedder):
    return GradCAMFuser(embedder, ThresholdMasker(), lam=0.3)


def numbers(recorder):
    return [path[-1][2] for path in recorder.tasks("epoch")]


def test_epochs_of_fine_tuning_are_seen_and_change_nothing(toy):
    recorder = Recorder()
    watched = tiny().set_callbacks(recorder)
    found = watched.fit_transform(*toy)
    assert numbers(recorder) == [0, 1, 2]
    assert recorder.tasks("fit") == [(("CNNEmbedder", "fit", 0),)]
    assert recorder.count("setup") == recorder.count("teardown") == 1
    np.testing.assert_array_equal(found, tiny().fit_transform(*toy))


def test_epochs_of_all_cross_fitted_networks_are_seen(toy):
    recorder = Recorder()
    tiny(cross_fit=2).set_callbacks(recorder).fit(*toy)
    assert numbers(recorder) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("y", ["labels", None])
def test_a_frozen_network_is_one_task(toy, y):
    recorder = Recorder()
    tiny(fine_tune=None).set_callbacks(recorder).fit(toy[0], y and toy[1])
    assert [what for what, _ in recorder.events] == ["setup", "begin", "end", "teardown"]


def test_a_fit_that_fails_is_torn_down(toy):
    recorder = Recorder()
    with pytest.raises(ValueError, match="needs labels"):
        tiny().set_callbacks(recorder).fit(toy[0])
    assert recorder.count("setup") == recorder.count("teardown") == 1


def test_callbacks_are_no_part_of_the_key(toy, tmp_path):
    plain = tiny(memory=str(tmp_path)).fit(*toy)
    recorder = Recorder()
    watched = tiny(memory=str(tmp_path)).set_callbacks(recorder).fit(*toy)
    assert numbers(recorder) == []  # nothing was trained
    np.testing.assert_array_equal(watched.head_coef_, plain.head_coef_)
    tiny(memory=str(tmp_path), epochs=2).set_callbacks(recorder).fit(*toy)
    assert numbers(recorder) == [0, 1]
    tiny(memory=str(tmp_path), epochs=2).set_callbacks(recorder).fit(*toy)
    assert numbers(recorder) == [0, 1]


def test_a_resumed_training_shows_the_epochs_that_it_trains(toy, tmp_path, monkeypatch):
    interrupt_after_one_epoch(monkeypatch, lambda: tiny(memory=str(tmp_path)).fit(*toy))
    recorder = Recorder()
    resumed = tiny(memory=str(tmp_path)).set_callbacks(recorder).fit(*toy)
    assert len(numbers(recorder)) == 3 - 1
    np.testing.assert_array_equal(resumed.head_coef_, tiny().fit(*toy).head_coef_)


@pytest.mark.parametrize("last", [2, 3])
def test_what_a_callback_stopped_is_not_kept_as_the_whole(toy, tmp_path, last):
    stopped = tiny(memory=str(tmp_path))
    stopped.set_callbacks(Recorder(lambda path: path[-1][1:] == ("epoch", last - 1))).fit(*toy)
    np.testing.assert_array_equal(stopped.head_coef_, tiny(epochs=last).fit(*toy).head_coef_)
    recorder = Recorder()
    whole = tiny(memory=str(tmp_path)).set_callbacks(recorder).fit(*toy)
    assert len(numbers(recorder)) == (0 if last == 3 else 3)
    np.testing.assert_array_equal(whole.head_coef_, tiny().fit(*toy).head_coef_)
    assert not list(tmp_path.rglob("*.zip"))


def test_the_fuser_hands_callbacks_to_its_embedder(toy):
    recorder = Recorder()
    mlp = MultilabelMLP(max_epochs=2, random_state=0)
    pipe = make_pipeline(fuser(tiny()), mlp).set_callbacks(recorder)
    pipe.fit(*toy)
    paths = [[name for name, *_ in path] for path in recorder.tasks("epoch")]
    assert paths == (
        3 * [["Pipeline", "GradCAMFuser", "CNNEmbedder", "CNNEmbedder"]]
        + 2 * [["Pipeline"] + 3 * ["MultilabelMLP"]]
    )
    assert recorder.count("setup") == recorder.count("teardown") == 1
    assert not hasattr(pipe[0].embedder_, "_skl_callbacks")
    again = make_pipeline(fuser(tiny()), mlp).set_callbacks().fit(*toy)
    np.testing.assert_array_equal(pipe.predict_proba(toy[0]), again.predict_proba(toy[0]))


def test_a_callback_of_the_embedder_alone_sees_the_fuser_around_it(toy):
    scored = ScoringMonitor(scoring=lambda est, X, y: {"n": est.transform(X).shape[1]})
    fuser(tiny().set_callbacks(scored)).fit(*toy)
    (row,) = scored.get_logs().data
    assert (row["estimator_name"], row["task_name"], row["n"]) == ("CNNEmbedder", "fit", 8)


# Steps with nothing to show, and scikit-learn's FeatureUnion, are named in warnings.
@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
def test_epochs_of_the_hybrid_are_seen():
    X, y, _ = hybrid_data()
    recorder = Recorder()
    watched = hybrid(fine_tune="layer4").set_callbacks(recorder).fit(X, y)
    ends = [path[-1][0] for path in recorder.tasks("epoch")]
    assert ends[-2:] == 2 * ["MultilabelMLP"]
    plain = hybrid(fine_tune="layer4").fit(X, y)
    np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))
    # The fuser's own callbacks are not in the way of the union.
    recorder = Recorder()
    pipe = hybrid(fine_tune="layer4")
    pipe["features"]["attention"].set_callbacks(recorder)
    clone(pipe).fit(X, y)
    assert numbers(recorder) == [0, 1]
