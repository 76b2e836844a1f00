"""The file behind the store: open it, keep it to itself, and survive whatever happens to it.

Write-ahead logging with ``synchronous=NORMAL``: a commit is written to the log by the operating
system before it returns, so that a process killed at any moment loses nothing committed; only a
power cut may take the last commits, and then whole ones, never half of one.
"""

import contextlib
import os
import sqlite3
import tempfile
import threading
import time
import warnings
import weakref
from pathlib import Path

from ._codec import FORMAT_VERSION
from ._private import make_private, make_private_file

try:
    import fcntl
except ImportError:  # Windows, whose locks do not fail this way
    fcntl = None

# Versions do not meet in one file: to each, the other's would look damaged.
FILE_NAME = f"skcxr-images.{FORMAT_VERSION}.sqlite"
_SCHEMA_VERSION = 0x53_4B_00 + FORMAT_VERSION  # "SK" and the version
_SCHEMA = """
CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE entries (
    key BLOB PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE memo (stat BLOB PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
"""
BUSY_SECONDS = 60.0
_PAGE_SIZE = 4096

# With these errors the content of the file is not to be trusted. All others are faults of the place
# where it is (full, read-only, cannot lock, not there): the file is left alone.
_DAMAGE = {
    sqlite3.SQLITE_ERROR,  # tables or columns that are not there
    sqlite3.SQLITE_INTERNAL,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTFOUND,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
}
_open_files = weakref.WeakSet()
_inherited = []


class StoreFile:
    """One SQLite file that is opened when it is first needed and never makes its user fail.

    Parameters
    ----------
    folder : Path
        Folder of the file; made if need be.
    """

    def __init__(self, folder):
        self.path = Path(folder) / FILE_NAME
        self._warned = set()
        self._has_waited = self._gives_no_locks = False
        self._reset()
        _open_files.add(self)

    def _reset(self):
        self._lock = threading.RLock()
        self._connection = self._inode = None
        self.readable = self.writable = True

    def run(self, work, *, write=False, default=None):
        """Return ``work(connection)``, or ``default`` if the file does not allow it.

        Parameters
        ----------
        work : callable
            Is called once more, on a fresh file, if the file turns out to be damaged.
        write : bool, default=False
            Whether this is one transaction that writes.
        default : object, default=None
            What is returned where the store cannot be used.
        """
        with self._lock:
            for _ in range(2):
                if not (self.readable and (self.writable or not write)):
                    return default
                try:
                    connection = self._connect()
                    if not write:
                        return work(connection)
                    if self.writable:
                        return transaction(connection, work)
                except (sqlite3.Error, OSError, MemoryError, UnicodeError) as error:
                    if not _is_damage(error):
                        self._give_up(error, write)
                        return default
                    self._set_aside(error)
            return default

    def retry(self):
        """Try again what has failed before; a new fit may find the disk with space again."""
        with self._lock:
            if self._gives_no_locks:
                return
            if not (self.readable and self.writable):
                self.close()
            self.readable = self.writable = True

    def close(self):
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def size_on_disk(self):
        """Return the bytes of the file and its log."""
        paths = [f"{self.path}{end}" for end in ("", "-wal")]
        return sum(os.path.getsize(path) for path in paths if os.path.exists(path))

    def shrink(self):
        """Give free space back to the disk, as far as it is possible now."""

        def vacuum(connection):
            try:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                if _is_damage(error):
                    raise  # else in use or no room to copy it: the space is used again, not lost

        if self.writable:
            self.run(vacuum)

    def warn(self, topic, message):
        """Warn, once per process for the same topic."""
        if topic not in self._warned:
            self._warned.add(topic)
            warnings.warn(message, RuntimeWarning, stacklevel=4)

    def _connect(self):
        if self._connection is not None:
            if self._inode == _inode(self.path):
                return self._connection
            self.close()  # removed or set aside by another process: nothing there is read again
        patience = 0.1 if self._has_waited else BUSY_SECONDS
        make_private(self.path.parents[1])
        make_private(self.path.parent)
        try:
            _try_lock(self.path.parent)
            with contextlib.suppress(OSError):  # SQLite itself says what is wrong
                make_private_file(self.path)
            try:
                self._connection = _open(self.path, patience)
            except _OtherVersion:
                self.path = self.path.with_suffix(".own.sqlite")
                make_private_file(self.path)
                self._connection = _open(self.path, patience)
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            if not self.path.exists():
                raise
            # A folder in which no log can be written: the file is read as it is.
            self._connection = _open(self.path, patience, read_only=True)
            self._give_up(error, write=True)
        self._inode = _inode(self.path)
        return self._connection

    def _give_up(self, error, write):
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            self._has_waited = True  # a later fit only looks whether the lock has gone
        self._gives_no_locks = isinstance(error, _NoLocks)
        self.writable = False
        self.readable = self.readable and write and self._connection is not None
        verb = "written to" if self.readable else "used"
        self.warn(
            verb,
            f"The image store {self.path} cannot be {verb} ({error}): what it lacks is computed "
            "and not kept; free the disk, allow writing or choose another folder as `memory`.",
        )

    def _set_aside(self, error):
        replaced = self._connection is not None and self._inode != _inode(self.path)
        self.close()
        if replaced:  # another process was first
            return
        try:
            for end in ("-shm", "-wal", ""):
                if os.path.exists(f"{self.path}{end}"):
                    os.replace(f"{self.path}{end}", f"{self.path}.damaged{end}")
        except OSError as failure:
            self._give_up(failure, write=False)
            return
        self.warn(
            "damaged",
            f"The image store {self.path} is damaged ({error}): it was set aside as "
            f"{self.path.name}.damaged and its images are computed again.",
        )


