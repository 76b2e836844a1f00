"""Kill a fine-tuning at 20 random moments; run by test_fine_tuning.py in a process of its own.

Usage: kill_fine_tuning.py FOLDER. Each attempt is a fork of this process, which has computed
nothing with torch before the last of them. Prints, as JSON, what each run did and whether the last,
uninterrupted one ended as a run that was never killed.
"""

import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from test_fine_tuning import make_toy, tiny

from skcxr.features import ResNetEmbedder, _training
from skcxr.features._training import _Run

for late in ("sklearn.linear_model", "torch._dynamo"):
    importlib.import_module(late)  # here, so that not every attempt imports it
N, BATCH, EPOCHS = 64, 8, 40
STEPS = N // BATCH  # of an epoch
# What an attempt must be seen to begin, and how many seconds later it is killed at most. An epoch
# takes 0.05 s or more, see `watch`, so that all attempts together do not reach the last one.
BEFORE_TUNING = [("image", 0.03)] * 4 + [("head", 0.05)] * 2
IN_TUNING = [("step", 0.15)] * 8 + [("save", 0.02)] * 6


def watch(log):
    """Note in a file what is begun, and make it last long enough for a kill to fall into it."""
    forward, fit_head = ResNetEmbedder._forward, _training.fit_linear_head
    step, sync = _Run._step, os.fsync

    def note(*lines):
        os.write(log, "".join(f"{line}\n" for line in lines).encode())

    def noted_forward(self, part, batch):
        if part != "trunk":
            return forward(self, part, batch)
        note(*("image " + hashlib.blake2b(image, digest_size=8).hexdigest() for image in batch))
        time.sleep(0.006)
        return forward(self, part, batch)

    def noted_fit_head(*args, **kwargs):
        note("head")
        return fit_head(*args, **kwargs)

    def noted_step(*args):
        note("step")
        time.sleep(0.004)
        return step(*args)

    def slow_sync(file):  # the partial file is there, and not under its name yet
        note("save")
        time.sleep(0.016)
        return sync(file)

    ResNetEmbedder._forward = noted_forward
    _training.fit_linear_head = noted_fit_head
    _Run._step = noted_step
    os.fsync = slow_sync


def read(path, begin=0):
    """Whole lines of the log from a byte on, each as a list of words."""
    with open(path, "rb") as file:
        file.seek(begin)
        return [line.decode().split() for line in file.read().split(b"\n")[:-1]]


def counts(lines):
    """How often each thing was begun."""
    begun = Counter(line[0] for line in lines)
    return {sign: begun[sign] for sign in ("image", "head", "step", "save")}


def fit(memory):
    X, Y = make_toy(N)
    return tiny(epochs=EPOCHS, batch_size=BATCH, memory=memory).fit(X, Y), X


def main(folder):
    memory, log_path = os.path.join(folder, "memory"), os.path.join(folder, "log")
    rng = random.Random(0)
    torch.set_num_threads(1)
    log = os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    watch(log)
    attempts = []
    for sign, longest in BEFORE_TUNING + rng.sample(IN_TUNING, len(IN_TUNING)):
        begin = os.path.getsize(log_path)
        pid = os.fork()
        if pid == 0:
            fit(memory)
            os._exit(0)
        deadline = time.monotonic() + 20
        while not counts(read(log_path, begin))[sign] and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        partial = any(Path(memory).rglob(f"*.{pid}.partial"))
        attempts.append({"killed": killed, "partial": partial, **counts(read(log_path, begin))})
    begin = os.path.getsize(log_path)
    fitted, X = fit(memory)
    found = fitted.transform(X)
    last = counts(read(log_path, begin))
    images = Counter(line[1] for line in read(log_path) if line[0] == "image")
    left = [path.name for path in Path(memory).rglob("*") if path.suffix in (".zip", ".partial")]
    alone, _ = fit(os.path.join(folder, "never killed"))
    tail, expected = fitted.tail_.state_dict(), alone.tail_.state_dict()
    print(
        json.dumps(
            {
                "attempts": attempts,
                "last": last,
                "batch": BATCH,
                "epochs": EPOCHS,
                "epochs_begun": sum(-(-run["step"] // STEPS) for run in [*attempts, last]),
                "images": N,
                "images_seen": len(images),
                "images_entered": sum(images.values()),
                "left": left,
                "equal": {
                    "tail": tail.keys() == expected.keys()
                    and all(torch.equal(tail[key], expected[key]) for key in tail),
                    "coef": np.array_equal(fitted.head_coef_, alone.head_coef_),
                    "intercept": np.array_equal(fitted.head_intercept_, alone.head_intercept_),
                    "transform": np.array_equal(found, alone.transform(X)),
                },
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
