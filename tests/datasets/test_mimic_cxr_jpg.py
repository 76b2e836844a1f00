import gzip

import numpy as np
import pytest

from skcxr.datasets import CHEXPERT_LABELS, load_mimic_cxr_jpg

# Columns of version 2.0.0; identifiers made up.
METADATA = """\
dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,\
StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,\
PatientOrientationCodeSequence_CodeMeaning
aa11-bb22,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544,21800506,213014.531,\
CHEST (PA AND LAT),postero-anterior,Erect
cc33-dd44,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544,21800506,213014.531,\
CHEST (PA AND LAT),lateral,Erect
ee55-ff66,10000764,57375967,CHEST (PORTABLE AP),AP,2544,3056,21321015,061543.0,\
CHEST (PORTABLE AP),antero-posterior,
0077-8899,11000001,51111111,CHEST (PORTABLE AP),AP,2544,3056,21321015,061543.0,\
CHEST (PORTABLE AP),antero-posterior,
"""
CHEXPERT = """\
subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,\
Fracture,Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,\
Pneumothorax,Support Devices
10000032,50414267,,,,,,,,,1.0,,,,,
10000764,57375967,,1.0,-1.0,,,,,,,0.0,,,,1.0
"""
SPLIT = """\
dicom_id,study_id,subject_id,split
aa11-bb22,50414267,10000032,train
cc33-dd44,50414267,10000032,train
ee55-ff66,57375967,10000764,validate
0077-8899,51111111,11000001,test
"""
FILMS = [
    "files/p10/p10000032/s50414267/aa11-bb22.jpg",
    "files/p10/p10000032/s50414267/cc33-dd44.jpg",
    "files/p10/p10000764/s57375967/ee55-ff66.jpg",
    "files/p11/p11000001/s51111111/0077-8899.jpg",
]
NAN = np.nan


def _table(folder, kind):
    return folder / f"mimic-cxr-2.0.0-{kind}.csv"


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def folder(tmp_path):
    for name in FILMS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"film")
    for kind, text in (("metadata", METADATA), ("chexpert", CHEXPERT), ("split", SPLIT)):
        _table(tmp_path, kind).write_text(text)
    return tmp_path


def test_what_was_written_is_read(folder):
    data = load_mimic_cxr_jpg(folder)
    assert data.frame["path"].tolist() == [str(folder / name) for name in FILMS]
    assert data.groups.tolist() == [10000032, 10000032, 10000764, 11000001]
    assert data.part.tolist() == ["train", "train", "validate", "test"]
    assert data.frame["Rows"].tolist() == [3056, 3056, 2544, 2544]
    assert list(data.labels) == [
        "Effusion" if name == "Pleural Effusion" else name for name in CHEXPERT_LABELS
    ]
    # Both films of a study have its labels; the last study has none.
    np.testing.assert_array_equal(data.labels["Cardiomegaly"], [0, 0, 1, NAN])
    np.testing.assert_array_equal(data.labels["Consolidation"], [0, 0, NAN, NAN])
    np.testing.assert_array_equal(data.labels["Effusion"], [0, 0, 0, NAN])
    np.testing.assert_array_equal(data.labels["Support Devices"], [NAN, NAN, 1, NAN])
    assert data.labels.iloc[3].isna().all()
    assert not set(data.frame) & {*CHEXPERT_LABELS, "No Finding"}
    assert "1 films are of studies without a row of labels" in data.DESCR


def test_parts_views_and_labeler(folder):
    assert load_mimic_cxr_jpg(folder, part="validate").groups.tolist() == [10000764]
    frontal = load_mimic_cxr_jpg(folder, views=["PA", "AP"])
    assert frontal.frame["dicom_id"].tolist() == ["aa11-bb22", "ee55-ff66", "0077-8899"]
    with pytest.raises(FileNotFoundError, match=r"has no mimic-cxr-\*-negbio.csv or .*; it has "):
        load_mimic_cxr_jpg(folder, labeler="negbio")
    _table(folder, "negbio").write_text(CHEXPERT.replace("-1.0", "0.0"))
    labels = load_mimic_cxr_jpg(folder, labeler="negbio", common_names=False).labels
    np.testing.assert_array_equal(labels["Consolidation"], [0, 0, 0, NAN])
    assert "Pleural Effusion" in labels


def test_chosen_labels(folder):
    data = load_mimic_cxr_jpg(folder, label_names=["Effusion"], part="validate")
    assert data.labels.to_dict("list") == {"Effusion": [0]}
    with pytest.raises(ValueError, match=r"metadata.csv has no label 'Mass'; it has 'Enlarged"):
        load_mimic_cxr_jpg(folder, label_names=["Mass"])


def test_compressed_tables_without_split(folder):
    for kind in ("metadata", "chexpert", "split"):
        path = _table(folder, kind)
        if kind != "split":
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    data = load_mimic_cxr_jpg(folder)
    assert len(data.frame) == 4
    assert data.part is None
    with pytest.raises(FileNotFoundError, match=r"has no mimic-cxr-\*-split.csv"):
        load_mimic_cxr_jpg(folder, part="train")


def test_missing_films(folder):
    (folder / FILMS[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 4 films .*ee55-ff66.jpg"):
        load_mimic_cxr_jpg(folder)
    assert len(load_mimic_cxr_jpg(folder, on_missing="drop").frame) == 3
    assert len(load_mimic_cxr_jpg(folder, part="train").frame) == 2
    assert len(load_mimic_cxr_jpg(folder, images=False).frame) == 4


def test_patient_in_two_parts(folder):
    _edit(_table(folder, "split"), "10000032,train", "10000032,test")
    with pytest.raises(ValueError, match=r"1 patients are .*: 10000032 \(test and train\)"):
        load_mimic_cxr_jpg(folder)


def test_rows_listed_twice(folder):
    _table(folder, "metadata").write_text(METADATA + METADATA.splitlines()[1] + "\n")
    with pytest.raises(ValueError, match=r"metadata.csv lists 1 films more than once: .*aa11-bb22"):
        load_mimic_cxr_jpg(folder)
    _table(folder, "metadata").write_text(METADATA)
    _table(folder, "chexpert").write_text(CHEXPERT + CHEXPERT.splitlines()[2] + "\n")
    with pytest.raises(
        ValueError, match=r"chexpert.csv lists 1 rows .* subject_id 10000764, study_id 57375967"
    ):
        load_mimic_cxr_jpg(folder)


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("metadata", "dicom_id", "dicom", r"metadata.csv has no column 'dicom_id'; it has 'dicom'"),
        ("chexpert", "Fracture", "Break", r"chexpert.csv has no column 'Fracture'; it has"),
        ("chexpert", "-1.0", "3", "data row 2: label 'Consolidation' is '3'"),
        ("split", "split", "part", r"split.csv has no column 'split'"),
        ("metadata", "aa11-bb22", "", "data row 0: column .* has no file name"),
        ("metadata", "10000032", "", "data row 0: column 'subject_id' names no patient"),
    ],
)
def test_bad_tables(folder, kind, old, new, message):
    _edit(_table(folder, kind), old, new)
    with pytest.raises(ValueError, match=message):
        load_mimic_cxr_jpg(folder)
