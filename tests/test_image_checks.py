"""A second set of checks: for images what scikit-learn's do for tables.

Every check runs on every estimator that takes images, the whole pipeline included.
"""

import pickle
import tempfile
import warnings
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from tiny_networks import ThresholdMasker, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.classifiers import MultilabelMLP
from skcxr.features import LBPHOGExtractor, ResNetEmbedder
from skcxr.preprocessing import HistEqualizer, ImageLoader
from skcxr.segmentation import UNetMasker
from skcxr.segmentation._weights import write_weights

N, SIDE = 12, 32
LABELS = ["Mass", "Edema"]
_FOLDER = tempfile.TemporaryDirectory(prefix="skcxr-tests-")


def _embedder(**settings):
    return ResNetEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", random_state=0,
        batch_size=5, **settings,
    )  # fmt: skip


def _texture():
    return LBPHOGExtractor(pixels_per_cell=(8, 8))


def _masker():
    """A masker with a network of one convolution, whose weights are in a file."""
    network = torch.nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0.1)
    path = Path(_FOLDER.name) / "one_convolution.safetensors"
    if not path.exists():
        write_weights(path, network, {"network": "module"})
    return UNetMasker(weights=path, network=network, side=32, device="cpu", precision="float32")


def _pipeline():
    fuser = GradCAMFuser(_embedder(), ThresholdMasker(), passthrough=True)
    return Pipeline(
        [
            ("load", ImageLoader(SIDE)),
            ("equalize", HistEqualizer()),
            ("features", FeatureUnion([("texture", _texture()), ("attention", fuser)])),
            ("scale", StandardScaler()),
            ("classify", MultilabelMLP(max_epochs=2, random_state=0, device="cpu")),
        ]
    )


ESTIMATORS = {
    "ImageLoader": lambda: ImageLoader(16),
    "ImageLoader, memory": lambda: ImageLoader(16, memory=str(Path(_FOLDER.name) / "loader")),
    "HistEqualizer": HistEqualizer,
    "HistEqualizer, CLAHE": lambda: HistEqualizer("clahe", tile_grid=(2, 2)),
    "LBPHOGExtractor": _texture,
    "ResNetEmbedder": _embedder,
    "ResNetEmbedder, memory": lambda: _embedder(memory=str(Path(_FOLDER.name) / "embedder")),
    "ResNetEmbedder, fine-tuned": lambda: _embedder(fine_tune="layer4", epochs=2),
    "UNetMasker": _masker,
    "GradCAMFuser": lambda: GradCAMFuser(_embedder(), ThresholdMasker(), passthrough=True),
    "GradCAMFuser, maps": lambda: GradCAMFuser(_embedder(), ThresholdMasker(), output="maps"),
    "pipeline": _pipeline,
}
TO_IMAGES = (ImageLoader, HistEqualizer, UNetMasker)


def make_images(n=N, side=SIDE, seed=0):
    """Smooth pictures that use all of 0..255, so that other dtypes are stretched to themselves."""
    rng = np.random.default_rng(seed)
    images = [cv2.resize(rng.random((5, 5)), (side, side)) for _ in range(n)]
    images = [(image - image.min()) / np.ptp(image) for image in images]
    return np.rint(255 * np.stack(images)).astype(np.uint8)


def make_labels(n=N):
    Y = np.random.default_rng(1).integers(0, 2, (n, len(LABELS)))
    Y[:4] = [[0, 1], [1, 0], [0, 0], [1, 1]]
    return pd.DataFrame(Y, columns=LABELS)


def write_images(images, folder):
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / f"{i:02}.png"), image)
    return [folder / f"{i:02}.png" for i in range(len(images))]


def outputs(estimator, X):
    """(n, d) whatever the estimator makes of images."""
    made = estimator.transform(X) if hasattr(estimator, "transform") else None
    made = estimator.predict_proba(X) if made is None else made
    return np.asarray(made).reshape(len(X), -1)


def fitted(estimator, X=None, y=None):
    return estimator.fit(make_images() if X is None else X, make_labels() if y is None else y)


def has_head(estimator):
    return hasattr(estimator, "steps") or isinstance(estimator, ResNetEmbedder | GradCAMFuser)


# ---- the checks --------------------------------------------------------------------------------


def check_every_form_of_images_gives_the_same_answer(estimator, tmp_path):
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


def check_other_dtypes_are_stretched_to_the_same_images(estimator, tmp_path):
    images = make_images()
    expected = outputs(fitted(clone(estimator), images), images)
    for X in (
        images.astype(np.uint16) * 257,
        images.astype(np.float32) / 255,
        images.astype(np.float64) - 1000,
        images.astype(np.int32),
    ):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), X), X), expected)


