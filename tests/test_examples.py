"""The examples run, on little data."""

import ast
import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest
from few_images import few_images

from skcxr.datasets import make_chest_phantoms, write_chestxray14_layout

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[1] / "examples"
GALLERY = sorted(path.stem for path in EXAMPLES.glob("plot_*.py"))
MODELS = ["base_mlp", "fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp"]


@pytest.fixture
def example(monkeypatch):
    """Import an example by name, as the script it is; its figures are closed afterwards."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    yield load
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize("name", ["plot_equalize", "plot_preflight", "plot_texture"])
def test_gallery(example, name):
    """The quickest; the site's build runs all of them, with warnings as errors as well."""
    example(name)
    import matplotlib.pyplot as plt

    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert figures
    assert all(figure.axes for figure in figures)


@pytest.mark.parametrize("name", GALLERY)
def test_gallery_is_written_for_sphinx_gallery(name):
    text = (EXAMPLES / f"{name}.py").read_text("utf-8")
    title, rule = ast.get_docstring(ast.parse(text)).splitlines()[:2]
    assert set(rule) == {"="}
    assert len(rule) == len(title)
    assert len(title) < 50  # so that it fits below a thumbnail


@few_images
def test_quickstart(example, tmp_path, capsys):
    example("plot_quickstart").main(tmp_path, n_images=60)
    printed = capsys.readouterr().out
    assert all(f"| {name} " in printed for name in MODELS)
    assert (tmp_path / "quickstart.png").stat().st_size > 50_000


def run_chestxray14(example, data, out, *more):
    settings = ["--out", str(out), "--size", "96", "--bootstraps", "20"]
    example("chestxray14").main([str(data), *settings, *more])
    table = pd.read_csv(out / "scores.csv", index_col="model")
    assert table.index.to_list() == [*MODELS, "logistic_regression"]
    assert table["Macro AUC"].between(0, 1).all()
    assert (table["Macro AUC low"] <= table["Macro AUC high"]).all()
    for name in ("comparison.png", "label_auc.png", "report.html"):
        assert (out / name).stat().st_size > 10_000
    return pd.read_csv(out / "predictions.csv")


@few_images
def test_chestxray14_official_split(example, tmp_path, capsys):
    phantoms = make_chest_phantoms(90, size=96, random_state=0)
    folder = write_chestxray14_layout(phantoms, tmp_path / "data", random_state=0)
    sources = pd.DataFrame({"image": phantoms.frame["Image Index"], "source": ["a", "b"] * 45})
    sources.to_csv(tmp_path / "sources.csv", index=False)
    predictions = run_chestxray14(
        example, folder, tmp_path / "out", "--sources", str(tmp_path / "sources.csv")
    )
    listed = set((folder / "test_list.txt").read_text().split())
    assert set(predictions["image"]) == listed
    printed = capsys.readouterr().out
    for text in ("Official split", "against", "AUC within strata", "pointing game", "peak memory"):
        assert text in printed
    assert (tmp_path / "out" / "attention.png").exists()


@few_images
def test_chestxray14_cross_validation_of_a_subset(example, tmp_path, capsys):
    phantoms = make_chest_phantoms(100, size=96, random_state=0)
    folder = write_chestxray14_layout(
        phantoms, tmp_path / "data", test_size=None, boxes=False, random_state=0
    )
    predictions = run_chestxray14(
        example, folder, tmp_path / "out", "--subset", "80", "--cv", "2", "--fixed-thresholds"
    )
    assert len(predictions) == 5 * 80  # every model, every image once
    assert not predictions.duplicated(["model", "image"]).any()
    assert "2 folds of whole patients, 80 images" in capsys.readouterr().out


@few_images
def test_chestxray14_on_the_26_originals(example, data_dir, tmp_path):
    predictions = run_chestxray14(example, data_dir / "nih_original", tmp_path / "out")
    assert predictions["image"].nunique() == 26
