"""`memory` in every stage: its forms, where it lies, setting it on a whole estimator."""

import os
import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from tiny_networks import ThresholdMasker, tiny_network

from skcxr._base import _MemoryMixin
from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder, LBPHOGExtractor
from skcxr.memory import cache_info, set_memory
from skcxr.preprocessing import ImageLoader
from skcxr.segmentation import UNetMasker

# The images are noise; what that makes of lungs is not tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.* lung masks are implausible")

FORMS = {
    "None": lambda folder: None,
    "str": str,
    "Path": Path,
    "Memory": lambda folder: joblib.Memory(folder, verbose=0),
    "Memory of a Path": lambda folder: joblib.Memory(Path(folder), verbose=0),
    "Memory of nothing": lambda folder: joblib.Memory(None, verbose=0),
}


def embedder(**settings):
    return CNNEmbedder(tiny_network(), weights=None, precision="float32", device="cpu", **settings)


STAGES = {
    "loader": lambda **settings: ImageLoader(24, **settings),
    "texture": lambda **settings: LBPHOGExtractor(pixels_per_cell=(8, 8), **settings),
    "embedder": embedder,
    "masker": lambda **settings: UNetMasker(side=32, **settings),
    "fuser": lambda **settings: GradCAMFuser(embedder(**settings), ThresholdMasker()),
}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 24, 24), dtype=np.uint8)


Y = np.array([[0, 1], [1, 0], [0, 0], [1, 1], [0, 1], [1, 0]])


def hybrid(**settings):
    """A pipeline with every stage that keeps something, and no classifier."""
    fuser = GradCAMFuser(embedder(**settings), UNetMasker(side=32, **settings))
    union = FeatureUnion([("texture", STAGES["texture"](**settings)), ("attention", fuser)])
    return make_pipeline(ImageLoader(24, **settings), union)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stage", STAGES)
def test_c3_every_form_of_memory_fits_in_every_stage(images, tmp_path, stage, form):
    expected = STAGES[stage]().fit(images, Y).transform(images)
    memory = FORMS[form](str(tmp_path))
    for _ in range(2):
        found = STAGES[stage](memory=memory).fit(images, Y).transform(images)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    kept = form not in ("None", "Memory of nothing")
    assert (tmp_path / "skcxr").exists() == kept


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "fuser"])
def test_another_memory_gets_the_usual_message(images, stage):
    made = STAGES[stage](memory=3)
    with pytest.raises(ValueError, match=f"The 'memory' parameter of {type(made).__name__}"):
        made.fit(images)


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "fuser"])
def test_memory_is_documented_in_the_same_words(stage):
    assert "set_memory` names another one" in type(STAGES[stage]()).__doc__
    assert "%(" not in type(STAGES[stage]()).__doc__


def test_w13_a_relative_folder_is_settled_where_fit_was_called(images, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    model = hybrid(memory="cache").fit(images, Y)
    monkeypatch.chdir(tmp_path / "there")
    model.transform(images[:2])
    pickle.loads(pickle.dumps(model)).transform(images[:2])
    assert os.listdir(tmp_path / "there") == []
    assert os.listdir(tmp_path / "here") == ["cache"]


def test_w13_a_model_that_moved_makes_no_store(images, tmp_path):
    model = hybrid(memory=str(tmp_path / "cache")).fit(images, Y)
    expected = model.transform(images)
    moved = pickle.dumps(model)
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    model = pickle.loads(moved)
    np.testing.assert_array_equal(model.transform(images), expected)
    assert not (tmp_path / "cache").exists()
    set_memory(model, tmp_path / "new").transform(images)
    assert cache_info(tmp_path / "new").entries.sum() > 0


def memories(estimator):
    """The memories of all stages inside, also of those that were fitted."""
    found, seen, left = [], set(), [estimator]
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, _MemoryMixin) and "memory" in thing.get_params():
            found.append(thing.memory)
        if isinstance(thing, list | tuple):
            left += thing
        elif hasattr(thing, "get_params"):
            left += vars(thing).values()
    return found


def wrappers():
    from skcxr.model_selection import MultilabelThresholdTuner

    def columns(model):
        return ColumnTransformer([("film", model, ["path"]), ("age", "passthrough", ["age"])])

    return {
        "pipeline": lambda model: model,
        "search": lambda model: GridSearchCV(model, {}),
        "calibrator": CalibratedClassifierCV,
        "tuner": MultilabelThresholdTuner,
        "columns": columns,
        "frozen": FrozenEstimator,
    }


@pytest.mark.parametrize("wrapper", wrappers())
def test_set_memory_sees_through_wrappers(tmp_path, wrapper):
    model = wrappers()[wrapper](hybrid(memory="before"))
    assert memories(model) == ["before"] * 4
    assert set_memory(model, tmp_path) is model
    assert memories(model) == [tmp_path] * 4
    set_memory(model, None)
    assert memories(model) == [None] * 4


def test_set_memory_reaches_what_was_fitted(images, tmp_path):
    model = hybrid().fit(images, Y)
    assert len(memories(model)) == 6  # the fuser's own copies of embedder and masker
    expected = model.transform(images)
    np.testing.assert_array_equal(set_memory(model, tmp_path).transform(images), expected)
    kept = cache_info(tmp_path).entries
    assert set(kept.index) == {"image", "texture", "maps", "mask", "judged mask"}
    set_memory(model, None).transform(images[:, ::-1])
    assert cache_info(tmp_path).entries.equals(kept)


def test_set_memory_leaves_scikit_learns_own_alone(tmp_path):
    model = make_pipeline(ImageLoader(24), memory="steps")
    set_memory(model, tmp_path)
    assert model.memory == "steps"
    assert model[0].memory == tmp_path
    with pytest.raises(ValueError, match="Nothing in ColumnTransformer keeps results"):
        set_memory(ColumnTransformer([]), tmp_path)


def test_t4_masks_are_kept_by_the_precision_that_was_resolved(images, tmp_path):
    masker = UNetMasker(side=32, memory=tmp_path, device="cpu", precision="auto").fit(images)
    resolved = masker._network_masks(masker._validate_images(images, reset=False)).config
    assert resolved.endswith(("torch.bfloat16", "torch.float32"))
    named = UNetMasker(side=32, memory=tmp_path, device="cpu", precision="float32").fit(images)
    masker.transform(images)
    named.transform(images)
    same = resolved.endswith("torch.float32")
    assert cache_info(tmp_path).entries["mask"] == (6 if same else 12)


def test_set_memory_of_a_table(tmp_path, images):
    import cv2

    paths = [str(tmp_path / f"{i}.png") for i in range(6)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    table = pd.DataFrame({"path": paths, "age": range(6)})
    model = wrappers()["columns"](hybrid())
    set_memory(model, tmp_path / "kept").fit(table, Y)
    assert cache_info(tmp_path / "kept").entries["image"] == 6
