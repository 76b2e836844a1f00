"""Every public estimator says the same after it was saved and loaded in another process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from persistence.load_in_fresh_process import METHODS, answers
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import skcxr
from skcxr import (
    AttentionCNN,
    DeeperMLP,
    GradCAMFuser,
    HistEqualizer,
    ImageLoader,
    LBPHOGExtractor,
    MultilabelMLP,
    ResNetEmbedder,
    UNetMasker,
    make_chest_phantoms,
    make_hybrid_pipeline,
)
from skcxr.classifiers import MultilabelNet
from skcxr.features import FineTuning
from skcxr.model_selection import (
    MultilabelAverager,
    MultilabelCalibrator,
    MultilabelThresholdTuner,
)
from skcxr.persistence import load, save

PROJECT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
Y = (X[:, :3] + RNG.normal(size=(60, 3)) > 0).astype(int)
IMAGES = make_chest_phantoms(8, size=64, random_state=0).images
LABELS = np.stack([np.arange(8) % 2, np.arange(8) // 2 % 2], 1)
net = MultilabelMLP(max_epochs=2, random_state=0)
tree = {"n_estimators": 3, "max_depth": 4, "random_state": 0}
embedder = ResNetEmbedder(weights=None, random_state=0, precision="float32")
mixed = np.where(np.arange(360).reshape(60, 6) % 17 == 0, np.nan, X).round(1)

ON_ROWS = {
    "scalers": make_pipeline(
        SimpleImputer(add_indicator=True),
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        PowerTransformer(),
    ),
    "columns": ColumnTransformer(
        [
            ("one", OneHotEncoder(handle_unknown="ignore", dtype=np.float32), [0, 1]),
            ("scale", make_pipeline(SimpleImputer(), StandardScaler()), slice(2, 4)),
        ],
        remainder="passthrough",
        sparse_threshold=0,
    ),
    "union": make_pipeline(
        SimpleImputer(), FeatureUnion([("pca", PCA(3)), ("as it is", FunctionTransformer())])
    ),
    "logistic regression": OneVsRestClassifier(LogisticRegression()),
    "forest": RandomForestClassifier(**tree),
    "extra trees": MultiOutputClassifier(ExtraTreesClassifier(**tree)),
    "chain": ClassifierChain(LogisticRegression(), random_state=0),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), net), {"multilabelmlp__lr": [0.1]}, cv=KFold(2)
    ),
    "selection": MultiOutputClassifier(
        make_pipeline(SelectKBest(f_classif, k=2), LogisticRegression())
    ),
    "MultilabelMLP": net,
    "MultilabelNet": MultilabelNet(max_epochs=2, n_nets=2, random_state=0, lr=0.01),
    "DeeperMLP": DeeperMLP(max_epochs=1, random_state=0, module__batch_norm=False),
    "AttentionCNN": AttentionCNN(max_epochs=1, random_state=0, map_shape=(1, 2, 3)),
    "sigmoid": MultilabelCalibrator(net, cv=2, random_state=0),
    "isotonic": MultilabelCalibrator(net, method="isotonic", cv=KFold(2)),
    "averaged": MultilabelAverager(
        [("net", net), ("forest", MultiOutputClassifier(RandomForestClassifier(**tree)))],
        weights={"net": 2},
    ),
    "tuned": MultilabelThresholdTuner(
        MultilabelCalibrator(net, method="temperature", cv=2, random_state=0), cv=2, random_state=0
    ),
}
ON_IMAGES = {
    "ImageLoader": ImageLoader(64),
    "HistEqualizer": HistEqualizer("clahe"),
    "LBPHOGExtractor": LBPHOGExtractor(),
    "UNetMasker": UNetMasker(side=128, precision="float32"),
    "ResNetEmbedder": embedder,
    "fine-tuned": clone(embedder).set_params(
        fine_tune=FineTuning("layer4", epochs=1, guidance=0.0), cross_fit=2
    ),
    "GradCAMFuser": GradCAMFuser(embedder, FrozenEstimator(UNetMasker(side=128).fit(IMAGES[:1]))),
    "cross-fitted": GradCAMFuser(
        clone(embedder).set_params(
            fine_tune=FineTuning("layer4", epochs=1, guidance=0.0), cross_fit=2
        ),
        FrozenEstimator(UNetMasker(side=128).fit(IMAGES[:1])),
    ),
    "pipeline": make_hybrid_pipeline(
        "frozen",
        backbone="resnet18",
        size=64,
        weights=None,
        masker=UNetMasker(side=128),
        random_state=0,
        precision="float32",
        classifier=net,
    ),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Folder with models, inputs and what the models said elsewhere; what they say here."""
    folder, said = tmp_path_factory.mktemp("models"), {}
    for models, given, y in ((ON_ROWS, mixed, Y), (ON_IMAGES, IMAGES, LABELS)):
        for name, model in models.items():
            takes_nan = name in ("scalers", "columns", "union")
            rows = X if models is ON_ROWS and not takes_nan else given
            model = clone(model).fit(rows, y)
            save(model, folder / f"{name}.skcxr")
            np.savez(folder / f"{name}.npz", X=rows)
            said[name] = answers(model, rows)
    # Another number of threads, and no GPU.
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = str(PROJECT)
    script = Path(__file__).with_name("load_in_fresh_process.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, folder],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder, said


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ON_ROWS, *ON_IMAGES])
def test_the_same_in_a_fresh_process(here, name):
    folder, said = here
    assert said[name].keys() & set(METHODS)
    with np.load(folder / f"{name}.answers.npz") as found:
        assert set(found) == set(said[name])
        for method, expected in said[name].items():
            assert found[method].dtype == expected.dtype
            np.testing.assert_allclose(found[method], expected, rtol=0, atol=1e-6)


