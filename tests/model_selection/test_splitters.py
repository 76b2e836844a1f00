"""Splits checked by counting."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.tree import DecisionTreeClassifier

from skcxr.model_selection import (
    MultilabelGroupShuffleSplit,
    MultilabelStratifiedGroupKFold,
    train_test_split_by_patient,
)


@pytest.fixture
def study():
    """Patients with 1 to 8 images, labels from 2 % to 30 % that go with the patient."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(400), rng.integers(1, 9, 400))
    rate = np.array([0.02, 0.05, 0.1, 0.3])
    ill = rng.random((400, 4)) < rate
    y = (ill[groups] & (rng.random((len(groups), 4)) < 0.8)).astype(float)
    return np.arange(len(groups))[:, None], y, groups


def shares(y, tests):
    return np.array([np.nansum(y[test], axis=0) for test in tests]) / np.nansum(y, axis=0)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("unknown", [False, True])
def test_folds_hold_whole_patients_and_equal_shares(study, shuffle, unknown):
    X, y, groups = study
    if unknown:
        y = np.where(np.random.default_rng(1).random(y.shape) < 0.3, np.nan, y)
    cv = MultilabelStratifiedGroupKFold(5, shuffle=shuffle, random_state=0 if shuffle else None)
    folds = list(cv.split(X, y, groups))
    assert len(folds) == cv.get_n_splits() == 5
    tests = [test for _, test in folds]
    assert sorted(np.concatenate(tests)) == list(range(len(X)))
    for train, test in folds:
        assert sorted(np.r_[train, test]) == list(range(len(X)))
        assert not set(groups[train]) & set(groups[test])
    sizes = np.array([len(test) for test in tests]) / len(X)
    assert np.abs(sizes - 0.2).max() < 0.01
    worst = np.abs(shares(y, tests) - 0.2).max()
    plain = [test for _, test in GroupKFold(5).split(X, y, groups)]
    assert worst < 0.05
    assert worst < np.abs(shares(y, plain) - 0.2).max()


def test_shuffle_follows_its_seed(study):
    X, y, groups = study

    def first_test(seed):
        cv = MultilabelStratifiedGroupKFold(5, shuffle=True, random_state=seed)
        return next(cv.split(X, y, groups))[1].tolist()

    assert first_test(0) == first_test(0) != first_test(1)


def test_every_patient_can_be_tested_in_a_shuffle_split(study):
    X, y, groups = study
    cv = MultilabelGroupShuffleSplit(40, test_size=0.25, random_state=0)
    tested = np.zeros(len(X))
    for train, test in cv.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert sorted(np.r_[train, test]) == list(range(len(X)))
        assert abs(len(test) / len(X) - 0.25) < 0.01
        assert (
            np.abs(shares(y, [test]) - 0.25).max() < 0.1
        )  # one patient of the rarest label is up to a fifth of it
        tested[test] += 1
    assert tested.min() > 0


def test_without_groups_rows_are_patients(study):
    X, y, _ = study
    tests = [test for _, test in MultilabelStratifiedGroupKFold(3).split(X, y)]
    counts = [y[test].sum(axis=0) for test in tests]
    assert np.ptp(counts, axis=0).max() <= 2


def test_as_many_folds_as_patients_and_no_more(study):
    X, y, groups = (array[:12] for array in study)
    n = len(np.unique(groups))
    tests = [t for _, t in MultilabelStratifiedGroupKFold(n).split(X, y, groups)]
    assert all(len(np.unique(groups[test])) == 1 for test in tests)
    with pytest.raises(ValueError, match=f"n_splits={n + 1} folds of {n} patients"):
        next(MultilabelStratifiedGroupKFold(n + 1).split(X, y, groups))


@pytest.mark.parametrize("Splitter", [MultilabelStratifiedGroupKFold, MultilabelGroupShuffleSplit])
def test_cross_validate_routes_groups_unasked(study, Splitter):
    X, y, groups = study
    tree = DecisionTreeClassifier(max_depth=2)
    plain = cross_validate(tree, X, y, cv=Splitter(3), groups=groups, return_indices=True)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(
            tree, X, y, cv=Splitter(3), params={"groups": groups}, return_indices=True
        )
    for result in (plain, routed):
        for train, test in zip(*result["indices"].values(), strict=True):
            assert not set(groups[train]) & set(groups[test])


def test_train_test_split_keeps_kinds_names_and_order(study):
    _, y, groups = study
    paths = [f"{i:05}.png" for i in range(len(y))]
    labels = pd.DataFrame(y, columns=list("abcd"))
    X_train, X_test, y_train, y_test, g_train, g_test = train_test_split_by_patient(
        paths, labels, groups, test_size=0.3, random_state=0
    )
    assert isinstance(X_train, list)
    assert X_test == sorted(X_test)
    assert not set(g_train) & set(g_test)
    assert [paths[i] for i in y_test.index] == X_test
    assert [paths[i] for i in y_train.index] == X_train
    assert abs(len(X_test) / len(paths) - 0.3) < 0.01


@pytest.mark.parametrize("test_size", [0, 1, 1.5, 3, True, "0.2"])
def test_bad_test_size(test_size):
    with pytest.raises(ValueError, match="between 0 and 1"):
        MultilabelGroupShuffleSplit(test_size=test_size)


def test_bad_arguments():
    with pytest.raises(ValueError, match="n_splits"):
        MultilabelStratifiedGroupKFold(1)
    with pytest.raises(ValueError, match="shuffle=True"):
        MultilabelStratifiedGroupKFold(3, random_state=0)
    with pytest.raises(TypeError, match="shuffle"):
        MultilabelStratifiedGroupKFold(3, shuffle=1)
    with pytest.raises(ValueError, match="too few patients"):
        next(MultilabelGroupShuffleSplit().split([1, 2], [[0], [1]], [1, 1]))


def test_repr_names_the_settings():
    assert "n_splits=4" in repr(MultilabelStratifiedGroupKFold(4))
    assert "test_size=0.3" in repr(MultilabelGroupShuffleSplit(test_size=0.3))
