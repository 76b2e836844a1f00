"""The page of three commands, on a folder of DICOM films that pydicom writes."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from skcxr._cli import main
from skcxr.datasets import make_chest_phantoms

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "command_line.md").read_text(encoding="utf-8")


def write_dicom(path, film):
    dataset = pydicom.dataset.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.Rows, dataset.Columns = film.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = (4095 - film.astype(np.uint16) * 16).tobytes()
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.slow
def test_three_commands_make_a_table_of_predictions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    install, check, predict = re.search(r"```sh\n(.*?)```", PAGE, re.S)[1].splitlines()
    extras = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.fullmatch(r'pip install "skcxr\[dicom\]"', install)
    assert re.search(r"^dicom = \[", extras, re.M)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(compile(block, "docs/command_line.md", "exec"), {})
    (tmp_path / "films").mkdir()
    films = make_chest_phantoms(4, size=96, random_state=1).images
    for i, film in enumerate(films):
        write_dicom(tmp_path / "films" / f"{i}.dcm", film)
    (tmp_path / "films" / "4.dcm").write_bytes(b"no film")
    assert main(shlex.split(check)[1:]) == 1
    assert "4.dcm: unreadable" in capsys.readouterr().out
    issues = pd.read_csv("issues.csv").set_index("path")
    assert issues["is_unreadable_issue"].tolist() == [False] * 4 + [True]
    assert main(shlex.split(predict)[1:]) == 1
    table = pd.read_csv("predictions.csv").set_index("file")
    assert list(table.index) == [f"{i}.dcm" for i in range(5)]
    assert table["Effusion probability"].between(0, 1).tolist() == [True] * 4 + [False]
    assert table["error"].notna().tolist() == [False] * 4 + [True]
    for name in ("issues.csv", "predictions.csv"):
        assert "Doe" not in Path(name).read_text() + capsys.readouterr().err
