"""Networks that share out the films: each film's features come from one that did not see it."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from tiny_networks import COUNT_FILE, ThresholdMasker, counted, tiny_network

from skcxr._image_input import as_images
from skcxr._multilabel._groups import fitting_with
from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder, FineTuning, _fits
from skcxr.features._training import train_network

LABELS = ["Mass", "Edema"]


@pytest.fixture
def toy():
    """Bright squares left or right; each label is one of them."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, (36, 16, 16), dtype=np.uint8)
    Y = rng.integers(0, 2, (36, 2))
    X[Y[:, 0] == 1, 2:7, 2:7] += 120
    X[Y[:, 1] == 1, 9:14:2, 9:14] += 190
    return X, pd.DataFrame(Y, columns=LABELS)


def tiny(cross_fit=3, fine_tune=None, **settings):
    fine_tune = fine_tune or FineTuning(epochs=2, lr=5e-3, batch_size=12, guidance=0.0)
    return CNNEmbedder(
        tiny_network(), weights=None, fine_tune=fine_tune, cross_fit=cross_fit, batch_size=8,
        precision="float32", device="cpu", random_state=0, **settings,
    )  # fmt: skip


def logits_by_hand(state, X, mirror):
    """Of a network whose head is in its state, in torch's own forward pass."""
    state = {key: torch.from_numpy(np.array(value)) for key, value in state.items()}
    head = state.pop("head.weight"), state.pop("head.bias")
    network = tiny_network()
    network.load_state_dict(state)
    views = [X, X[:, :, ::-1]] if mirror else [X]
    with torch.inference_mode():
        x = [torch.from_numpy(view.astype(np.float32))[:, None] / 127.5 - 1 for view in views]
        pooled = sum(network(view).mean((2, 3)) for view in x) / len(x)
        return (pooled @ head[0].T + head[1]).numpy()


def state_of(embedder, i):
    state = {key: value.numpy() for key, value in embedder.tails_[i].state_dict().items()}
    head = {"head.weight": embedder.head_coefs_[i], "head.bias": embedder.head_intercepts_[i]}
    return {**state, **head}


@pytest.mark.parametrize("flip", [False, True])
def test_features_of_a_film_are_of_the_network_that_did_not_see_it(toy, monkeypatch, flip):
    X, Y = toy
    settings = FineTuning(epochs=2, lr=5e-3, batch_size=12, flip=flip, guidance=0.0)
    seeds = []
    monkeypatch.setattr(
        _fits, "train_network", lambda *a, **k: seeds.append(k["seed"]) or train_network(*a, **k)
    )
    embedder = tiny(fine_tune=settings)
    found = embedder.fit_transform(X, Y)
    assert found.shape == (36, 2)
    assert len(set(seeds)) == 3
    assert sorted(set(embedder.part_)) == [0, 1, 2]
    for i, seed in enumerate(seeds):
        unseen = embedder.part_ == i
        state, _ = train_network(  # the other films, and nothing else
            as_images(X[~unseen]), tiny_network(), Y[~unseen].to_numpy(), LABELS, settings,
            C=0.01, seed=seed, device=torch.device("cpu"), dtype=torch.float32,
        )  # fmt: skip
        # Feature maps are rounded to float16 on their way.
        expected = logits_by_hand(state, X[unseen], flip)
        np.testing.assert_allclose(found[unseen], expected, rtol=2e-3, atol=2e-2)
        assert np.abs(found[unseen] - embedder.transform(X[unseen])).max() > 0.05


def test_afterwards_the_networks_logits_are_averaged(toy):
    X, Y = toy
    embedder = tiny().fit(X, Y)
    expected = np.mean([logits_by_hand(state_of(embedder, i), X, True) for i in range(3)], axis=0)
    np.testing.assert_allclose(embedder.transform(X), expected, rtol=2e-3, atol=2e-2)
    np.testing.assert_array_equal(embedder.transform(X), embedder.decision_function(X))
    np.testing.assert_allclose(embedder.transform(X[:1]), embedder.transform(X)[:1], atol=1e-4)


def test_fit_transform_leaves_what_fit_leaves(toy):
    X, Y = toy
    one, two = tiny(), tiny().fit(X, Y)
    one.fit_transform(X, Y)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    np.testing.assert_array_equal(one.part_, two.part_)


@pytest.mark.parametrize("auto", ["auto", 4])
def test_auto_is_four_networks_and_none_without_training(toy, auto):
    X, Y = toy
    assert len(tiny(auto, "layer4", epochs=1).fit(X, Y).tails_) == 4
    frozen = tiny(auto).set_params(fine_tune=None).fit(X, Y)
    assert frozen.tails_ == []
    assert len(frozen.head_coefs_) == 1
    assert frozen.transform(X).shape == (36, 8)