def check_fit_transform_is_fit_then_transform(estimator, tmp_path):
    if not hasattr(estimator, "fit_transform"):
        return
    images, y = make_images(), make_labels()
    one = np.asarray(clone(estimator).fit_transform(images, y)).reshape(N, -1)
    np.testing.assert_array_equal(one, outputs(fitted(clone(estimator)), images))


def check_a_clone_gives_the_same_answer(estimator, tmp_path):
    images = make_images()
    first = fitted(clone(estimator))
    second = fitted(clone(first))
    np.testing.assert_array_equal(outputs(first, images), outputs(second, images))
    # and so does the same object fitted again
    np.testing.assert_array_equal(outputs(fitted(first), images), outputs(second, images))


def check_a_pickle_gives_the_same_answer(estimator, tmp_path):
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


def check_set_output_pandas(estimator, tmp_path):
    if not hasattr(estimator, "set_output") or hasattr(estimator, "steps"):
        return
    images = make_images()
    frame = pd.DataFrame({"path": write_images(images, tmp_path)}, index=range(100, 100 + N))
    X = images.reshape(N, -1) if isinstance(estimator, TO_IMAGES) else frame
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


def check_feature_names_are_unique_and_as_many_as_features(estimator, tmp_path):
    images = make_images()
    X = images.reshape(N, -1) if isinstance(estimator, TO_IMAGES) else images
    estimator = fitted(clone(estimator), X)
    if hasattr(estimator, "steps"):
        names, width = estimator[:-1].get_feature_names_out(), estimator[-1].n_features_in_
    else:
        names, width = estimator.get_feature_names_out(), outputs(estimator, X).shape[1]
    assert len(names) == len(set(names)) == width
    assert all(isinstance(name, str) for name in names)


def check_one_image_alone_equals_that_image_in_a_batch(estimator, tmp_path):
    images = make_images()
    estimator = fitted(clone(estimator))
    expected = outputs(estimator, images)
    for i in (0, 7, N - 1):
        alone = outputs(estimator, images[i : i + 1])
        # the classifier's matrix product may sum in another order for another number of rows
        tolerance = 1e-6 if hasattr(estimator, "steps") else 0
        np.testing.assert_allclose(alone[0], expected[i], rtol=tolerance, atol=tolerance)


def check_the_order_of_images_does_not_matter(estimator, tmp_path):
    images = make_images()
    estimator = fitted(clone(estimator))
    order = np.random.default_rng(0).permutation(N)
    expected = outputs(estimator, images)[order]
    tolerance = 1e-6 if hasattr(estimator, "steps") else 0
    np.testing.assert_allclose(
        outputs(estimator, images[order]), expected, rtol=tolerance, atol=tolerance
    )


def check_empty_input_is_refused(estimator, tmp_path):
    images = make_images()
    for X in (images[:0], images.reshape(N, -1)[:0], [], pd.DataFrame({"path": []})):
        with pytest.raises(ValueError, match=r"0 sample|[Ee]mpty|1D array|no image"):
            clone(estimator).fit(X, make_labels()[:0])
        with pytest.raises(ValueError, match=r"0 sample|[Ee]mpty|1D array|no image"):
            outputs(fitted(clone(estimator)), X)


