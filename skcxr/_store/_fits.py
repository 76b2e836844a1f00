"""Fits that joblib keeps: found by a digest of what they were made from, and checked."""

import contextlib
import hashlib
import inspect
import os
import pickle
import warnings

from .._version import __version__
from ._images import open_store
from ._private import close_to_others, location_of, make_private
from ._size import bound_size


def cached_fit(memory, function, *args, ignore=(), **kwargs):
    """Return ``function(*args, **kwargs)``, from joblib's cache where it ran before.

    What joblib writes beside a result is the digest of the arguments, never an argument itself.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
        None calls the function.
    function : callable
        Of module level, with plain arguments: numbers, strings, arrays, digests.
    *args, **kwargs
        For ``function``.
    ignore : sequence of str
        Arguments on which the result does not depend, such as ``verbose``.

    Returns
    -------
    object
        What ``function`` returned.
    """
    import joblib

    location = location_of(memory)
    if location is None:
        return function(*args, **kwargs)
    given = inspect.signature(function).bind(*args, **kwargs)
    given.apply_defaults()
    given = {name: value for name, value in given.arguments.items() if name not in ignore}
    key = joblib.hash([__version__, function.__module__, function.__qualname__, given], "sha1")
    kept = _open(memory, location)
    if kept is not None:
        found = _read(kept, key)
        if found is not None:
            return found[0]
    result = function(*args, **kwargs)
    if kept is not None:
        _write(kept, key, pickle.dumps(result, protocol=5), location)
    return result


def _kept(key, result):
    """Give the result back: what joblib keeps is this function's, under its key alone."""
    if result is None:
        raise LookupError(key)  # removed by another process since it was looked up
    return result


def _open(memory, location):
    import joblib

    try:
        if not hasattr(memory, "cache"):
            make_private(location)
            make_private(os.path.join(location, "joblib"))
            memory = joblib.Memory(location, verbose=0, compress=1)
            with contextlib.suppress(OSError):
                os.chmod(os.path.join(location, ".gitignore"), 0o600)  # joblib has put it there
        kept = memory.cache(_kept, ignore=["result"], verbose=0)
    except Exception as error:
        _warn_lost(location, error)
        return None
    kept.warn = lambda message: None  # joblib would print a traceback with what it was called with
    return kept


def _read(kept, key):
    """A result in a tuple, or None where there is none to be trusted."""
    shelved = None
    try:
        if not kept.check_call_in_cache(key, None):
            return None
        shelved = kept.call_and_shelve(key, None)
        found = shelved.get()
    except Exception:
        found = None
    digest, _, result = found.partition(b" ") if isinstance(found, bytes) else (b"", b"", b"")
    if digest == _digest(key, result):
        with contextlib.suppress(OSError):  # its time of use
            os.utime(os.path.join(_root(kept), shelved.func_id, shelved.args_id, "output.pkl"))
        with contextlib.suppress(Exception):  # of classes that have moved
            return (pickle.loads(result),)
    warnings.warn(
        f"A fit kept in {_root(kept)} is damaged: it is computed again.",
        RuntimeWarning,
        stacklevel=3,
    )
    with contextlib.suppress(Exception):
        shelved.clear()
    return None


def _write(kept, key, result, location):
    error = "it was not written"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kept(key, _digest(key, result) + b" " + result)
            is_kept = kept.check_call_in_cache(key, None)
        except Exception as failure:
            is_kept, error = False, failure
    if not is_kept:
        _warn_lost(location, error)
        return
    close_to_others(os.path.join(_root(kept), __name__.partition(".")[0]))
    bound_size(open_store(location), location, exactly=False)


def _root(kept):
    return kept.store_backend.location


def _warn_lost(location, error):
    warnings.warn(
        f"A fit could not be kept in {location} ({error}): it is computed and not kept.",
        RuntimeWarning,
        stacklevel=4,
    )


def _digest(key, result):
    return hashlib.blake2b(result, key=key.encode(), digest_size=16).hexdigest().encode()
