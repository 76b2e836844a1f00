import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset

from skcxr.datasets import load_vindr_cxr

LABELS_TRAIN = """\
image_id,rad_id,Aortic enlargement,Nodule/Mass,Pleural effusion,Pleural thickening,Other diseases,\
No finding
b1,R10,1,0,1,0,0,0
b1,R8,1,0,0,0,0,0
b1,R9,0,0,0,1,,0
b2,R10,0,0,0,0,,1
b2,R11,0,0,0,0,,1
b2,R9,0,0,0,0,,1
"""
LABELS_TEST = """\
image_id,Aortic enlargement,Nodule/Mass,Pleural effusion,Pleural thickening,Other disease,No finding
c1,0,1,0,0,1,0
"""
BOXES_TRAIN = """\
image_id,rad_id,class_name,x_min,y_min,x_max,y_max
b1,R10,Aortic enlargement,10.5,20,30.5,60
b1,R8,Aortic enlargement,11,21,31,61
b1,R10,Pleural effusion,1,2,80,100
b2,R9,No finding,,,,
"""
BOXES_TEST = "image_id,class_name,x_min,y_min,x_max,y_max\nc1,Nodule/Mass,3,4,43,34\n"
SHAPES = {"train/b1": (120, 90), "train/b2": (80, 60), "test/c1": (40, 50)}


def _write_dicom(path, shape):
    film = pydicom.Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    film.SOPInstanceUID = pydicom.uid.generate_uid()
    film.Rows, film.Columns = shape
    film.save_as(path, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path):
    for name, shape in SHAPES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        _write_dicom(tmp_path / f"{name}.dicom", shape)
    (tmp_path / "annotations").mkdir()
    for name, text in (
        ("image_labels_train", LABELS_TRAIN),
        ("image_labels_test", LABELS_TEST),
        ("annotations_train", BOXES_TRAIN),
        ("annotations_test", BOXES_TEST),
    ):
        (tmp_path / "annotations" / f"{name}.csv").write_text(text)
    return tmp_path


def _edit(folder, name, old, new):
    path = folder / "annotations" / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_was_written_is_read(folder):
    data = load_vindr_cxr(folder)
    assert data.frame["path"].tolist() == [str(folder / f"{name}.dicom") for name in SHAPES]
    assert data.frame["image_id"].tolist() == ["b1", "b2", "c1"]
    assert data.frame["readers"].tolist() == [3, 3, 1]
    assert data.part.tolist() == ["train", "train", "test"]
    assert data.groups is None
    assert "patient" not in data.frame
    assert list(data.labels) == [
        "Aortic enlargement", "Nodule/Mass", "Effusion", "Pleural_Thickening", "Other diseases"
    ]  # fmt: skip
    # The second film has "No finding" by all, and so its blank is 0.
    np.testing.assert_array_equal(data.labels, [[1, 0, 0, 0, 0], [0] * 5, [0, 1, 0, 0, 1]])
    assert "No finding" not in data.frame


def test_every_box_has_the_frame_of_its_film(folder):
    boxes = load_vindr_cxr(folder).boxes
    assert boxes["label"].tolist() == ["Aortic enlargement"] * 2 + ["Effusion", "Nodule/Mass"]
    assert boxes[["index", "image"]].to_numpy().tolist() == [[0, "b1"]] * 3 + [[2, "c1"]]
    sides = boxes[["x", "y", "w", "h"]].to_numpy().tolist()
    assert sides == [[10.5, 20, 20, 40], [11, 21, 20, 40], [1, 2, 79, 98], [3, 4, 40, 30]]
    assert boxes[["frame_width", "frame_height"]].to_numpy().tolist() == [[90, 120]] * 3 + [
        [50, 40]
    ]
    assert boxes["rad_id"].tolist()[:3] == ["R10", "R8", "R10"]
    test = load_vindr_cxr(folder, part="test")
    assert test.boxes["index"].tolist() == [0]
    bare = load_vindr_cxr(folder, images=False)
    assert bare.boxes["frame_width"].isna().all()
    assert load_vindr_cxr(folder, boxes=False).boxes.empty


