"""Kill an extraction at 20 random moments; run by test_processes.py in a process of its own.

Usage: kill_loop.py FOLDER. Each attempt is a fork of this small process. Prints, as JSON, how many
images each attempt computed and whether the last, uninterrupted one gave the right rows.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time

import numpy as np
from computed_rows import cached_rows

from skcxr._store import open_store

N, BATCH = 3000, 10
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 8, 8), np.uint8)


class Images:
    def __init__(self, index):
        self.index = index

    def __len__(self):
        return len(self.index)

    def keys(self, index):
        return [hashlib.blake2b(PIXELS[i].tobytes()).digest() for i in self.index[index]]

    def take(self, index):
        return Images(self.index[index])

    def batches(self, batch_size):
        for begin in range(0, len(self), batch_size):
            batch = slice(begin, min(begin + batch_size, len(self)))
            yield batch, PIXELS[self.index[batch]]


def extract(memory, log):
    def compute(batch):
        os.write(log, b"".join(image.tobytes() for image in batch))
        time.sleep(0.002)
        return batch.astype(np.float32) / 3

    store = open_store(memory)
    parts = cached_rows(
        Images(np.arange(N)), compute, store=store, kind="row", config="", batch_size=BATCH
    )
    return np.concatenate([rows for _, rows in parts])


def size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def main(memory):
    rng = random.Random(0)
    log_path = os.path.join(memory, "log")
    attempts = []
    for attempt in range(20):
        before = size(log_path)
        pid = os.fork()
        if pid == 0:
            extract(memory, os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY))
            os._exit(0)
        if attempt % 2:  # surely while it computes; else also while it starts and looks up
            deadline = time.monotonic() + 5
            while size(log_path) == before and time.monotonic() < deadline:
                time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.06))
        os.kill(pid, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        attempts.append((killed, (size(log_path) - before) // 64))
    log = os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    rows = extract(memory, log)
    with open(log_path, "rb") as file:
        entered = np.frombuffer(file.read(), np.uint8).reshape(-1, 64)
    times = np.unique(entered, axis=0, return_counts=True)[1]
    print(
        json.dumps(
            {
                "attempts": attempts,
                "right": bool(np.array_equal(rows, PIXELS.astype(np.float32) / 3)),
                "seen": len(times),
                "recomputed": int(len(entered) - N),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
