"""The command: films to tables and pictures, what it refuses, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from skcxr import GradCAMFuser, ResNetEmbedder, make_chest_phantoms, make_hybrid_pipeline
from skcxr._cli import main
from skcxr.classifiers import MultilabelMLP
from skcxr.persistence import load, save

PROJECT = Path(__file__).parents[2]
LABELS = ["Mass", "Pleural/other"]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder with spaces and folders in it, and files that are no films."""
    folder = tmp_path_factory.mktemp("all films")
    phantoms = make_chest_phantoms(8, size=96, random_state=0)
    (folder / "second part").mkdir()
    for i, image in enumerate(phantoms.images):
        cv2.imwrite(str(folder / ("second part" if i % 2 else "") / f"film {i}.png"), image)
    (folder / "notes.txt").write_text("not a film")
    (folder / ".hidden.png").write_text("not a film")
    return folder


@pytest.fixture(scope="module")
def model(films, tmp_path_factory):
    y = pd.DataFrame(np.stack([np.arange(8) % 2, np.arange(8) // 2 % 2], 1), columns=LABELS)
    pipeline = make_hybrid_pipeline(
        "frozen",
        backbone="resnet18",
        size=64,
        weights=None,
        texture=False,
        random_state=0,
        classifier=MultilabelMLP(max_epochs=1, random_state=0, thresholds=0.01),
    )
    assert isinstance(pipeline["features"]["attention"], GradCAMFuser)
    assert isinstance(pipeline["features"]["attention"].embedder, ResNetEmbedder)
    path = tmp_path_factory.mktemp("model") / "model.skcxr"
    save(pipeline.fit(sorted(map(str, films.rglob("film*.png"))), y), path)
    return path


@pytest.fixture
def with_a_bad_film(films, tmp_path):
    table = pd.DataFrame({"path": [*sorted(map(str, films.glob("film*.png"))), "bad.png"]})
    table.to_csv(tmp_path / "films.csv", index=False)
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    return tmp_path / "films.csv"


def test_predict_writes_a_table_and_maps(films, model, tmp_path, capsys):
    out, maps = tmp_path / "p.csv", tmp_path / "maps"
    assert main(["predict", str(model), str(films), "-o", str(out), "--maps", str(maps)]) == 0
    table = pd.read_csv(out)
    whats = ("probability", "threshold", "decision")
    columns = [f"{label} {what}" for label in LABELS for what in whats]
    assert table.columns.tolist() == ["file", *columns, "error"]
    names = [f"film {i}.png" for i in range(0, 8, 2)]
    names += [os.path.join("second part", f"film {i}.png") for i in range(1, 8, 2)]
    assert table["file"].tolist() == sorted(names)
    expected = load(model).predict_proba([str(films / name) for name in table["file"]])
    np.testing.assert_allclose(table[[f"{x} probability" for x in LABELS]], expected, atol=1e-6)
    found = table[[f"{label} decision" for label in LABELS]].to_numpy()
    np.testing.assert_array_equal(found, expected > 0.01)
    pictures = [path for path in maps.rglob("*.png")]
    assert len(pictures) == found.sum()
    assert (maps / "second part" / "film 1.png.Mass.png").exists()
    assert cv2.imread(str(pictures[0])).shape == (64, 64, 3)
    said = capsys.readouterr()
    assert "8 of 8 films" in said.err
    assert "1 other files were passed over" in said.err


def test_a_bad_film_stops_or_leaves_its_row_empty(with_a_bad_film, model, tmp_path, capsys):
    out = tmp_path / "p.csv"
    command = ["predict", str(model), str(with_a_bad_film), "-o", str(out), "-q"]
    assert main(command) == 2
    assert "bad.png" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--on-error", "nan"]) == 1
    table = pd.read_csv(out).set_index("file")
    error = table.pop("error")
    assert table.loc["bad.png"].isna().all()
    assert table.drop("bad.png").notna().all(axis=None)
    assert "bad.png" in error["bad.png"]
    assert error.drop("bad.png").isna().all()
    assert "4 of 5 films" in capsys.readouterr().err


def test_check_names_the_films_and_says_how_it_ended(films, with_a_bad_film, tmp_path, capsys):
    out = tmp_path / "issues.csv"
    assert main(["check", str(with_a_bad_film), "-o", str(out), "-q"]) == 1
    said = capsys.readouterr()
    assert "bad.png: unreadable" in said.out
    table = pd.read_csv(out).set_index("path")
    assert table["is_unreadable_issue"].sum() == 1
    assert table.loc["bad.png", "is_unreadable_issue"]
    one = str(films / "film 0.png")
    assert main(["check", one, "-q"]) == int(f"{one}: " in capsys.readouterr().out)


def test_segment_writes_masks_of_the_films_size(films, tmp_path, with_a_bad_film):
    assert main(["segment", str(films), "-o", str(tmp_path / "masks"), "-q"]) == 0
    mask = cv2.imread(str(tmp_path / "masks" / "film 0.png.png"), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (96, 96)
    assert set(np.unique(mask)) == {0, 255}
    quality = pd.read_csv(tmp_path / "masks" / "quality.csv")
    assert len(quality) == 8
    assert {"file", "usable", "error"} <= set(quality)
    more = tmp_path / "more"
    assert main(["segment", str(with_a_bad_film), "-o", str(more), "--on-error", "nan"]) == 1
    written = [path for path in tmp_path.rglob("*.png.png")]
    assert len(written) == 8 + 4  # and nothing outside of the folders
    assert all(path.is_relative_to(more) or "masks" in path.parts for path in written)


def test_cache_says_what_is_kept_and_empties_it(films, tmp_path, capsys):
    from skcxr._store import open_store

    open_store(tmp_path).put_many("image", [b"key"], np.zeros((1, 8, 8), np.uint8))
    assert main(["cache", str(tmp_path), "--limit", "5MB"]) == 0
    assert "image" in (said := capsys.readouterr().out)
    assert "limit 5,000,000" in said
    assert main(["cache", str(tmp_path), "--clear"]) == 0
    assert "nothing is kept" in capsys.readouterr().out
    assert main(["cache", str(tmp_path / "typo")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["predict", "none.skcxr", ".", "-o", "p.csv"], "none.skcxr"),
        (["segment", "none", "-o", "m"], "there is no film or folder none"),
        (["segment", "empty", "-o", "m"], "no film was found in empty"),
        (["segment", "table.csv", "-o", "m"], "table.csv has no column `path`; it has a, b"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "table.csv"]


@pytest.mark.filterwarnings("always")
def test_a_warning_is_said_once_and_without_code(tmp_path, monkeypatch, capsys):
    import warnings

    def run(args):
        for i in (1, 2, 2):
            warnings.warn(f"film {i} is odd", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr("skcxr._cli._commands.cache", run)
    assert main(["cache", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "warning: film 1 is odd\nwarning: film 2 is odd\n"


def test_a_pickle_is_no_model(tmp_path, capsys):
    import pickle

    (tmp_path / "m").write_bytes(pickle.dumps([1]))
    assert main(["predict", str(tmp_path / "m"), str(tmp_path), "-o", str(tmp_path / "p")]) == 2
    assert "is not loaded: it is no file of skcxr" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["check", "-h"]])
def test_help_has_an_example(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "example: skcxr" in capsys.readouterr().out


@pytest.mark.slow
def test_the_module_runs_and_is_quick_to_say_what_it_can():
    code = "import sys; from skcxr.__main__ import main; main(['cache', '/none']); "
    code += "print(sorted({'torch', 'cv2', 'monai'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    done = subprocess.run(
        [sys.executable, "-m", "skcxr", "cache"], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "the following arguments are required: FOLDER" in done.stderr


def test_the_commands_policy_counts_for_a_model_with_its_own(
    with_a_bad_film, model, tmp_path, capsys
):
    pipeline = load(model)
    pipeline.set_params(load__on_error="nan", classify__nan_rows="skip")
    save(pipeline, tmp_path / "tolerant.skcxr")
    out = tmp_path / "p.csv"
    command = ["predict", str(tmp_path / "tolerant.skcxr"), str(with_a_bad_film), "-o", str(out)]
    assert main([*command, "-q"]) == 2
    assert "bad.png" in capsys.readouterr().err
    assert main([*command, "-q", "--on-error", "nan"]) == 1
    table = pd.read_csv(out).set_index("file")
    assert table["error"].notna().tolist() == [False] * 4 + [True]
