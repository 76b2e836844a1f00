"""Make things in threads, a few ahead of their use."""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

READERS = min(8, os.cpu_count() or 1)  # decoding and hashing release the GIL


def prefetch(make, items, *, threads=1, ahead=2):
    """Yield ``make(item)`` in the order of the items, the next ones being made meanwhile.

    Parameters
    ----------
    make : callable
        Its errors are raised where its result would be yielded.
    items : iterable
        Is asked for one item at a time.
    threads : int, default=1
        How many are made at once.
    ahead : int, default=2
        How many are made or waiting while one is used; what they hold is held in memory.

    Yields
    ------
    object
    """
    items = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="skcxr-prefetch")
    try:
        waiting = deque(pool.submit(make, item) for item in islice(items, ahead))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(items, 1))
            yield made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def map_readers(make, items):
    """``[make(item) for item in items]`` in reader threads, unless in one of them already."""
    items = list(items)
    if len(items) < 2 or threading.current_thread() is not threading.main_thread():
        return [make(item) for item in items]
    return list(prefetch(make, items, threads=READERS, ahead=2 * READERS))
