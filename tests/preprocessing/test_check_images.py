"""check_images on phantoms and on real films that were spoilt."""

import cv2
import joblib
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from skcxr.datasets import make_chest_phantoms
from skcxr.preprocessing import check_images


@pytest.fixture(scope="module")
def films():
    images = make_chest_phantoms(12, size=160, random_state=0).images
    return np.rint(images * 0.94 + 5).astype(np.uint8)  # a third of the phantoms is saturated


@pytest.fixture
def folder(films, tmp_path):
    (tmp_path / "deeper").mkdir()
    for i, film in enumerate(films):
        Image.fromarray(film).save(tmp_path / "deeper" / f"film {i:02}.png")
    return tmp_path


def issues(frame):
    """File name to the set of its issues."""
    return {
        path.rsplit("/")[-1]: {
            name[3:-6] for name in frame if name.startswith("is_") and frame.loc[row, name]
        }
        for row, path in frame["path"].items()
    }


def test_sound_films_have_no_issue(folder):
    frame = check_images(folder, verbose=0)
    assert len(frame) == 12
    assert (frame["n_issues"] == 0).all()
    assert list(frame["path"]) == sorted(frame["path"])
    assert (frame[["height", "width"]] == 160).all(axis=None)
    scores = frame.filter(like="_score")
    assert scores.shape[1] == frame.columns.str.startswith("is_").sum() == 13
    assert ((scores >= 0.5) & (scores <= 1)).all(axis=None)