@pytest.mark.parametrize(
    ("consensus", "expected"),
    [("majority", [1, 0, 0, 0]), ("any", [1, 0, 1, 1]), ("all", [0, 0, 0, 0])],
)
def test_consensus(folder, consensus, expected):
    labels = load_vindr_cxr(folder, consensus=consensus, common_names=False).labels
    assert labels.iloc[0, :4].tolist() == expected
    assert "Pleural effusion" in labels


def test_chosen_labels(folder):
    data = load_vindr_cxr(folder, label_names=["Effusion", "Nodule/Mass"], boxes=False)
    assert data.labels.to_dict("list") == {"Effusion": [0, 0, 0], "Nodule/Mass": [0, 0, 1]}
    assert "Aortic enlargement" not in data.frame
    with pytest.raises(ValueError, match="has no label 'Edema'; it has 'Aortic enlargement', 'Nod"):
        load_vindr_cxr(folder, label_names=["Edema"])


def test_other_places_and_kinds_of_files(folder):
    for path in (folder / "annotations").iterdir():
        path.rename(folder / path.name)
    for name in SHAPES:
        (folder / f"{name}.dicom").rename(folder / f"{name}.png")
    data = load_vindr_cxr(folder, boxes=False)
    assert data.frame["path"][0] == str(folder / "train" / "b1.png")
    (folder / "train" / "b1.png").write_bytes(b"no DICOM")
    with pytest.raises(ValueError, match=r"b1.png is not a DICOM file that says its rows"):
        load_vindr_cxr(folder)


def test_one_part_alone(folder):
    (folder / "annotations" / "image_labels_test.csv").unlink()
    assert load_vindr_cxr(folder).part.tolist() == ["train", "train"]
    with pytest.raises(FileNotFoundError, match=r"has no image_labels_test.csv"):
        load_vindr_cxr(folder, part="test")


def test_missing_films(folder):
    (folder / "train" / "b1.dicom").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 films .*b1.dicom"):
        load_vindr_cxr(folder)
    data = load_vindr_cxr(folder, on_missing="drop")
    assert data.frame["image_id"].tolist() == ["b2", "c1"]
    assert data.boxes["index"].tolist() == [1]


def test_films_in_two_parts_and_twice(folder):
    _edit(folder, "image_labels_train", "b2,R11", "b2,R10")
    with pytest.raises(ValueError, match=r"image_labels_train.csv lists b2 of R10 more than once"):
        load_vindr_cxr(folder)
    _edit(folder, "image_labels_train", "b2,R10", "b2,R11")
    _edit(folder, "image_labels_test", "c1", "b1")
    with pytest.raises(ValueError, match="lists 1 films more than once: b1"):
        load_vindr_cxr(folder, images=False)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("image_labels_train", "image_id", "image", r"train.csv has no column 'image_id'; it has"),
        ("image_labels_train", "b1,R10,1", "b1,R10,4", "data row 0: label 'Aortic enlargement' is"),
        ("image_labels_train", "b1,R10,1", "b1,R10,-1", "has -1 among its labels"),
        ("annotations_train", "class_name", "name", r"has no column 'class_name'; it has"),
        ("annotations_train", "80,100", "1,100", "data row 2: box of b1 has corners"),
        (
            "annotations_train",
            "80,100",
            "95,100",
            r"Box 1, 2, 94, 98 of b1 lies outside .* 90 x 120",
        ),
    ],
)
def test_bad_tables(folder, name, old, new, message):
    _edit(folder, name, old, new)
    with pytest.raises(ValueError, match=message):
        load_vindr_cxr(folder)


def test_boxes_of_unlisted_films_are_left_out(folder):
    _edit(folder, "annotations_test", "c1", "unlisted")
    assert isinstance(load_vindr_cxr(folder).boxes, pd.DataFrame)
    assert set(load_vindr_cxr(folder).boxes["image"]) == {"b1"}
