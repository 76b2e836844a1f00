import gzip

import numpy as np
import pandas as pd
import pytest

from skcxr.datasets import load_chexpert

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
    "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
    "Pleural Effusion,Pleural Other,Fracture,Support Devices\n"
)
TRAIN = """\
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,\
0.0,,,,1.0
CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,,,-1.0,1.0,,\
-1.0,-1.0,,-1.0,,-1.0,,1.0,
CheXpert-v1.0-small/train/patient00002/study2/view2_lateral.jpg,Female,87,Lateral,,,,-1.0,1.0,,\
-1.0,-1.0,,-1.0,,-1.0,,1.0,
CheXpert-v1.0-small/train/patient00003/study1/view1_frontal.jpg,Male,41,Frontal,AP,1.0,,,,,,,,,,,,,
"""
VALID = """\
CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,0.0,\
1.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0
"""
NAN = np.nan


@pytest.fixture
def folder(tmp_path):
    """A renamed CheXpert-v1.0-small."""
    root = tmp_path / "chexpert, small"
    for text in (TRAIN, VALID):
        for line in text.splitlines():
            path = root / line.split(",")[0].split("/", 1)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"film")
    (root / "train.csv").write_text(HEADER + TRAIN)
    (root / "valid.csv").write_text(HEADER + VALID)
    return root


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_was_written_is_read(folder):
    data = load_chexpert(folder)
    assert data.groups.tolist() == ["00001", "00002", "00002", "00003", "64541"]
    assert data.part.tolist() == ["train"] * 4 + ["valid"]
    first = folder / "train" / "patient00001" / "study1" / "view1_frontal.jpg"
    assert data.frame["path"][0] == str(first)
    assert list(data.frame) == [
        "path", "patient", "Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "part"
    ]  # fmt: skip
    assert data.frame["Age"].tolist() == [68, 87, 87, 41, 73]
    assert data.labels.shape == (5, 13)
    assert "No Finding" not in data.labels
    # Under "No Finding" all is 0, but for devices, of which it says nothing.
    assert data.labels.iloc[0].tolist() == [0] * 12 + [1]
    np.testing.assert_array_equal(data.labels.iloc[3], [0] * 12 + [NAN])
    # Elsewhere blank and -1 are unknown.
    np.testing.assert_array_equal(
        data.labels.iloc[1], [NAN, NAN, 1, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 1, NAN]
    )
    assert "CheXpert" in data.DESCR
    assert "5 films of 4 patients, 13 labels" in data.DESCR


def test_names_of_labels(folder):
    assert "Effusion" in load_chexpert(folder).labels
    plain = load_chexpert(folder, common_names=False).labels
    assert "Pleural Effusion" in plain
    assert "Lung Opacity" in plain


def test_chosen_labels(folder):
    data = load_chexpert(folder, label_names=["Effusion", "Fracture"], part="valid")
    assert list(data.labels) == ["Effusion", "Fracture"]
    assert data.labels.to_numpy().tolist() == [[1, 0]]
    assert (data.labels.dtypes == np.int8).all()  # no label of this part is unknown
    assert "Edema" not in data.frame
    with pytest.raises(ValueError, match=r"has no label 'Hernia', 'Pleural Effusion'; it has 'En"):
        load_chexpert(folder, label_names=["Hernia", "Pleural Effusion"])
    plain = load_chexpert(folder, label_names=["Pleural Effusion"], common_names=False)
    assert list(plain.labels) == ["Pleural Effusion"]


def test_policies(folder):
    labels = load_chexpert(folder, uncertain="positive", blank="negative").labels
    assert (labels.dtypes == np.int8).all()
    assert labels["Cardiomegaly"].tolist() == [0, 1, 1, 0, 0]
    assert labels["Pneumothorax"].tolist() == [0] * 5
    with pytest.raises(ValueError, match="data row 1: label 'Cardiomegaly' is -1"):
        load_chexpert(folder, uncertain="raise")
    load_chexpert(folder, uncertain="raise", part="valid")
    load_chexpert(folder, uncertain="raise", label_names=["Fracture"])


def test_parts_and_views(folder):
    data = load_chexpert(folder, part="train", views="Frontal")
    assert data.frame["Frontal/Lateral"].tolist() == ["Frontal"] * 3
    assert list(data.frame.index) == list(data.labels.index) == [0, 1, 2]
    with pytest.raises(ValueError, match="no film of Frontal/Lateral 'PA'; it has 'Frontal', 'L"):
        load_chexpert(folder, views=["PA"])
    (folder / "valid.csv").unlink()
    assert len(load_chexpert(folder).frame) == 4
    with pytest.raises(FileNotFoundError, match=r"has no valid.csv or valid.csv.gz; it has train"):
        load_chexpert(folder, part="valid")
    zipped = gzip.compress((folder / "train.csv").read_bytes())
    (folder / "train.csv").unlink()
    (folder / "train.csv.gz").write_bytes(zipped)
    assert len(load_chexpert(folder).frame) == 4


def test_return_X_y(folder):
    data = load_chexpert(folder)
    X, y = load_chexpert(folder, return_X_y=True)
    pd.testing.assert_frame_equal(X, data.frame)
    pd.testing.assert_frame_equal(y, data.labels)


def test_missing_films(folder):
    (folder / "train/patient00003/study1/view1_frontal.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 5 films .*patient00003/study1/view1"):
        load_chexpert(folder)
    data = load_chexpert(folder, on_missing="drop")
    assert data.groups.tolist() == ["00001", "00002", "00002", "64541"]
    assert len(load_chexpert(folder, images=False).frame) == 5
    assert "path" not in load_chexpert(folder, images=False).frame


@pytest.mark.parametrize("images", [True, False])
def test_film_listed_twice(folder, images):
    with (folder / "train.csv").open("a") as file:
        file.write(TRAIN.splitlines()[0] + "\n")
    with pytest.raises(ValueError, match=r"lists 1 films more than once: .*patient00001/study1/v"):
        load_chexpert(folder, images=images)


def test_patient_in_two_parts(folder):
    _edit(folder / "valid.csv", "patient64541", "patient00002")
    with pytest.raises(ValueError, match=r"1 patients are .*: 00002 \(train and valid\);"):
        load_chexpert(folder, images=False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Pleural Other", "Other", r"has no column 'Pleural Other'; it has 'Path', 'Sex'"),
        ("AP,1.0", "AP,maybe", "data row 0: label 'No Finding' is 'maybe'; accepted are 1, 0, -1"),
        ("0.0,,,,1.0", "2,,,,1.0", "data row 0: label 'Pneumothorax' is '2'"),
        ("train/patient00001", "train/00001", "data row 0: Path is 'CheXpert-v1.0-small/train/000"),
    ],
)
def test_bad_tables(folder, old, new, message):
    for name in ("train.csv", "valid.csv") if "Other" in old else ("train.csv",):
        _edit(folder / name, old, new)
    with pytest.raises(ValueError, match=message):
        load_chexpert(folder)


def test_what_is_no_chexpert(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"has no train.csv or train.csv.gz; it has nothing"
    ):
        load_chexpert(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load_chexpert(tmp_path / "nowhere")
