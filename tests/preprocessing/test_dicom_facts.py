"""dicom_facts against pydicom's own reading of its test files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from skcxr.preprocessing import dicom_facts

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
NAMES = [
    "CT_small",
    "MR_small_implicit",
    "examples_palette",
    "rtdose",
    "JPEG2000",
    "J2K_pixelrep_mismatch",
]


def test_facts_are_pydicoms():
    paths = [FOLDER / f"{name}.dcm" for name in NAMES]
    table = pd.DataFrame({"path": paths}, index=NAMES)
    facts = dicom_facts(table)
    assert list(facts.index) == NAMES
    assert (facts["error"] == "").all()
    for name, path in zip(NAMES, paths, strict=True):
        row, dataset = facts.loc[name], pydicom.dcmread(path)
        assert row["modality"] == dataset.Modality
        assert row["photometric"] == dataset.PhotometricInterpretation
        assert (row["height"], row["width"]) == (dataset.Rows, dataset.Columns)
        assert row["bits"] == dataset.BitsStored
        assert row["frames"] == int(dataset.get("NumberOfFrames") or 1)
        assert row["encoding"] == dataset.file_meta.TransferSyntaxUID.name
        spacing = dataset.get("PixelSpacing")
        if spacing is None:
            assert np.isnan(row["row_spacing_mm"])
            assert row["spacing_at"] == ""
        else:
            assert (row["row_spacing_mm"], row["column_spacing_mm"]) == tuple(spacing)
            assert row["spacing_at"] == "patient"
        width = dataset.get("WindowWidth")
        first = width[0] if isinstance(width, pydicom.multival.MultiValue) else width
        assert row["window_width"] == first if first else np.isnan(row["window_width"])


def test_view_orientation_and_detector_spacing(tmp_path):
    dataset = pydicom.dcmread(FOLDER / "MR_small.dcm")
    dataset.ViewPosition, dataset.PatientOrientation = "PA", ["L", "F"]
    dataset.BodyPartExamined, dataset.ImageLaterality = "CHEST", "U"
    del dataset.PixelSpacing
    dataset.ImagerPixelSpacing = [0.143, 0.139]
    dataset.save_as(tmp_path / "film.dcm")
    row = dicom_facts(tmp_path).iloc[0]
    assert tuple(row[["view", "orientation", "body_part", "laterality"]]) == (
        "PA",
        "L/F",
        "CHEST",
        "U",
    )
    assert tuple(row[["row_spacing_mm", "column_spacing_mm", "spacing_at"]]) == (
        0.143,
        0.139,
        "detector",
    )


def test_what_has_no_facts_is_a_row_that_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "b.dcm").write_bytes((FOLDER / "MR_small.dcm").read_bytes()[:500])
    facts = dicom_facts([tmp_path / "a.png", tmp_path / "b.dcm", tmp_path / "gone.dcm"])
    assert facts["error"][0].endswith("a.png: no DICOM file.")
    assert "b.dcm: " in facts["error"][1]
    assert facts["error"][2].startswith("No such image file: ")
    assert facts["height"].isna().all()
    assert (facts["modality"] == "").all()


def test_no_patient_is_in_the_facts(tmp_path):
    dataset = pydicom.dcmread(FOLDER / "MR_small.dcm")
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = (
        "Doe^Jane",
        "4711",
        "19700101",
    )
    dataset.save_as(tmp_path / "film.dcm")
    text = dicom_facts(tmp_path).drop(columns="path").to_csv()
    assert not any(secret in text for secret in ("Doe", "4711", "1970"))


def test_a_folder_without_films_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no file ends in one of"):
        dicom_facts(tmp_path)
