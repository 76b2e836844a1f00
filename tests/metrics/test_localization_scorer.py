"""The scorer of maps inside a search, on an estimator whose maps are known."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils import Bunch

from skcxr.metrics import get_scorer, make_localization_scorer


class Pointer(ClassifierMixin, BaseEstimator):
    """Looks at pixel (lam, lam) of 8 by 8, for Mass; its probabilities know nothing of lam."""

    def __init__(self, lam=0):
        self.lam = lam

    def fit(self, X, y):
        self.label_names_ = np.array(["Edema", "Mass"])
        return self

    def predict_proba(self, X):
        return np.tile(np.linspace(0, 1, len(X))[:, None], 2)

    def attention_maps(self, X, labels=None, size=None):
        assert list(labels) == ["Mass"]
        maps = np.zeros((len(X), 1, 8, 8))
        maps[:, 0, self.lam, self.lam] = 1
        return Bunch(fused=maps, cam=maps[..., ::-1], mask=maps[:, 0], label_names=labels)


@pytest.fixture
def films(tmp_path):
    paths = [str(tmp_path / f"film_{i}.png") for i in range(8)]
    y = pd.DataFrame({"Edema": [0, 1] * 4, "Mass": [0, 0, 1, 1] * 2})
    boxes = pd.DataFrame(
        [(f"film_{i}.png", "Mass", 384, 384, 128, 128) for i in (0, 2, 5, 7)],
        columns=["image", "label", "x", "y", "w", "h"],
    )
    return paths, y, boxes


@pytest.mark.parametrize("form", [list, np.array, lambda p: pd.DataFrame({"path": p})])
def test_a_search_chooses_where_the_maps_hit(films, form):
    paths, y, boxes = films
    search = GridSearchCV(
        Pointer(),
        {"lam": [0, 3, 7]},
        scoring={"auc": get_scorer("macro_auc"), "pointing": make_localization_scorer(boxes)},
        refit="pointing",
        cv=KFold(2),
    ).fit(form(paths), y)
    assert search.best_params_ == {"lam": 3}
    assert search.cv_results_["mean_test_pointing"].tolist() == [0, 1, 0]
    assert len(set(search.cv_results_["mean_test_auc"])) == 1


def test_names_are_files_paths_or_the_index(films):
    paths, y, boxes = films
    net = Pointer(3).fit(paths, y)
    score = pickle.loads(pickle.dumps(make_localization_scorer(boxes, metric="IoU>=0.7")))
    assert score(net, paths) == 1
    assert score(clone(net).fit(paths, y), pd.Series(paths), y) == 1
    full = boxes.assign(image=[paths[i] for i in (0, 2, 5, 7)])
    assert make_localization_scorer(full)(net, paths) == 1
    arrays = pd.DataFrame(np.zeros((8, 4)), index=[f"film_{i}.png" for i in range(8)])
    assert score(net, arrays) == 1
    flipped = make_localization_scorer(boxes, kind="cam")
    assert flipped(net, paths) == 0
    assert make_localization_scorer(boxes, kind="mask")(net, paths) == 1


def test_what_cannot_be_scored_is_said(films):
    paths, y, boxes = films
    net = Pointer(3).fit(paths, y)
    score = make_localization_scorer(boxes)
    with pytest.raises(ValueError, match="None of the 4 boxes is of one of the 2 images"):
        score(net, [paths[1], paths[3]])
    with pytest.raises(ValueError, match="an array has none"):
        score(net, np.zeros((8, 4, 4)))
    with pytest.raises(ValueError, match=r"'film_0.png' is in X more than once"):
        score(net, [paths[0], paths[0]])
    with pytest.raises(ValueError, match="metric must be one of"):
        make_localization_scorer(boxes, metric="auc")
    with pytest.raises(ValueError, match="kind must be one of"):
        make_localization_scorer(boxes, kind="maps")
    with pytest.raises(ValueError, match="lacks the columns"):
        make_localization_scorer(boxes.drop(columns="x"))
