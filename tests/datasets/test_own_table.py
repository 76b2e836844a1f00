"""The page "Your own table" runs as printed, but for the size of the images."""

import re
from pathlib import Path

import pandas as pd
import pytest
from few_images import few_images

PAGE = Path(__file__).parents[2] / "docs" / "own_table.md"


@pytest.mark.slow
@few_images
@pytest.mark.filterwarnings("ignore:Thresholds that call almost everything positive")
def test_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    code = [line for line in blocks[1].splitlines() if line.strip()]
    assert len(code) <= 15
    assert "memory=" in blocks[1]
    namespace = {}
    for block in blocks:
        exec(compile(block.replace("memory=", "size=64, memory="), PAGE.name, "exec"), namespace)
    data, report = namespace["data"], namespace["report"]
    assert data.labels.isna().any(axis=None)
    assert set(data.frame) >= {"path", "patient", "file", "PatientID", "Age", "Sex", "View"}
    assert (report.overall.loc["Macro AUC", ["low", "high"]].diff().dropna() > 0).all()
    assert list(report.operating_points.index) == list(data.labels)
    pd.testing.assert_frame_equal(namespace["again"].overall, report.overall)
    films = pd.read_csv("per_film.csv")
    assert films["file"].tolist() == data.frame["file"].tolist()
    assert films["probability: Effusion"].between(0, 1).all()
    predictions = pd.read_csv("predictions.csv")
    assert predictions["file"].tolist() == data.frame["path"][:10].tolist()
    assert predictions["Effusion decision"].isin([0, 1]).all()
