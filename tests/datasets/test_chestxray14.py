import gzip
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from skcxr.datasets import (
    CHESTXRAY14_LABELS,
    load_chestxray14,
    make_chest_phantoms,
    write_chestxray14_layout,
)

BOX_COLUMNS = ["index", "image", "label", "x", "y", "w", "h", "frame_width", "frame_height"]


@pytest.fixture(scope="module")
def phantoms():
    return make_chest_phantoms(24, size=48, label_names="all", prevalence=0.25, random_state=0)


@pytest.fixture
def folder(phantoms, tmp_path):
    return write_chestxray14_layout(phantoms, tmp_path / "cxr", random_state=0)


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("table", ["2017", "v2020"])
@pytest.mark.parametrize("n_folders", [0, 1, 3, 12])
@pytest.mark.parametrize("compress", [False, True])
def test_what_was_written_is_read_back(phantoms, tmp_path, table, n_folders, compress):
    folder = write_chestxray14_layout(
        phantoms, tmp_path / "x", table=table, n_folders=n_folders, compress=compress
    )
    data = load_chestxray14(folder)
    expected = phantoms.labels[list(CHESTXRAY14_LABELS)]
    pd.testing.assert_frame_equal(data.labels, expected)
    np.testing.assert_array_equal(data.groups, phantoms.groups)
    shared = list(phantoms.frame)
    pd.testing.assert_frame_equal(data.frame[shared], phantoms.frame, check_dtype=False)
    assert data.frame.columns[0] == "path"
    assert "Finding Labels" not in data.frame
    for path, image in zip(data.frame["path"], phantoms.images, strict=True):
        np.testing.assert_array_equal(cv2.imread(path, cv2.IMREAD_UNCHANGED), image)
    assert list(data.boxes["label"]) == list(phantoms.boxes["label"])
    assert list(data.boxes["index"]) == list(phantoms.boxes["index"])
    sides = ["x", "y", "w", "h"]
    np.testing.assert_allclose(data.boxes[sides], phantoms.boxes[sides] * 1024 / 48)
    assert (data.boxes[["frame_width", "frame_height"]] == 1024).all(axis=None)
    assert (phantoms.boxes[["frame_width", "frame_height"]] == 48).all(axis=None)
    assert set(data.part) == {"train_val", "test"}
    test = set(data.groups[data.part == "test"])
    assert not test & set(data.groups[data.part == "train_val"])
    assert "Infiltration" in set(data.boxes["label"])


def test_official_spellings_are_written(folder):
    header = (folder / "BBox_List_2017.csv").read_text().splitlines()[0]
    assert header == "Image Index,Finding Label,Bbox [x,y,w,h],,,"
    assert ",Infiltrate," in (folder / "BBox_List_2017.csv").read_text()


def test_folders_may_be_mixed(phantoms, tmp_path):
    folder = write_chestxray14_layout(phantoms, tmp_path / "x", n_folders=3)
    (folder / "images_001" / "images").rename(folder / "images")
    for file in list((folder / "images_002" / "images").iterdir()):
        file.rename(folder / "images_002" / file.name)
    (folder / "images_002" / "images").rmdir()
    data = load_chestxray14(folder)
    assert len(data.frame) == 24
    places = {str(Path(path).parent.relative_to(folder)) for path in data.frame["path"]}
    assert places == {"images", "images_002", str(Path("images_003/images"))}


def test_without_lists_and_boxes(phantoms, tmp_path):
    folder = write_chestxray14_layout(phantoms, tmp_path / "x", test_size=None, boxes=False)
    data = load_chestxray14(folder)
    assert all(part is None for part in data.part)
    assert list(data.boxes) == BOX_COLUMNS
    assert data.boxes.empty
    assert "no official split" in data.DESCR
    with pytest.raises(FileNotFoundError, match=r"part='test' needs .*test_list.txt"):
        load_chestxray14(folder, part="test")


def test_one_part(folder):
    whole, test = load_chestxray14(folder), load_chestxray14(folder, part="test")
    rows = np.flatnonzero(whole.part == "test")
    assert list(test.frame["path"]) == list(whole.frame["path"].iloc[rows])
    assert list(test.labels.index) == list(range(len(rows)))
    assert (
        test.frame["Image Index"].iloc[test.boxes["index"]].to_numpy() == test.boxes["image"]
    ).all()
    assert len(test.boxes) == whole.boxes["index"].isin(rows).sum()


def test_return_X_y(folder):
    data = load_chestxray14(folder)
    X, y = load_chestxray14(folder, return_X_y=True)
    pd.testing.assert_frame_equal(X, data.frame)
    pd.testing.assert_frame_equal(y, data.labels)


def test_chosen_labels(folder, phantoms):
    labels = load_chestxray14(folder, label_names=["Mass", "Hernia"]).labels
    pd.testing.assert_frame_equal(labels, phantoms.labels[["Mass", "Hernia"]])
    with pytest.raises(ValueError, match="cxr has no label 'Gout'; it has 'Atelectasis'"):
        load_chestxray14(folder, label_names=["Gout"])


