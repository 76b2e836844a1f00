"""Texture features; the truth is scikit-image, called image by image."""

import itertools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage.feature import hog, local_binary_pattern
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from skcxr.features._hog import BLOCK_NORMS, hog_features
from skcxr.features._lbp import METHODS, lbp_bins, lbp_codes, lbp_histograms
from skcxr.features.texture import LBPHOGExtractor


def _noise(*shape, levels=256, seed=0):
    return np.random.default_rng(seed).integers(0, levels, shape, dtype=np.uint8)


def _smooth(*shape):
    """Slow ramps in whole numbers, full of ties between interpolated values and centres."""
    _, row, column = np.indices(shape)
    return ((3 * row + 2 * column) // 5).astype(np.uint8)


# Odd sizes, ties, flat images, single rows and columns.
STACKS = {
    "noise": _noise(2, 37, 53),
    "four levels": _noise(2, 41, 40, levels=4),
    "smooth": _smooth(1, 70, 67),
    "constant": np.stack([np.full((24, 25), v, np.uint8) for v in (0, 77, 255)]),
    "row": _noise(2, 1, 30),
    "column": _noise(2, 30, 2),
}
CIRCLES = [(8, 1), (8, 1.1), (4, 1), (16, 2), (12, 2.5), (5, 0.3), (1, 1)]


@pytest.fixture(scope="module")
def xrays(data_dir):
    import cv2

    paths = sorted((data_dir / "nih" / "images").glob("*.png"))[::300]
    return np.stack(
        [
            cv2.resize(cv2.imread(str(path), 0), (224, 224), interpolation=cv2.INTER_AREA)
            for path in paths
        ]
    )


def _truth_hog(images, *args, **kwargs):
    return np.stack([hog(image, *args, feature_vector=False, **kwargs) for image in images])


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("points", "radius"), CIRCLES)
def test_lbp_codes_are_those_of_scikit_image(name, method, points, radius):
    images = STACKS[name]
    truth = [local_binary_pattern(image, points, radius, method) for image in images]
    assert_array_equal(lbp_codes(images, points, radius, method), truth)


def test_uniform_lbp_takes_many_points():
    images = STACKS["noise"]
    truth = [local_binary_pattern(image, 24, 3, "uniform") for image in images]
    assert_array_equal(lbp_codes(images, 24, 3, "uniform"), truth)


@pytest.mark.parametrize("method", METHODS)
def test_lbp_on_real_xrays(xrays, method):
    truth = [local_binary_pattern(image, 8, 1, method) for image in xrays]
    assert_array_equal(lbp_codes(xrays, method=method), truth)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("points", "radius"), [(8, 1), (10, 2)])
def test_lbp_histogram_is_the_share_of_each_code(method, points, radius):
    images = STACKS["noise"]
    shares = lbp_histograms(images, points, radius, method)[:, 0, 0]
    codes = np.stack([local_binary_pattern(image, points, radius, method) for image in images])
    bins = lbp_bins(points, method)
    truth = np.stack([(codes == code).mean((1, 2)) for code in bins], axis=1)
    assert_array_equal(shares, truth.astype(np.float32))
    assert_allclose(shares.sum(1), 1, rtol=1e-5)  # no code without a bin


def test_lbp_grid_has_one_histogram_per_cell():
    images = STACKS["noise"]
    shares = lbp_histograms(images, grid=(2, 3))
    codes = lbp_codes(images)
    cell = codes[:, 18:, 17:35]  # second row and column of 37×53 pixels
    truth = [np.bincount(c.ravel(), minlength=10) / c.size for c in cell]
    assert_allclose(shares[:, 1, 1], truth, rtol=1e-6)
    with pytest.raises(ValueError, match=r"grid of \(2, 1\) does not fit images of 1×30"):
        lbp_histograms(STACKS["row"], grid=(2, 1))


def test_unsupported_lbp_says_so():
    with pytest.raises(ValueError, match="'var' is not supported; accepted are uniform, ror, def"):
        lbp_codes(STACKS["noise"], method="var")
    with pytest.raises(ValueError, match="24 LBP points are not supported with method 'ror'"):
        lbp_codes(STACKS["noise"], points=24, method="ror")


