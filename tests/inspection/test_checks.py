"""Each check on an experiment with the fault, and on one without."""

import functools

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import Pipeline
from stub_models import NAMES, Reader, make_films

from skcxr.inspection import evaluate


def status(code, *args, **kwargs):
    """Status and detail of a check; without more, of an experiment without a fault."""
    table = checks(*args, **kwargs) if args or kwargs else without_fault()
    return table.loc[code, ["status", "detail"]]


def checks(models=None, films=None, y=None, **kwargs):
    made, labels = make_films()
    films = made if films is None else films
    y = pd.DataFrame(labels if y is None else y, columns=NAMES)
    kwargs = {"n_bootstraps": 60, "groups": np.arange(len(films)) // 2, **kwargs}
    if models is None:
        models = Reader().fit(films, y)
    elif "cv" not in kwargs:
        several = models if isinstance(models, dict) else {"model": models}
        models = {name: model.fit(films, y) for name, model in several.items()}
    return evaluate(models, films, y, **kwargs).checks.table


without_fault = functools.cache(checks)


def test_cxr001_a_patient_in_both_parts():
    with pytest.warns(UserWarning, match="groups parameter is ignored by KFold"):
        found = status("CXR001", Reader(), cv=KFold(4, shuffle=True, random_state=0))
    assert found["status"] == "fires"
    assert "patients have films in a training part and in its test part" in found["detail"]
    assert status("CXR001", Reader(), cv=GroupKFold(4))["status"] == "passes"
    assert status("CXR001")["status"] == "not applicable"
    assert status("CXR001", Reader(), cv=KFold(4), groups=None)["status"] == "not applicable"


def test_cxr002_labels_without_enough_positive_patients():
    _, y = make_films()
    y[:, 1] = 0
    y[:8, 1] = 1  # eight films of four patients
    found = status("CXR002", y=y)
    assert found["status"] == "fires"
    assert "Edema (4)" in found["detail"]
    assert status("CXR002")["status"] == "passes"
    assert status("CXR002", y=y, groups=None)["status"] == "passes"  # eight films


class Network(BaseEstimator):
    """Stands for an embedder."""

    def __init__(self, trained_on=(), fine_tune=None, n_networks=1, weights="w", backbone="b"):
        self.trained_on = trained_on
        self.fine_tune = fine_tune
        self.n_networks = n_networks
        self.weights = weights
        self.backbone = backbone

    def fit(self, X, y=None):
        self.trunk_ = torch.nn.Sequential()
        self.trained_on_ = self.trained_on
        self.head_coefs_ = [np.zeros((2, 1))] * self.n_networks
        return self

    def transform(self, X):
        return X


def with_network(**settings):
    return Pipeline([("embed", Network(**settings)), ("read", Reader())])


def test_cxr003_weights_that_saw_the_films():
    chest = with_network(trained_on=("CheXpert", "ChestX-ray14"))
    found = status("CXR003", chest, data_set="ChestX-ray14")
    assert found["status"] == "fires"
    assert "trained on ChestX-ray14" in found["detail"]
    names = [f"{i:08d}_000.png" for i in range(80)]
    assert status("CXR003", clone(chest), names=names)["status"] == "fires"
    assert status("CXR003", clone(chest), data_set="PadChest")["status"] == "passes"
    assert status("CXR003", clone(chest))["status"] == "not applicable"


def test_cxr004_nothing_predicted():
    found = status("CXR004", Reader(threshold=1.0))
    assert found["status"] == "fires"
    assert "Mass by model (never), Edema by model (never)" in found["detail"]
    assert "(always)" in status("CXR004", Reader(threshold=-1.0))["detail"]
    assert status("CXR004")["status"] == "passes"


def test_cxr005_metadata_predicts_as_well():
    _, y = make_films()
    telling = pd.DataFrame({"view": np.where(y[:, 0] == 1, "AP", "PA"), "age": 40 + 20 * y[:, 1]})
    telling.loc[3, "view"] = None
    found = status("CXR005", metadata=telling)
    assert found["status"] == "fires"
    assert "Macro AUC of view, age alone 1.000" in found["detail"]
    rng = np.random.RandomState(1)
    silent = pd.DataFrame({"view": rng.choice(["AP", "PA"], 80), "age": rng.normal(50, 10, 80)})
    assert status("CXR005", metadata=silent)["status"] == "passes"
    assert status("CXR005")["status"] == "not applicable"


def test_cxr006_prevalence_differs_between_parts():
    _, y = make_films()
    order = np.argsort(y[:, 0], kind="stable")  # the films with a mass at the end
    films, _ = make_films()
    found = status(
        "CXR006", Reader(), films[order], y[order], cv=[(np.arange(2, 50), np.r_[:2, 50:80])]
    )
    assert found["status"] == "fires"
    assert "Mass in fold 0" in found["detail"]
    assert status("CXR006", Reader(), cv=4)["status"] == "passes"
    assert status("CXR006")["status"] == "not applicable"


def test_cxr007_the_same_film_twice(tmp_path):
    films, _ = make_films()
    assert status("CXR007", films=films)["status"] == "passes"
    films[7] = films[70]
    found = status("CXR007", films=films)
    assert found["status"] == "fires"
    assert found["detail"] == (
        "1 film is there more than once (rows 7 and 70). Under different patients: 1."
    )


def test_cxr007_files(tmp_path):
    import cv2

    from skcxr.inspection._check_data import _film_keys

    films, _ = make_films(4)
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    for path, film in zip(paths, films[[0, 1, 2, 1]], strict=True):
        cv2.imwrite(path, film)
    keys = _film_keys(paths)
    assert keys[1] == keys[3] is not None
    assert keys[0] is None or keys[0] != keys[1]


def test_cxr008_features_not_cross_fitted():
    assert status("CXR008", with_network(fine_tune="all"))["status"] == "fires"
    assert status("CXR008", with_network(fine_tune="all", n_networks=3))["status"] == "passes"
    assert status("CXR008", with_network())["status"] == "passes"


def lesions(films, n=40):
    """Boxes where the films' pixels (0, 2) and (0, 3) say."""
    y, x = (films[:n, 0, j] // 32 * 128.0 for j in (2, 3))
    return pd.DataFrame(
        {"image": range(n), "label": (NAMES * n)[:n], "x": x, "y": y, "w": 128, "h": 128}
    )


@pytest.mark.slow
def test_cxr009_maps_no_better_than_their_controls():
    films, _ = make_films()
    boxes = lesions(films)
    assert status("CXR009", boxes=boxes)["status"] == "passes"
    found = status("CXR009", Reader(point=(3, 3)), boxes=boxes)
    assert found["status"] == "fires"
    assert "model, Grad-CAM: pointing game" in found["detail"]
    assert status("CXR009")["status"] == "not applicable"


def test_cxr010_no_better_than_the_baseline():
    both = {"deep": Reader(), "plain": Reader(skill=0)}
    assert status("CXR010", both, baseline="plain")["status"] == "passes"
    both = {"deep": Reader(skill=0), "plain": Reader()}
    assert status("CXR010", both, baseline="plain")["status"] == "fires"
    assert status("CXR010", both)["status"] == "not applicable"


def test_cxr011_cannot_be_ranked():
    same = {"one": Reader(), "two": Reader(squeeze=0.9)}
    assert status("CXR011", same)["status"] == "fires"
    assert status("CXR011", {"one": Reader(), "two": Reader(skill=0)})["status"] == "passes"
    assert status("CXR011")["status"] == "not applicable"


def test_cxr012_uncalibrated():
    assert status("CXR012", Reader(squeeze=0.2))["status"] == "fires"
    rng = np.random.RandomState(0)
    films, _ = make_films(2000)
    y = (rng.uniform(size=(2000, 2)) < films[:, 0, :2] / 255).astype(float)
    found = status("CXR012", films=films, y=y, n_bootstraps=0)
    assert found["status"] == "passes"


def test_checks_can_be_muted_and_print():
    films, y = make_films()
    found = evaluate(
        Reader().fit(films, y), films, pd.DataFrame(y, columns=NAMES), n_bootstraps=10,
        mute=["CXR004", "CXR012"],
    ).checks  # fmt: skip
    assert found.table.loc["CXR012", "status"] == "muted"
    assert "CXR012" not in repr(found)
    assert set(found.frame()["status"]) <= {"fires", "passes", "not applicable", "muted"}
    with pytest.raises(ValueError, match="There is no check 'CXR013'"):
        evaluate(Reader().fit(films, y), films, y, n_bootstraps=0, mute="CXR013")
