"""A second set of checks: for images what scikit-learn's do for tables.

Every check runs on every estimator that it applies to, the whole pipeline included; those on labels
are in test_image_label_checks.py.
"""

import ast
import pickle
import warnings
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from image_cases import (
    CASES,
    SIDE,
    N,
    cases,
    first_stage,
    fitted,
    gives_images,
    is_cross_fitted,
    is_pipeline,
    is_transformer,
    make_images,
    make_labels,
    outputs,
    pipeline,
    write_images,
)
from public_estimators import public_estimators
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_validate

from skcxr._base import _ImageInputMixin
from skcxr.preprocessing import ImageLoader


def test_every_estimator_that_takes_images_is_checked():
    public = {n for n, cls in public_estimators().items() if issubclass(cls, _ImageInputMixin)}
    assert public == {type(make()).__name__ for make in CASES.values()} - {"Pipeline"}


@pytest.mark.parametrize("name", ["test_image_checks.py", "test_image_label_checks.py"])
def test_t7_no_check_returns(name):
    tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    checks = [node for node in checks if node.name.startswith("test_")]
    assert len(checks) > 5
    assert not [c.name for c in checks if any(isinstance(n, ast.Return) for n in ast.walk(c))]


@cases()
def test_every_form_of_images_gives_the_same_answer(make, tmp_path):
    estimator = make()
    images, y = make_images(), make_labels()
    paths = write_images(images, tmp_path)
    frame = pd.DataFrame({"age": range(N), "path": paths, "view": "PA"})
    expected = outputs(fitted(clone(estimator), images, y), images)
    assert len(expected) == N
    assert expected.shape[1] > 0
    rows = images.reshape(N, -1)
    forms = [paths, np.array(list(map(str, paths))), frame, rows, list(images), tuple(images)]
    for X in forms:
        found = outputs(fitted(clone(estimator), X, y), X)
        np.testing.assert_array_equal(found, expected)
    for X in forms:  # fitted on one form, used on another
        if not isinstance(X, np.ndarray) or X is not rows:
            found = outputs(fitted(clone(estimator), frame, y), X)
            np.testing.assert_array_equal(found, expected)


@cases()
def test_other_dtypes_are_stretched_to_the_same_images(make, tmp_path):
    estimator = make()
    images = make_images()
    expected = outputs(fitted(clone(estimator), images), images)
    for X in (
        images.astype(np.uint16) * 257,
        images.astype(np.float32) / 255,
        images.astype(np.float64) - 1000,
        images.astype(np.int32),
    ):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), X), X), expected)


@cases(where=lambda estimator: is_transformer(estimator) and not is_cross_fitted(estimator))
def test_fit_transform_is_fit_then_transform(make, tmp_path):
    estimator = make()
    images, y = make_images(), make_labels()
    one = np.asarray(clone(estimator).fit_transform(images, y)).reshape(N, -1)
    np.testing.assert_array_equal(one, outputs(fitted(clone(estimator)), images))


@cases()
def test_a_clone_gives_the_same_answer(make, tmp_path):
    estimator = make()
    images = make_images()
    first = fitted(clone(estimator))
    second = fitted(clone(first))
    np.testing.assert_array_equal(outputs(first, images), outputs(second, images))
    # and so does the same object fitted again
    np.testing.assert_array_equal(outputs(fitted(first), images), outputs(second, images))


