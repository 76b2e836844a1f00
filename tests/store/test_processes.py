"""Several processes at once, and processes that are killed."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from computed_rows import cached_rows

from skcxr._store import cache_info, open_store

PROJECT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_at_twenty_moments(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    script = Path(__file__).with_name("kill_loop.py")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}",
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, script, tmp_path], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)
    n_killed = sum(killed for killed, _ in result["attempts"])
    n_at_work = sum(killed and n > 0 for killed, n in result["attempts"])
    assert n_at_work >= 5  # else the test has shown nothing
    assert result["right"]
    assert result["seen"] == 3000
    assert result["recomputed"] <= 10 * n_killed  # the batch in flight and no more


def _write(memory, order):
    """Write and read 2,000 entries in batches; return how many values read were wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = open_store(memory)
        wrong = 0
        for begin in range(0, len(order), 20):
            index = order[begin : begin + 20]
            keys = [b"%d" % i for i in index]
            store.put_many("row", keys, _row(index))
            for i, row in zip(index, store.get_many("row", keys), strict=True):
                wrong += row is None or not np.array_equal(row, _row(i))
    return wrong


def _row(index):
    return np.multiply.outer(index, np.arange(1, 200)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_two_processes_write_the_same_entries(tmp_path, shuffled):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(2000) if shuffled else np.arange(2000) for _ in range(2)]
    wrong = joblib.Parallel(2)(joblib.delayed(_write)(tmp_path, order) for order in orders)
    assert wrong == [0, 0]
    rows = open_store(tmp_path).get_many("row", [b"%d" % i for i in range(2000)])
    np.testing.assert_array_equal(rows, _row(np.arange(2000)))
    assert cache_info(tmp_path).loc["row", "entries"] == 2000


def _extract(images, compute, memory):
    store = open_store(memory)
    parts = cached_rows(images, compute, store=store, kind="row", config="", batch_size=8)
    return np.concatenate([rows for _, rows in parts]), compute.n


def test_processes_read_what_another_wrote(tmp_path, make_images, make_compute):
    images = make_images(100)
    truth, n = _extract(images, make_compute(), tmp_path)
    assert n == 100
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        found = joblib.Parallel()(
            joblib.delayed(_extract)(images, make_compute(), tmp_path) for _ in range(3)
        )
    for rows, n in found:
        assert n == 0
        np.testing.assert_array_equal(rows, truth)


def test_importing_the_store_is_cheap():
    code = (
        "import sys, skcxr._store, skcxr._progress; "
        "print(sorted({'torch', 'cv2', 'pandas', 'skimage', 'monai'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