def test_tables_alone(folder):
    whole = load_chestxray14(folder)
    shutil.rmtree(folder / "images")
    data = load_chestxray14(folder, images=False)
    pd.testing.assert_frame_equal(data.frame, whole.frame.drop(columns="path"))
    pd.testing.assert_frame_equal(data.boxes, whole.boxes)
    with pytest.raises(FileNotFoundError, match="images=False reads the tables alone"):
        load_chestxray14(folder)


def test_missing_images_are_counted_and_named(folder):
    whole = load_chestxray14(folder)
    gone = [0, 5, 6]
    for i in gone:
        (folder / "images" / whole.frame["Image Index"][i]).unlink()
    with pytest.raises(FileNotFoundError, match=r"3 of the 24 images .*00000001_000.png"):
        load_chestxray14(folder)
    data = load_chestxray14(folder, on_missing="drop")
    kept = whole.frame.drop(index=gone).reset_index(drop=True)
    pd.testing.assert_frame_equal(data.frame, kept)
    assert len(data.labels) == len(data.groups) == len(data.part) == 21
    assert data.missing == whole.frame["Image Index"][gone].tolist()
    assert whole.missing == []
    names = data.frame["Image Index"].to_numpy()
    assert (names[data.boxes["index"]] == data.boxes["image"]).all()
    for file in (folder / "images").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match="24 of the 24"):
        load_chestxray14(folder, on_missing="drop")


def test_many_missing_images_are_not_all_named(folder):
    for file in sorted((folder / "images").iterdir())[:12]:
        file.unlink()
    with pytest.raises(FileNotFoundError, match="and 7 more"):
        load_chestxray14(folder)


def test_not_the_data_set(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load_chestxray14(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"not a ChestX-ray14 folder.*pass .*cxr"):
        load_chestxray14(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="it holds nothing"):
        load_chestxray14(empty)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Finding Labels", "Diagnosis", r"no column \['Finding Labels'\]"),
        ("00000001_000.png,", "00000001_000.png,Gout|", "data row 0: unknown finding 'Gout'"),
        (
            "00000001_000.png,",
            "00000001_000.png,No Finding|Mass,0,1,5,F,PA,1,1,1,1\nx.png,",
            "no finding",
        ),
        ("00000001_000.png,", "00000001_000.png,Mass,0,one,5,F,PA,1,1,1,1\nx.png,", "'Patient ID'"),
        (
            "00000001_000.png,",
            "00000001_000.png,Mass,0,1,old,F,PA,1,1,1,1\nx.png,",
            "'Patient Age'",
        ),
        (
            "00000001_000.png,",
            "00000001_000.png,,0,1,old,F,PA,1,1,1,1\nx.png,",
            "data row 0: no image",
        ),
    ],
)
def test_bad_entries(folder, old, new, message):
    _edit(folder / "Data_Entry_2017_v2020.csv", old, new)
    with pytest.raises(ValueError, match=message):
        load_chestxray14(folder)


def test_duplicate_rows(folder):
    path = folder / "Data_Entry_2017_v2020.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], lines[2]]))
    with pytest.raises(ValueError, match=r"lists 2 images more than once: 00000001_000.png"):
        load_chestxray14(folder)


def test_entries_that_the_table_does_not_have(folder):
    whole = load_chestxray14(folder)
    with (folder / "test_list.txt").open("a") as file:
        file.write("00099999_000.png\n")
    with pytest.raises(ValueError, match=r"test_list.txt names 1 images .*00099999_000.png"):
        load_chestxray14(folder)
    with (folder / "BBox_List_2017.csv").open("a") as file:
        file.write("00099999_000.png,Mass,1,2,3,4\n")
    data = load_chestxray14(folder, on_missing="drop")
    pd.testing.assert_frame_equal(data.boxes, whole.boxes)
    np.testing.assert_array_equal(data.part, whole.part)


def test_image_in_both_lists(folder):
    first = (folder / "train_val_list.txt").read_text().splitlines()[0]
    with (folder / "test_list.txt").open("a") as file:
        file.write(first + "\n")
    with pytest.raises(ValueError, match=f"1 images are in both .*{first}"):
        load_chestxray14(folder)


def test_patient_in_both_lists(folder):
    whole = load_chestxray14(folder)
    counts = pd.Series(whole.groups[whole.part == "test"]).value_counts()
    patient = counts.index[counts > 1][0]
    name = whole.frame["Image Index"][(whole.groups == patient).argmax()]
    _edit(folder / "test_list.txt", name + "\n", "")
    with (folder / "train_val_list.txt").open("a") as file:
        file.write(name + "\n")
    with pytest.raises(ValueError, match=rf"1 patients are in more than one .*: {patient} \("):
        load_chestxray14(folder)


def test_c11_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(load_chestxray14("~/cxr").frame) == 24


def test_names_of_scikit_learn(folder, phantoms):
    data = load_chestxray14(folder)
    assert data.data is data.frame
    assert data.target is data.labels
    assert list(data.frame)[:2] == ["path", "patient"]
    np.testing.assert_array_equal(data.frame["patient"], data.groups)
    assert phantoms.data is phantoms.images
    assert phantoms.target is phantoms.labels
    np.testing.assert_array_equal(phantoms.frame["patient"], phantoms.groups)


