"""FineTuning: recipes by name, parameters that a search reaches, sentences for what is wrong."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from tiny_networks import tiny_network

from skcxr.features import CNNEmbedder, FineTuning
from skcxr.features.fine_tuning import RECIPES, plain_params, resolve_fine_tuning

STAGES = ("stem", "layer3", "layer4")


def test_the_report_recipe_is_the_reports():
    settings = FineTuning.from_recipe("report")
    assert (settings.train, settings.lr, settings.epochs) == ("layer4", 1e-4, 5)
    # Adam and nothing besides: no decay, no average, no schedule, films as they are
    assert settings.weight_decay == settings.ema == settings.warm_up == settings.mixup == 0
    assert settings.schedule == "constant"
    assert settings.lr_decay == 1
    assert not settings.changes_films


def test_a_stage_is_the_report_from_that_stage_on():
    report, stage = (FineTuning.from_recipe(name).get_params() for name in ("report", "layer3"))
    assert {key for key in report if report[key] != stage[key]} == {"train"}
    assert stage["train"] == "layer3"


def test_the_defaults_are_a_recipe_of_two_names():
    for name in ("small", "all"):
        assert FineTuning.from_recipe(name).get_params() == FineTuning().get_params()
    assert FineTuning().train == "all"
    assert FineTuning.from_recipe("norm").train == "norm"
    assert FineTuning.from_recipe("norm", lr=1.0, flip=False).get_params().items() >= {
        ("lr", 1.0), ("flip", False), ("train", "norm"),
    }  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_says_what_it_is(name):
    what, changes = RECIPES[name]
    assert len(what) > 20
    assert set(changes) <= set(FineTuning().get_params())
    assert resolve_fine_tuning(name, STAGES).get_params().items() >= changes.items()


def test_only_what_draws_changes_films():
    still = FineTuning.from_recipe("report")
    assert not clone(still).set_params(lr=1.0, train="all", mix="cutmix").changes_films
    for name, value in [("flip", True), ("mixup", 0.1), ("noise", 2.0), ("gamma", 0.1)]:
        assert clone(still).set_params(**{name: value}).changes_films, name


def test_it_is_an_estimators_parameter_like_any_other():
    embedder = CNNEmbedder(fine_tune=FineTuning("norm", lr=1e-3))
    assert embedder.get_params()["fine_tune__lr"] == 1e-3
    other = clone(embedder).set_params(fine_tune__lr=0.5, fine_tune__flip=False)
    assert (other.fine_tune.lr, other.fine_tune.flip) == (0.5, False)
    assert embedder.fine_tune.lr == 1e-3
    assert "train='norm'" in repr(FineTuning("norm")).replace('"', "'")
    assert pickle.loads(pickle.dumps(other.fine_tune)).get_params() == other.fine_tune.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rate' for estimator FineTun"):
        embedder.set_params(fine_tune__learning_rate=1)


def test_changes_of_the_embedder_win_and_the_object_is_left_alone():
    given = FineTuning("norm", epochs=3)
    settings = resolve_fine_tuning(given, STAGES, epochs=9, lr=None)
    assert (settings.epochs, settings.lr, settings.train) == (9, given.lr, "norm")
    assert given.epochs == 3
    assert resolve_fine_tuning("layer3", STAGES, lr=0.5).lr == 0.5
    assert resolve_fine_tuning(None, STAGES, lr=0.5) is None


@pytest.mark.parametrize("wrong", ["layer9", "smal", FineTuning("layer9")])
def test_what_is_unknown_is_answered_by_what_there_is(wrong):
    with pytest.raises(ValueError, match="no recipe") as caught:
        resolve_fine_tuning(wrong, STAGES)
    for known in (*RECIPES, "all", "norm", *STAGES):
        assert known in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 2.5},
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr_decay": 0.0},
        {"lr_decay": 1.5},
        {"schedule": "step"},
        {"warm_up": 1.0},
        {"weight_decay": -0.1},
        {"ema": 1.0},
        {"batch_size": 0},
        {"micro_batch": 0},
        {"mixup": -1.0},
        {"mix": "cut"},
        {"shift": 1.0},
        {"noise": -1.0},
        {"flip": "yes"},
    ],
    ids=str,
)
def test_values_out_of_range_are_named(wrong):
    (name,) = wrong
    X = np.zeros((4, 16, 16), np.uint8)
    embedder = CNNEmbedder(tiny_network(), weights=None, fine_tune=FineTuning(**wrong))
    with pytest.raises(ValueError, match=f"The '{name}' parameter of FineTuning must be"):
        embedder.fit(X, [[0, 1], [1, 0], [1, 1], [0, 0]])


def test_labels_are_needed():
    embedder = CNNEmbedder(tiny_network(), weights=None, fine_tune="small")
    with pytest.raises(ValueError, match="fine_tune='small' needs labels"):
        embedder.fit(np.zeros((4, 16, 16), np.uint8))


def test_numbers_of_any_kind_are_one_key():
    """A grid of NumPy's makes the entry in the cache that a plain number makes."""
    plain = plain_params(FineTuning(rotation=10.0, epochs=3, lr=1e-3))
    numpy = plain_params(FineTuning(rotation=10, epochs=np.int64(3), lr=np.float64(1e-3)))
    assert plain == numpy
    assert {name: type(value) for name, value in plain.items()} == {
        name: type(value) for name, value in numpy.items()
    }
