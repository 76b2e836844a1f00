"""One bad film among many: named, left out of fits, NaN in what comes out."""

import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from tiny_networks import ThresholdMasker, tiny_network

from skcxr import GradCAMFuser, cache_info, make_hybrid_pipeline, warm_cache
from skcxr._rows import _sources
from skcxr.classifiers import MultilabelMLP
from skcxr.datasets import make_chest_phantoms
from skcxr.features import CNNEmbedder, LBPHOGExtractor
from skcxr.metrics import get_scorer
from skcxr.model_selection import (
    MultilabelAverager,
    MultilabelCalibrator,
    MultilabelThresholdTuner,
    OutOfFoldPredictions,
    predict_frame,
)
from skcxr.preprocessing import HistEqualizer, ImageLoader
from skcxr.segmentation import UNetMasker

BAD = [0, 4, 9]
GOOD = [i for i in range(12) if i not in BAD]
WARNED = r"3 of 12 images cannot be used: .*0\.png.*4\.png.*9\.png.*NaN"


@pytest.fixture
def films(tmp_path):
    """Twelve files: one is no image, one is missing, one is cut off; and labels."""
    images = make_chest_phantoms(12, size=64, random_state=0).images
    paths = [str(tmp_path / f"{i}.png") for i in range(12)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    with open(paths[0], "wb") as file:
        file.write(b"no image")
    (tmp_path / "4.png").unlink()
    with open(paths[9], "rb+") as file:
        file.truncate(700)
    Y = np.stack([np.arange(12) % 2, np.arange(12) // 2 % 2], 1)
    return paths, Y


def embedder(**settings):
    return CNNEmbedder(
        tiny_network(), weights=None, precision="float32", random_state=0, **settings
    )


def small_pipeline(on_error="raise", **settings):
    pipe = make_hybrid_pipeline(
        "frozen",
        size=32,
        backbone=tiny_network(),
        weights=None,
        masker=ThresholdMasker(-1),
        texture=False,
        random_state=0,
        on_error=on_error,
        precision="float32",
        classifier=MultilabelMLP(max_epochs=2, random_state=0),
        **settings,
    )
    return pipe


def test_by_default_all_bad_files_are_named(films):
    paths = [path for i, path in enumerate(films[0]) if i != 4]
    with pytest.raises(ValueError, match=r"2 of 11 images cannot be used: .*0\.png.*9\.png"):
        np.asarray(ImageLoader(32).fit_transform(paths))
    with pytest.raises(FileNotFoundError, match=r"1 of 12 image files missing: .*4\.png"):
        ImageLoader(32).fit(films[0])


def test_at_most_ten_are_named(tmp_path):
    paths = [tmp_path / f"{i:02}.png" for i in range(15)]
    for path in paths:
        path.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"11 of 15 .*09\.png.*; …\.$") as caught:
        np.asarray(ImageLoader(32).fit_transform(paths))
    assert str(caught.value).count(".png") == 10


@pytest.mark.parametrize("kept", [False, True])
def test_bad_films_stay_as_rows_and_are_listed(films, tmp_path, monkeypatch, kept):
    paths, _ = films
    loader = ImageLoader(32, on_error="nan", memory=str(tmp_path / "kept") if kept else None)
    with pytest.warns(UserWarning, match=WARNED) as said:
        images = loader.fit_transform(paths)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert images.shape == (12, 32, 32)
    assert images.usable.tolist() == [i not in BAD for i in range(12)]
    expected = np.asarray(ImageLoader(32).fit_transform([paths[i] for i in GOOD]))
    np.testing.assert_array_equal(np.asarray(images.take(images.usable)), expected)
    listed = loader.bad_images_
    assert listed["row"].tolist() == BAD
    assert listed["name"].tolist() == [paths[i] for i in BAD]
    assert "no known format" in listed["error"][0]
    with pytest.raises(ValueError, match=r"3 of 12 images cannot be used"):
        np.asarray(images)
    decoded, read = [], _sources.read_image
    monkeypatch.setattr(
        _sources, "read_image", lambda path, *args, **how: decoded.append(path) or read(path, **how)
    )
    with pytest.warns(UserWarning, match=WARNED):
        again = loader.transform(paths)
    assert again.bad_images.equals(listed)
    # A bad file is never kept as a good one; a good one is not decoded again.
    assert len(set(decoded)) == (2 if kept else 11)


STAGES = {
    "texture": LBPHOGExtractor(pixels_per_cell=(8, 8)),
    "embedder": embedder(),
    "cross-fitted": embedder(fine_tune="layer4", cross_fit=2, epochs=1),
    "fuser": GradCAMFuser(embedder(), ThresholdMasker(-1), passthrough=True),
    "masker": UNetMasker(side=32),
}


@pytest.mark.filterwarnings("ignore:No positive or no negative", "ignore:.* lung masks are impl")
@pytest.mark.parametrize("name", STAGES)
def test_every_stage_sees_the_others_alone(films, name):
    paths, Y = films
    with pytest.warns(UserWarning, match=WARNED):
        images = HistEqualizer().fit_transform(ImageLoader(32, on_error="nan").fit_transform(paths))
    alone = images.take(images.usable)
    stage, other = clone(STAGES[name]), clone(STAGES[name])
    found, expected = stage.fit_transform(images, Y), other.fit_transform(alone, Y[GOOD])
    assert len(found) == 12
    assert np.isnan(found[BAD]).all()
    np.testing.assert_array_equal(found[GOOD], expected)
    np.testing.assert_array_equal(stage.transform(images)[GOOD], other.transform(alone))
    nothing = stage.transform(images.take(BAD))
    assert nothing.shape == (3, *found.shape[1:])
    assert np.isnan(nothing).all()
    with pytest.raises(ValueError, match="None of the 3 rows of X can be used"):
        stage.fit(images.take(BAD), Y[BAD])


def test_what_knows_no_bad_films_says_what_to_do(films):
    paths, Y = films
    with pytest.warns(UserWarning, match=WARNED):
        images = ImageLoader(32, on_error="nan").fit_transform(paths)
    fuser = GradCAMFuser(embedder(), ThresholdMasker(-1)).fit(images, Y)
    with pytest.raises(ValueError, match=r"0\.png.*X\.take\(X\.usable\)"):
        fuser.attention_maps(images)
    assert len(fuser.attention_maps(images.take(images.usable)).cam) == 9


def test_a_pipeline_fits_and_predicts_as_if_bad_films_were_not_there(films):
    paths, Y = films
    y = pd.DataFrame(Y, columns=["Mass", "Edema"], index=list("abcdefghijkl"))
    X = pd.DataFrame({"path": paths}, index=y.index)
    with pytest.warns(UserWarning, match=WARNED):
        pipe = small_pipeline("nan").fit(X, y)
    assert list(pipe["load"].bad_images_.index) == ["a", "e", "j"]
    other = small_pipeline().fit(X.iloc[GOOD], y.iloc[GOOD])
    with pytest.warns(UserWarning, match=WARNED):
        proba = pipe.predict_proba(X)
    assert np.isnan(proba[BAD]).all()
    np.testing.assert_allclose(proba[GOOD], other.predict_proba(X.iloc[GOOD]), atol=1e-6)
    with pytest.warns(UserWarning, match=WARNED):
        decisions = pipe.predict(X)
    assert np.isnan(decisions[BAD]).all()
    np.testing.assert_array_equal(decisions[GOOD], other.predict(X.iloc[GOOD]))
    with pytest.warns(UserWarning, match=r"1 of 1 images cannot be used"):
        assert np.isnan(pipe.predict_proba(X[:1])).all()
    pipe["features"].set_output(transform="pandas")
    with pytest.warns(UserWarning, match=WARNED):
        table = pipe[:-2].transform(X)
    assert table.index.equals(X.index)
    assert table.isna().all(axis=1).tolist() == [i in BAD for i in range(12)]


def test_a_cache_is_warmed_by_the_others(films, tmp_path):
    folder = str(tmp_path / "kept")
    with pytest.warns(UserWarning, match=WARNED):
        warm_cache(small_pipeline("nan", memory=folder), films[0])
    assert cache_info(folder)["entries"]["maps"] == 9


def test_bad_films_beside_metadata(films):
    paths, Y = films
    X = pd.DataFrame({"path": paths, "age": np.arange(12.0)})
    with pytest.warns(UserWarning, match=WARNED):
        pipe = small_pipeline("nan", metadata=["age"]).fit(X, Y)
    with pytest.warns(UserWarning, match=WARNED):
        assert np.isnan(pipe.predict_proba(X)).all(axis=1).nonzero()[0].tolist() == BAD


@pytest.mark.slow
def test_a_search_on_two_workers_goes_through(films, tmp_path):
    paths, Y = films

    search = GridSearchCV(
        small_pipeline("nan", memory=str(tmp_path / "kept")),
        {"features__attention__lam": [0.0, 1.0]},
        scoring=get_scorer("macro_auc"),
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bad films, here and in both workers
        search.fit(np.array(paths, dtype=object), Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.filterwarnings("ignore:too few known", "ignore:.*threshold")
@pytest.mark.parametrize(
    "around",
    [MultilabelThresholdTuner, MultilabelCalibrator, None],
    ids=["tuner", "calibrator", ""],
)
def test_rows_with_nan_are_neither_tuned_on_nor_scored(around):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5)).astype(np.float32)
    Y = (X[:, :2] + rng.normal(size=(120, 2)) > 0).astype(int)
    X[[3, 50]] = np.nan
    rest = np.delete(np.arange(120), [3, 50])
    net = MultilabelMLP(nan_rows="skip", max_epochs=3, random_state=0, early_stopping=False)
    prefit = net.fit(X, Y)
    model = prefit if around is None else around(prefit, cv="prefit").fit(X, Y)
    other = prefit if around is None else around(prefit, cv="prefit").fit(X[rest], Y[rest])
    np.testing.assert_array_equal(model.predict_proba(X)[rest], other.predict_proba(X[rest]))
    np.testing.assert_array_equal(model.predict(X)[rest], other.predict(X[rest]))
    assert np.isnan(model.predict_proba(X)[[3, 50]]).all()
    assert np.isnan(model.predict(X)[[3, 50]]).all()
    with pytest.warns(UserWarning, match="2 of 120 films have no prediction and no score"):
        score = get_scorer("macro_auc")(model, X, Y)
    assert score == get_scorer("macro_auc")(other, X[rest], Y[rest])
    table = predict_frame(model, X)
    assert table["label0 decision"].isna().to_numpy().nonzero()[0].tolist() == [3, 50]
    decisions = OutOfFoldPredictions.from_estimator(model, X, Y).decisions
    assert decisions.isna().all(axis=1).to_numpy().nonzero()[0].tolist() == [3, 50]
    both = MultilabelAverager([("a", model), ("b", model)], prefit=True).fit(X, Y)
    assert np.isnan(both.predict(X)[[3, 50]]).all()


def test_nets_leave_rows_with_nan_out():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(120, 5)).astype(np.float32), rng.integers(0, 2, (120, 2))
    X[[3, 50]] = np.nan
    rest = np.delete(np.arange(120), [3, 50])
    with pytest.raises(ValueError, match="contains NaN"):
        MultilabelMLP().fit(X, Y)
    net = MultilabelMLP(nan_rows="skip", max_epochs=3, random_state=0).fit(X, Y)
    other = MultilabelMLP(max_epochs=3, random_state=0).fit(X[rest], Y[rest])
    np.testing.assert_array_equal(net.predict_proba(X)[rest], other.predict_proba(X[rest]))
    assert np.isnan(net.predict_proba(X)[[3, 50]]).all()
    assert np.isnan(net.predict(X)[[3, 50]]).all()
    assert np.isnan(net.decision_function(X[[3]])).all()
    assert net.predict(X[rest]).dtype == np.int64
    np.testing.assert_array_equal(net.validation_indices_, rest[other.validation_indices_])
