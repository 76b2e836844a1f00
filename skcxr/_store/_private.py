"""Whose a cache folder is: new ones are their user's own, shared ones are refused."""

import contextlib
import os
import stat

SHARED = "SKCXR_SHARED_CACHE"  # environment variable, so that worker processes inherit it


def is_shared():
    """Whether the user has asked for caches that others use as well."""
    return os.environ.get(SHARED) == "1"


def make_private(folder):
    """Make a folder that only this user can enter, whatever the umask; leave one that is there."""
    if not os.path.isdir(folder):
        os.makedirs(folder, 0o777 if is_shared() else 0o700, exist_ok=True)
        if not is_shared():
            os.chmod(folder, 0o700)


def make_private_file(path):
    """Make an empty file that only this user can read; leave one that is there."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666 if is_shared() else 0o600))
        if not is_shared():
            os.chmod(path, 0o600)


def close_to_others(folder):
    """Take the rights of other users from a folder and all that is in it, as far as it is ours."""
    for parent, _, files in [] if is_shared() else os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(parent, 0o700)
        for name in files:
            with contextlib.suppress(OSError):
                os.chmod(os.path.join(parent, name), 0o600)


def location_of(memory):
    """Return the folder that a ``memory`` names, as a str, or None; check its type and rights."""
    location = getattr(memory, "location", None) if hasattr(memory, "cache") else memory
    if location is None:
        return None
    if not isinstance(location, str | os.PathLike):
        raise TypeError(
            f"memory must be None, a folder or a joblib.Memory, got {type(memory).__name__}"
        )
    location = os.path.expanduser(location)
    check_private(location)
    return location


def check_private(location):
    """Refuse a cache folder into which other users can write.

    Fits are kept there as joblib keeps them, in pickles, and whoever can put a pickle in their
    place has his code run by those who read it.

    Parameters
    ----------
    location : str
        The folder given as `memory`.

    Raises
    ------
    ValueError
        Unless the environment variable ``SKCXR_SHARED_CACHE`` is ``1``.
    """
    if os.name != "posix" or is_shared():
        return
    for folder in (location, os.path.join(location, "skcxr"), os.path.join(location, "joblib")):
        who = _who_else_writes(folder, is_parent=folder == location)
        if who:
            raise ValueError(
                f"memory={os.fspath(location)!r} is refused: {who} can write to {folder}, and the "
                "fits in it are pickles, which run code when they are read; take the others' "
                f"rights away (chmod go-w), choose another folder, or set {SHARED}=1 in the "
                "environment if you trust all of them."
            )


def _who_else_writes(folder, is_parent):
    """Name those who can write to a folder besides this user and root; "" if nobody can."""
    try:
        found = os.stat(folder)
    except OSError:
        return ""  # not there, or not to be looked at: nothing is read from it
    user = os.geteuid()
    if user != 0 and found.st_uid not in (user, 0):
        return f"user {found.st_uid}"
    if is_parent and found.st_mode & stat.S_ISVTX:
        return ""  # as /tmp: what is ours in it, nobody else can move away
    if found.st_mode & stat.S_IWOTH:
        return "every user of this machine"
    if found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid):
        return f"group {found.st_gid}"
    return ""


def _is_own_group(gid):
    """Whether a group has this user alone, as the groups that many systems make for each user."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
