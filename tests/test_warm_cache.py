"""warm_cache finds the stages wherever they are, and a later fit computes nothing again."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from tiny_grid import data, pipeline
from tiny_networks import COUNT_FILE, counted

from skcxr import warm_cache
from skcxr.memory import cache_info
from skcxr.model_selection import MultilabelCalibrator, MultilabelThresholdTuner

N = 8
WRAPPERS = {
    "pipeline": lambda model: model,
    "search": lambda model: GridSearchCV(model, {}),
    "tuner": MultilabelThresholdTuner,
    "tuned calibrator": lambda model: MultilabelThresholdTuner(MultilabelCalibrator(model)),
}


@pytest.fixture
def count(tmp_path, monkeypatch):
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    return tmp_path / "count"


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_c8_the_stages_are_found_through_wrappers(count, tmp_path, wrapper):
    X, y, _ = data(N)
    model = pipeline(memory=tmp_path / "kept")
    warm_cache(WRAPPERS[wrapper](model), X)
    assert counted(count) == N
    assert set(cache_info(tmp_path / "kept").index) == {"image", "maps", "texture"}
    count.unlink()
    model[:-1].fit_transform(X, y)
    assert counted(count) == 0


def test_c8_through_a_column_transformer(count, tmp_path):
    X, y, _ = data(N)
    paths = [str(tmp_path / f"{i}.png") for i in range(N)]
    for path, image in zip(paths, X, strict=True):
        cv2.imwrite(path, image)
    table = pd.DataFrame({"path": paths, "age": np.arange(N)})
    film = pipeline(memory=tmp_path / "kept")[:-1]
    columns = ColumnTransformer([("film", film, ["path"]), ("age", "passthrough", ["age"])])
    model = make_pipeline(columns, LogisticRegression())
    warm_cache(model, table)
    assert counted(count) == N
    count.unlink()
    columns.fit_transform(table, y)
    assert counted(count) == 0


def test_nothing_to_warm_is_said(tmp_path):
    X, _, _ = data(N)
    with pytest.raises(ValueError, match="The pipeline has no memory"):
        warm_cache(pipeline(), X)
    with pytest.raises(ValueError, match="The pipeline has no memory"):
        warm_cache(make_pipeline(LogisticRegression()), X)
