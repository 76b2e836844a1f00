"""Kaggle's sample of ChestX-ray14, and ChestMNIST."""

import numpy as np
import pytest

from skcxr.datasets import CHESTXRAY14_LABELS, load_chestmnist, load_nih_sample

SAMPLE = """\
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y
00000013_005.png,Emphysema|Infiltration|Pleural_Thickening|Pneumothorax,5,13,060Y,M,AP,3056,2544,\
0.139,0.139
00000013_026.png,Cardiomegaly|Emphysema,26,13,057Y,M,AP,2500,2048,0.168,0.168
00000017_001.png,No Finding,1,17,011M,M,AP,2500,2048,0.168,0.168
"""


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "images").mkdir()
    for line in SAMPLE.splitlines()[1:]:
        (tmp_path / "images" / line.split(",")[0]).write_bytes(b"film")
    (tmp_path / "sample_labels.csv").write_text(SAMPLE)
    return tmp_path


def test_sample(sample):
    data = load_nih_sample(sample)
    assert data.frame["path"][0] == str(sample / "images" / "00000013_005.png")
    assert data.frame["Patient Age"].tolist() == [60, 57, 0]
    assert data.frame["Pixel Spacing x"].tolist() == [0.139, 0.168, 0.168]
    assert data.groups.tolist() == data.frame["patient"].tolist() == [13, 13, 17]
    assert list(data.labels) == list(CHESTXRAY14_LABELS)
    assert data.labels.sum(axis=1).tolist() == [4, 2, 0]
    assert data.boxes.empty
    assert "Kaggle's sample" in data.DESCR
    assert data.target is data.labels
    X, y = load_nih_sample(sample, return_X_y=True)
    assert X.equals(data.frame)
    assert y.equals(data.labels)


def test_sample_with_chosen_labels(sample):
    data = load_nih_sample(sample, label_names=["Pneumothorax", "Hernia"])
    assert data.labels.to_dict("list") == {"Pneumothorax": [1, 0, 0], "Hernia": [0, 0, 0]}
    with pytest.raises(ValueError, match="has no label 'Gout'; it has 'Atelectasis'"):
        load_nih_sample(sample, label_names=["Gout"])


def test_sample_with_missing_films(sample):
    (sample / "images" / "00000013_026.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 images .*00000013_026.png"):
        load_nih_sample(sample)
    assert load_nih_sample(sample, on_missing="drop").groups.tolist() == [13, 17]
    assert len(load_nih_sample(sample, images=False).frame) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Finding Labels", "Labels", r"sample_labels.csv has no column \['Finding Labels'\]"),
        ("060Y", "sixty", "data row 0: 'Patient Age' is 'sixty'"),
        ("Cardiomegaly", "Gout", "data row 1: unknown finding 'Gout'"),
        ("00000013_026.png", "00000013_005.png", "lists 1 images more than once: 00000013_005"),
    ],
)
def test_bad_samples(sample, old, new, message):
    (sample / "sample_labels.csv").write_text(SAMPLE.replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_nih_sample(sample)


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b'Image Index,Finding Labels,Patient ID\n"a'])
def test_damaged_samples(sample, damage):
    (sample / "sample_labels.csv").write_bytes(damage)
    with pytest.raises(ValueError, match=r"sample_labels.csv (is not a table|has no column)"):
        load_nih_sample(sample)


def test_what_is_no_sample(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no sample_labels.csv"):
        load_nih_sample(tmp_path)


SIZES = {"train": 5, "val": 2, "test": 3}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in SIZES.items():
        arrays[f"{part}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = rng.integers(0, 2, (n, 14), dtype=np.uint8)
    return arrays


def _save(path, arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_chestmnist(arrays, tmp_path):
    path = _save(tmp_path / "chestmnist.npz", arrays)
    data = load_chestmnist(path)
    np.testing.assert_array_equal(
        data.images, np.concatenate([arrays[f"{part}_images"] for part in SIZES])
    )
    np.testing.assert_array_equal(
        data.labels, np.concatenate([arrays[f"{part}_labels"] for part in SIZES])
    )
    assert list(data.labels) == list(CHESTXRAY14_LABELS)
    assert data.part.tolist() == [part for part, n in SIZES.items() for _ in range(n)]
    assert data.frame["part"].tolist() == data.part.tolist()
    assert data.data is data.images
    assert data.groups is None
    X, y = load_chestmnist(path, part="val", return_X_y=True)
    np.testing.assert_array_equal(X, arrays["val_images"])
    np.testing.assert_array_equal(y, arrays["val_labels"])


def test_chestmnist_with_chosen_labels(arrays, tmp_path):
    path = _save(tmp_path / "chestmnist.npz", arrays)
    labels = load_chestmnist(path, part="test", label_names=["Mass", "Edema"]).labels
    np.testing.assert_array_equal(labels, arrays["test_labels"][:, [4, 9]])
    with pytest.raises(ValueError, match="has no label 'mass'; it has 'Atelectasis'"):
        load_chestmnist(path, label_names=["mass"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"val_labels": None}, "it has no array 'val_labels' but train_images, train_labels"),
        ({"val_labels": np.zeros((2, 13))}, r"val_labels has shape \(2, 13\); 2 films with 14"),
        ({"val_labels": np.full((2, 14), 2)}, "val_labels is 2 in row 0, column 0; accepted are 0"),
        (
            {"val_images": np.zeros((2, 28, 28, 3), np.uint8)},
            r"val_images is uint8 of shape \(2, 2",
        ),
        ({"val_images": np.zeros((2, 28, 28))}, "val_images is float64"),
        (
            {"val_images": np.array([{}, {}])},
            "is not ChestMNIST's npz file: Object arrays cannot be loaded",
        ),
    ],
)
def test_bad_chestmnist(arrays, tmp_path, change, message):
    arrays = {k: v for k, v in (arrays | change).items() if v is not None}
    path = _save(tmp_path / "chestmnist.npz", arrays)
    with pytest.raises(ValueError, match=message):
        load_chestmnist(path)


def test_damaged_chestmnist(arrays, tmp_path):
    path = tmp_path / "chestmnist.npz"
    np.savez(path, **arrays)  # not compressed: a byte of a film can be turned
    data = bytearray(path.read_bytes())
    place = data.index(arrays["val_images"].tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"chestmnist.npz is not .*Bad CRC-32"):
        load_chestmnist(path)


def test_what_is_no_chestmnist(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load_chestmnist(tmp_path / "chestmnist.npz")
    (tmp_path / "chestmnist.npz").write_bytes(b"PK\3\4 cut off")
    with pytest.raises(ValueError, match="is not ChestMNIST's npz file: "):
        load_chestmnist(tmp_path / "chestmnist.npz")
