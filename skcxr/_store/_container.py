"""Named parts in one file, written whole or not at all, and read only as they were written.

The file is a zip archive of uncompressed members whose comment ends with the SHA-256 of every byte
before it, so that no change of any kind goes unnoticed.
"""

import contextlib
import hashlib
import io
import os
import zipfile
from pathlib import Path

from ._private import make_private, make_private_file

_MARK = b"skcxr sha256 "
_N_HEX = 64


class Unreadable(ValueError):
    """The file is damaged, was changed, or is no file of ours."""


def write_members(path, members, *, private=False):
    """Write a file of several members.

    Parameters
    ----------
    path : path-like
    members : dict of {str: bytes}
    private : bool, default=False
        Whether only this user may read the file, and a folder that is made for it.

    Raises
    ------
    OSError
        Where not all of it could be written; what was there before is as it was.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # of 1980: no time is in the file
        archive.comment = _MARK + b"0" * _N_HEX
    body = buffer.getvalue()[:-_N_HEX]
    write_whole(path, body + hashlib.sha256(body).hexdigest().encode(), private=private)


def read_members(path):
    """Read what `write_members` wrote.

    Returns
    -------
    dict of {str: bytes}

    Raises
    ------
    Unreadable
        Where a byte of the file is not as it was written; the message is the reason alone.
    OSError
        Where the file cannot be read at all.
    """
    content = Path(path).read_bytes()
    body, digest = content[:-_N_HEX], content[-_N_HEX:]
    if not body.startswith(b"PK") or not body.endswith(_MARK):
        raise Unreadable("it is no file of skcxr, or not all of it")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise Unreadable("its content is not what its SHA-256 was taken of: damaged, or changed")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if packed or len({entry.filename for entry in entries}) != len(entries):
                raise Unreadable("it is not packed as skcxr packs")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"it is no archive ({error})") from error


def write_whole(path, data, *, private=False):
    """Write a file so that under its name there is never a part of it."""
    path = Path(path)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    if private:
        make_private(path.parent)
        make_private_file(partial)
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if os.fstat(file.fileno()).st_size != len(data):
                raise OSError(f"{path}: only a part of it was written")
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
