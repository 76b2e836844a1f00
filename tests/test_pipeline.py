"""The hybrid as a scikit-learn Pipeline."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from tiny_grid import score
from tiny_networks import ThresholdMasker, tiny_network

from skcxr import make_hybrid_pipeline, make_report_models, warm_cache
from skcxr.attention import GradCAMFuser
from skcxr.classifiers import DeeperMLP, MultilabelMLP
from skcxr.datasets import make_chest_phantoms
from skcxr.features import LBPHOGExtractor, ResNetEmbedder
from skcxr.preprocessing import HistEqualizer, ImageLoader
from skcxr.segmentation import UNetMasker

N = 36
# Some are, on phantoms of 48 pixels.
IMPLAUSIBLE = pytest.mark.filterwarnings("ignore:.*lung masks are implausible")


@pytest.fixture(scope="module")
def phantoms():
    made = make_chest_phantoms(
        N, size=48, n_patients=N // 2, label_names=["Effusion", "Mass"], prevalence=0.4,
        random_state=0,
    )  # fmt: skip
    made.labels.iloc[::5, 0] = 1
    made.labels.iloc[1::5, 1] = 1
    made.labels.iloc[2::5] = 0
    return made


@pytest.fixture(scope="module")
def masker(phantoms, tmp_path_factory):
    """A masker that was trained further here."""
    masker = UNetMasker(
        epochs=1, lr=1e-6, augment=0, device="cpu", precision="float32", random_state=0,
        memory=str(tmp_path_factory.mktemp("masks")),
    )  # fmt: skip
    masker.fit(phantoms.images[:2], phantoms.masks[:2])
    assert hasattr(masker, "history_")
    assert masker.mask_quality(phantoms.images)["usable"].mean() > 0.5
    return masker


def small(masker=None, **settings):
    settings = {"backbone": tiny_network(), "weights": None, "precision": "float32", **settings}
    classifier = MultilabelMLP(module__hidden=(8,), max_epochs=3, random_state=0, device="cpu")
    settings = {"recipe": "frozen", "cross_fit": None, **settings}
    pipe = make_hybrid_pipeline(
        size=48, masker=masker or ThresholdMasker(60), classifier=classifier, batch_size=16,
        device="cpu", random_state=0, **settings,
    )  # fmt: skip
    film = "inputs__film__" if "metadata" in settings else ""
    return pipe.set_params(**{f"{film}features__texture__pixels_per_cell": (8, 8)})


# ---- how it is made ----------------------------------------------------------------------------


def test_steps_are_those_of_the_design():
    pipe = make_hybrid_pipeline("frozen")
    assert {name: type(step) for name, step in pipe.steps[:2]} == {
        "load": ImageLoader,
        "equalize": HistEqualizer,
    }
    assert [name for name, _ in pipe.steps] == ["load", "equalize", "features", "scale", "classify"]
    texture, attention = pipe["features"].transformer_list
    assert (texture[0], type(texture[1])) == ("texture", LBPHOGExtractor)
    assert (attention[0], type(attention[1])) == ("attention", GradCAMFuser)
    assert type(attention[1].embedder) is ResNetEmbedder
    assert type(attention[1].masker) is UNetMasker
    assert attention[1].passthrough
    assert type(pipe["classify"]) is MultilabelMLP


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("load__size", 224),
        ("equalize__method", "global"),
        ("features__attention__lam", 0.5),
        ("features__attention__embedder__backbone", "efficientnet_lite0"),
        ("features__attention__embedder__weights", "imagenet"),
        ("features__attention__embedder__fine_tune", None),
        ("features__attention__masker__weights", "lungs"),
        ("features__texture__pixels_per_cell", (32, 32)),
        ("classify__module__dropout", 0.4),
    ],
)
def test_parameter_paths_and_their_defaults(path, default):
    pipe = make_hybrid_pipeline("frozen")
    assert pipe.get_params()[path] == default
    assert pipe.set_params(**{path: "other"}).get_params()[path] == "other"


def test_one_argument_reaches_every_step(tmp_path):
    pipe = make_hybrid_pipeline(
        "frozen", memory=tmp_path, device="cpu", random_state=7, precision="float32"
    )
    params = pipe.get_params()
    memories = {key: value for key, value in params.items() if key.endswith("__memory")}
    assert {key.split("__")[-2] for key in memories} == {"load", "texture", "embedder", "masker"}
    assert set(memories.values()) == {tmp_path}
    assert {v for k, v in params.items() if k.endswith("__device")} == {"cpu"}
    assert params["classify__random_state"] == params["features__attention__embedder__random_state"]


def test_branches_that_are_left_out():
    assert [n for n, _ in make_hybrid_pipeline(texture=False)["features"].transformer_list] == [
        "attention"
    ]
    branches = make_hybrid_pipeline("frozen", attention=False)["features"].transformer_list
    assert [(name, type(step)) for name, step in branches] == [
        ("texture", LBPHOGExtractor),
        ("embedding", ResNetEmbedder),
    ]


def test_html_shows_every_step():
    html = make_hybrid_pipeline("frozen")._repr_html_()
    for name in ("ImageLoader", "HistEqualizer", "LBPHOGExtractor", "GradCAMFuser", "UNetMasker",
                 "CNNEmbedder", "StandardScaler", "MultilabelMLP"):  # fmt: skip
        assert name in html


# ---- Das's models -----------------------------------------------------------------------------


def test_report_models():
    models = make_report_models(random_state=0, backbone="efficientnet_lite0")
    assert list(models) == ["base_mlp", "fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp"]
    for name, model in models.items():
        branches = dict(model["features"].transformer_list)
        final = name == "final_hybrid_mlp"
        own = {"attention" if final else "embedding"}
        assert set(branches) == own | ({"texture"} if name == "base_mlp" else set())
        embedder = branches["attention"].embedder if final else branches["embedding"]
        assert embedder.fine_tune == (None if name == "base_mlp" else "small")
        assert embedder.backbone == "efficientnet_lite0"
        deeper = name == "deeper_mlp_shrunk"
        assert type(model["classify"]) is (DeeperMLP if deeper else MultilabelMLP)
        assert model["classify"].random_state == 0
        assert model["classify"].get_params()["module__skip"] == (name != "base_mlp")
    assert list(make_report_models(["base_mlp"])) == ["base_mlp"]
    with pytest.raises(ValueError, match=r"Unknown model \['svm'\]; expected some of base_mlp"):
        make_report_models(["svm"])
    with pytest.raises(ValueError, match="attention is what Das's models differ in"):
        make_report_models(attention=False)


@pytest.mark.parametrize("recipe", ["small", "report"])
def test_report_models_run_and_differ(phantoms, recipe):
    models = make_report_models(
        recipe=recipe, size=48, backbone=tiny_network(), weights=None, precision="float32",
        device="cpu", masker=ThresholdMasker(60), random_state=0,
    )  # fmt: skip
    found = {}
    for name, model in models.items():
        model.set_params(classify__max_epochs=2, classify__n_nets=1)
        if "features__texture" in model.get_params():
            model.set_params(features__texture__pixels_per_cell=(8, 8))
        if name != "base_mlp":
            branch = "attention__embedder" if name == "final_hybrid_mlp" else "embedding"
            model.set_params(**{f"features__{branch}__epochs": 1})
        found[name] = model.fit(phantoms.images, phantoms.labels).predict_proba(phantoms.images)
        assert found[name].shape == (N, 2)
    assert len({p.tobytes() for p in found.values()}) == 4


# ---- how it is used ----------------------------------------------------------------------------

GRID = {"features__attention__lam": [0.25, 0.5, 0.75], "classify__module__dropout": [0.2, 0.4]}


def grid_search(pipe, X, phantoms):
    return GridSearchCV(pipe, GRID, cv=GroupKFold(3), error_score="raise").fit(
        X, phantoms.labels, groups=phantoms.groups
    )


def as_paths(phantoms, folder):
    for i, image in enumerate(phantoms.images):
        cv2.imwrite(str(folder / f"{i:02}.png"), image)
    return pd.DataFrame({"path": [str(folder / f"{i:02}.png") for i in range(N)], "age": 60})


@pytest.mark.slow
@IMPLAUSIBLE
def test_grid_search_on_phantoms_and_on_paths(phantoms, masker, tmp_path):
    pipe = small(FrozenEstimator(masker))
    found = grid_search(pipe, phantoms.images, phantoms)
    assert len(found.cv_results_["params"]) == 6
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    proba = found.predict_proba(phantoms.images)
    assert proba.shape == (N, 2)
    frame = as_paths(phantoms, tmp_path)
    kept = small(FrozenEstimator(masker), memory=str(tmp_path / "kept"))
    again = grid_search(kept, frame, phantoms)
    for i in range(3):
        key = f"split{i}_test_score"
        np.testing.assert_array_equal(found.cv_results_[key], again.cv_results_[key])
    np.testing.assert_allclose(again.predict_proba(frame), proba, rtol=0, atol=1e-6)


@IMPLAUSIBLE
@pytest.mark.slow
def test_shipped_masks_and_the_default_masker(phantoms):
    from skcxr.segmentation._weights import SHIPPED, resolve_weights

    resolve_weights(next(iter(SHIPPED)))  # its digest is checked
    pipe = small().set_params(
        features__attention__masker=UNetMasker(device="cpu", precision="float32")
    )
    pipe.fit(phantoms.images, phantoms.labels)
    assert np.isfinite(pipe.predict_proba(phantoms.images)).all()


def test_without_a_usable_masker_fit_says_so_with_the_ways_out(phantoms):
    pipe = small(UNetMasker(weights=None))
    with pytest.raises(ValueError, match="no masks to learn from") as error:
        pipe.fit(phantoms.images, phantoms.labels)
    message = str(error.value)
    assert "weights='lungs'" in message
    assert message.count(".") == 1
    # with no weight on the mask none is needed
    pipe.set_params(features__attention__lam=0).fit(phantoms.images, phantoms.labels)


@pytest.mark.slow
def test_a_masker_that_was_fitted_but_not_frozen_is_no_use(phantoms, masker):
    unfrozen = clone(masker).set_params(weights=None, side=32)
    unfrozen.fit(phantoms.images[:2], phantoms.masks[:2])
    with pytest.raises(ValueError, match="no masks to learn from"):
        small(unfrozen).fit(phantoms.images, phantoms.labels)


@pytest.mark.parametrize("branch", ["texture", "attention"])
def test_a_branch_can_be_dropped(phantoms, branch):
    pipe = small().set_params(**{f"features__{branch}": "drop"})
    pipe.fit(phantoms.images, phantoms.labels)
    names = pipe[:-1].get_feature_names_out()
    kept = {"texture": "attention__", "attention": "texture__"}[branch]
    assert all(name.startswith(kept) for name in names)
    assert pipe.predict(phantoms.images).shape == (N, 2)


def test_features_are_both_branches_side_by_side(phantoms):
    pipe = small().fit(phantoms.images, phantoms.labels)
    images = pipe[:2].transform(phantoms.images)
    features = pipe[:3].transform(phantoms.images)
    texture, attention = (step for _, step in pipe["features"].transformer_list)
    expected = np.hstack([texture.transform(images), attention.transform(images)])
    np.testing.assert_array_equal(features, expected)
    names = pipe[:3].get_feature_names_out()
    assert len(names) == len(set(names)) == features.shape[1]
    table = (
        clone(pipe[:3])
        .set_output(transform="pandas")
        .fit_transform(phantoms.images, phantoms.labels)
    )
    assert list(table.columns) == list(names)
    np.testing.assert_array_equal(table.to_numpy(), features)


@IMPLAUSIBLE
def test_clone_and_pickle(phantoms, masker):
    pipe = small(FrozenEstimator(masker)).fit(phantoms.images, phantoms.labels)
    expected = pipe.predict_proba(phantoms.images)
    loaded = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(loaded.predict_proba(phantoms.images), expected)
    again = clone(pipe).fit(phantoms.images, phantoms.labels)
    np.testing.assert_array_equal(again.predict_proba(phantoms.images), expected)


def test_a_pickle_holds_no_image(phantoms):
    fitted = small().fit(phantoms.images, phantoms.labels)
    half = small().fit(phantoms.images[: N // 2], phantoms.labels[: N // 2])
    assert len(pickle.dumps(fitted)) - len(pickle.dumps(half)) < 2000


def test_early_stopping_takes_whole_patients(phantoms):
    pipe = small().set_params(classify__validation_fraction=0.3)
    pipe.fit(phantoms.images, phantoms.labels, classify__groups=phantoms.groups)
    held_out = pipe["classify"].validation_indices_
    assert 0 < len(held_out) < N
    inside = np.isin(np.arange(N), held_out)
    assert not set(phantoms.groups[inside]) & set(phantoms.groups[~inside])
    result = cross_validate(
        pipe, phantoms.images, phantoms.labels, cv=GroupKFold(2), groups=phantoms.groups,
        params={"classify__groups": phantoms.groups}, error_score="raise",
        scoring=lambda estimator, X, y: score(estimator, X, y.to_numpy()),
    )  # fmt: skip
    assert np.isfinite(result["test_score"]).all()


def test_warm_cache_leaves_nothing_to_compute(phantoms, tmp_path, monkeypatch):
    from tiny_networks import COUNT_FILE, counted

    pipe = small(memory=str(tmp_path / "kept"))
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    warm_cache(pipe, phantoms.images)
    assert counted(tmp_path / "count") == N
    assert not hasattr(pipe["load"], "n_features_in_")
    pipe.fit(phantoms.images, phantoms.labels).predict(phantoms.images)
    assert counted(tmp_path / "count") == N
    with pytest.raises(ValueError, match="has no memory; make_hybrid_pipeline"):
        warm_cache(small(), phantoms.images)


# ---- recipes and metadata ----------------------------------------------------------------------


def test_a_recipe_and_what_differs_from_it():
    pipe = make_hybrid_pipeline(fine_tune="norm", size=96)
    params = pipe.get_params()
    assert params["features__attention__embedder__fine_tune"] == "norm"
    assert params["features__attention__embedder__cross_fit"] == "auto"
    assert params["load__size"] == 96
    assert params["classify__module__skip"]
    frozen = make_hybrid_pipeline(fine_tune=None).get_params()
    assert frozen["features__attention__embedder__fine_tune"] is None
    assert not frozen["classify__module__skip"]
    with pytest.raises(
        ValueError, match="Unknown recipe 'big'; expected one of small, frozen, report, best"
    ):
        make_hybrid_pipeline("big")


def test_the_best_recipe_averages_backbones_at_their_sizes():
    models = make_report_models(recipe="best", random_state=0)
    assert models["base_mlp"]["features"]["embedding"].fine_tune is None
    for name in ("fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp"):
        found = {}
        for backbone, pipe in models[name].estimators:
            branches = dict(pipe["features"].transformer_list)
            embedder = branches.get("embedding") or branches["attention"].embedder
            assert (embedder.backbone, embedder.fine_tune) == (backbone, "small")
            assert (type(pipe["classify"]) is DeeperMLP) == (name == "deeper_mlp_shrunk")
            found[backbone] = pipe["load"].size
        assert found == dict(zip(found, (224, 240, 260), strict=True))
    with pytest.raises(ValueError, match="each at its own size"):
        make_hybrid_pipeline("best", size=320)


def test_c10_a_classifier_for_one_label_is_refused_before_any_film_is_read():
    from sklearn.svm import SVC

    with pytest.raises(ValueError, match="SVC knows no multi-label y"):
        make_hybrid_pipeline(classifier=SVC())


def metadata_table(phantoms, folder):
    rng = np.random.default_rng(0)
    frame = as_paths(phantoms, folder)
    frame["age"] = rng.integers(20, 90, N).astype(float)
    frame.loc[3, "age"] = np.nan
    frame["sex"] = np.where(rng.random(N) < 0.5, "F", "M")
    frame["patient"] = phantoms.groups
    return frame


@IMPLAUSIBLE
def test_metadata_become_features_and_unknown_values_are_handled(phantoms, tmp_path):
    frame = metadata_table(phantoms, tmp_path)
    pipe = small(metadata=["age", "sex"])
    pipe.fit(frame, phantoms.labels)
    names = pipe[:-2].get_feature_names_out()
    own = [name for name in names if name.startswith("metadata__")]
    assert own == [
        "metadata__number__age", "metadata__number__missingindicator_age",
        "metadata__category__sex_F", "metadata__category__sex_M",
    ]  # fmt: skip
    features = pipe[:-2].transform(frame)
    known = frame["age"].notna().to_numpy()
    np.testing.assert_array_equal(features[known, 0], frame.loc[known, "age"])
    assert features[3, 0] == frame["age"].median()
    # The film's features are those of the pipeline without metadata.
    plain = small()
    np.testing.assert_array_equal(
        features[:, len(own) :], plain[:-2].fit_transform(frame, phantoms.labels)
    )
    unseen = frame.assign(sex="X", age=np.nan)
    assert np.isfinite(pipe.predict_proba(unseen)).all()
    assert pipe.predict_proba(unseen).shape == (N, 2)
    with pytest.raises(ValueError, match="DataFrame with a column 'path'"):
        small(metadata=["age"]).fit(frame[["age"]], phantoms.labels)
