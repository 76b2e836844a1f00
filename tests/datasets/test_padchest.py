import gzip

import numpy as np
import pytest

from skcxr.datasets import load_padchest

NAME = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
# Columns of the published table that are read, and a few of the others.
TABLE = """\
,ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,\
ViewPosition_DICOM,Projection,MethodProjection,Pediatric,Report,MethodLabel,Labels,Localizations
0,20536686640136348236148679891455886468_k6ga29.png,0,20140915,\
20536686640136348236148679891455886468,839860488694292331637988235681460987,1930.0,F,\
POSTEROANTERIOR,PA,Manual review of DICOM fields,No,sin hallazgo .,Physician,['normal'],[]
1,a2.png,0,20140915,2,17,1930.0,F,LATERAL,L,Manual,No,"cardiomegalia , derrame .",RNN_model,\
"['cardiomegaly', ' pleural effusion', 'NSG tube']","['loc right']"
2,a3.png,1,20140915,3,17,1931.0,M,AP,AP_horizontal,Manual,No,sin cambios .,Physician,\
['unchanged'],[]
3,a4.png,1,20140915,4,18,1931.0,M,AP,AP,Manual,No,,Physician,,
4,a5.png,1,20140915,5,19,1932.0,M,AP,PA,Manual,No,masa .,Physician,"['pulmonary mass',\
 'suboptimal study', 'loculated pleural effusion']",[]
5,a6.png,1,20140915,6,19,1932.0,M,AP,PA,Manual,No,masa .,Physician,"['mass', 'exclude']",[]
"""
NAN = np.nan


@pytest.fixture
def folder(tmp_path):
    for line in TABLE.splitlines()[1:]:
        _, name, place, *_ = line.split(",")
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / name).write_bytes(b"film")
    (tmp_path / NAME).write_text(TABLE)
    return tmp_path


def _edit(folder, old, new):
    assert old in TABLE
    (folder / NAME).write_text(TABLE.replace(old, new, 1))


def test_what_was_written_is_read(folder):
    data = load_padchest(folder)
    assert data.frame["path"][1] == str(folder / "0" / "a2.png")
    assert data.groups.tolist()[:2] == ["839860488694292331637988235681460987", "17"]
    assert data.frame["PatientBirth"].tolist()[:3] == [1930, 1930, 1931]
    assert data.labels.columns.tolist() == [
        "Cardiomegaly", "Effusion", "Mass", "NSG tube", "loculated pleural effusion"
    ]  # fmt: skip
    np.testing.assert_array_equal(
        data.labels,
        [
            [0, 0, 0, 0, 0],  # normal
            [1, 1, 0, 1, 0],
            [NAN] * 5,  # unchanged from an earlier film
            [NAN] * 5,  # no labels
            [0, 0, 1, 0, 1],
            [NAN] * 5,  # the authors' own mark for films to leave out
        ],
    )
    assert "Labels" not in data.frame
    assert data.part is None


def test_arguments(folder):
    labels = load_padchest(folder, label_names=["Mass", "cardiomegaly"], blank="negative").labels
    assert list(labels) == ["Mass", "Cardiomegaly"]
    assert labels["Mass"].tolist() == [0, 0, 0, 0, 1, 0]
    plain = load_padchest(folder, common_names=False).labels
    assert {"pleural effusion", "pulmonary mass"} <= set(plain)
    frontal = load_padchest(folder, views=["PA", "AP"])
    assert frontal.frame["StudyID"].tolist()[1:] == ["4", "5", "6"]
    with pytest.raises(ValueError, match=r"column 'Labels' never has 'Hernia'; it has 'Cardiomeg"):
        load_padchest(folder, label_names=["Hernia"])


def test_flat_folder_and_gzip(folder):
    (folder / "images").mkdir()
    for film in [*folder.glob("0/*.png"), *folder.glob("1/*.png")]:
        film.rename(folder / "images" / film.name)
    (folder / f"{NAME}.gz").write_bytes(gzip.compress(TABLE.encode()))
    with pytest.raises(ValueError, match=r"more than one table of .*keep one"):
        load_padchest(folder)
    (folder / NAME).unlink()
    assert load_padchest(folder).frame["path"][1] == str(folder / "images" / "a2.png")


def test_missing_films(folder):
    (folder / "0" / "a2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 6 films .*a2.png"):
        load_padchest(folder)
    assert len(load_padchest(folder, on_missing="drop").frame) == 5
    assert len(load_padchest(folder, images=False).frame) == 6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Projection", "View", r"has no column 'Projection'; it has 'Unnamed: 0'|has no column"),
        ("a3.png", "", "data row 2: column .* has no file name"),
        ("a3.png", "a4.png", r"lists 1 films more than once: .*a4.png"),
        ("['unchanged']", "['un' 'changed']", "data row 2: 'Labels' is .* is not a list of names"),
        ("3,17,1931.0", "3,,1931.0", "data row 2: column 'PatientID' names no patient"),
    ],
)
def test_bad_tables(folder, old, new, message):
    _edit(folder, old, new)
    with pytest.raises(ValueError, match=message):
        load_padchest(folder)


def test_what_is_no_padchest(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no PADCHEST\*.csv"):
        load_padchest(tmp_path)
