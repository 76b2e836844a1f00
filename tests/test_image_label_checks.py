"""Checks on labels, of every estimator that learns them from images."""

import numpy as np
import pandas as pd
import pytest
from image_cases import (
    N,
    cases,
    fitted,
    is_cross_fitted,
    is_pipeline,
    is_trained,
    learns_in_parts,
    make_images,
    make_labels,
    outputs,
    takes_labels,
)
from sklearn.base import clone


@cases(where=takes_labels)
def test_a_label_without_a_positive_is_named_in_a_warning(make):
    estimator = make()
    y = make_labels()
    y["Hernia"] = 0
    with pytest.warns(UserWarning, match=r"[Nn]o positive .*Hernia") as caught:
        estimator = fitted(clone(estimator), y=y)
    assert not any("Mass" in str(warning.message) for warning in caught)
    made = outputs(estimator, make_images())
    assert np.isfinite(made).all()
    if is_pipeline(estimator):
        assert made.shape == (N, 3)
        np.testing.assert_allclose(made[:, 2], 1 / (N + 2))


def learnt(estimator):
    head = getattr(estimator, "embedder_", estimator)
    return np.hstack([head.head_coef_, head.decision_function(make_images()).T])


@cases(where=lambda estimator: takes_labels(estimator) and not learns_in_parts(estimator))
def test_t7_unknown_labels_are_left_out(make):
    """Every image comes twice, so that the statistics of features are those of once."""
    images, y = make_images(), make_labels().astype(float)
    twice = np.concatenate([images, images])
    unknown = pd.concat([y, y * np.nan])
    one = pd.concat([y, y.assign(Mass=np.nan)])  # each label by itself
    expected = learnt(fitted(make(), images, y))
    np.testing.assert_allclose(learnt(fitted(make(), twice, unknown)), expected, rtol=1e-3)
    if not is_trained(make()):
        np.testing.assert_allclose(learnt(fitted(make(), twice, one))[0], expected[0], rtol=1e-3)
    as_0 = learnt(fitted(make(), twice, unknown.fillna(0)))
    assert not np.isclose(as_0, expected, rtol=0.02).all(1).any()


@cases(where=is_pipeline)
def test_t7_unknown_is_not_negative(make):
    y = make_labels().astype(float)
    y["Mass"] = y["Mass"].where(y["Mass"] == 1)
    with pytest.warns(UserWarning, match=r"[Nn]o positive or no negative.* Mass"):
        estimator = fitted(make(), y=y)
    known = y["Mass"].sum()
    found = outputs(estimator, make_images())
    np.testing.assert_allclose(found[:, 0], (known + 1) / (known + 2))


@cases(where=is_cross_fitted)
def test_features_are_of_a_network_that_did_not_see_the_image(make):
    """Another picture in the place of one changes all networks but the one of its part."""
    images, y, estimator = make_images(), make_labels(), make()
    found = np.asarray(estimator.fit_transform(images, y))
    part = getattr(estimator, "embedder_", estimator).part_
    changed = images.copy()
    changed[7] = 255 - changed[7]
    other = np.asarray(make().fit_transform(changed, y))
    same = (part == part[7]) & (np.arange(N) != 7)
    np.testing.assert_array_equal(other[same], found[same])
    assert (other[part != part[7]] != found[part != part[7]]).any(1).all()
    assert not np.allclose(found, outputs(estimator, images))


@cases(where=takes_labels)
def test_labels_that_are_none_are_refused(make):
    estimator = make()
    y = make_labels().astype(float)
    y.iloc[2, 1] = 2
    with pytest.raises(ValueError, match=r"y holds .*2.* in row 2 of label 'Edema'"):
        fitted(clone(estimator), y=y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        fitted(clone(estimator), y=make_labels(N - 1))


@cases(where=takes_labels)
def test_every_form_of_labels_gives_the_same_answer(make):
    estimator = make()
    images, y = make_images(), make_labels()
    expected = outputs(fitted(clone(estimator), y=y), images)
    for same in (y.to_numpy(), y.astype(bool), y.astype("Int8"), y.to_numpy(float).tolist()):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), y=same), images), expected)