@pytest.mark.parametrize("block_norm", BLOCK_NORMS)
@pytest.mark.parametrize("transform_sqrt", [False, True])
@pytest.mark.parametrize("orientations", [1, 4, 7, 8, 9])  # 4, 8: edges on exact 45° gradients
def test_hog_is_that_of_scikit_image(block_norm, transform_sqrt, orientations):
    compared = 0
    for images, cell, block in itertools.product(
        STACKS.values(), [(8, 8), (7, 9), (1, 2), (1, 1)], [(2, 2), (1, 1), (3, 2)]
    ):
        if max(cell) < 7:  # scikit-image takes its time for every block
            images = images[:, :12, :13]
        if any(n < c * b for n, c, b in zip(images.shape[1:], cell, block, strict=True)):
            continue
        args = (orientations, cell, block, block_norm)
        truth = _truth_hog(images, *args, transform_sqrt=transform_sqrt)
        ours = hog_features(images, *args, transform_sqrt)
        assert ours.shape == truth.shape
        assert_allclose(ours, truth, atol=1e-5)
        compared += 1
    assert compared > 40


@pytest.mark.parametrize("cell", [8, 32, 112])
def test_hog_on_real_xrays(xrays, cell):
    args = (9, (cell, cell), (2, 2))
    assert_allclose(hog_features(xrays, *args), _truth_hog(xrays, *args), atol=1e-5)


def test_hog_refuses_what_it_does_not_know():
    images = STACKS["constant"]
    with pytest.raises(ValueError, match=r"24×25 pixels are smaller .* at least 64×64"):
        hog_features(images)
    with pytest.raises(ValueError, match="'L3' is not supported; accepted are L2-Hys"):
        hog_features(images, pixels_per_cell=(8, 8), block_norm="L3")


def test_features_are_histogram_then_hog():
    X = _noise(3, 100, 70)
    extractor = LBPHOGExtractor().fit(X)
    features = extractor.transform(X)
    names = extractor.get_feature_names_out()
    assert features.dtype == np.float32
    assert features.shape == (3, 10 + 2 * 1 * 2 * 2 * 9) == (3, len(names))
    for image, row in zip(X, features, strict=True):
        codes = local_binary_pattern(image, 8, 1, "uniform")
        truth = np.histogram(codes, bins=10, range=(0, 10), density=True)[0]
        assert_array_equal(row[:10], truth.astype(np.float32))
        assert_allclose(row[10:], hog(image, 9, (32, 32), (2, 2)), atol=1e-5)
    truth = _truth_hog(X, 9, (32, 32), (2, 2))
    column = list(names).index("hog_1_0_0_1_5")
    assert_allclose(features[:, column], truth[:, 1, 0, 0, 1, 5], atol=1e-5)


def test_default_dimension_is_modest():
    X = _noise(1, 224, 224)
    assert LBPHOGExtractor().fit_transform(X).shape == (1, 1306)
    with_defaults = LBPHOGExtractor(lbp=False, pixels_per_cell=(8, 8), cells_per_block=(3, 3))
    assert len(with_defaults.fit(X).get_feature_names_out()) == 54_756  # as the docstring says


def test_feature_names_of_other_settings():
    X = _noise(1, 64, 64)
    ror = LBPHOGExtractor(hog=False, lbp_method="ror").fit(X).get_feature_names_out()
    assert len(ror) == 36
    assert list(ror[:4]) == ["lbp_0", "lbp_1", "lbp_3", "lbp_5"]
    grid = LBPHOGExtractor(hog=False, lbp_grid=(2, 3)).fit(X).get_feature_names_out()
    assert len(grid) == 60
    assert grid[-1] == "lbp_1_2_9"
    table = LBPHOGExtractor(lbp=False).set_output(transform="pandas").fit_transform(X)
    assert table.columns[-1] == "hog_0_0_1_1_8"


def test_histograms_do_not_depend_on_image_size():
    X = _smooth(1, 64, 64)
    sums = [LBPHOGExtractor(hog=False).fit_transform(X[:, :n, :n]).sum() for n in (16, 33, 64)]
    assert_allclose(sums, 1, rtol=1e-6)


