"""benchmarks/chestxray14: what it says, keeps and scores."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from few_images import few_images
from sklearn.metrics import f1_score

from skcxr.datasets import make_chest_phantoms, write_chestxray14_layout
from skcxr.metrics import auc_within

FOLDER = Path(__file__).parents[1] / "benchmarks" / "chestxray14"


@pytest.fixture
def script(monkeypatch):
    """Import a module of the experiment by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def predictions():
    """Labels, probabilities, patients and folds of 200 films."""
    rng = np.random.RandomState(0)
    y = pd.DataFrame(rng.randint(2, size=(200, 3)), columns=["a", "b", "c"])
    prob = 0.14 * y.to_numpy() + 0.2 * rng.uniform(size=y.shape)
    patient = np.repeat(np.arange(100), 2)
    return SimpleNamespace(y=y, prob=prob, groups=pd.Series(patient), fold=patient % 4)


def test_auc_within_source_is_that_of_the_library(script, predictions):
    p, source = predictions, np.arange(200) % 3
    other = p.prob + 0.1 * p.y.to_numpy()
    found = script("_within").within_source(
        p.y, {"one": p.prob, "two": other}, source, p.groups, "one", n_bootstraps=50, seed=1
    )
    for name, prob in (("one", p.prob), ("two", other)):
        expected = auc_within(
            p.y, prob, source, groups=p.groups, n_bootstraps=50, random_state=1
        ).overall.loc["AUC within strata"]
        columns = [f"AUC within source{end}" for end in ("", " low", " high")]
        np.testing.assert_allclose(found.loc[name, columns].astype(float), expected, atol=1e-12)
    assert found.loc["two", "AUC within source gain low"] > 0
    assert np.isnan(found.loc["one", "AUC within source gain low"])


def test_thresholds_of_a_fold_come_from_the_others(script, predictions):
    p, calibrate = predictions, script("_operating_points").calibrate
    found = calibrate(p.y, p.prob, p.fold, p.groups, "sigmoid")
    turned = p.y.copy()
    turned.loc[p.fold == 2] = 1 - turned.loc[p.fold == 2]
    again = calibrate(turned, p.prob, p.fold, p.groups, "sigmoid")
    same = (found.decisions == again.decisions).all(axis=1).to_numpy()
    assert same[p.fold == 2].all()
    assert not same[p.fold != 2].all()
    # No probability reaches 0.5, and the labels can be told apart.
    assert f1_score(p.y, p.prob > 0.5, average="micro", zero_division=0) == 0
    assert f1_score(p.y, found.decisions, average="micro") > 0.8


def test_calibration_error_falls_and_ranks_stay(script, predictions):
    p = predictions
    table = SimpleNamespace(reference="one", models={})
    found = {
        "one": {
            f"fold{i}": {
                "test": np.flatnonzero(p.fold == i),
                "prob": p.prob[p.fold == i],
                "pred": p.prob[p.fold == i] > 0.5,
                "fit_seconds": 2.0,
                "predict_seconds": 1.0,
                "peak_gb": 0.5,
            }
            for i in range(4)
        }
    }
    data = SimpleNamespace(labels=p.y, groups=p.groups, source=None)
    scores, pairs = script("_scores").score(table, found, data, n_bootstraps=20)
    row = scores.loc["one"]
    assert pairs is None
    assert row["ECE sigmoid"] < 0.1 < row["ECE"]
    assert row["AUC moved by sigmoid"] < 1e-6
    assert row["AUC moved by temperature"] < 1e-6
    assert row["fit_seconds"] == 2
    assert row["Macro AUC low"] <= row["Macro AUC"] <= row["Macro AUC high"]


@pytest.fixture
def evidence(tmp_path):
    """Evidence of 12 films for 2 labels at 3 x 3 places, kept in two test parts."""
    rng = np.random.default_rng(0)
    test = rng.permutation(12)
    made = {
        "evidence": rng.normal(size=(12, 2, 2, 3, 3)),
        "mask": rng.uniform(size=(12, 1, 3, 3)),
        "regions": rng.uniform(size=(12, 2, 3, 3)),
    }
    made = {key: part.astype(np.float16) for key, part in made.items()}
    for i, rows in enumerate((slice(0, 7), slice(7, 12))):
        half = {key: part[test[rows]] for key, part in made.items()}
        np.savez(tmp_path / f"fold{i}.npz", test=test[rows], **half)
    return tmp_path, {key: part.astype(np.float64) for key, part in made.items()}


