"""Chunk by chunk, on workers and into a file: the same rows as by `transform`."""

import os
from unittest import mock

import cv2
import distributed
import joblib
import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer

from skcxr import ImageLoader, LBPHOGExtractor, transform_in_chunks
from skcxr.datasets import make_chest_phantoms

N = 11


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    images = make_chest_phantoms(N, size=64, random_state=0).images
    names = [str(folder / f"{i:02d}.png") for i in range(N)]
    for name, image in zip(names, images, strict=True):
        cv2.imwrite(name, image)
    return names


@pytest.fixture(scope="module")
def texture(paths):
    return LBPHOGExtractor().fit(paths)


@pytest.mark.parametrize("chunk_size", [1, 4, N, 100])
def test_chunks_are_the_rows_of_transform(texture, paths, chunk_size):
    whole = texture.transform(paths)
    table = pd.DataFrame({"path": paths, "age": range(N)})
    for X in (paths, table, np.asarray(ImageLoader(64).fit_transform(paths))):
        np.testing.assert_array_equal(transform_in_chunks(texture, X, chunk_size=chunk_size), whole)


def test_into_a_file(texture, paths, tmp_path):
    out = tmp_path / "features.npy"
    result = transform_in_chunks(texture, paths, out=out, chunk_size=3)
    assert isinstance(result, np.memmap)
    np.testing.assert_array_equal(np.load(out), texture.transform(paths))
    result[0] = 0  # writable, and belongs to the file
    result.flush()
    assert not np.load(out)[0].any()


LOKY = pytest.param("loky", marks=pytest.mark.slow)


@pytest.mark.parametrize("backend", ["threading", LOKY])
def test_on_two_workers(texture, paths, backend):
    with joblib.parallel_config(backend):
        found = transform_in_chunks(texture, paths, chunk_size=3, n_jobs=2)
    np.testing.assert_array_equal(found, texture.transform(paths))
    get_reusable_executor().shutdown()


def test_a_file_that_is_no_image_is_named(texture, paths, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"text\.png: not a readable image"):
        transform_in_chunks(texture, [*paths, str(tmp_path / "text.png")], chunk_size=4)


@pytest.mark.slow
# Of dask and its cluster, not of ours; ours would come from the workers as text.
@pytest.mark.filterwarnings("default")
def test_on_a_dask_cluster_workers_get_paths_and_work_alone(texture, paths, tmp_path):
    class Sent:
        """Counts in a file how often it is sent, with the pipeline that it is in."""

        def __setstate__(self, state):
            with open(state["log"], "a") as file:
                file.write(".")

    sent = Sent()
    sent.log = str(tmp_path / "log")

    def who(X, sent):
        """Process, whether it was sent paths, and over how many workers it would spread."""
        paths = all(isinstance(path, str) for path in X)
        return np.array([[os.getpid(), paths, joblib.effective_n_jobs(-1)]] * len(X))

    branches = [(name, FunctionTransformer(who, kw_args={"sent": sent})) for name in "ab"]
    union = FeatureUnion([*branches, ("texture", texture)]).fit(paths)
    with (
        mock.patch.dict(os.environ),  # where dask sets OMP_NUM_THREADS for good
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        found = transform_in_chunks(union, paths, chunk_size=1)
    np.testing.assert_array_equal(found[:, 6:], texture.transform(paths))
    pids, sent_paths, spread = found[:, [0, 3]], found[:, [1, 4]], found[:, [2, 5]]
    assert os.getpid() not in pids
    assert (sent_paths == 1).all()
    # One worker does all branches of a chunk.
    np.testing.assert_array_equal(pids[:, 0], pids[:, 1])
    assert (spread == 1).all()
    # Once to each worker, and not with each of the 11 chunks.
    assert 1 <= (tmp_path / "log").stat().st_size <= 4