@pytest.mark.parametrize(
    ("line", "message"),
    [("Gout,1,2,3,4", "Gout"), ("Mass,1,2,zero,4", "must be numbers"), ("Mass,1,2,0,4", "above 0")],
)
def test_bad_boxes(folder, line, message):
    with (folder / "BBox_List_2017.csv").open("a") as file:
        file.write(f"00000001_000.png,{line}\n")
    with pytest.raises(ValueError, match=message):
        load_chestxray14(folder)


HEADERS = [
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],",
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position,"
    'OriginalImage[Width,Height],"OriginalImagePixelSpacing[x,y]"',
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("ending", ["", ","])
def test_spellings_of_the_header(tmp_path, header, ending):
    rows = ["7_0.png,Mass|Nodule,3,7,058Y,F,AP,2500,2048,0.168,0.171"]
    rows += ["8_0.png,No Finding,0,8,013M,M,PA,2992,2991,0.143,0.143"]
    rows += ["9_0.png,Hernia,0,9,411Y,M,PA,2992,2991,0.143,0.143"]
    text = "\n".join([header, *(row + ending for row in rows)])
    (tmp_path / "Data_Entry_2017.csv").write_text("\ufeff" + text, encoding="utf-8")
    data = load_chestxray14(tmp_path, images=False)
    assert data.frame.iloc[0].to_dict() == {
        "patient": 7,
        "Image Index": "7_0.png",
        "Follow-up #": 3,
        "Patient ID": 7,
        "Patient Age": 58,
        "Patient Gender": "F",
        "View Position": "AP",
        "Original Width": 2500,
        "Original Height": 2048,
        "Pixel Spacing x": 0.168,
        "Pixel Spacing y": 0.171,
    }
    assert data.frame["Patient Age"].tolist() == [58, 1, 411]
    assert data.labels.columns[data.labels.iloc[0] == 1].tolist() == ["Mass", "Nodule"]
    assert data.labels.sum(axis=1).tolist() == [2, 0, 1]


def test_newer_table_is_read_where_both_are(phantoms, tmp_path):
    folder = write_chestxray14_layout(phantoms, tmp_path / "x")
    lines = (folder / "Data_Entry_2017_v2020.csv").read_text().splitlines()
    (folder / "Data_Entry_2017.csv").write_text("\n".join(lines[:3]))
    assert len(load_chestxray14(folder, images=False, on_missing="drop").frame) == 24


def test_box_table_saved_by_pandas(folder):
    expected = load_chestxray14(folder).boxes
    path = folder / "BBox_List_2017.csv"
    lines = path.read_text().splitlines()
    head = "Image Index,Finding Label,Bbox [x,y,w,h],Unnamed: 6,Unnamed: 7,Unnamed: 8"
    path.write_text("\n".join([head, *(line + ",,," for line in lines[1:])]))
    pd.testing.assert_frame_equal(load_chestxray14(folder).boxes, expected)


def test_writer(phantoms, tmp_path):
    folder = write_chestxray14_layout(phantoms, tmp_path / "x", size=96)
    data = load_chestxray14(folder)
    assert cv2.imread(data.frame["path"][0], cv2.IMREAD_UNCHANGED).shape == (96, 96)
    with pytest.raises(FileExistsError, match="is not empty"):
        write_chestxray14_layout(phantoms, folder)


def test_gzip_is_read(folder):
    path = folder / "train_val_list.txt"
    expected = load_chestxray14(folder).part
    (folder / "train_val_list.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    np.testing.assert_array_equal(load_chestxray14(folder).part, expected)


def test_real_sample(data_dir):
    data = load_chestxray14(data_dir / "nih")
    assert data.frame.shape[0] == 1641
    assert len(np.unique(data.groups)) == 1126
    assert (data.part == "train_val").sum() == 1175
    assert (data.part == "test").sum() == 466
    assert set(data.boxes["label"]) <= set(CHESTXRAY14_LABELS)
    assert "nihcc.app.box.com/v/ChestXray-NIHCC" in data.DESCR
    assert (data.frame["Image Index"].str[:8].astype(int) == data.groups).all()
    names = data.frame["Image Index"].to_numpy()
    assert (names[data.boxes["index"]] == data.boxes["image"]).all()


def test_real_originals(data_dir):
    data = load_chestxray14(data_dir / "nih_original")
    assert len(data.frame) == 26
    assert all(part is None for part in data.part)


def test_real_tables(data_dir):
    data = load_chestxray14(data_dir / "nih_metadata", images=False)
    assert data.labels.shape == (112120, 14)
    assert (data.labels.dtypes == np.int8).all()
    assert len(data.boxes) == 984
    assert (data.part == "train_val").sum() == 86524
    assert (data.part == "test").sum() == 25596
    assert data.labels["Hernia"].sum() == 227
    assert (data.labels.sum(axis=1) == 0).sum() == 60361