# ---- patients ----------------------------------------------------------------------------------


def assert_whole(part, patient):
    assert pd.Series(part).groupby(np.asarray(patient)).nunique().eq(1).all()


def test_patients_stay_whole(toy):
    X, Y = toy
    patient = np.random.default_rng(1).integers(0, 9, 36)
    embedder = tiny(fine_tune="layer4", epochs=1)
    alone = embedder.fit(X, Y).part_
    assert_whole(embedder.fit(X, Y, groups=patient).part_, patient)
    assert pd.Series(alone).groupby(patient).nunique().max() > 1  # else nothing was shown
    features = clone(embedder).fit_transform(X, Y, groups=patient)
    fuser = GradCAMFuser(embedder, ThresholdMasker(50), passthrough=True)
    found = fuser.fit_transform(X, Y, groups=patient)
    assert_whole(fuser.embedder_.part_, patient)
    np.testing.assert_allclose(found[:, 2:], features, atol=1e-5)


def test_patients_of_a_table_stay_whole(toy, tmp_path):
    X, Y = toy
    paths = [str(tmp_path / f"{i}.png") for i in range(36)]
    for path, image in zip(paths, X, strict=True):
        cv2.imwrite(path, image)
    patient = [f"p{i}" for i in np.random.default_rng(1).integers(0, 9, 36)]
    table = pd.DataFrame({"path": paths, "patient": patient})
    embedder = tiny(fine_tune="layer4", epochs=1).fit(table, Y)
    assert_whole(embedder.part_, patient)
    np.testing.assert_array_equal(
        embedder.part_, tiny(fine_tune="layer4", epochs=1).fit(X, Y, groups=patient).part_
    )


def test_fewer_patients_than_networks_are_refused(toy):
    X, Y = toy
    with pytest.raises(ValueError, match="cross_fit=3 needs at least 3 patients, and there are 2"):
        tiny().fit(X, Y, groups=np.arange(36) % 2)


def test_labels_that_a_network_cannot_learn_are_named_once(toy):
    X, Y = toy
    Y = Y.assign(Rare=0, Common=1)
    Y.loc[5, ["Rare", "Common"]] = 1, 0
    with pytest.warns(UserWarning, match="No positive or no negative") as caught:
        embedder = tiny(fine_tune="layer4", epochs=1).fit(X, Y)
    (warning,) = [str(w.message) for w in caught]
    assert "example of Rare, Common in the films of some of the 3 networks" in warning
    blind = embedder.part_[5]
    coef = embedder.head_coefs_[blind]
    assert np.abs(coef[2:]).max() < np.abs(coef[:2]).max() / 10
    assert all(np.isfinite(coef).all() for coef in embedder.head_coefs_)


# ---- outputs -----------------------------------------------------------------------------------


def test_embeddings_of_several_networks_are_refused_before_any_is_trained(toy, monkeypatch):
    X, Y = toy
    monkeypatch.setattr(_fits, "train_network", None)
    match = "3 networks are cross-fitted, whose feature maps are not those of one network"
    for call in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match=match):
            getattr(tiny(output="embedding"), call)(X, Y)
    with pytest.raises(ValueError, match=match):
        tiny().fit_rows(X, Y)
    with pytest.raises(ValueError, match=r'output="pooled" .* several are cross-fitted'):
        GradCAMFuser(tiny(), output="pooled").fit(X, Y)


def test_maps_of_several_networks_are_refused(toy):
    X, Y = toy
    fitted = tiny(fine_tune="layer4", epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=r'3 networks .* use output="logits"'):
        fitted.rows(X)
    with pytest.raises(ValueError, match="3 networks"):
        fitted.set_params(output="embedding").transform(X)
    with pytest.raises(
        AttributeError, match="head_coef_ is that of the one network, and CNNEmbedder has 3"
    ):
        _ = fitted.head_coef_


def test_one_network_gives_embeddings_or_logits(toy):
    X, Y = toy
    one = tiny(None).fit(X, Y)
    assert one.transform(X).shape == (36, 8)
    assert list(one.get_feature_names_out()) == [f"embedding_{i}" for i in range(8)]
    logits = clone(one).set_params(output="logits")
    np.testing.assert_allclose(
        logits.fit_transform(X, Y), one.transform(X) @ one.head_coef_.T + one.head_intercept_,
        atol=1e-3,
    )  # fmt: skip
    with pytest.raises(ValueError, match='output="logits" needs a fit with labels'):
        tiny().set_params(fine_tune=None, output="logits").fit(X).transform(X)


