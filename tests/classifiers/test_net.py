"""What the nets learn, and what comes out in every shape that y can have."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score, get_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.classifiers import AttentionCNN, DeeperMLP, MultilabelMLP, MultilabelNet

from .conftest import make_problem


def small(**params):
    return MultilabelMLP(module__hidden=(16,), lr=0.01, random_state=0, **params)


@pytest.mark.parametrize("net", [small(), DeeperMLP(module__hidden=(32, 16), random_state=0)])
def test_learns_what_the_features_tell(net):
    X, Y = make_problem(600)
    proba = net.fit(X[:400], Y[:400]).predict_proba(X[400:])
    assert roc_auc_score(Y[400:], proba) > 0.85


def test_attention_cnn_sees_where_the_map_is_bright():
    rng = np.random.default_rng(0)
    maps, Y = rng.random((300, 2, 16, 16)), rng.integers(0, 2, (300, 2)).astype(float)
    maps[:, 0, :8] += Y[:, :1, None]
    maps[:, 1, :, 8:] += Y[:, 1:, None]
    net = AttentionCNN(random_state=0, lr=0.01, max_epochs=15).fit(maps[:200], Y[:200])
    assert roc_auc_score(Y[200:], net.predict_proba(maps[200:])) > 0.9
    flat = clone(net).set_params(map_shape=(2, -1, 16))
    flat.fit(maps[:200].reshape(200, -1), Y[:200])
    np.testing.assert_array_equal(
        flat.predict_proba(maps[200:].reshape(100, -1)), net.predict_proba(maps[200:])
    )


def test_attention_cnn_says_what_shape_it_wants():
    maps, y = np.zeros((20, 2, 4, 4)), np.tile([0, 1], 10)
    with pytest.raises(ValueError, match="map_shape"):
        AttentionCNN().fit(maps.reshape(20, -1), y)
    with pytest.raises(ValueError, match="does not fit rows of 32"):
        AttentionCNN(map_shape=(3, -1, 4)).fit(maps.reshape(20, -1), y)
    net = AttentionCNN(max_epochs=1).fit(maps, y)
    with pytest.raises(ValueError, match=r"\(1, 4, 8\), expected \(2, 4, 4\)"):
        net.predict(maps.reshape(20, 4, 8))


def test_outputs_agree_with_each_other(data):
    X, Y = data
    net = small().fit(X, Y)
    logits, proba = net.decision_function(X), net.predict_proba(X)
    assert logits.shape == proba.shape == Y.shape
    np.testing.assert_allclose(proba, 1 / (1 + np.exp(-logits)))
    np.testing.assert_array_equal(net.predict(X), (logits > 0).astype(int))
    with torch.no_grad():
        net.net_.module_.eval()
        direct = net.net_.module_(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(logits, direct, rtol=1e-4, atol=1e-5)


def test_a_row_alone_equals_that_row_in_a_batch(data):
    X, Y = data
    net = small(max_epochs=2).fit(X, Y)
    alone = np.vstack([net.decision_function(X[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(alone, net.decision_function(X)[:5])


def test_one_label_as_a_column(data):
    X, Y = data
    column, flat = small().fit(X, Y[:, :1]), small().fit(X, Y[:, 0])
    assert column.predict(X).shape == column.predict_proba(X).shape == (len(X), 1)
    assert flat.predict(X).shape == flat.decision_function(X).shape == (len(X),)
    np.testing.assert_array_equal(column.predict_proba(X)[:, 0], flat.predict_proba(X)[:, 1])


def test_binary_y_keeps_its_classes(data):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "ill", "healthy")
    net = small().fit(X, y)
    assert net.classes_.tolist() == ["healthy", "ill"]
    assert accuracy_score(y, net.predict(X)) == net.score(X, y) > 0.8


@pytest.mark.parametrize("k", [1, 2, 3])
def test_scikit_learns_scorers_read_the_probabilities(k):
    X, Y = make_problem(k=k)
    net = small().fit(X, Y)
    expected = roc_auc_score(Y, net.predict_proba(X)) if k > 1 else None
    if expected is not None:
        assert get_scorer("roc_auc")(net, X, Y) == expected
    assert [c.tolist() for c in net.classes_] == [[0, 1]] * k


def test_label_and_feature_names_come_from_dataframes(data):
    X, Y = data
    labels = pd.DataFrame(Y, columns=list("abcd")).astype("Int64")
    labels.loc[3, "b"] = pd.NA
    features = pd.DataFrame(X).add_prefix("f")
    net = small(max_epochs=1).fit(features, labels)
    assert net.label_names_.tolist() == list("abcd")
    assert net.feature_names_in_.tolist() == features.columns.tolist()
    assert small(max_epochs=1).fit(X, Y).label_names_[0] == "label0"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full((20, 2), 2.0), "row 0 of label 'label0'"),
        (pd.DataFrame({"a": [0] * 19 + [3]}), "row 19 of label 'a'"),
        (np.full((20, 2), "x"), "0, 1 or NaN"),
        (np.arange(20) % 3, "Only binary classification is supported"),
        (np.zeros(20), "one class"),
        (np.zeros((20, 0)), "non-empty"),
        (np.zeros((20, 2, 2)), r"\(20, 2, 2\)"),
    ],
)
def test_wrong_y_says_where(y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(np.zeros((20, 3)), y)


def test_unknown_labels_take_no_part(data):
    X, Y = data
    hidden = np.random.default_rng(1).random(Y.shape) < 0.5
    unknown = np.where(hidden, np.nan, Y)
    net = small(early_stopping=False, batch_size=len(X), max_epochs=60).fit(X, unknown)
    proba = net.predict_proba(X)
    for j in range(Y.shape[1]):
        assert roc_auc_score(Y[hidden[:, j], j], proba[hidden[:, j], j]) > 0.7
    # The value under a NaN cannot matter: other labels' results do not move when it changes.
    other = unknown.copy()
    other[:, 0] = np.nan
    with pytest.warns(UserWarning, match="label0"):
        small(max_epochs=1).fit(X, other)


def test_constant_labels_get_the_smoothed_prior_and_one_warning(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcd"))
    Y["a"], Y["b"] = 0.0, np.nan
    Y.loc[:9, "c"], Y.loc[10:, "c"] = np.nan, 1.0
    with pytest.warns(UserWarning, match="for a, b, c:") as record:
        net = small().fit(X, Y)
    assert len(record) == 1
    n = len(X)
    proba = net.predict_proba(X[:2])
    np.testing.assert_allclose(proba[0, :3], [1 / (n + 2), 0.5, (n - 9) / (n - 8)])
    assert proba[0, 3] != proba[1, 3]
    assert net.predict(X[:2])[:, :3].tolist() == [[0, 0, 1]] * 2


def test_early_stopping_keeps_patients_whole_and_takes_the_best_epoch(data):
    X, Y = data
    groups = np.repeat(np.arange(60), 4)
    net = small(max_epochs=200, patience=3, validation_fraction=0.25).fit(X, Y, groups=groups)
    held_out = net.validation_indices_
    rest = np.setdiff1d(np.arange(len(X)), held_out)
    assert 0.2 < len(held_out) / len(X) < 0.3
    assert not set(groups[held_out]) & set(groups[rest])
    losses = [row["valid_loss"] for row in net.history_]
    assert net.n_iter_ == len(losses) < 200
    logits, y = net.decision_function(X[held_out]), Y[held_out]
    loss = (np.logaddexp(0, logits) - y * logits).mean()
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_too_few_rows_to_hold_out_trains_on_all_of_them(data):
    X, Y = data
    net = small(max_epochs=4).fit(X[:40], Y[:40])
    assert net.validation_indices_.size == 0
    assert net.n_iter_ == 4
    assert "valid_loss" not in net.history_[0]
    one_patient = small(max_epochs=4).fit(X, Y, groups=np.zeros(len(X)))
    assert one_patient.validation_indices_.size == 0


def test_same_seed_same_result_and_global_generators_untouched(data):
    X, Y = data
    torch_before, numpy_before = torch.get_rng_state(), np.random.mtrand._rand.get_state()[1].copy()
    first, second = small().fit(X, Y), small().fit(X, Y)
    other = small().set_params(random_state=1).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.mtrand._rand.get_state()[1], numpy_before)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert np.abs(first.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


def test_pickle_and_deepcopy_predict_the_same_and_hold_no_data():
    X, Y = make_problem(2000, 50)
    net = small(max_epochs=2).fit(X, Y)
    stored = pickle.dumps(net)
    assert len(stored) < X.nbytes / 4
    for copied in (pickle.loads(stored), deepcopy(net)):
        np.testing.assert_array_equal(copied.predict_proba(X), net.predict_proba(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_maps_give_what_arrays_give(data, dtype, tmp_path):
    X, Y = data
    np.save(tmp_path / "X.npy", X.astype(dtype))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        small(max_epochs=3).fit(mapped, Y).predict_proba(mapped),
        small(max_epochs=3).fit(X, Y).predict_proba(X),
    )


def test_balanced_weights_raise_the_rare_labels(data):
    X, Y = data
    plain = small().fit(X, Y).predict_proba(X).mean(axis=0)
    balanced = small(pos_weight="balanced").fit(X, Y).predict_proba(X).mean(axis=0)
    rare = Y.mean(axis=0) < 0.4
    assert rare.any()
    assert (balanced[rare] > plain[rare] + 0.02).all()
    by_name = small(pos_weight={"label1": 3.0}).fit(X, Y).predict_proba(X)
    as_array = small(pos_weight=[1, 3, 1, 1]).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(by_name, as_array)
    with pytest.raises(ValueError, match="pos_weight names"):
        small(pos_weight={"nope": 2}).fit(X, Y)


def test_score_is_subset_accuracy_over_what_is_known(data):
    X, Y = data
    net = small().fit(X, Y)
    assert net.score(X, Y) == accuracy_score(Y, net.predict(X))
    assert net.score(X, np.full_like(Y, np.nan)) == 1.0


def test_any_module_goes_into_the_base(data):
    X, Y = data
    net = MultilabelNet(torch.nn.Linear, module__in_features=20, module__out_features=4, lr=0.05)
    assert roc_auc_score(Y, net.fit(X, Y).predict_proba(X)) > 0.8


def test_grid_search_over_dropout_passes_groups(data):
    X, Y = data
    groups = np.repeat(np.arange(60), 4)
    pipe = make_pipeline(StandardScaler(), small(max_epochs=2))
    search = GridSearchCV(
        pipe,
        {"multilabelmlp__module__dropout": [0.2, 0.4]},
        cv=GroupKFold(3),
        scoring="roc_auc",
        error_score="raise",
    )
    search.fit(X, Y, groups=groups)
    search.fit(X, Y, groups=groups, multilabelmlp__groups=groups)
    held_out = search.best_estimator_[-1].validation_indices_
    assert not set(groups[held_out]) & set(np.delete(groups, held_out))


def test_metadata_routing_brings_groups_to_splitter_and_net(data):
    X, Y = data
    groups = np.repeat(np.arange(60), 4)
    with sklearn.config_context(enable_metadata_routing=True):
        net = small(max_epochs=2).set_fit_request(groups=True)
        result = cross_validate(
            make_pipeline(StandardScaler(), net),
            X,
            Y,
            cv=GroupKFold(3),
            params={"groups": groups},
            return_estimator=True,
            return_indices=True,
        )
    for pipe, train in zip(result["estimator"], result["indices"]["train"], strict=True):
        held_out = pipe[-1].validation_indices_
        assert len(held_out)
        assert not set(groups[train][held_out]) & set(np.delete(groups[train], held_out))


@pytest.mark.slow
def test_cross_validate_in_two_processes(data):
    X, Y = data
    one, two = (
        cross_validate(small(max_epochs=2), X, Y, cv=2, n_jobs=n_jobs)["test_score"]
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(one, two)


def test_several_nets_average_their_logits_and_share_the_held_out_rows():
    X, y = make_problem(n=300)
    net = MultilabelMLP(n_nets=3, max_epochs=4, thresholds="auto", random_state=0).fit(X, y)
    assert len(net.nets_) == 3
    assert {row["net"] for row in net.history_} == {0, 1, 2}
    rows = torch.from_numpy(X.astype(np.float32))
    with torch.no_grad():
        alone = [each.module_.eval()(rows).numpy() for each in net.nets_]
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(net.decision_function(X), np.mean(alone, axis=0), atol=1e-5)
    # Each net holds out another 15 %: together more than one of them, and not everything.
    assert 0.15 * 300 < len(net.validation_indices_) < 0.45 * 300
    assert set(net.thresholds_) != {0.5}
