"""Model files from strangers: refused with a reason where they were changed, and never executed."""

import io
import json
import os
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skcxr._store._container import read_members, write_members
from skcxr.classifiers import MultilabelMLP, MultilabelNet
from skcxr.persistence import load, save

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, :2] > 0).astype(int)


@pytest.fixture(scope="module")
def model():
    net = MultilabelMLP(max_epochs=2, random_state=0)
    return make_pipeline(StandardScaler(), net).fit(X, Y)


@pytest.fixture
def path(model, tmp_path):
    save(model, tmp_path / "model.skcxr")
    return tmp_path / "model.skcxr"


def refused(path, reason):
    with pytest.raises(ValueError, match=rf"model.skcxr is not loaded: .*{reason}"):
        load(path)


def repack(path, change):
    """Rewrite the archive with other members, as `zip` would."""
    with zipfile.ZipFile(path) as archive:
        members, comment = {n: archive.read(n) for n in archive.namelist()}, archive.comment
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment


def with_right_digest(path, change):
    """What somebody writes who knows how: all digests are right."""
    members = read_members(path)
    tree = json.loads(members["tree.json"])
    change(tree)
    write_members(path, members | {"tree.json": json.dumps(tree).encode()})


@pytest.mark.parametrize("seed", range(4))
def test_forty_flipped_bytes_are_refused(path, seed):
    good, rng = path.read_bytes(), np.random.default_rng(seed)
    for at in rng.choice(len(good), 40, replace=False):
        bad = bytearray(good)
        bad[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bad)
        refused(path, "damaged, or changed|no file of skcxr")


@pytest.mark.parametrize("seed", range(4))
def test_ten_other_changes_are_refused(path, seed):
    good, rng = path.read_bytes(), np.random.default_rng(seed)
    names = list(read_members(path))
    tree = read_members(path)["tree.json"]

    def drop(members):
        del members[rng.choice(names)]

    def empty(members):
        members[rng.choice(names)] = b""

    def add(members):
        members["more.json"] = b"{}"

    def number(members):
        at = rng.choice([i for i, byte in enumerate(tree) if chr(byte).isdigit()])
        members["tree.json"] = tree[:at] + b"%d" % ((tree[at] - 47) % 10) + tree[at + 1 :]

    def text(members):
        members["tree.json"] = tree.replace(b"StandardScaler", b"MinMaxScaler")

    def nothing(members):
        members["tree.json"] = json.dumps(json.loads(tree), indent=1).encode()

    for change in (drop, empty, add, number, text, nothing):
        path.write_bytes(good)
        repack(path, change)
        refused(path, "damaged, or changed")
    cut, longer = int(rng.integers(len(good))), bytes(rng.integers(1, 99, dtype=np.uint8))
    for bad in (good[:cut], good[cut:], good + longer, longer + good):
        path.write_bytes(bad)
        refused(path, "")


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, where):
        self.where = str(where)

    def __reduce__(self):
        return os.mkdir, (self.where,)


@pytest.mark.parametrize("form", ["pickle", "joblib", "torch", "npy", "npz", "tree", "tensors"])
def test_a_pickle_in_disguise_does_not_run(path, tmp_path, form):
    attack = Malicious(tmp_path / "ran")
    if form == "pickle":
        path.write_bytes(pickle.dumps(attack))
    elif form == "joblib":
        joblib.dump(attack, path)
    elif form == "torch":
        torch.save({"a": attack}, path)
    elif form == "npy":
        with open(path, "wb") as file:
            np.save(file, np.array([attack], object), allow_pickle=True)
    else:  # inside an archive whose digests are right
        buffer = io.BytesIO()
        np.savez(buffer, **{str(i): np.array([attack], object) for i in range(9)})
        member = {"npz": "arrays.npz", "tree": "tree.json", "tensors": "tensors.safetensors"}[form]
        data = buffer.getvalue() if form == "npz" else pickle.dumps(attack)
        write_members(path, read_members(path) | {member: data})
    refused(path, "")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "what",
    [
        {"~": "object", "class": "os.system", "of": {}},
        {"~": "object", "class": "subprocess.Popen", "of": {"args": "ls"}},
        {"~": "object", "class": "sklearn.neighbors.KNeighborsClassifier", "of": {}},
        {"~": "object", "class": "skcxr._store._fits.cached_fit", "of": {}},
        {"~": "object", "class": "sklearn.feature_selection.chi2", "of": {}},
        {"~": "name", "is": "builtins.eval"},
        {"~": "name", "is": "sklearn.preprocessing.__loader__"},
        {"~": "called", "is": "torch:load"},
        {"~": "called", "is": "torch.nn.modules.module:torch.load"},
        {"~": "called", "is": "monai.networks.nets.hovernet:HoVerNet"},
        {"~": "called", "is": "os:system"},
        {"~": "network", "of": {"class": "os:system"}},
        {"~": "generator", "of": {"is_old": False, "state": {"bit_generator": "seterr"}}},
        {"~": "torch", "of": "hub"},
        {"~": "same", "is": 99},
    ],
)
def test_a_file_names_nothing_but_what_is_allowed(path, what):
    def change(tree):
        tree["estimator"] = what

    with_right_digest(path, change)
    refused(path, "")


