import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores among them
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real X-rays: SKCXR_DATA, or ../shared/data beside the project."""
    named = os.environ.get("SKCXR_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"SKCXR_DATA names {folder}, which is not a folder")
        pytest.skip("no real X-rays here: set SKCXR_DATA to the folder that holds them")
    return folder