def test_one_image_alone_equals_that_image_in_a_batch():
    X = _noise(7, 64, 64)
    extractor = LBPHOGExtractor(batch_size=3).fit(X)
    alone = np.concatenate([extractor.transform(X[i : i + 1]) for i in range(len(X))])
    assert_array_equal(extractor.transform(X), alone)


def test_forms_of_input_agree(tmp_path):
    import cv2
    import pandas as pd

    X = _noise(3, 64, 80)
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    for path, image in zip(paths, X, strict=True):
        cv2.imwrite(path, image)
    extractor = LBPHOGExtractor(image_shape=(64, 80)).fit(X)
    features = extractor.transform(X)
    for form in (paths, pd.DataFrame({"path": paths}), X.reshape(3, -1), list(X)):
        assert_array_equal(extractor.transform(form), features)


@pytest.mark.slow
def test_two_workers_give_the_same():
    X = _noise(5, 64, 64)
    one = LBPHOGExtractor().fit_transform(X)
    assert_array_equal(LBPHOGExtractor(n_jobs=2, batch_size=4).fit_transform(X), one)


def test_clone_and_pickle():
    X = _noise(2, 64, 64)
    extractor = LBPHOGExtractor(orientations=6, lbp_method="ror").fit(X)
    features = extractor.transform(X)
    assert_array_equal(pickle.loads(pickle.dumps(extractor)).transform(X), features)
    assert_array_equal(clone(extractor).fit(X).transform(X), features)


def test_store_gives_what_was_computed(tmp_path, monkeypatch):
    X = _noise(4, 64, 64)
    plain = LBPHOGExtractor().fit_transform(X)
    kept = LBPHOGExtractor(memory=str(tmp_path))
    assert_array_equal(kept.fit_transform(X), plain)

    computed = []
    from skcxr.features import texture

    real = texture._texture
    monkeypatch.setattr(
        texture, "_texture", lambda *args: computed.append(len(args[0])) or real(*args)
    )
    assert_array_equal(kept.transform(X[::-1]), plain[::-1])
    assert computed == []
    # Other settings are other features: a radius of 1.0 is the same as 1, another norm is not.
    kept.set_params(lbp_radius=1.0).transform(X)
    assert computed == []
    other = kept.set_params(block_norm="L2").fit_transform(X)
    assert sum(computed) == 4
    assert not np.array_equal(other, plain)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lbp": False, "hog": False}, "leave no feature"),
        ({"lbp_grid": (65, 1)}, r"lbp_grid=\(65, 1\) does not fit images of 64×64"),
        ({"lbp_grid": (2,)}, r"lbp_grid must be two integers of at least 1, got \(2,\)"),
        ({"pixels_per_cell": (0, 8)}, "pixels_per_cell must be two integers"),
        ({"cells_per_block": (1.5, 2)}, "cells_per_block must be two integers"),
        ({"lbp_method": "default", "lbp_points": 17}, "17 LBP points are not supported"),
        ({"pixels_per_cell": (33, 32)}, "Images of 64×64 pixels are smaller than one HOG block"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_fit(params, message):
    with pytest.raises(ValueError, match=message):
        LBPHOGExtractor(**params).fit(_noise(1, 64, 64))


@pytest.mark.parametrize(
    "params", [{"lbp_method": "nri_uniform"}, {"block_norm": "L2-hys"}, {"lbp_radius": 0}]
)
def test_misspelt_settings_get_scikit_learns_message(params):
    with pytest.raises(InvalidParameterError, match=f"The {next(iter(params))!r} parameter"):
        LBPHOGExtractor(**params).fit(_noise(1, 64, 64))


def test_other_size_than_in_fit():
    extractor = LBPHOGExtractor(image_shape=(64, 100)).fit(_noise(1, 64, 100))
    with pytest.raises(ValueError, match="fitted on images of"):
        extractor.transform(_noise(1, 64, 64))
    with pytest.raises(ValueError, match="100×64 = 6400 pixels, but LBPHOGExtractor was"):
        extractor.transform(_noise(1, 100, 64))