def check_arrays_that_are_no_images_are_refused(estimator, tmp_path):
    y = make_labels()
    colour = np.zeros((N, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"dim 4|<= 2|expected <= 3"):
        clone(estimator).fit(colour, y)
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array"):
        clone(estimator).fit(np.zeros(N), y)
    with pytest.raises(ValueError, match=r"are not square images; pass image_shape"):
        clone(estimator).fit(np.zeros((N, 30), np.uint8), y)
    with pytest.raises(ValueError, match=r"single path"):
        clone(estimator).fit("lungs.png", y)


def check_another_size_than_in_fit_is_refused(estimator, tmp_path):
    first = estimator[0] if hasattr(estimator, "steps") else estimator
    if isinstance(first, ImageLoader | UNetMasker):
        return
    with pytest.raises(ValueError, match=r"20.20.*was fitted on images"):
        outputs(fitted(clone(estimator)), make_images(3, 20))


def check_a_refit_on_another_size_works(estimator, tmp_path):
    larger = make_images(side=40)
    if hasattr(estimator, "steps"):
        estimator = clone(estimator).set_params(load__size=40)
        small = clone(estimator).set_params(load__size=SIDE)
        refitted = fitted(fitted(small).set_params(load__size=40), larger)
    else:
        refitted = fitted(fitted(clone(estimator)), larger)
    expected = outputs(fitted(clone(estimator), larger), larger)
    np.testing.assert_array_equal(outputs(refitted, larger), expected)


def check_nan_pixels_are_refused(estimator, tmp_path):
    for value in (np.nan, np.inf):
        images = make_images().astype(float)
        images[3, 4, 5] = value
        for X in (images, images.reshape(N, -1)):
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                outputs(fitted(clone(estimator), X), X)


def check_a_missing_file_is_named(estimator, tmp_path):
    paths = write_images(make_images(), tmp_path)
    estimator_ = fitted(clone(estimator), paths)
    paths[5].unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 12 image files missing: .*05\.png"):
        clone(estimator).fit(paths, make_labels())
    with pytest.raises(FileNotFoundError, match=r"05\.png"):
        outputs(estimator_, paths)


def check_a_corrupt_file_is_named(estimator, tmp_path):
    paths = write_images(make_images(), tmp_path)
    estimator_ = fitted(clone(estimator), paths)
    paths[5].write_bytes(paths[5].read_bytes()[:60])
    with pytest.raises(ValueError, match=r"05\.png: not a readable image"):
        outputs(estimator_, paths)


def check_files_of_another_size_are_named(estimator, tmp_path):
    first = estimator[0] if hasattr(estimator, "steps") else estimator
    if isinstance(first, ImageLoader):
        return
    paths = write_images(make_images(), tmp_path)
    cv2.imwrite(str(paths[5]), make_images(1, 20)[0])
    with pytest.raises(ValueError, match=r"05\.png is 20.20 pixels .* put an ImageLoader before"):
        outputs(fitted(clone(estimator), paths), paths)


def check_fit_changes_neither_x_nor_y_nor_parameters(estimator, tmp_path):
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
    if not hasattr(estimator, "steps"):  # a Pipeline's steps are fitted in place
        assert after == parameters


def _frozen(value):
    if isinstance(value, torch.nn.Module):
        return [v.numpy().tobytes() for v in value.state_dict().values()]
    return repr(value)


def check_read_only_and_memory_mapped_images(estimator, tmp_path):
    images = make_images()
    expected = outputs(fitted(clone(estimator)), images)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    for X in (mapped, mapped.reshape(N, -1)):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), X), X), expected)


def check_a_typo_in_a_parameter_gives_the_usual_error(estimator, tmp_path):
    with pytest.raises(ValueError, match=r"Invalid parameter 'lamm' for estimator"):
        clone(estimator).set_params(lamm=0.5)


def check_not_fitted(estimator, tmp_path):
    if isinstance(estimator, UNetMasker) or not estimator.__sklearn_tags__().requires_fit:
        return
    with pytest.raises(NotFittedError):
        outputs(clone(estimator), make_images())


def check_a_label_without_a_positive_is_named_in_a_warning(estimator, tmp_path):
    if not has_head(estimator):
        return
    y = make_labels()
    y["Hernia"] = 0
    with pytest.warns(UserWarning, match=r"[Nn]o positive or no negative.* Hernia") as caught:
        estimator = fitted(clone(estimator), y=y)
    assert not any("Mass" in str(warning.message) for warning in caught)
    made = outputs(estimator, make_images())
    assert np.isfinite(made).all()
    if hasattr(estimator, "steps"):
        assert made.shape == (N, 3)
        np.testing.assert_allclose(made[:, 2], 1 / (N + 2))


def check_unknown_labels_are_left_out(estimator, tmp_path):
    if not has_head(estimator):
        return
    y = make_labels().astype(float)
    y.iloc[4:6, 0] = np.nan
    y.iloc[7, :] = np.nan
    estimator = fitted(clone(estimator), y=y)
    assert np.isfinite(outputs(estimator, make_images())).all()


def check_labels_that_are_none_are_refused(estimator, tmp_path):
    if not has_head(estimator):
        return
    y = make_labels().astype(float)
    y.iloc[2, 1] = 2
    with pytest.raises(ValueError, match=r"y holds .*2.* in row 2 of label 'Edema'"):
        fitted(clone(estimator), y=y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        fitted(clone(estimator), y=make_labels(N - 1))


def check_every_form_of_labels_gives_the_same_answer(estimator, tmp_path):
    if not has_head(estimator):
        return
    images, y = make_images(), make_labels()
    expected = outputs(fitted(clone(estimator), y=y), images)
    for same in (y.to_numpy(), y.astype(bool), y.astype("Int8"), y.to_numpy(float).tolist()):
        np.testing.assert_array_equal(outputs(fitted(clone(estimator), y=same), images), expected)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_image_check(check, name, tmp_path):
    check(ESTIMATORS[name](), tmp_path)


def test_cross_validate_with_two_processes(tmp_path):
    X = pd.DataFrame({"path": write_images(make_images(), tmp_path)})
    y = make_labels()
    options = {"cv": GroupKFold(3), "groups": np.repeat(range(6), 2), "error_score": "raise"}
    alone = cross_validate(_pipeline(), X, y, **options)
    two = cross_validate(_pipeline(), X, y, n_jobs=2, **options)
    np.testing.assert_array_equal(two["test_score"], alone["test_score"])
