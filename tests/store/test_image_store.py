import multiprocessing
import pickle
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest

from skcxr._store import open_store

KEYS = [bytes([i]) * 16 for i in range(20)]
ROWS = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)


def test_memory_none_stores_nothing():
    assert open_store(None) is None
    assert open_store(joblib.Memory(None)) is None


def test_a_folder_has_one_store_however_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    stores = {
        open_store(memory)
        for memory in (
            tmp_path,
            str(tmp_path),
            joblib.Memory(tmp_path),
            f"{tmp_path}/../{tmp_path.name}",
            f"~/{tmp_path.name}",
        )
    }
    assert len(stores) == 1
    assert not (tmp_path / "skcxr").exists()  # nothing is made before it is needed


@pytest.mark.parametrize("memory", [3, True, ["folder"]])
def test_other_memory_is_refused(memory):
    with pytest.raises(TypeError, match="memory must be None, a folder"):
        open_store(memory)


def test_rows_come_back_and_kinds_are_apart(store, reopen):
    store.put_many("texture", KEYS, ROWS)
    store.put_many("maps", KEYS[:2], [ROWS[:2].astype(np.float16), ROWS[2]])
    for _ in range(2):
        back = store.get_many("texture", [*KEYS[::-1], b"unknown"])
        np.testing.assert_array_equal(back[:-1], ROWS[::-1])
        assert back[-1] is None
        assert store.has_many("maps", KEYS[:4]) == [True, True, False, False]
        np.testing.assert_array_equal(store.get_many("maps", KEYS[:1])[0], ROWS[:2])
        store = reopen(store)


def test_writing_again_replaces(store):
    store.put_many("texture", KEYS, ROWS)
    store.put_many("texture", KEYS[:3], ROWS[3:6])
    back = store.get_many("texture", KEYS[:4])
    np.testing.assert_array_equal(back, ROWS[[3, 4, 5, 3]])


def test_as_many_rows_as_keys(store):
    with pytest.raises(ValueError, match="zip"):
        store.put_many("texture", KEYS[:3], ROWS[:2])


def test_digests_of_files_are_remembered(store, reopen):
    assert store.memo_digests(KEYS[:2]) == [None, None]
    store.put_memo(KEYS[:2], KEYS[2:4])
    store = reopen(store)
    assert store.memo_digests(KEYS[:3]) == [*KEYS[2:4], None]


def test_a_changed_digest_is_not_believed(store):
    store.put_memo(KEYS[:2], KEYS[2:4])
    swap = "UPDATE memo SET digest = ? WHERE stat = ?"
    store.file.run(lambda db: db.execute(swap, (KEYS[5] + bytes(8), KEYS[0])), write=True)
    assert store.memo_digests(KEYS[:2]) == [None, KEYS[3]]


def test_a_pickled_store_is_the_same_store(store):
    assert pickle.loads(pickle.dumps(store)) is store


def test_threads_share_a_store(store):
    wrong = []

    def work(i):
        for _ in range(10):
            store.put_many(f"kind{i % 3}", KEYS, ROWS + i % 3)
            if not np.array_equal(store.get_many(f"kind{i % 3}", KEYS), ROWS + i % 3):
                wrong.append(i)
            store.flush()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _use(store, i):
    found = store.get_many("texture", KEYS)
    store.put_many(f"child{i}", KEYS, ROWS + i)
    return np.array_equal(found, ROWS)


def test_worker_processes_share_a_store(store):
    store.put_many("texture", KEYS, ROWS)
    assert all(joblib.Parallel(2)(joblib.delayed(_use)(store, i) for i in range(4)))
    for i in range(4):
        np.testing.assert_array_equal(store.get_many(f"child{i}", KEYS), ROWS + i)


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_a_forked_process_opens_its_own_connection(store):
    store.put_many("texture", KEYS, ROWS)
    inherited = store.file._connection
    answers = multiprocessing.get_context("fork").SimpleQueue()

    def child():
        answers.put((_use(store, 7), store.file._connection is not inherited))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert answers.get() == (True, True)
    np.testing.assert_array_equal(store.get_many("child7", KEYS), ROWS + 7)
    assert store.file._connection is inherited


def test_no_name_is_written(store, tmp_path):
    store.put_memo([b"s" * 16], [b"d" * 16])
    store.put_many("texture", KEYS, ROWS)
    store.file.close()
    written = b"".join(path.read_bytes() for path in Path(store.folder).iterdir())
    assert b"texture" in written
    assert tmp_path.name.encode() not in written
    assert str(tmp_path).encode() not in written