@cases()
def test_a_pickle_gives_the_same_answer(make, tmp_path):
    estimator = make()
    images = make_images()
    estimator = fitted(clone(estimator))
    expected = outputs(estimator, images)
    for copy in (pickle.loads(pickle.dumps(estimator)), _joblib(estimator, tmp_path)):
        np.testing.assert_array_equal(outputs(copy, images), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unfitted = pickle.loads(pickle.dumps(clone(estimator)))
    np.testing.assert_array_equal(outputs(fitted(unfitted), images), expected)


def _joblib(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    return joblib.load(tmp_path / "estimator.joblib")


@cases(where=is_transformer)
def test_set_output_pandas(make, tmp_path):
    estimator = make()
    images = make_images()
    frame = pd.DataFrame({"path": write_images(images, tmp_path)}, index=range(100, 100 + N))
    X = images.reshape(N, -1) if gives_images(estimator) else frame
    expected = outputs(fitted(clone(estimator), X), X)
    estimator = clone(estimator).set_output(transform="pandas").fit(X, make_labels())
    table = estimator.transform(X)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(estimator.get_feature_names_out())
    np.testing.assert_array_equal(table.to_numpy(), expected)
    if X is frame:
        assert list(table.index) == list(frame.index)
    else:  # images cannot be columns: only rows become a table
        made = estimator.fit(frame, make_labels()).transform(frame)
        assert not isinstance(made, pd.DataFrame)
        assert made.shape[0] == N


@cases()
def test_feature_names_are_unique_and_as_many_as_features(make, tmp_path):
    estimator = make()
    images = make_images()
    X = images.reshape(N, -1) if gives_images(estimator) else images
    estimator = fitted(clone(estimator), X)
    if is_pipeline(estimator):
        names, width = estimator[:-1].get_feature_names_out(), estimator[-1].n_features_in_
    else:
        names, width = estimator.get_feature_names_out(), outputs(estimator, X).shape[1]
    assert len(names) == len(set(names)) == width
    assert all(isinstance(name, str) for name in names)


@cases()
def test_one_image_alone_equals_that_image_in_a_batch(make, tmp_path):
    estimator = make()
    images = make_images()
    estimator = fitted(clone(estimator))
    expected = outputs(estimator, images)
    for i in (0, 7, N - 1):
        alone = outputs(estimator, images[i : i + 1])
        # the classifier's matrix product may sum in another order for another number of rows
        tolerance = 1e-6 if is_pipeline(estimator) else 0
        np.testing.assert_allclose(alone[0], expected[i], rtol=tolerance, atol=tolerance)


@cases()
def test_the_order_of_images_does_not_matter(make, tmp_path):
    estimator = make()
    images = make_images()
    estimator = fitted(clone(estimator))
    order = np.random.default_rng(0).permutation(N)
    expected = outputs(estimator, images)[order]
    tolerance = 1e-6 if is_pipeline(estimator) else 0
    np.testing.assert_allclose(
        outputs(estimator, images[order]), expected, rtol=tolerance, atol=tolerance
    )


@cases()
def test_empty_input_is_refused(make, tmp_path):
    estimator = make()
    images = make_images()
    for X in (images[:0], images.reshape(N, -1)[:0], [], pd.DataFrame({"path": []})):
        with pytest.raises(ValueError, match=r"0 sample|[Ee]mpty|1D array|no image"):
            clone(estimator).fit(X, make_labels()[:0])
        with pytest.raises(ValueError, match=r"0 sample|[Ee]mpty|1D array|no image"):
            outputs(fitted(clone(estimator)), X)


@cases()
def test_arrays_that_are_no_images_are_refused(make, tmp_path):
    estimator = make()
    y = make_labels()
    colour = np.zeros((N, 8, 8, 4), np.uint8)
    with pytest.raises(ValueError, match=r"no axis of 1 or 3 channels|dim 4|<= 2|expected <= 3"):
        clone(estimator).fit(colour, y)
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array"):
        clone(estimator).fit(np.zeros(N), y)
    with pytest.raises(ValueError, match=r"are not square images; pass image_shape"):
        clone(estimator).fit(np.zeros((N, 30), np.uint8), y)
    with pytest.raises(ValueError, match=r"single path"):
        clone(estimator).fit("lungs.png", y)


@cases(where=lambda estimator: first_stage(estimator)._one_size)
def test_another_size_than_in_fit_is_refused(make, tmp_path):
    estimator = make()
    with pytest.raises(ValueError, match=r"20.20.*was fitted on images"):
        outputs(fitted(clone(estimator)), make_images(3, 20))


@cases()
def test_a_refit_on_another_size_works(make, tmp_path):
    estimator = make()
    larger = make_images(side=40)
    if is_pipeline(estimator):
        estimator = clone(estimator).set_params(load__size=40)
        small = clone(estimator).set_params(load__size=SIDE)
        refitted = fitted(fitted(small).set_params(load__size=40), larger)
    else:
        refitted = fitted(fitted(clone(estimator)), larger)
    expected = outputs(fitted(clone(estimator), larger), larger)
    np.testing.assert_array_equal(outputs(refitted, larger), expected)


@cases()
def test_nan_pixels_are_refused(make, tmp_path):
    estimator = make()
    for value in (np.nan, np.inf):
        images = make_images().astype(float)
        images[3, 4, 5] = value
        for X in (images, images.reshape(N, -1)):
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                outputs(fitted(clone(estimator), X), X)


@cases()
def test_a_missing_file_is_named(make, tmp_path):
    estimator = make()
    paths = write_images(make_images(), tmp_path)
    estimator_ = fitted(clone(estimator), paths)
    paths[5].unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 12 image files missing: .*05\.png"):
        clone(estimator).fit(paths, make_labels())
    with pytest.raises(FileNotFoundError, match=r"05\.png"):
        outputs(estimator_, paths)


@cases()
def test_a_corrupt_file_is_named(make, tmp_path):
    estimator = make()
    paths = write_images(make_images(), tmp_path)
    estimator_ = fitted(clone(estimator), paths)
    paths[5].write_bytes(paths[5].read_bytes()[:60])
    with pytest.raises(ValueError, match=r"05\.png: not a readable image"):
        outputs(estimator_, paths)


@cases(where=lambda estimator: not isinstance(first_stage(estimator), ImageLoader))
def test_files_of_another_size_are_named(make, tmp_path):
    estimator = make()
    paths = write_images(make_images(), tmp_path)
    cv2.imwrite(str(paths[5]), make_images(1, 20)[0])
    with pytest.raises(ValueError, match=r"05\.png is 20.20 pixels .* put an ImageLoader before"):
        outputs(fitted(clone(estimator), paths), paths)


@cases()
def test_fit_changes_neither_x_nor_y_nor_parameters(make, tmp_path):
    estimator = make()
    images, y = make_images(), make_labels()
    frame = pd.DataFrame({"path": write_images(images, tmp_path), "age": 1.0})
    before = images.copy(), frame.copy(), y.copy()
    estimator = clone(estimator)
    parameters = {key: _frozen(value) for key, value in estimator.get_params().items()}
    for X in (images, frame):
        outputs(fitted(estimator, X, y), X)
    np.testing.assert_array_equal(images, before[0])
    pd.testing.assert_frame_equal(frame, before[1])
    pd.testing.assert_frame_equal(y, before[2])
    after = {key: _frozen(value) for key, value in estimator.get_params().items()}
    if not is_pipeline(estimator):  # a Pipeline's steps are fitted in place
        assert after == parameters


def _frozen(value):
    if isinstance(value, torch.nn.Module):
        return [v.numpy().tobytes() for v in value.state_dict().values()]
    return repr(value)


@cases()
def test_read_only_and_memory_mapped_images(make, tmp_path):
    estimator = make()
    images = make_images()
    expected = outputs(fitted(clone(estimator)), images)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    for X in (mapped, mapped.reshape(N, -1)):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), X), X), expected)


@cases()
def test_a_typo_in_a_parameter_gives_the_usual_error(make, tmp_path):
    estimator = make()
    with pytest.raises(ValueError, match=r"Invalid parameter 'lamm' for estimator"):
        clone(estimator).set_params(lamm=0.5)


@cases(where=lambda estimator: estimator.__sklearn_tags__().requires_fit)
def test_not_fitted(make, tmp_path):
    estimator = make()
    with pytest.raises(NotFittedError):
        outputs(clone(estimator), make_images())


@pytest.mark.slow
def test_cross_validate_with_two_processes(tmp_path):
    X = pd.DataFrame({"path": write_images(make_images(), tmp_path)})
    y = make_labels()
    options = {"cv": GroupKFold(3), "groups": np.repeat(range(6), 2), "error_score": "raise"}
    alone = cross_validate(pipeline(), X, y, **options)
    two = cross_validate(pipeline(), X, y, n_jobs=2, **options)
    np.testing.assert_array_equal(two["test_score"], alone["test_score"])
