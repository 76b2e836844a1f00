"""The bound on a cache: rows and fits together, and no more removed than must be."""

import os

import numpy as np
import pytest

from skcxr._store import cache_info, cached_fit, clear_cache, open_store, set_cache_limit
from skcxr._store._size import fits_in

RNG = np.random.default_rng(0)


def fill(folder, n, n_bytes):
    store = open_store(folder)
    for begin in range(0, n, 20):
        rows = RNG.integers(0, 256, (20, n_bytes), np.uint8)
        store.put_many("image", [b"%d" % i for i in range(begin, begin + 20)], rows)
    store.flush()


def noise(n_bytes, seed):
    return np.random.default_rng(seed).integers(0, 256, n_bytes, np.uint8)


def on_disk(folder):
    """Bytes of all files, but for the index of the log, which is there while the file is open."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(os.path.getsize(path) for path in files if not path.name.endswith("-shm"))


@pytest.mark.parametrize("n_bytes", [300, 5000, 20_000])
def test_t1_a_limit_takes_no_more_than_it_must(tmp_path, n_bytes):
    fill(tmp_path, 6_000_000 // n_bytes // 20 * 20, n_bytes)
    set_cache_limit(tmp_path, "3MB")
    assert 2_850_000 < on_disk(tmp_path) <= 3_000_000
    assert 2_850_000 < cache_info(tmp_path).attrs["file_bytes"] <= 3_000_000


def test_t1_fits_are_counted(tmp_path):
    fill(tmp_path, 20, 500)
    for seed in range(3):
        cached_fit(tmp_path, noise, 100_000, seed)
    info = cache_info(tmp_path)
    assert info["entries"].to_dict() == {"fit": 3, "image": 20}
    assert 300_000 <= info.loc["fit", "bytes"] < 320_000


def test_t1_fits_are_bounded_with_the_rows_by_time_of_use(tmp_path):
    fill(tmp_path, 100, 1000)
    for seed in range(6):
        cached_fit(tmp_path, noise, 100_000, seed)
    for i, (_, _, folder) in enumerate(sorted(fits_in(tmp_path))):
        os.utime(folder / "output.pkl", (1000 + i, 1000 + i))  # long before the rows were used
    set_cache_limit(tmp_path, "500kB")
    info = cache_info(tmp_path)
    assert info["entries"].to_dict() == {"fit": 3, "image": 100}
    assert on_disk(tmp_path) <= 500_000
    assert sorted(int(used) for used, _, _ in fits_in(tmp_path)) == [1003, 1004, 1005]
    cached_fit(tmp_path, noise, 100_000, 7)  # and so when one more is kept
    assert info["bytes"].sum() <= 500_000
    assert 1003 not in [int(used) for used, _, _ in fits_in(tmp_path)]


def test_t1_a_fit_that_is_used_stays(tmp_path):
    for seed in range(3):
        cached_fit(tmp_path, noise, 100_000, seed)
    for _, _, folder in fits_in(tmp_path):
        os.utime(folder / "output.pkl", (1000, 1000))
    cached_fit(tmp_path, noise, 100_000, 1)
    set_cache_limit(tmp_path, "150kB")
    ((used, _, _),) = fits_in(tmp_path)
    assert used > 1000


def test_t2_a_folder_without_a_cache_is_refused(tmp_path):
    for tool in (cache_info, clear_cache, lambda folder: set_cache_limit(folder, "5GB")):
        with pytest.raises(ValueError, match=r"there is no folder .*typo"):
            tool(tmp_path / "typo")
    for tool in (cache_info, clear_cache):
        with pytest.raises(ValueError, match="holds nothing that skcxr has kept"):
            tool(tmp_path)
    assert not list(tmp_path.iterdir())


def test_t2_an_unknown_kind_is_refused(tmp_path):
    fill(tmp_path, 20, 500)
    cached_fit(tmp_path, noise, 1000, 0)
    with pytest.raises(ValueError, match=r"'images'.* holds none of it; it holds 'fit', 'image'"):
        clear_cache(tmp_path, "images")
    clear_cache(tmp_path, "fit")
    assert cache_info(tmp_path).index.tolist() == ["image"]
    clear_cache(tmp_path)
    assert len(cache_info(tmp_path)) == 0
