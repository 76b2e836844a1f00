"""Whatever happens to the file: one warning, everything computed, never a wrong value."""

import contextlib
import errno
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from computed_rows import cached_rows

from skcxr._store import _codec, _images, _sqlite, open_store

N = 120
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture
def images(make_images):
    return make_images(N)


@pytest.fixture
def truth(images):
    return images.pixels.reshape(N, -1)[:, :5].astype(np.float32)


def run(images, compute, store):
    parts = cached_rows(images, compute, store=store, kind="row", config="", batch_size=8)
    return np.concatenate([rows for _, rows in parts])


def fill(images, compute, store):
    """A store with all rows in its main file, closed."""
    run(images, compute, store)
    store.put_memo(images.keys(slice(None)), images.keys(slice(None)))
    store.file.close()
    assert not os.path.exists(f"{store.file.path}-wal")


def overwrite(path, position, data):
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(data)


def fail_at(store, statement, error):
    """Let every statement of the open connection that begins so fail."""

    class Connection:
        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def execute(self, sql, *args):
            if sql.startswith(statement):
                raise error
            return self.real.execute(sql, *args)

        def executemany(self, sql, *args):
            if sql.startswith(statement):
                raise error
            return self.real.executemany(sql, *args)

    store.file._connection = Connection(store.file._connect())


@pytest.mark.parametrize("message", ["locking protocol", "database is locked", "disk I/O error"])
def test_a_file_system_that_cannot_lock(images, truth, make_compute, store, monkeypatch, message):
    class Connection(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql.startswith(("BEGIN", "SELECT")):
                raise sqlite3.OperationalError(message)
            return super().execute(sql, *args)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Connection)
    )
    compute = make_compute()
    with pytest.warns(RuntimeWarning, match=f"cannot be used .{message}") as caught:
        rows = [run(images, compute, store) for _ in range(2)]
    np.testing.assert_array_equal(rows, [truth, truth])
    assert len(caught) == 1
    assert compute.n == 2 * N


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "COMMIT"])
@pytest.mark.parametrize("message", ["database is locked", "database or disk is full"])
def test_writing_fails_on_the_way(images, truth, make_compute, store, reopen, statement, message):
    compute = make_compute()
    run(images.take(np.arange(40)), compute, store)
    fail_at(store, statement, sqlite3.OperationalError(message))
    with pytest.warns(RuntimeWarning, match="cannot be written to") as caught:
        np.testing.assert_array_equal(run(images, compute, store), truth)
    assert len(caught) == 1
    assert compute.n == N  # what was stored is still read
    store.file.close()
    open_store(Path(store.folder).parent)  # the next fit tries again
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == N + 80
    np.testing.assert_array_equal(run(images, compute, reopen(store)), truth)
    assert compute.n == N + 80