def test_every_public_estimator_is_here():
    from sklearn.base import BaseEstimator

    tried = set()
    for model in [*ON_ROWS.values(), *ON_IMAGES.values()]:
        tried |= {type(value) for value in (model, *model.get_params().values())}
    public = {
        value
        for package in (skcxr, skcxr.classifiers, skcxr.features, skcxr.model_selection)
        for name in package.__all__
        if isinstance(value := getattr(package, name), type) and issubclass(value, BaseEstimator)
    }
    assert not public - tried


def test_attributes_and_names_are_kept(tmp_path):
    import pandas as pd

    frame, labels = (
        pd.DataFrame(X, columns=list("abcdef")),
        pd.DataFrame(Y, columns=["M", "E", "H"]),
    )
    model = make_pipeline(StandardScaler(), net).set_output(transform="pandas").fit(frame, labels)
    save(model, tmp_path / "m")
    back = load(tmp_path / "m")
    assert back[-1].label_names_.tolist() == ["M", "E", "H"]
    assert back[0].transform(frame).columns.tolist() == list("abcdef")
    assert back[-1].net_ is back[-1].nets_[0]
    assert repr(back) == repr(model)
    assert back[-1].history_ == model[-1].history_
    clone(back).fit(frame, labels)


def test_an_unfitted_estimator_is_saved(tmp_path):
    save(make_hybrid_pipeline(lam=0.3), tmp_path / "m")
    assert load(tmp_path / "m").get_params()["features__attention__lam"] == 0.3


@pytest.mark.slow
def test_the_file_of_a_pipeline_with_shipped_weights_is_small(tmp_path):
    model = make_hybrid_pipeline("frozen", size=64, random_state=0, precision="float32")
    model.fit(IMAGES, LABELS)
    save(model, tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 15e6
    np.testing.assert_allclose(
        load(tmp_path / "m").predict_proba(IMAGES), model.predict_proba(IMAGES), rtol=0, atol=1e-6
    )


@pytest.mark.slow
def test_a_pipeline_with_metadata(tmp_path):
    import cv2
    import pandas as pd

    table = pd.DataFrame({"path": [str(tmp_path / f"Miller{i}.png") for i in range(8)]})
    for path, image in zip(table["path"], IMAGES, strict=True):
        cv2.imwrite(path, image)
    table = table.assign(age=[30.0, np.nan] * 4, sex=list("FMFMFMFM"), patient=range(8))
    model = make_hybrid_pipeline(
        "frozen",
        size=64,
        backbone="resnet18",
        weights=None,
        attention=False,
        metadata=["age", "sex"],
        classifier=net,
        random_state=0,
        precision="float32",
        memory=tmp_path / "cache",
    ).fit(table, LABELS)
    save(model, tmp_path / "m")
    assert b"Miller" not in (tmp_path / "m").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "m").read_bytes()
    found = load(tmp_path / "m").predict_proba(table)
    np.testing.assert_allclose(found, model.predict_proba(table), rtol=0, atol=1e-6)
