"""A film explained by a stub whose maps lie in a known zone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Bunch

from skcxr.inspection import explain
from skcxr.inspection._sentences import CAVEAT, wording
from skcxr.model_selection import MultilabelAverager, MultilabelCalibrator, MultilabelThresholdTuner

NAMES = ["Mass", "Edema", "Pleural_Thickening", "Hernia"]
SIZE = 64


def lungs():
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[8:56, 8:26] = mask[8:56, 38:56] = 1
    return mask


class Masker(BaseEstimator):
    def __init__(self, spoilt=()):
        self.spoilt = spoilt

    def transform(self, X):
        masks = np.stack([lungs()] * len(X))
        for i in self.spoilt:
            masks[i] = 0
        return masks.reshape(len(X), -1)


class Model(ClassifierMixin, BaseEstimator):
    """Mass: all in the right lower zone; Edema: nowhere; thickening: outside; Hernia: the heart."""

    def __init__(self, with_masker=True, spoilt=()):
        self.with_masker = with_masker
        self.spoilt = spoilt

    def fit(self, X, y=None):
        self.label_names_ = np.array(NAMES)
        self.classes_ = np.array([[0, 1]] * 4)
        self.thresholds_ = np.array([0.5, 0.2, 0.1, 0.3])
        self.masker_ = Masker(self.spoilt) if self.with_masker else None
        return self

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def predict_proba(self, X):
        return np.tile([0.85, 0.05, 0.12, 0.004], (len(X), 1))

    def attention_maps(self, X, labels=None, size=None):
        cams = np.zeros((len(X), 4, *size), np.float32)
        cams[:, 0, 46:50, 12:20] = 1
        cams[:, 2, 60:, :4] = 1
        cams[:, 3, 44:50, 28:36] = 0.9
        cams[:, 3, 44:50, 40:42] = 0.9
        masks = np.stack([lungs()] * len(X))
        for i in self.spoilt:
            masks[i] = 1
        column = [NAMES.index(name) for name in labels]
        cams = cams[:, column]
        fused = 0.5 * cams + 0.5 * masks[:, None]
        return Bunch(cam=cams, mask=masks, fused=fused, label_names=np.array(labels))


@pytest.fixture
def films():
    return np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE), dtype=np.uint8)


def test_shares_of_zones_and_decisions(films):
    found = explain(Model().fit(films), films, names=["a.png", "b.png"])
    table = found.table.set_index(["image", "label"])
    mass = table.loc[("b.png", "Mass")]
    assert mass["right lower"] == pytest.approx(1)
    assert mass["zone"] == "right lower"
    assert (mass["probability"], mass["threshold"], mass["positive"]) == (0.85, 0.5, True)
    hernia = table.loc[("a.png", "Hernia")]
    assert hernia["heart"] == pytest.approx(0.8)
    assert hernia["left lower"] == pytest.approx(0.2)
    assert table.loc[("a.png", "Pleural_Thickening"), "zone"] == "outside"
    edema = table.loc[("a.png", "Edema")]
    assert not edema["evidence"]
    assert np.isnan(edema["heart"])
    assert pd.isna(edema["zone"])
    assert (table["mask"] == "ok").all()
    shares = table.drop(("a.png", "Edema")).drop(("b.png", "Edema")).loc[:, "right upper":"outside"]
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_prints_as_a_table(films):
    found = explain(Model().fit(films), films, names=["a.png", "b.png"])
    text = repr(found)
    assert text.startswith("Explanation: 2 films, 4 labels")
    assert "right lower (100%)" in text
    assert "no positive evidence" in text
    assert "<table" in found._repr_html_()


def test_sentences(films):
    text = explain(Model().fit(films), films, names=["a.png", "b.png"]).to_text()
    first, second = text.split("\n\n")
    assert first.startswith(
        "Film a.png. Mass: very likely and above its threshold (probability 0.85, threshold 0.50); "
        "the evidence lies mostly in the right lower zone (100% of the map). "
        "Pleural Thickening: unlikely, but above its threshold (probability 0.12, threshold 0.10); "
        "the evidence lies mostly outside lungs and heart (100% of the map), where none should be. "
        "Not above the threshold: Edema (0.05), Hernia (0.004)."
    )
    assert second.endswith(CAVEAT)
    none = explain(Model().fit(films), films[:1], ["Edema", "Hernia"]).to_text()
    assert "No finding is above the threshold: Edema (0.05), Hernia (0.004)." in none


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.8, "very likely"), (0.79, "likely"), (0.2, "possible"), (0.06, "unlikely"),
     (0.04, "very unlikely")],
)  # fmt: skip
def test_words_follow_the_probability(probability, words):
    assert wording(probability) == words


def test_a_spoilt_mask_names_no_zone(films):
    found = explain(Model(spoilt=(1,)).fit(films), films, "Mass")
    assert found.table["mask"].tolist() == ["ok", "no lung"]
    assert found.table["right lower"].isna().tolist() == [False, True]
    assert "no zone is named, as the lung mask cannot be relied on (no lung)" in found.to_text()
    assert "no usable mask" in repr(found)


def test_without_a_masker_the_shipped_one_finds_the_lungs():
    from skcxr.datasets import make_chest_phantoms

    films = make_chest_phantoms(2, size=SIZE, random_state=0).images
    found = explain(Model(with_masker=False).fit(films), films, [0])
    assert found.table["mask"].tolist() == ["ok", "ok"]
    np.testing.assert_allclose(
        found.table.loc[:, "right upper":"outside"].sum(axis=1), 1, rtol=1e-5
    )


def test_a_part_that_does_not_predict_has_maps_only(films):
    class Fuser(Model):
        predict_proba = property()

    found = explain(Fuser().fit(films), films[:1], ["Hernia", "Edema"])
    assert found.table["probability"].isna().all()
    text = found.to_text()
    assert "Hernia: the evidence lies mostly over the heart (80% of the map)." in text
    assert "Edema: the network shows no positive evidence for it anywhere on the film." in text
    found.plot(labels="Hernia").figure_.canvas.draw()


def test_plot_draws_what_is_above_its_threshold(films):
    found = explain(Model().fit(films), films, names=["a.png", "b.png"])
    display = found.plot()
    assert display.row_names == [
        "Mass\na.png", "Pleural_Thickening\na.png", "Mass\nb.png", "Pleural_Thickening\nb.png"
    ]  # fmt: skip
    assert display.axes_[0, 0].get_title() == "X-ray\n0.85 (threshold 0.50): positive"
    assert len(found.plot(most=3).row_names) == 3
    assert found.plot(labels=["Edema"]).row_names == ["Edema\na.png", "Edema\nb.png"]
    only = explain(Model().fit(films), films, ["Hernia", "Edema"])
    assert only.plot().row_names == ["Edema\n0", "Edema\n1"]  # closest to its threshold
    with pytest.raises(ValueError, match="There is no label 'Nodule'"):
        found.plot(labels="Nodule")


def columns_of(model):
    """The model as one branch of a ColumnTransformer, before a classifier."""
    branch = ColumnTransformer([("film", model, slice(0, SIZE * SIZE))])
    return make_pipeline(branch, KNeighborsClassifier(1))


WRAPPERS = {
    "tuner": lambda: MultilabelThresholdTuner(Model(), cv=2),
    "calibrator": lambda: MultilabelCalibrator(Model(), method="isotonic", cv=2),
    "tuned calibrator": lambda: MultilabelThresholdTuner(MultilabelCalibrator(Model(), cv=2), cv=2),
    "columns": lambda: columns_of(Model()),
    "search": lambda: GridSearchCV(Model(), {"spoilt": [()]}, scoring=lambda *_: 1, cv=2),
    "average": lambda: MultilabelAverager([("one", Model()), ("two", Model())]),
    "search of tuners": lambda: GridSearchCV(
        MultilabelThresholdTuner(Model(), cv=2), {"cv": [2]}, scoring=lambda *_: 1, cv=2
    ),
    "frozen": lambda: FrozenEstimator(Model().fit(None)),
}


# The stub says the same of every film, so that a threshold cannot part them.
@pytest.mark.filterwarnings("ignore:Thresholds that call almost everything positive")
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_c8_sees_through(wrapper):
    films = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE), dtype=np.uint8)
    y = pd.DataFrame(np.tile(np.eye(4), (3, 1)), columns=NAMES)
    X = films.reshape(12, -1) if wrapper == "columns" else films
    model = WRAPPERS[wrapper]().fit(X, y)
    table = explain(model, X[:2], ["Hernia", "Mass"]).table
    assert table["zone"].tolist() == ["heart", "right lower"] * 2
    proba = model.predict_proba(X[:2])
    if isinstance(proba, list):  # as scikit-learn's own classifiers have it
        proba = np.column_stack([p[:, 1] for p in proba])
    np.testing.assert_allclose(table["probability"], proba[:, [3, 0]].ravel(), atol=1e-6)
    decisions = table["positive"].to_numpy().reshape(2, 2)
    if wrapper not in ("search", "frozen"):  # the stub itself has no predict
        np.testing.assert_array_equal(decisions, np.asarray(model.predict(X[:2]))[:, [3, 0]] == 1)


class Embedding(Model):
    """Its features are the first pixel and one that never changes."""

    def transform(self, X):
        X = np.asarray(X).reshape(len(X), -1)
        return np.column_stack([X[:, 0], np.ones(len(X))]).astype(float)


def test_the_most_similar_films_of_a_reference(films):
    films[:, 0, 0] = 100, 200
    others = np.zeros((6, SIZE, SIZE), np.uint8)
    others[:, 0, 0] = 0, 98, 103, 200, 150, 197
    y = pd.DataFrame(np.zeros((6, 4)), columns=NAMES[::-1])
    y["Mass"] = [0, 1, 1, 1, np.nan, 0]
    y["Edema"] = [0, 0, 1, 0, 0, 0]
    model = Embedding().fit(films)
    found = explain(model, films, ["Edema", "Mass"], reference=(others, y), n_neighbors=2)
    near = found.neighbors
    assert near["neighbor"].tolist() == [1, 2, 5, 4]  # the film itself, number 3, is left out
    assert near["rank"].tolist() == [1, 2, 1, 2]
    spread = others[:, 0, 0].std() * np.sqrt(2)
    np.testing.assert_allclose(near["distance"], np.array([2, 3, 3, 50]) / spread)
    np.testing.assert_array_equal(found.table["neighbors"], [0.5, 1, 0, 0])
    assert "similar films" in repr(found)
    first, second = found.to_text().split("\n\n")
    assert "The 2 most similar films of the reference have Mass (2), Edema (1). This text" in first
    assert (
        "The 2 most similar films of the reference have none of these findings. This text" in second
    )
    assert "neighbors" not in explain(model, films).table


def test_a_reference_that_does_not_fit_is_refused(films):
    model, y = Embedding().fit(films), pd.DataFrame(np.zeros((2, 4)), columns=NAMES)
    with pytest.raises(ValueError, match="more than n_neighbors=3 films expected; got 2"):
        explain(model, films, reference=(films, y))
    with pytest.raises(ValueError, match="reference must be a pair"):
        explain(model, films, reference=films[0])
    with pytest.raises(ValueError, match="2 films and 1 rows"):
        explain(model, films, reference=(films, y[:1]))
    with pytest.raises(ValueError, match="its labels lack 'Mass'"):
        explain(model, films, reference=(films, y.drop(columns="Mass")), n_neighbors=1)
    with pytest.raises(ValueError, match="must be a DataFrame with the names"):
        explain(model, films, reference=(films, y.to_numpy()), n_neighbors=1)


def test_c8_through_a_pipeline_and_paths(films, tmp_path):
    import cv2

    from skcxr.preprocessing import HistEqualizer, ImageLoader

    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    for path, film in zip(paths, films, strict=True):
        cv2.imwrite(path, film)
    pipe = Pipeline(
        [("load", ImageLoader(SIZE)), ("equalize", HistEqualizer()), ("all", Model())]
    ).fit(pd.DataFrame({"path": paths}))
    found = explain(pipe, pd.DataFrame({"path": paths}), "Mass")
    assert found.table["image"].tolist() == ["0.png", "1.png"]
    np.testing.assert_array_equal(found.seen.films, films)
    with pytest.raises(ValueError, match="has no part with attention_maps"):
        explain(pipe[:2], paths)
