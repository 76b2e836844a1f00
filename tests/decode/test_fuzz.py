"""Mutated files, in a process that may take 2 GB."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_300_mutated_files_are_whole_images_or_named(tmp_path):
    script = Path(__file__).with_name("fuzz.py")
    run = subprocess.run(
        [sys.executable, script, tmp_path, "300", "0"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    outcome = json.loads(run.stdout)
    assert outcome["faults"] == []
    total = sum(sum(counts.values()) for counts in outcome["counts"].values())
    assert total == 300 + outcome["counts"]["odd"]["refused"]
    # Mutations that no reader can miss are among them.
    assert sum(counts.get("refused", 0) for counts in outcome["counts"].values()) > 150
