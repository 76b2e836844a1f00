"""What users give as X: right, or one sentence that says what to do."""

import os

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr._image_input import as_images
from skcxr.features import LBPHOGExtractor
from skcxr.preprocessing import HistEqualizer, ImageLoader
from skcxr.segmentation import UNetMasker


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 256, (6, 24, 24), dtype=np.uint8)


@pytest.fixture
def frame(array, tmp_path):
    """A table of films whose order is not that of its index."""
    paths = [str(tmp_path / f"{i}.png") for i in range(len(array))]
    for path, image in zip(paths, array, strict=True):
        cv2.imwrite(path, image)
    table = pd.DataFrame({"path": paths, "age": np.arange(6.0) * 10, "patient": list("aabbcc")})
    return table.set_axis([30, 10, 50, 0, 20, 40])


def texture():
    return LBPHOGExtractor(pixels_per_cell=(8, 8))


STAGES = {
    "loader": lambda: ImageLoader(24),
    "equalizer": HistEqualizer,
    "texture": texture,
    "masker": lambda: UNetMasker(side=32),
}


# ---- rows and images -----------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_w4_one_image_is_no_set_of_flat_rows(array, stage):
    fitted = STAGES[stage]().fit(array)
    one = np.zeros((16, 16), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(16, 16\), .* fitted on images.*X\[None\]"):
        fitted.transform(one)
    assert len(fitted.transform(array[:1])) == 1


def test_w4_in_a_whole_pipeline(array):
    model = make_pipeline(ImageLoader(24), HistEqualizer(), texture(), LogisticRegression())
    model.fit(array, [0, 1] * 3)
    with pytest.raises(ValueError, match=r"a single image is X\[None\]"):
        model.predict_proba(np.zeros((1024, 1024), np.uint8))


@pytest.mark.parametrize("stage", STAGES)
def test_w4_a_fit_on_rows_takes_no_images_of_another_size(array, stage):
    fitted = STAGES[stage]().fit(array.reshape(6, -1))
    with pytest.raises(ValueError, match=r"16×16 = 256 pixels, but .* fitted on rows of 576"):
        np.asarray(fitted.transform(np.zeros((2, 16, 16), np.uint8)))
    assert len(fitted.transform(array)) == 6


def test_a_refit_forgets_the_form_of_the_first(array):
    loader = ImageLoader(24).fit(array.reshape(6, -1)).fit(array)
    assert not hasattr(loader, "n_features_in_")
    assert loader.transform(np.zeros((2, 9, 7), np.uint8)).shape == (2, 24, 24)


# ---- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["file", "Path", "Image Index"])
def test_c9_a_column_of_another_name(frame, name):
    table = frame.rename(columns={"path": name})
    with pytest.raises(ValueError, match=f"'{name}'.* no column 'path'; write X.rename.*'path'"):
        ImageLoader(24).fit(table)


def test_index_and_frame_ride_along(frame, tmp_path):
    images = as_images(frame)
    assert images.index.tolist() == [30, 10, 50, 0, 20, 40]
    assert images.frame is frame
    taken = images.take([4, 1]).map(np.flipud, "flip")
    assert taken.frame["patient"].tolist() == ["c", "a"]
    loaded = ImageLoader(24).fit_transform(frame)
    stored = ImageLoader(24, memory=tmp_path / "kept").fit_transform(frame.iloc[::-1])
    assert HistEqualizer().fit_transform(loaded).frame["patient"].tolist() == list("aabbcc")
    assert stored.take([True] * 3 + [False] * 3).index.tolist() == [40, 20, 0]
    series = as_images(frame["path"])
    assert series.take([0]).index.tolist() == [30]
    assert series.frame is None
    assert as_images(frame["path"].tolist()).index is None


def test_w7_the_index_of_x_through_the_whole_pipeline(frame, array):
    def model():
        branches = FeatureUnion([("texture", texture()), ("again", texture())])
        steps = ImageLoader(24), HistEqualizer(), branches, StandardScaler()
        return make_pipeline(*steps).set_output(transform="pandas")

    for memory in (None, os.path.dirname(frame["path"].iloc[0])):
        fitted = model().set_params(imageloader__memory=memory).fit(frame)
        for X in (frame, frame.iloc[[5, 2]], frame["path"]):
            table = fitted.transform(X)
            assert table.index.tolist() == X.index.tolist()
        pd.testing.assert_frame_equal(
            fitted.transform(frame).sort_index(), fitted.transform(frame.sort_index())
        )
    assert model().fit_transform(frame).index.tolist() == frame.index.tolist()
    assert model().fit_transform(array).index.tolist() == list(range(6))


def test_w7_a_column_transformer_of_film_and_age(frame):
    film = make_pipeline(ImageLoader(24), texture())
    model = ColumnTransformer([("film", film, ["path"]), ("age", "passthrough", ["age"])])
    table = model.set_output(transform="pandas").fit_transform(frame)
    assert table.index.tolist() == frame.index.tolist()
    assert table["age__age"].tolist() == frame["age"].tolist()
    expected = texture().fit_transform([cv2.imread(path, 0) for path in frame["path"]])
    np.testing.assert_array_equal(table.iloc[:, :-1], expected)


# ---- other forms ---------------------------------------------------------------------------------


def test_c11_a_path_in_the_home_folder(frame, monkeypatch, array):
    monkeypatch.setenv("HOME", os.path.dirname(frame["path"].iloc[0]))
    np.testing.assert_array_equal(np.asarray(as_images(["~/2.png", "~/0.png"])), array[[2, 0]])


def test_c11_a_tensor_and_a_channel_axis_of_one(array):
    for X in (torch.from_numpy(array), array[:, None], torch.from_numpy(array)[:, None]):
        np.testing.assert_array_equal(np.asarray(as_images(X)), array)
        np.testing.assert_array_equal(texture().fit_transform(X), texture().fit_transform(array))


@pytest.mark.parametrize("X", [[[1, 2], [3]], [[[1, 2], [3]], [[1, 2], [3, 4]]]])
def test_c11_ragged_lists(X):
    with pytest.raises(ValueError, match=r"X is a ragged list .* expected paths, a DataFrame"):
        ImageLoader(24).fit(X)


@pytest.mark.parametrize("memory", [False, True])
def test_h7_a_folder_is_not_read(tmp_path, memory):
    (tmp_path / "d.png").mkdir()
    loader = ImageLoader(24, memory=tmp_path / "kept" if memory else None)
    with pytest.raises(ValueError, match=r"d\.png: cannot be read \(it is a folder\)"):
        loader.fit([tmp_path / "d.png"])
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe\.png: cannot be read"):
        loader.fit([tmp_path / "pipe.png"])
