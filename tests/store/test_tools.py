import warnings

import joblib
import numpy as np
import pytest

from skcxr._store import cache_info, cached_fit, clear_cache, open_store, set_cache_limit

RNG = np.random.default_rng(0)
CALLS = []


def keys(n, start=0):
    return [b"key %d" % i for i in range(start, start + n)]


def noise(n):
    return RNG.integers(0, 256, (n, 5000), np.uint8)


def test_cache_info_counts_by_kind(tmp_path, store, reopen):
    store.put_many("image", keys(10), noise(10))
    store.put_many("texture", keys(4), noise(4))
    for _ in range(2):
        info = cache_info(tmp_path)
        assert info.index.tolist() == ["image", "texture"]
        assert info["entries"].tolist() == [10, 4]
        assert 50_000 <= info.loc["image", "bytes"] < 51_000
        assert info.attrs["file_bytes"] >= info["bytes"].sum()
        assert info.attrs["limit_bytes"] is None
        store = reopen(store)


def test_clear_cache_by_kind(tmp_path, store):
    store.put_many("image", keys(40), noise(40))
    store.put_many("texture", keys(4), noise(4))
    full = cache_info(tmp_path).attrs["file_bytes"]
    clear_cache(tmp_path, "image")
    info = cache_info(tmp_path)
    assert info.index.tolist() == ["texture"]
    assert info.attrs["file_bytes"] < full / 2
    assert store.has_many("image", keys(40)) == [False] * 40
    assert store.has_many("texture", keys(4)) == [True] * 4


def test_clear_cache(tmp_path, store):
    store.put_many("image", keys(40), noise(40))
    store.put_memo([b"s"], [b"d"])
    clear_cache(tmp_path)
    assert len(cache_info(tmp_path)) == 0
    assert store.memo_digests([b"s"]) == [None]


def test_the_limit_evicts_what_was_not_used_for_longest(tmp_path, store, reopen, monkeypatch):
    now = 1_000_000
    monkeypatch.setattr("time.time", lambda: now)
    store.put_many("image", keys(20), noise(20))
    now += 10
    store.put_many("image", keys(20, 20), noise(20))
    now += 10
    store.get_many("image", keys(10))  # used again
    set_cache_limit(tmp_path, "250kB")
    assert store.has_many("image", keys(40)) == [True] * 40  # all of it fits
    store = reopen(store)
    now += 10
    for i in range(40, 60, 5):
        store.put_many("image", keys(5, i), noise(5))
    known = store.has_many("image", keys(60))
    assert known[40:] == [True] * 20
    assert not any(known[10:20])
    assert 0 < sum(known[20:40]) < 20
    assert all(known[:10])
    info = cache_info(tmp_path)
    assert info.attrs["limit_bytes"] == 250_000
    assert 150_000 < info["bytes"].sum() <= 250_000


def test_a_lower_limit_frees_the_disk_at_once_and_none_lifts_it(tmp_path, store):
    store.put_many("image", keys(100), noise(100))
    set_cache_limit(tmp_path, 300_000)
    info = cache_info(tmp_path)
    assert info.attrs["file_bytes"] <= 300_000
    assert info["bytes"].sum() > 150_000
    set_cache_limit(tmp_path, None)
    assert cache_info(tmp_path).attrs["limit_bytes"] is None
    store.put_many("image", keys(100), noise(100))
    assert all(store.has_many("image", keys(100)))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("10GB", 10**10), ("1.5 mb", 1_500_000), ("64k", 64_000), (7e6, 7_000_000)],
)
def test_limits_may_have_units(tmp_path, limit, expected):
    set_cache_limit(tmp_path, limit)
    assert cache_info(tmp_path).attrs["limit_bytes"] == expected


@pytest.mark.parametrize(
    ("limit", "message"),
    [("many", "'500MB'"), ("-3GB", "'500MB'"), (0, "above 0"), ("1.2.3", "500MB")],
)
def test_other_limits_are_refused(tmp_path, limit, message):
    with pytest.raises(ValueError, match=message):
        set_cache_limit(tmp_path, limit)


@pytest.mark.parametrize(
    "tool", [cache_info, clear_cache, lambda memory: set_cache_limit(memory, 1)]
)
def test_tools_need_a_folder(tool):
    with pytest.raises(ValueError, match="memory=None keeps nothing"):
        tool(None)


def double(x, verbose=0):
    CALLS.append(x)
    if x < 0:
        raise FileNotFoundError("of the function")
    return {"twice": np.full(3000, 2 * x)}


@pytest.mark.parametrize("make", [lambda path: path, str, lambda p: joblib.Memory(p, verbose=0)])
def test_a_fit_runs_once(tmp_path, make):
    CALLS.clear()
    for verbose in (0, 1):
        result = cached_fit(make(tmp_path), double, 3, verbose=verbose, ignore=("verbose",))
        assert result["twice"][0] == 6
    cached_fit(make(tmp_path), double, 4)
    assert CALLS == [3, 4]


@pytest.mark.parametrize("memory", [None, joblib.Memory(None)])
def test_a_fit_without_memory_runs_each_time(memory):
    CALLS.clear()
    for _ in range(2):
        assert cached_fit(memory, double, 3)["twice"][0] == 6
    assert CALLS == [3, 3]


def test_a_fit_that_cannot_be_kept_is_not_lost(tmp_path):
    (tmp_path / "joblib").write_text("a file where the folder should be")
    CALLS.clear()
    with pytest.warns(RuntimeWarning, match="could not be kept"):
        assert cached_fit(tmp_path, double, 3)["twice"][0] == 6
    assert CALLS == [3]


def test_an_error_of_the_fit_is_raised_once(tmp_path):
    CALLS.clear()
    with pytest.raises(FileNotFoundError, match="of the function"):
        cached_fit(tmp_path, double, -1)
    assert CALLS == [-1]


def test_a_damaged_fit_is_computed_again(tmp_path):
    cached_fit(tmp_path, double, 3)
    (kept,) = tmp_path.rglob("output.pkl")
    good = kept.read_bytes()
    for at in np.linspace(2, len(good) - 1, 30).astype(int):
        bad = bytearray(good)
        bad[at] ^= 0x55
        kept.write_bytes(bad)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_array_equal(
                cached_fit(tmp_path, double, 3)["twice"], np.full(3000, 6)
            )


def test_the_limit_is_kept_by_all_who_write(tmp_path, store):
    set_cache_limit(tmp_path, 100_000)
    open_store(str(tmp_path)).put_many("image", keys(50), noise(50))
    assert cache_info(tmp_path)["bytes"].sum() <= 100_000