@pytest.mark.parametrize("regions", ["labels", "lungs"])
def test_kept_evidence_is_pooled_as_equation_3_says(script, evidence, regions):
    folder, made = evidence
    films = pd.DataFrame(index=[3, 0, 11])
    found = script("_kept").KeptEvidence(folder, lam=0.25, regions=regions).transform(films)
    assert script("_kept").is_complete(folder, 12)
    assert not script("_kept").is_complete(folder, 13)
    for row, i in enumerate(films.index):
        cam = np.maximum(made["evidence"][i, 0], 0)
        cam = np.mean([one / one.max() for one in cam], axis=0)
        for j in range(2):
            where = made["regions"][i, j] if regions == "labels" else made["mask"][i, 0]
            fused = 0.25 * where + 0.75 * cam
            total = made["evidence"][i].sum(0)[j]
            np.testing.assert_allclose(
                found[row, [j, 2 + j]], [(total * fused).sum() / fused.sum(), total.mean()], 1e-4
            )
    plain = script("_kept").KeptEvidence(folder, lam=None).transform(films)
    np.testing.assert_array_equal(plain, found[:, 2:])


def test_passes_of_a_training(script):
    make = script("_models").make_tables
    passes, networks = script("_cost").passes_of, script("_cost").networks_of
    tables = make()
    ours = tables["lam"].models
    ((embedder, size),) = networks(ours["final_hybrid_mlp"]).values()
    assert (passes(embedder, 100), size) == (8 * 3 * 100, 224)  # four networks, each on 3 of 4
    # λ is no other network, and neither is the classifier.
    assert len({key for model in ours.values() for key in networks(model)}) == 1
    ((embedder, _),) = networks(tables["report"].models["fine_tuned_mlp_report"]).values()
    assert passes(embedder, 100) == 5 * 100
    for name, table in tables.items():
        if name.endswith("_frozen"):
            found = [e for model in table.models.values() for e, _ in networks(model).values()]
            assert all(passes(embedder, 100) == 0 for embedder in found)
    assert len(networks(tables["items"].models["best"])) == 3


def test_tables_are_chosen_by_pattern(script):
    choose = script("_models").choose
    assert list(choose({"lam": 1, "lam_frozen": 2, "maps": 3}, ["lam*"])) == ["lam", "lam_frozen"]
    with pytest.raises(SystemExit, match=r"No table matches 'lambda'; there are lam"):
        choose({"lam": 1}, ["lambda"])


@pytest.fixture
def phantoms(tmp_path):
    """A folder of 40 phantoms and their sources."""
    made = make_chest_phantoms(40, size=64, random_state=0)
    folder = write_chestxray14_layout(
        made, tmp_path / "data", test_size=None, boxes=False, random_state=0
    )
    sources = pd.DataFrame({"image": made.frame["Image Index"], "source": ["a", "b"] * 20})
    sources.to_csv(folder / "sources.csv", index=False)
    return folder


@few_images
def test_dry_run_only_says_what_it_takes(script, phantoms, tmp_path, capsys):
    out = tmp_path / "out"
    command = [str(phantoms), "--out", str(out), "--folds", "2", "--size", "64", "--dry-run"]
    assert script("run").main([*command, "--only", "lam_frozen", "lam"]) is None
    printed = capsys.readouterr().out
    assert "40 films, 2 folds, tables lam, lam_frozen: 48 fits to do; 2 trainings" in printed
    assert "hours" in printed
    assert "GB in" in printed
    assert not out.exists()


@pytest.mark.slow
@few_images
def test_a_run_goes_on_where_it_was(script, phantoms, tmp_path, capsys):
    out = tmp_path / "out"
    command = [str(phantoms), "--out", str(out), "--folds", "2", "--size", "64"]
    command += ["--bootstraps", "20", "--only", "texture_frozen"]
    main = script("run").main
    first = main(command)["texture_frozen"]
    assert first.index.to_list()[0] == "hybrid_frozen"
    assert first["films"].eq(40).all()
    assert first["AUC within source"].between(0, 1).all()
    for name in ("texture_frozen.csv", "texture_frozen_pairs.csv", "texture_frozen.png"):
        assert (out / name).stat().st_size > 100
    kept = sorted((out / "predictions").iterdir())
    assert len(kept) == 8
    times = {path: path.stat().st_mtime_ns for path in kept[1:]}
    kept[0].unlink()
    capsys.readouterr()
    again = main(command)["texture_frozen"]
    assert "1 fits to do" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    same = [name for name in first if name not in ("fit_seconds", "predict_seconds", "peak_gb")]
    pd.testing.assert_frame_equal(first[same], again[same])
    kept[0].unlink()
    partly = main([*command, "--score-only"])["texture_frozen"]
    assert partly["films"].lt(40).all()
