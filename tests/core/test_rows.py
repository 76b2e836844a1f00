"""Where rows are kept and made ahead: the spool, the reader threads, the disk that is full."""

import errno
import os
import threading
import tracemalloc

import cv2
import numpy as np
import pytest

from skcxr import transform_in_chunks
from skcxr._image_input import as_images
from skcxr._rows import Computed, Spool, prefetch
from skcxr._rows._prefetch import READERS
from skcxr.features import LBPHOGExtractor
from skcxr.preprocessing import ImageLoader

# ---- the spool -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_a_spool_gives_back_what_was_put_in(dtype):
    rows = np.random.default_rng(0).integers(0, 200, (5, 3, 4)).astype(dtype)
    spool = Spool(9)
    spool.put_many("row", [7, 0, 3], rows[:3])
    assert spool.has_many("row", list(range(9))) == [i in (0, 3, 7) for i in range(9)]
    found = spool.get_many("row", [3, 1, 7, 0])
    assert found[1] is None
    np.testing.assert_array_equal([found[0], found[2], found[3]], rows[[2, 0, 1]])
    with pytest.raises(ValueError, match=r"row: a row of \(2,\)"):
        spool.put_many("row", [1], [np.zeros(2, dtype)])


def test_h5_short_writes_are_gone_on_with(monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:7], at))
    rows = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    spooled = as_images(rows).spooled()
    for _ in range(2):
        np.testing.assert_array_equal(np.asarray(spooled), rows)


def test_h5_a_full_temporary_folder_is_an_error_and_nothing_wrong_is_kept(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    rows = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
    spooled = as_images(rows).spooled()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match=r"temporary folder .* is full; set TMPDIR"):
            np.asarray(spooled)
    np.testing.assert_array_equal(np.asarray(spooled), rows)


def test_spooled_rows_are_computed_once_in_any_order():
    seen = []

    def compute(batch):
        seen.extend(batch[:, 0, 0].tolist())
        return batch.astype(np.float32).sum((1, 2))[:, None]

    array = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    rows = Computed(as_images(array), compute, kind="sum").spooled()
    assert rows.spooled() is rows
    assert rows.read([4, 1]).ravel().tolist() == [16, 4]
    taken = rows.take([9, 4, 0])
    assert [part.ravel().tolist() for _, part in taken.batches(2)] == [[36, 16], [0]]
    assert taken.keys() == Computed(as_images(array), compute, kind="sum").keys([9, 4, 0])
    for _ in range(2):
        found = np.concatenate([part for _, part in rows.batches(3)])
        assert found.ravel().tolist() == [4.0 * i for i in range(10)]
    assert sorted(seen) == list(range(10))


# ---- ahead of their use --------------------------------------------------------------------------


def test_prefetch_keeps_the_order_and_its_bound():
    begun, free = [], threading.Semaphore(0)

    def make(item):
        begun.append(item)
        free.acquire(timeout=10)
        return item * item

    made = prefetch(make, iter(range(100)), threads=2, ahead=3)
    for _ in range(4):
        free.release()
    assert [next(made), next(made)] == [0, 1]
    assert len(begun) <= 5
    for _ in range(10):
        free.release()
    made.close()
    assert len(begun) <= 5
    assert not [t for t in threading.enumerate() if t.name.startswith("skcxr")]


def test_prefetch_raises_where_it_would_yield():
    made = prefetch(lambda item: 1 / item, [1, 0, 2])
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_h8_large_films_are_decoded_one_by_one_in_each_reader(tmp_path, monkeypatch):
    from skcxr._rows import _sources

    film = np.random.default_rng(0).integers(0, 256, (3, 3), dtype=np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(40)]
    for path in paths:
        cv2.imwrite(str(path), film)
    large = 4_000_000  # bytes
    monkeypatch.setattr(
        _sources, "read_image", lambda path, *_, **__: np.zeros((large // 1000, 1000), np.uint8)
    )
    images = ImageLoader(8).fit_transform(paths)
    tracemalloc.start()
    try:
        np.asarray(images)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (READERS + 1.5) * large  # a film in each reader, one on its way, small things


# ---- results in a file ---------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no space")
def test_h6_a_disk_without_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    texture = LBPHOGExtractor(pixels_per_cell=(8, 8)).fit(images)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"features\.npy: no room for .* GB of features") as caught:
        transform_in_chunks(texture, images, out=tmp_path / "features.npy")
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "features.npy").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no space")
def test_h6_the_space_is_reserved(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    texture = LBPHOGExtractor(pixels_per_cell=(8, 8)).fit(images)
    found = transform_in_chunks(texture, images, out=tmp_path / "features.npy", chunk_size=2)
    np.testing.assert_array_equal(found, texture.transform(images))
    size = os.stat(tmp_path / "features.npy")
    assert size.st_blocks * 512 >= size.st_size
