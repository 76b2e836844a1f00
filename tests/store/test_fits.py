"""Fits that joblib keeps: nothing of patients beside them, and no damaged one believed."""

import os
import warnings

import joblib
import numpy as np
import pytest

from skcxr._store import cached_fit

X = [f"/films/PatientMiller_{i}.png" for i in range(4)]
Y = np.eye(4)[:, :2]
CALLS = []


def fit(X, Y, names, C=1.0, verbose=0):
    CALLS.append(C)
    return {"coef": np.full(500, C), "n": len(X)}


def call(memory, **kwargs):
    return cached_fit(memory, fit, X, Y, ["Mass", "Edema"], ignore=("verbose",), **kwargs)


@pytest.fixture(params=["path", "compressed", "plain", "mapped"])
def memory(request, tmp_path):
    CALLS.clear()
    options = {"compressed": {"compress": 3}, "plain": {}, "mapped": {"mmap_mode": "r"}}
    if request.param == "path":
        return tmp_path
    return joblib.Memory(tmp_path, verbose=50, **options[request.param])


def test_h12_no_argument_is_written_or_logged(memory, tmp_path, capfd, caplog):
    for verbose in (0, 50):
        call(memory, C=2.0, verbose=verbose)
    assert CALLS == [2.0]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for private in (b"PatientMiller", b"films", b"Edema", b"0., 1.", b"[1."):
        assert private not in written
    assert "".join(capfd.readouterr()) == ""
    assert caplog.text == ""


def test_h12_of_an_embedder(tmp_path):
    from skcxr import ResNetEmbedder, make_chest_phantoms

    phantoms = make_chest_phantoms(6, size=64, random_state=0)
    y = np.eye(6)[:, :2]
    ResNetEmbedder(weights=None, random_state=0, memory=tmp_path).fit(phantoms.images, y)
    (metadata,) = tmp_path.rglob("metadata.json")
    text = metadata.read_text()
    assert "array" not in text
    assert "label" not in text


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "text", "another result"])
def test_h10_a_damaged_fit_gives_one_warning_and_nothing_else(memory, tmp_path, capfd, damage):
    call(memory, C=1.0)
    other = call(memory, C=5.0)
    first, second = sorted(tmp_path.rglob("output.pkl"), key=os.path.getmtime)
    good = first.read_bytes()
    first.write_bytes(
        {
            "flipped": good[:-40] + bytes([good[-40] ^ 1]) + good[-39:],
            "cut": good[: len(good) // 2],
            "empty": b"",
            "text": b"not a pickle",
            "another result": second.read_bytes(),
        }[damage]
    )
    CALLS.clear()
    with pytest.warns(RuntimeWarning, match="A fit kept in .* is damaged") as caught:
        np.testing.assert_array_equal(call(memory, C=1.0)["coef"], np.full(500, 1.0))
    assert len(caught) == 1
    assert "Miller" not in str(caught[0].message)
    assert "".join(capfd.readouterr()) == ""
    assert CALLS == [1.0]
    np.testing.assert_array_equal(call(memory, C=1.0)["coef"], np.full(500, 1.0))
    np.testing.assert_array_equal(call(memory, C=5.0)["coef"], other["coef"])
    assert CALLS == [1.0]  # mended, and the other one untouched


def test_no_flipped_byte_changes_a_fit(tmp_path):
    memory = joblib.Memory(tmp_path, verbose=0)  # not compressed: joblib itself has no checksum
    call(memory)
    (kept,) = tmp_path.rglob("output.pkl")
    good = kept.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.choice(len(good), 60, replace=False):
        kept.write_bytes(good[:at] + bytes([good[at] ^ int(rng.integers(1, 256))]) + good[at + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            np.testing.assert_array_equal(call(memory)["coef"], np.ones(500))


def test_a_disk_that_takes_no_fit(tmp_path, monkeypatch):
    CALLS.clear()
    call(tmp_path)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("joblib._store_backends.concurrency_safe_write", full)
    with pytest.warns(RuntimeWarning, match="A fit could not be kept") as caught:
        assert call(tmp_path, C=3.0)["n"] == 4
    assert len(caught) == 1
    assert CALLS == [1.0, 3.0]
