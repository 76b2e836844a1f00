"""Every result object prints, writes HTML without a script, and gives its figures as a table."""

import numpy as np
import pandas as pd
import pytest

from skcxr.metrics import (
    auc_by,
    auc_within,
    compare_models,
    multilabel_report,
    paired_bootstrap_test,
    paired_label_tests,
    segmentation_report,
)

RNG = np.random.RandomState(0)
Y = pd.DataFrame(RNG.randint(2, size=(60, 2)), columns=["<b>Mass", "Edema"])
A, B = (w * Y.to_numpy() + (1 - w) * RNG.uniform(size=Y.shape) for w in (0.5, 0.3))
SETTINGS = {"groups": np.arange(60) // 2, "n_bootstraps": 20, "random_state": 0}
MASKS = RNG.uniform(size=(4, 8, 8)) < 0.5
RESULTS = {
    "MultilabelReport": lambda: multilabel_report(Y, A, **SETTINGS),
    "ModelComparison": lambda: compare_models({"<i>a": A, "b": B}, None, Y, **SETTINGS),
    "PairedTest": lambda: paired_bootstrap_test(Y, A, B, **SETTINGS),
    "PairedLabelTests": lambda: paired_label_tests(Y, A, B, **SETTINGS),
    "StratifiedAUC": lambda: auc_within(Y, A, np.arange(60) % 2, **SETTINGS),
    "SubgroupAUC": lambda: auc_by(Y, A, {"side": np.arange(60) % 2}, **SETTINGS),
    "SegmentationReport": lambda: segmentation_report(
        MASKS, MASKS[::-1], names=["<b>Mass", *"xyz"], n_bootstraps=20
    ),
}


@pytest.fixture(params=RESULTS)
def result(request):
    found = RESULTS[request.param]()
    assert type(found).__name__ == request.param
    return found


def test_html_is_a_table_with_everything_escaped(result):
    html = result._repr_html_()
    assert "<table" in html
    assert "<script" not in html
    assert "<b>Mass" not in html
    assert "<i>a" not in html


def test_figures_survive_a_csv_file(result, tmp_path):
    path = result.to_csv(tmp_path / "figures.csv")
    back = pd.read_csv(path, keep_default_na=True)
    frame = result.frame()
    assert list(back.columns) == list(frame.columns)
    number = frame.select_dtypes("number").columns
    np.testing.assert_allclose(back[number], frame[number].astype(float))
    assert len(number) >= 3


def test_text_and_markdown_hold_the_figures(result):
    assert len(repr(result).splitlines()) > 2
    rows = [line for line in result.to_markdown().splitlines() if line.startswith("|")]
    assert any(character.isdigit() for character in rows[2])


def test_one_long_table_of_a_report():
    frame = multilabel_report(Y, A, **SETTINGS).frame()
    assert list(frame.columns[:5]) == ["label", "metric", "value", "low", "high"]
    assert set(frame["metric"][frame["label"] == "Edema"]) == {
        "F1", "AUC", "AP", "sensitivity", "specificity", "PPV", "NPV",
    }  # fmt: skip
    assert frame["positive patients"][frame["label"] == "all"].isna().all()
    models = compare_models({"a": A, "b": B}, None, Y, **SETTINGS).frame()
    assert models["model"].value_counts().to_dict() == {"a": len(frame), "b": len(frame)}