def test_another_process_holds_the_lock(images, truth, make_compute, store, monkeypatch):
    monkeypatch.setattr(_sqlite, "BUSY_SECONDS", 0.1)
    run(images.take(np.arange(40)), make_compute(), store)
    other = sqlite3.connect(store.file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    compute = make_compute()
    with pytest.warns(RuntimeWarning, match=r"cannot be written to \(database is locked\)"):
        np.testing.assert_array_equal(run(images, compute, store), truth)
    other.execute("ROLLBACK")
    other.close()
    assert compute.n == 80


def test_a_full_disk(images, truth, make_compute, store, reopen):
    store.get_many("row", [b"key"])
    n_pages = store.file._connection.execute("PRAGMA page_count").fetchone()[0]
    store.file._connection.execute(f"PRAGMA max_page_count={n_pages + 2}")
    compute = make_compute()
    with pytest.warns(RuntimeWarning, match=r"cannot be written to \(database or disk is full"):
        np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == N
    store = reopen(store)
    with sqlite3.connect(store.file.path) as file:
        n_stored = file.execute("SELECT count(*) FROM entries").fetchone()[0]
    file.close()
    assert 0 < n_stored < N
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N - n_stored


def in_child(work, uid=None):
    """Run ``work`` in a forked process, where limits and rights can be given up."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if uid is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                work(caught)
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on the size of files")
def test_files_may_not_grow(images, truth, make_compute, store):
    def work(caught):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        compute = make_compute()
        for _ in range(2):
            np.testing.assert_array_equal(run(images, compute, store), truth)
        assert len(caught) == 1
        assert "cannot be" in str(caught[0].message)
        assert compute.n > N

    in_child(work)
    compute = make_compute()
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n <= N


@pytest.fixture
def locked_folder():
    """A folder to make read-only; pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="skcxr-test-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)  # before what is in it can be removed
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no users to change to")
@pytest.mark.parametrize("killed", [False, True], ids=["closed", "left open"])
def test_a_read_only_folder(images, truth, make_compute, locked_folder, killed):
    store = open_store(locked_folder)
    run(images.take(np.arange(40)), make_compute(), store)
    if not killed:
        store.file.close()
    for path in Path(store.folder).iterdir():
        path.chmod(0o444)
    Path(store.folder).chmod(0o555)

    def work(caught):
        compute = make_compute()
        for _ in range(2):
            np.testing.assert_array_equal(run(images, compute, store), truth)
        assert 2 * 80 <= compute.n <= 2 * N if killed else compute.n == 2 * 80
        assert len(caught) == 1
        assert "cannot be written to" in str(caught[0].message)

    in_child(work, uid=65534)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no users to change to")
def test_no_folder_can_be_made(images, truth, make_compute, locked_folder):
    locked_folder.chmod(0o555)
    store = open_store(locked_folder / "deeper")

    def work(caught):
        np.testing.assert_array_equal(run(images, make_compute(), store), truth)
        assert len(caught) == 1
        assert "cannot be used" in str(caught[0].message)

    in_child(work, uid=65534)


def test_a_file_where_the_folder_should_be(images, truth, make_compute, tmp_path):
    (tmp_path / "skcxr").write_text("a file")
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        np.testing.assert_array_equal(run(images, make_compute(), open_store(tmp_path)), truth)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_truncated_file(images, truth, make_compute, store, share):
    compute = make_compute()
    fill(images, compute, store)
    os.truncate(store.file.path, int(share * os.path.getsize(store.file.path)))
    with pytest.warns(RuntimeWarning, match=r"damaged .*set aside as skcxr-images.*sqlite.damaged"):
        np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N  # a fresh file was begun
    assert os.path.exists(f"{store.file.path}.damaged")


@pytest.mark.parametrize("garbage", [b"not a database" * 400, b"\0" * 5000])
def test_an_overwritten_file(images, truth, make_compute, store, garbage):
    compute = make_compute()
    fill(images, compute, store)
    store.file.path.write_bytes(garbage)
    with pytest.warns(RuntimeWarning, match="set aside"):
        np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N


def test_an_emptied_file_is_a_new_store(images, truth, make_compute, store):
    compute = make_compute()
    fill(images, compute, store)
    os.truncate(store.file.path, 0)
    for _ in range(2):
        np.testing.assert_array_equal(run(images, compute, store), truth)
        assert compute.n == 2 * N


def test_a_database_of_someone_else_is_kept(images, truth, make_compute, store):
    store.file.path.parent.mkdir()
    other = sqlite3.connect(store.file.path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.warns(RuntimeWarning, match="not a store of this version"):
        np.testing.assert_array_equal(run(images, make_compute(), store), truth)
    kept = sqlite3.connect(f"{store.file.path}.damaged")
    assert kept.execute("SELECT count(*) FROM theirs").fetchone() == (0,)
    kept.close()


def test_a_file_overwritten_while_it_is_open(images, truth, make_compute, store):
    compute = make_compute()
    run(images, compute, store)
    overwrite(store.file.path, 0, b"garbage " * 2000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SQLite may still know all it needs
        np.testing.assert_array_equal(run(images, compute, store), truth)
        np.testing.assert_array_equal(run(images.take([5, 3]), compute, store), truth[[5, 3]])


def test_a_folder_removed_while_it_is_open(images, truth, make_compute, store):
    compute = make_compute()
    run(images, compute, store)
    for path in Path(store.folder).iterdir():
        path.unlink()
    Path(store.folder).rmdir()
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 2 * N


@pytest.mark.parametrize("where", ["anywhere", "in the structure"])
def test_flipped_bytes(images, truth, make_compute, store, where):
    fill(images, make_compute(), store)
    good = store.file.path.read_bytes()
    file_keys = images.keys(slice(None))
    rng = np.random.default_rng(0)
    n_noticed = 0
    for _ in range(50):
        bad = bytearray(good)
        at = rng.integers(len(bad))
        if where == "in the structure":  # page headers, cell pointers, the schema
            at = min(at // 4096 * 4096 + rng.integers(64), len(bad) - 1)
        bad[at] ^= rng.integers(1, 256)
        store.file.close()
        store.file.path.write_bytes(bad)
        compute = make_compute()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            np.testing.assert_array_equal(run(images, compute, store), truth)
            memo = store.memo_digests(file_keys)
        assert all(found in (None, key) for found, key in zip(memo, file_keys, strict=True))
        assert all(issubclass(warning.category, RuntimeWarning) for warning in caught)
        n_noticed += compute.n > 0
        for path in Path(store.folder).iterdir():
            path.unlink()
    assert n_noticed > 0


def test_all_fifty_flips_at_once(images, truth, make_compute, store):
    fill(images, make_compute(), store)
    bad = bytearray(store.file.path.read_bytes())
    rng = np.random.default_rng(1)
    for at in rng.choice(np.arange(4096, len(bad)), 50, replace=False):
        bad[at] ^= rng.integers(1, 256)
    store.file.path.write_bytes(bad)
    with pytest.warns(RuntimeWarning, match="damaged"):
        np.testing.assert_array_equal(run(images, make_compute(), store), truth)


def test_t3_h11_two_versions_on_one_folder_keep_theirs(tmp_path, monkeypatch):
    keys, rows = [b"%d" % i for i in range(1000)], np.ones((1000, 5))

    @contextlib.contextmanager
    def another_version():
        with monkeypatch.context() as patch:
            patch.setattr(_codec, "FORMAT_VERSION", 99)
            patch.setattr(_sqlite, "_SCHEMA_VERSION", 0x53_4B_00 + 99)
            patch.setattr(_sqlite, "FILE_NAME", _sqlite.FILE_NAME.replace("2", "99"))
            store = _images.ImageStore(str(tmp_path / "skcxr"))
            yield store
            store.file.close()

    ours = open_store(tmp_path)
    ours.put_many("row", keys, rows)
    with another_version() as other:
        assert other.get_many("row", keys) == [None] * 1000
        other.put_many("row", keys, 2 * rows)
    np.testing.assert_array_equal(ours.get_many("row", keys), rows)
    with another_version() as other:
        np.testing.assert_array_equal(other.get_many("row", keys), 2 * rows)
    assert not list(tmp_path.rglob("*damaged*"))


def test_t3_a_file_of_another_version_under_our_name_is_left_as_it_is(tmp_path, reopen):
    keys, rows = [b"%d" % i for i in range(100)], np.ones((100, 5))
    store = open_store(tmp_path)
    store.put_many("row", keys, rows)
    path = store.file.path
    store.file.close()
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA user_version={_sqlite._SCHEMA_VERSION + 1}")
    file.close()
    before = path.read_bytes()
    for _ in range(2):
        store = reopen(store)
        store.put_many("row", keys, 2 * rows)  # warnings are errors
        np.testing.assert_array_equal(store.get_many("row", keys), 2 * rows)
    assert path.read_bytes() == before
    assert not list(tmp_path.rglob("*damaged*"))


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EAGAIN, errno.EACCES])
def test_h13_a_file_system_without_locks_is_found_out_once(
    images, truth, make_compute, store, monkeypatch, code
):
    fcntl = pytest.importorskip("fcntl", reason="locks of POSIX systems")
    asked = []

    def refuse(file, flags):
        asked.append(flags)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    monkeypatch.setattr(sqlite3, "connect", None)  # which would wait for a minute
    compute, folder = make_compute(), Path(store.folder).parent
    with pytest.warns(RuntimeWarning, match="grants no locks") as caught:
        rows = [run(images, compute, open_store(folder)) for _ in range(3)]
    np.testing.assert_array_equal(rows, [truth] * 3)
    assert len(caught) == 1
    assert len(asked) == 1
    assert compute.n == 3 * N


def test_h13_a_lock_that_stays_is_waited_for_once(images, truth, make_compute, store, monkeypatch):
    monkeypatch.setattr(_sqlite, "BUSY_SECONDS", 0.2)
    run(images.take(np.arange(40)), make_compute(), store)
    store.file.close()
    waits = []

    def tried_again(store):
        store.file.retry()
        return store

    connect = sqlite3.connect

    def note(*args, timeout, **kwargs):
        waits.append(timeout)
        return connect(*args, timeout=timeout, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", note)
    fresh = _images.ImageStore(store.folder)
    other = connect(store.file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.warns(RuntimeWarning, match="database is locked") as caught:
        rows = [run(images, make_compute(), tried_again(fresh)) for _ in range(3)]
    np.testing.assert_array_equal(rows, [truth] * 3)
    other.execute("ROLLBACK")
    other.close()
    fresh.file.close()
    assert len(caught) == 1
    assert waits[0] == 0.2
    assert max(waits[1:]) <= 0.1
