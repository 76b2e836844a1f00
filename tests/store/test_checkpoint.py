"""H14: a damaged or foreign state of a training changes no result and stops no fit."""

import os
import pickle
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch

from skcxr._store._checkpoint import read_checkpoint, write_checkpoint
from skcxr._store._container import Unreadable, read_members, write_members
from skcxr._store._plain import Decoder, Encoder

STATE = {
    "epoch": 3,
    "run": "digest of what it was given",
    "model": {"weight": torch.arange(12.0).reshape(3, 4), "n": torch.tensor(7)},
    "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]},
}
EXPECTS = {
    "epoch": range(9),
    "run": "digest of what it was given",
    "model": {"weight": torch.zeros(3, 4), "n": torch.tensor(0)},
    "optimizer": dict,
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "deeper" / "run.state"
    write_checkpoint(path, STATE)
    return path


def begins_again(path, reason, expects=EXPECTS):
    with pytest.warns(RuntimeWarning, match=f"{reason}.*set aside as run.state.damaged"):
        assert read_checkpoint(path, expects) is None
    assert path.with_name("run.state.damaged").exists()
    assert read_checkpoint(path, expects) is None  # as if there were none: no second warning


def test_a_state_comes_back(path):
    state = read_checkpoint(path, EXPECTS)
    assert state["epoch"] == 3
    assert state["optimizer"]["param_groups"] == [{"lr": 1e-4}]
    assert state["optimizer"]["state"][0]["step"] == 3
    torch.testing.assert_close(state["model"], STATE["model"], rtol=0, atol=0)
    assert read_checkpoint(None, EXPECTS) is None
    assert read_checkpoint(path.with_name("other"), EXPECTS) is None
    write_checkpoint(None, STATE)


def test_a_state_is_private(path):
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name] == [p.name for p in path.parent.iterdir()]


def test_h14_no_changed_byte_is_believed(path):
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.permutation(len(good))[:400]:
        path.write_bytes(good[:at] + bytes([good[at] ^ int(rng.integers(1, 256))]) + good[at + 1 :])
        with pytest.raises(Unreadable):
            read_members(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_h14_a_cut_state(path, share):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    begins_again(path, "not all of it")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"model": {"weight": torch.zeros(4, 3), "n": torch.tensor(0)}},
            r"\['model'\]\['weight'\] is not",
        ),
        ({"model": {"weight": torch.zeros(3, 4).half(), "n": torch.tensor(0)}}, "weight.*is not"),
        ({"model": {"weight": torch.full((3, 4), torch.nan), "n": torch.tensor(0)}}, "not finite"),
        ({"model": {"weight": torch.zeros(3, 4)}}, r"\['model'\] has other parts"),
        ({"model": [1, 2]}, r"\['model'\] has other parts"),
        ({"optimizer": None}, "'optimizer'"),
        ({"run": "another digest"}, "'run'"),
        ({"epoch": "3"}, "'epoch'"),
        ({"epoch": 9}, "'epoch'"),
        ({"more": 1}, r"\['state'\] has other parts"),
    ],
)
def test_h14_a_well_formed_state_of_another_training(path, change, reason):
    write_checkpoint(path, STATE | change)
    begins_again(path, reason)


def test_h14_the_state_of_another_run_under_this_name(path):
    other = path.with_name("other.state")
    write_checkpoint(other, STATE)
    other.replace(path)
    begins_again(path, "'name'. is not that of this training")


class Malicious:
    def __reduce__(self):
        return os.mkdir, (self.where,)


@pytest.mark.parametrize("form", ["pickle", "torch", "npz", "member"])
def test_a_malicious_state_does_not_run(path, tmp_path, form):
    attack = Malicious()
    attack.where = str(tmp_path / "ran")
    if form == "pickle":
        path.write_bytes(pickle.dumps(attack))
    elif form == "torch":
        torch.save(attack, path)
    elif form == "npz":
        members = Encoder().members(STATE)
        np.savez(tmp_path / "a.npz", **{"0": np.array([attack], object)})
        write_members(path, members | {"arrays.npz": (tmp_path / "a.npz").read_bytes()})
    else:
        write_members(path, {"tree.json": pickle.dumps(attack)})
    begins_again(path, "")
    assert not (tmp_path / "ran").exists()


def test_a_packed_archive_is_not_unpacked(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tree.json", b"0" * 10**6)
    with pytest.raises(Unreadable):
        read_members(path)


def test_h5_a_disk_that_is_full_leaves_the_state_before(path):
    resource = pytest.importorskip("resource", reason="limits of POSIX systems")
    import signal

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, old[1]))
    try:
        with pytest.warns(RuntimeWarning, match="could not be kept in .*if this run is killed"):
            write_checkpoint(path, STATE | {"epoch": 4})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert read_checkpoint(path, EXPECTS)["epoch"] == 3
    assert [path.name] == [p.name for p in path.parent.iterdir()]


VALUES = {
    "numbers": [0, -1, 10**30, 1.5, -0.0, 5e-324, True, None, "ä~"],
    "not JSON": (float("inf"), b"\0x", slice(1, None, 2), {1: "a", "b": (2,)}, {3, 4}),
    "a dict with our tag": {"~": "dict", "of": []},
    "scalars": [np.float32(0.1), np.int64(3), np.bool_(True), np.str_("x")],
    "types": [np.dtype(">f4"), np.float64, float, int, bool, str, np.uint8],
    "names": np.array(["Mass", None, 3.5, np.nan], object)[:3],
    "text": np.array(["Mass", "Edema"]),
    "nodes": np.zeros(3, [("left", "<i8"), ("value", "<f8")]),
    "empty": np.zeros((0, 3), np.float16),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_data_comes_back(value):
    back = Decoder(Encoder().members(value)).value()
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(back, value, strict=True)


@pytest.mark.parametrize("value", [object(), [print], {"a": Malicious}, np.array([sys], object)])
def test_other_data_is_refused(value):
    with pytest.raises(TypeError, match="is not plain data"):
        Encoder().members(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"~": "other"}',
        '{"~": "array", "is": "0"}',
        '{"~": "tuple"}',
        '{"~": ["x"]}',
        '{"~": "dtype", "is": "x9"}',
        '{"~": "objects", "of": [1], "shape": [2]}',
        "[" * 5000,
        "[1",
        "\xff",
    ],
)
def test_a_tree_that_no_encoder_makes(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Unreadable):
            Decoder({"tree.json": text.encode("latin-1")}).value()
