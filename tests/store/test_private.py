"""H15 and files from strangers: a cache is its user's own."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest

from skcxr._store import cached_fit, open_store
from skcxr._store._private import check_private

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of POSIX systems")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request):
    old = os.umask(request.param)
    yield
    os.umask(old)


def rights(folder):
    return {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


@pytest.mark.usefixtures("umask")
def test_h15_a_new_cache_is_private_whatever_the_umask(tmp_path):
    folder = tmp_path / "cache"
    open_store(folder).put_many("image", [b"key"], IMAGES[:1])
    cached_fit(folder, np.linspace, 0, 2, 3)
    found = rights(folder)
    assert any(path.name == "output.pkl" for path in found)
    assert any(path.suffix == ".sqlite" for path in found)
    for path, mode in found.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_h15_in_a_folder_of_the_user_what_is_new_is_private(tmp_path):
    tmp_path.chmod(0o755)
    memory = joblib.Memory(tmp_path, verbose=0)
    open_store(memory).put_many("image", [b"key"], IMAGES[:1])
    cached_fit(memory, np.linspace, 0, 2, 3)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    for path, mode in rights(tmp_path / "skcxr").items():
        assert not mode & 0o077, path


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
@pytest.mark.parametrize("form", [Path, str, joblib.Memory])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, mode, form, monkeypatch):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    memory = form(folder) if form is not joblib.Memory else joblib.Memory(folder, verbose=0)
    for use in (open_store, lambda memory: cached_fit(memory, np.linspace, 0, 2, 3)):
        with pytest.raises(ValueError, match=r"refused: every user .* SKCXR_SHARED_CACHE=1"):
            use(memory)
    assert not list(folder.rglob("*.pkl"))
    assert not list(folder.rglob("*.sqlite"))
    monkeypatch.setenv("SKCXR_SHARED_CACHE", "1")
    assert cached_fit(memory, np.linspace, 0, 2, 3).tolist() == [0, 1, 2]
    assert open_store(memory) is not None


@pytest.mark.parametrize("name", ["skcxr", "joblib"])
def test_a_shared_part_of_the_folder_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o777)
    with pytest.raises(ValueError, match=rf"can write to .*{name},"):
        open_store(tmp_path)


def test_a_group_is_others_unless_it_is_the_user_s_own(tmp_path):
    tmp_path.chmod(0o770)
    check_private(str(tmp_path))  # of the user's own group, as it was made
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder to another group")
    os.chown(tmp_path, -1, 12345)
    with pytest.raises(ValueError, match="group 12345 can write"):
        check_private(str(tmp_path))
    tmp_path.chmod(0o750)
    check_private(str(tmp_path))


def test_a_sticky_folder_takes_caches_but_not_those_of_others(tmp_path):
    tmp_path.chmod(0o1777)
    cached_fit(tmp_path, np.linspace, 0, 2, 3)
    assert (tmp_path / "joblib").stat().st_mode & 0o777 == 0o700
    (tmp_path / "joblib").chmod(0o777)
    with pytest.raises(ValueError, match="refused"):
        cached_fit(tmp_path, np.linspace, 0, 2, 3)