def test_a_file_cannot_turn_the_memory_on_again(path, tmp_path):
    def change(tree):
        tree["estimator"]["of"]["memory"] = str(tmp_path)

    with_right_digest(path, change)
    assert load(path).memory is None


def test_arrays_that_would_unpack_to_any_size(path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{"0": np.zeros(10**6)})
    write_members(path, read_members(path) | {"arrays.npz": buffer.getvalue()})
    refused(path, "packed arrays")


def test_a_file_of_a_later_format(path):
    with_right_digest(path, lambda tree: tree.update(format=99))
    refused(path, "format 99 is later than 1, the last known; written by skcxr")


def test_no_model_and_no_file(tmp_path):
    write_members(tmp_path / "model.skcxr", {"tree.json": b"[1]"})
    refused(tmp_path / "model.skcxr", "it holds no model")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


def test_a_tree_that_leads_into_itself(tmp_path):
    from sklearn.tree import DecisionTreeClassifier

    from skcxr._store._plain import Decoder

    path = tmp_path / "model.skcxr"
    save(DecisionTreeClassifier().fit(X, Y), path)
    members = read_members(path)
    with np.load(io.BytesIO(members["arrays.npz"])) as arrays:
        arrays = dict(arrays)
    (nodes,) = [name for name, array in arrays.items() if array.dtype.names]
    arrays[nodes]["left_child"][1 if arrays[nodes]["left_child"][1] > 0 else 0] = 0
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_members(path, members | {"arrays.npz": buffer.getvalue()})
    assert Decoder(read_members(path)).tree["format"] == 1
    refused(path, "a decision tree leads out of itself")


class OwnNetwork(nn.Module):
    def __init__(self, n_features, n_labels):
        super().__init__()
        self.output = nn.Linear(n_features, n_labels)

    def forward(self, x):
        return self.output(x)


@pytest.mark.parametrize(
    ("estimator", "part"),
    [
        (MultilabelNet(OwnNetwork, max_epochs=1), "module is of .*OwnNetwork"),
        (
            Pipeline([("a", FunctionTransformer(np.log1p)), ("b", StandardScaler())]),
            "steps.func is of numpy.*log1p|func is of",
        ),
        (KNeighborsClassifier(), "KNeighborsClassifier"),
        (OneVsRestClassifier(KNeighborsClassifier()), "KNeighborsClassifier"),
        (FrozenEstimator(GridSearchCV(LogisticRegression(), {})), "no best_estimator_ to save"),
        (print, "save takes an estimator"),
    ],
)
def test_what_would_need_code_of_others_is_refused_when_saved(tmp_path, estimator, part):
    if isinstance(estimator, MultilabelNet):
        estimator.fit(X, Y)
    with pytest.raises(TypeError, match=part):
        save(estimator, tmp_path / "model.skcxr")
    assert not list(tmp_path.iterdir())


def test_nothing_of_places_patients_and_training_data_is_kept(tmp_path):
    secret = str(tmp_path / "PatientMiller")
    rows = X.copy()
    rows[:, 3] = 12345.678 + np.arange(120)
    folds = PredefinedSplit(np.arange(120) % 2)
    model = Pipeline(
        [
            ("scale", StandardScaler()),
            ("net", MultilabelMLP(max_epochs=1, device="cpu", random_state=0)),
        ],
        memory=secret,
    ).fit(rows, Y, net__groups=[f"Miller{i // 2}" for i in range(120)])
    assert len(model[-1].validation_indices_)
    path = tmp_path / "model.skcxr"
    save(model, path)
    content = path.read_bytes()
    assert b"Miller" not in content
    assert secret.encode() not in content
    for dtype in (np.float32, np.float64):
        for row in (rows[:, 3], (rows[:, 3] - rows[:, 3].mean()) / rows[:, 3].std()):
            assert row[5:9].astype(dtype).tobytes() not in content
    back = load(path)
    assert back.memory is None
    assert back[-1].device == "auto"
    assert len(back[-1].validation_indices_) == 0
    search = GridSearchCV(OneVsRestClassifier(LogisticRegression()), {}, cv=folds).fit(X, Y)
    save(search, path)
    assert type(load(path)) is OneVsRestClassifier


def test_h5_a_disk_without_room_leaves_the_file_before(path, model, monkeypatch):
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(model, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_another_version_of_scikit_learn_is_said(path):
    from sklearn.exceptions import InconsistentVersionWarning

    def change(tree):
        tree["estimator"]["of"]["_sklearn_version"] = "1.8.0"

    with_right_digest(path, change)
    with pytest.warns(InconsistentVersionWarning, match=r"Pipeline from version 1\.8\.0"):
        load(path)


def test_every_network_of_ours_has_a_name_that_stays():
    import importlib
    import pkgutil

    from skcxr.persistence._classes import OUR_PARTS

    for package in ("attention", "classifiers", "features", "segmentation"):
        folder = importlib.import_module(f"skcxr.{package}")
        for found in pkgutil.iter_modules(folder.__path__, f"skcxr.{package}."):
            module = importlib.import_module(found.name)
            if found.name.endswith("_losses"):
                continue  # of the training alone
            for name, value in vars(module).items():
                is_ours = isinstance(value, type) and value.__module__ == module.__name__
                if is_ours and issubclass(value, nn.Module):
                    assert OUR_PARTS[name] == module.__name__
