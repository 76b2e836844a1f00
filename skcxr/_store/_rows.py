"""Compute something for each image, or read it where it was computed before."""

import hashlib
import json
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .._progress import Progress

_WINDOW = 16  # batches that are looked up together; misses are gathered over them
_AHEAD = 2  # decoded batches that wait for the computation


def cached_rows(images, compute, *, store, kind, config, batch_size, desc=None, verbose=0):
    """Compute one row per image, only for images whose row is not stored.

    Missing images are gathered into full batches, decoded while others are computed, and written
    in one transaction per batch. Memory depends on the batch size, not on the number of images.

    Parameters
    ----------
    images : Images
        Has ``len``, ``keys(slice)``, ``take(indices)`` and ``batches(batch_size)``.
    compute : callable
        ``(m, H, W) uint8 -> (m, ...) ndarray``. Row i may depend on image i alone.
    store : ImageStore or None
        None computes everything.
    kind : str
        What the rows are; a name in `cache_info`, up to 64 bytes.
    config : str, bytes or JSON-like
        All that ``compute`` depends on besides the pixels: digests of weights, layer, precision,
        versions.
    batch_size : int
        Images per batch.
    desc : str, default=None
        First words of the progress line; None is ``kind``.
    verbose : int, default=0
        0 is silent.

    Yields
    ------
    batch : slice
        Consecutive images.
    rows : ndarray of shape (m, ...)
        Their rows, the same whether computed or read.
    """
    with Progress(len(images), desc or kind, verbose) as progress:
        if store is None or not store.file.readable:
            for batch, pixels in images.batches(batch_size):
                rows = compute(pixels)
                progress.update(len(rows))
                yield batch, rows
            return
        yield from _through_store(images, compute, store, kind, config, batch_size, progress)
        store.flush()


def _through_store(images, compute, store, kind, config, batch_size, progress):
    keys, missing, computed = {}, set(), {}
    begin = 0

    def keep(index, pixels):
        rows = compute(pixels)
        if len(rows) != len(index):
            raise ValueError(f"{kind}: {len(rows)} rows were computed for {len(index)} images")
        store.put_many(kind, [keys[i] for i in index], rows)
        computed.update(zip(index, rows, strict=True))
        missing.difference_update(index)

    planned = _plan(images, store, kind, config, batch_size)
    for event in _ahead(planned):
        if len(event) == 3:
            window, window_keys, window_missing = event
            keys.update(zip(range(window.start, window.stop), window_keys, strict=True))
            missing.update(window_missing)
        else:
            keep(*event)
        while begin < len(images):
            end = min(begin + batch_size, len(images))
            if end - 1 not in keys or not missing.isdisjoint(range(begin, end)):
                break
            index = range(begin, end)
            n_computed = sum(i in computed for i in index)
            rest = [i for i in index if i not in computed]
            found = dict(zip(rest, store.get_many(kind, [keys[i] for i in rest]), strict=True))
            lost = [i for i in rest if found[i] is None]
            if lost:  # damaged or evicted since it was looked up
                for part, pixels in images.take(np.array(lost)).batches(batch_size):
                    keep(lost[part], pixels)
            rows = [computed.pop(i) if i in computed else found[i] for i in index]
            for i in index:
                del keys[i]
            progress.update(len(rows), stored=len(rows) - n_computed - len(lost))
            yield slice(begin, end), np.stack(rows)
            begin = end


def _plan(images, store, kind, config, batch_size):
    """Yield what to do: ``(window, keys, missing)``, then ``(indices, pixels)`` to compute."""
    config = _canonical(config)
    pending = []
    window = _WINDOW * batch_size
    for begin in range(0, len(images), window):
        end = min(begin + window, len(images))
        keys = [_row_key(key, config) for key in images.keys(slice(begin, end))]
        known = store.has_many(kind, keys)
        missing = [begin + i for i, is_known in enumerate(known) if not is_known]
        yield slice(begin, end), keys, missing
        n_carried = len(pending)
        pending += missing
        n_now = len(pending) // batch_size * batch_size
        if end == len(images) or n_now < n_carried:
            n_now = len(pending)  # nobody waits longer than for one window
        now, pending = pending[:n_now], pending[n_now:]
        if now:
            for part, pixels in images.take(np.array(now)).batches(batch_size):
                yield now[part], pixels


def _ahead(generator):
    """Run a generator in a thread of its own, a few items ahead of their use."""
    end = object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="skcxr-decode")
    try:
        waiting = deque(pool.submit(next, generator, end) for _ in range(_AHEAD))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, generator, end))
            yield item
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        generator.close()


def _canonical(config):
    if isinstance(config, bytes):
        return config
    return json.dumps(config, sort_keys=True).encode()


def _row_key(image_key, config):
    return hashlib.blake2b(image_key + config, digest_size=16).digest()