class _NoLocks(OSError):
    """The file system grants no locks."""


class _OtherVersion(Exception):
    """The file is another version's store."""


def _try_lock(folder):
    """Raise where the file system grants no lock on a file that nobody else knows.

    SQLite takes that for a file in use, and waits a minute each time.
    """
    if fcntl is None or not os.access(folder, os.W_OK):
        return
    with tempfile.NamedTemporaryFile(prefix=f"{FILE_NAME}-", dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _NoLocks(f"its file system grants no locks: {error.strerror}") from error


def _open(path, patience, read_only=False):
    where = f"{path.absolute().as_uri()}?{'immutable=1' if read_only else 'mode=rwc'}"
    connection = sqlite3.connect(
        where, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
    )
    try:
        connection.text_factory = lambda text: text.decode(errors="replace")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        until = time.monotonic() + patience
        while True:
            try:
                _prepare(connection)
                return connection
            except sqlite3.OperationalError as error:
                # SQLite does not wait by itself while another process turns the log on.
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
    except BaseException:
        connection.close()
        raise


def _prepare(connection):
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute(f"PRAGMA page_size={_PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode=WAL")
        version = transaction(connection, _create)
    if version != _SCHEMA_VERSION:
        if version >> 8 == _SCHEMA_VERSION >> 8:
            raise _OtherVersion
        raise sqlite3.DatabaseError("it is not a store of this version of skcxr")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("SELECT 1 FROM entries LIMIT 1").fetchone()


def _create(connection):
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return version  # another process was first, or it is a file of someone else
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
    return _SCHEMA_VERSION


def transaction(connection, work):
    """Return ``work(connection)``, all of whose writes are kept or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
        return result
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _code(error):
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_damage(error):
    if hasattr(error, "sqlite_errorcode"):
        return _code(error) in _DAMAGE
    return type(error) is sqlite3.DatabaseError or isinstance(error, UnicodeError)


def _inode(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _after_fork():
    # A connection must not be used, not even closed, in a process that inherited it.
    for file in list(_open_files):
        _inherited.append(file._connection)
        file._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
