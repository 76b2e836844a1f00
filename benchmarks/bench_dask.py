"""The chunked transform on a dask cluster of two workers: the same result, and only paths sent."""

import pickle
import tempfile
import time

import numpy as np
from _harness import machine, options, write_phantoms

from skcxr import make_hybrid_pipeline, transform_in_chunks
from skcxr.datasets import make_chest_phantoms


def main():
    arguments = options(__doc__, images=128, size=224)

    import joblib
    from dask.distributed import Client, LocalCluster

    phantoms = make_chest_phantoms(24, size=arguments.size, random_state=0)
    y = np.random.default_rng(0).integers(0, 2, (24, 14))
    features = make_hybrid_pipeline(
        "frozen", backbone="resnet18", size=arguments.size, weights=None, random_state=0
    )[:-2]
    features.fit(phantoms.images, y)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        paths = write_phantoms(folder, arguments.images, arguments.size)
        begun = time.perf_counter()
        alone = transform_in_chunks(features, paths, chunk_size=32)
        print(f"one process             {time.perf_counter() - begun:8.1f} s")
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster),
            joblib.parallel_config(backend="dask"),
        ):
            begun = time.perf_counter()
            spread = transform_in_chunks(features, paths, chunk_size=32, n_jobs=2)
            print(f"dask, two workers       {time.perf_counter() - begun:8.1f} s")
    task = len(pickle.dumps(paths[:32]))
    print(f"the fitted pipeline, sent to each worker once: {len(pickle.dumps(features))} bytes")
    print(f"the images of a chunk as they are sent: {task} bytes of paths")
    print(f"dask_max_abs_diff {np.abs(alone - spread).max():.1e} chunk_bytes {task}")


if __name__ == "__main__":
    main()