def test_names_of_features(toy):
    X, Y = toy
    embedder = tiny(fine_tune="layer4", epochs=1)
    table = clone(embedder).set_output(transform="pandas").fit_transform(X, Y)
    assert list(table.columns) == ["logit_Mass", "logit_Edema"]
    fuser = GradCAMFuser(embedder, ThresholdMasker(50), passthrough=True).fit(X, Y)
    assert list(fuser.get_feature_names_out()) == [
        "attended_Mass", "attended_Edema", "logit_Mass", "logit_Edema",
    ]  # fmt: skip


def test_history_is_a_table_of_all_networks(toy):
    X, Y = toy
    history = tiny().fit(X, Y).history_
    assert list(history.columns) == ["network", "epoch", "loss", "lr"]
    assert list(history.network) == [0, 0, 1, 1, 2, 2]
    assert list(history.epoch) == [1, 2] * 3
    assert history.loss.gt(0).all()
    frozen = tiny().fit(X, Y).set_params(fine_tune=None).fit(X, Y)
    assert not hasattr(frozen, "history_")  # nothing is left of an earlier fit


# ---- scikit-learn's reflexes -------------------------------------------------------------------


def test_a_fitted_one_survives_pickle_and_a_clone_fits_the_same(toy):
    X, Y = toy
    fitted = tiny().fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.part_, fitted.part_)
    np.testing.assert_array_equal(clone(fitted).fit(X, Y).transform(X), fitted.transform(X))


def test_a_search_reaches_the_settings_of_the_training(toy):
    X, Y = toy
    steps = tiny(2), OneVsRestClassifier(LogisticRegression())
    grid = {"cnnembedder__fine_tune__lr": [1e-4, 2e-2]}
    search = GridSearchCV(make_pipeline(*steps), grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_["cnnembedder__fine_tune__lr"] in grid["cnnembedder__fine_tune__lr"]
    best = search.best_estimator_["cnnembedder"]
    rate = search.best_params_["cnnembedder__fine_tune__lr"]
    assert best.history_.lr.max() <= rate < 1.5 * best.history_.lr.max()
    assert steps[0].fine_tune.lr == 5e-3  # the one that was given is not touched
    with pytest.raises(ValueError, match="Invalid parameter 'leraning_rate' for estimator FineTun"):
        search.best_estimator_.set_params(cnnembedder__fine_tune__leraning_rate=1)


# ---- memory ------------------------------------------------------------------------------------


def test_with_memory_nothing_is_trained_or_passed_twice(toy, tmp_path, monkeypatch):
    X, Y = toy
    trainings = []
    monkeypatch.setattr(
        _fits, "train_network", lambda *a, **k: trainings.append(1) or train_network(*a, **k)
    )
    fuser = GradCAMFuser(
        tiny(memory=str(tmp_path / "kept")), ThresholdMasker(50), lam=0.3, passthrough=True
    )
    first = fuser.fit_transform(X, Y)
    assert len(trainings) == 3
    unseen = fuser.transform(X)
    count = tmp_path / "count"
    monkeypatch.setenv(COUNT_FILE, str(count))
    again = clone(fuser)
    np.testing.assert_array_equal(again.fit_transform(X, Y), first)
    np.testing.assert_array_equal(again.transform(X), unseen)
    other = clone(fuser).set_params(lam=0.8)
    assert not np.array_equal(other.fit_transform(X, Y)[:, :2], first[:, :2])
    other.transform(X)
    again.set_params(lam=0.1).transform(X)
    assert len(trainings) == 3
    assert counted(count) == counted(count, doing="train") == 0
    np.testing.assert_array_equal(clone(fuser).set_params(embedder__memory=None)
                                  .fit_transform(X, Y), first)  # fmt: skip


def test_frozen_stages_see_each_film_once_for_all_networks(toy, tmp_path, monkeypatch):
    X, Y = toy
    count = tmp_path / "count"
    monkeypatch.setenv(COUNT_FILE, str(count))
    settings = FineTuning.from_recipe("report", epochs=1, lr=1e-3)
    embedder = tiny(fine_tune=settings, memory=str(tmp_path / "kept"))
    embedder.fit_transform(X, Y)
    assert counted(count, "trunk") == 36
    embedder.transform(X)
    assert counted(count, "trunk") == 36


def test_groups_that_a_fit_around_did_not_hand_on_are_said(toy):
    X, Y = toy
    with fitting_with(np.arange(36) // 2):
        with pytest.warns(UserWarning, match="CNNEmbedder got no groups inside a fit that was"):
            tiny().fit(X, Y)
        tiny().fit(X, Y, groups=np.arange(36) // 2)