def test_every_bad_film_is_named_at_once(films, folder, capsys):
    film = films[0]
    png = (folder / "deeper" / "film 00.png").read_bytes()
    (folder / "cut off.png").write_bytes(b"not a film")
    (folder / "half.png").write_bytes(png[: len(png) // 2])
    (folder / "directory.png").mkdir()
    (folder / "nowhere.png").symlink_to("nothing")
    Image.fromarray(film).save(folder / "copy.tif")
    cv2.imwrite(str(folder / "near.jpg"), np.clip(films[1] * 0.8 + 20, 0, 255).astype(np.uint8))
    Image.fromarray(255 - films[2]).save(folder / "negative.png")
    Image.fromarray(np.rot90(films[3]).copy()).save(folder / "sideways.png")
    Image.fromarray(films[4][::-1, ::-1].copy()).save(folder / "upside_down.png")
    Image.fromarray(np.full((160, 160), 77, np.uint8)).save(folder / "blank.png")
    Image.fromarray(np.clip(films[5] * 2.5, 0, 255).astype(np.uint8)).save(folder / "white.png")
    Image.fromarray(cv2.resize(films[6], (40, 40))).save(folder / "small.png")
    Image.fromarray(films[7][50:]).resize((160, 70)).save(folder / "wide.png")
    frame = check_images(folder)
    found = issues(frame)
    assert found["cut off.png"] == {"unreadable"}
    assert found["half.png"] == {"unreadable", "truncated"}
    assert found["nowhere.png"] == {"unreadable"}
    assert "directory.png" not in found  # os.walk lists it among the folders
    assert found["near.jpg"] == {"near_duplicates"}
    assert found["negative.png"] >= {"inverted"}
    assert found["sideways.png"] >= {"rotated"}
    assert found["upside_down.png"] >= {"rotated"}
    assert found["blank.png"] == {"blank"}
    assert found["white.png"] >= {"saturated"}
    assert found["small.png"] >= {"odd_size"}
    assert found["wide.png"] >= {"odd_aspect_ratio"}
    by_name = frame.set_index(frame["path"].str.split("/").str[-1])
    # The first in the order of paths is the original.
    assert found["film 00.png"] == {"exact_duplicates"}
    assert by_name.loc["film 00.png", "duplicate_of"].endswith("copy.tif")
    assert by_name.loc["near.jpg", "near_duplicate_of"].endswith("film 01.png")
    assert by_name.loc["sideways.png", "rotation"] == 270
    assert by_name.loc["upside_down.png", "rotation"] == 180
    assert by_name.loc["half.png", "error"].count("half.png") == 1
    assert by_name.loc["half.png", "blank_score"] is not None
    assert np.isnan(by_name.loc["half.png", "blank_score"])
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{len(frame)} films, ")
    for name in ("cut off.png", "half.png", "nowhere.png"):
        assert f"{name}: " in captured.out or f"file: {folder / name}" in captured.out


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_table_keeps_its_index_and_jobs_change_nothing(folder, backend):
    paths = sorted(map(str, (folder / "deeper").iterdir()))
    table = pd.DataFrame({"path": paths, "age": 50}, index=[f"case {i}" for i in range(12)])
    frame = check_images(table, verbose=0)
    assert list(frame.index) == list(table.index)
    with joblib.parallel_config(backend):
        pd.testing.assert_frame_equal(check_images(table, n_jobs=2, verbose=0), frame)
    with joblib.parallel_config(backend, n_jobs=2):
        pd.testing.assert_frame_equal(check_images(table, verbose=0), frame)


def test_a_folder_where_nothing_can_be_read(tmp_path):
    for name in ("a.png", "b.dcm"):
        (tmp_path / name).write_bytes(b"nothing")
    frame = check_images(tmp_path, verbose=0)
    assert list(frame["is_unreadable_issue"]) == [True, True]
    assert frame["height"].isna().all()


def test_dicom_of_another_modality(films, tmp_path):
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for modality in ("CT", "DX"):
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
        data.Modality, data.PhotometricInterpretation = modality, "MONOCHROME2"
        data.Rows, data.Columns, data.SamplesPerPixel = *films[0].shape, 1
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation = 7, 0
        data.PixelData = films[0 if modality == "CT" else 1].tobytes()
        data.save_as(tmp_path / f"{modality}.dcm", enforce_file_format=True)
    frame = check_images(tmp_path, verbose=0)  # and no warning per file
    assert list(frame["is_wrong_modality_issue"]) == [True, False]
    assert frame["doubt"][0] == "says Modality CT, which is no projection radiograph"


def test_what_is_neither_folder_nor_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such folder: .*gone"):
        check_images(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"no file ends in one of .*\.bmp"):
        check_images(tmp_path)
    with pytest.raises(ValueError, match="expected a folder, paths, or a table with a column"):
        check_images(np.zeros((2, 8, 8)))


@pytest.mark.slow
def test_spoilt_real_films_are_found_and_sound_ones_left_alone(data_dir, tmp_path):
    names = (data_dir / "nih" / "test_list.txt").read_text().split()[::24]
    paths = [str(data_dir / "nih" / "images" / name) for name in names]
    sound = check_images(paths, verbose=0)
    assert not sound[["is_inverted_issue", "is_rotated_issue", "is_blank_issue"]].any(axis=None)
    spoilt = []
    for path in paths:
        film = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        for way in (255 - film, np.rot90(film), film[::-1, ::-1]):
            spoilt.append(str(tmp_path / f"{len(spoilt)}.png"))
            Image.fromarray(np.ascontiguousarray(way)).save(spoilt[-1])
    frame = check_images(spoilt, verbose=0)
    assert frame["is_inverted_issue"].iloc[::3].mean() >= 0.95
    assert list(frame["rotation"].iloc[1::3]).count(270) >= 0.95 * len(paths)
    assert list(frame["rotation"].iloc[2::3]).count(180) >= 0.95 * len(paths)


@pytest.mark.parametrize(
    ("view", "lateral"), [("LL", True), ("LATERAL", True), ("PA", False), ("LLD", False)]
)
def test_lateral_views_by_their_headers(tmp_path, view, lateral):
    film = make_chest_phantoms(1, size=64, random_state=0).images[0]
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm", read=False))
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", view
    del dataset.PixelPaddingValue
    dataset.Rows, dataset.Columns = film.shape
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.PixelData = 7, 0, film.tobytes()
    dataset.save_as(tmp_path / "film.dcm")
    table = check_images(tmp_path, verbose=0)
    assert table["is_lateral_issue"].tolist() == [view in ("LL", "LATERAL")]
    assert table["is_wrong_modality_issue"].tolist() == [False]


def test_burnt_in_text(tmp_path):
    films = make_chest_phantoms(4, size=320, random_state=0).images.copy()
    cv2.putText(films[1], "DOE JANE 1970", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    cv2.putText(films[2], "L", (270, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    for i, film in enumerate(films):
        cv2.imwrite(str(tmp_path / f"{i}.png"), film)
    table = check_images(tmp_path, verbose=0)
    assert table["is_burnt_in_text_issue"].tolist() == [False, True, False, False]
