"""Transforming more images than a result in memory, a process or a machine can hold."""

import contextlib
import os

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.utils import gen_batches

from ._progress import Progress
from ._sklearn import _num_samples, _safe_indexing

__all__ = ["transform_in_chunks"]


def transform_in_chunks(transformer, X, *, out=None, chunk_size=1024, n_jobs=None, verbose=0):
    """Transform X chunk by chunk, on several workers if asked, into a file if asked.

    Parameters
    ----------
    transformer : fitted transformer
        Such as ``pipe[:-1]``, all of a fitted hybrid pipeline but the classifier.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The images. Workers get the paths of their chunk, not its images.
    out : path or None, default=None
        A ``.npy`` file for the result; None returns it in memory.
    chunk_size : int, default=1024
        Images in a chunk; a worker holds the features of one.
    n_jobs : int or None, default=None
        Workers, as everywhere in joblib: ``joblib.parallel_config(backend="dask")`` takes the
        chunks to a cluster, ``backend="threading"`` overlaps the texture features of one chunk
        with the network's work on another, which pays where the network runs on a GPU.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    ndarray or memmap of shape (n, n_features)
        The memmap is writable and belongs to `out`.

    Raises
    ------
    OSError
        Before anything is written, when the disk has no room for `out`.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr import transform_in_chunks
    >>> from skcxr.features import LBPHOGExtractor
    >>> images = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    >>> texture = LBPHOGExtractor().fit(images)
    >>> chunked = transform_in_chunks(texture, images, chunk_size=2)
    >>> bool((chunked == texture.transform(images)).all())
    True
    """
    n = _num_samples(X)
    slices = list(gen_batches(n, chunk_size))
    on_workers = effective_n_jobs(n_jobs) > 1
    task = _ChunkTask(transformer, on_workers)
    # The calling process alone writes; results are taken in order, as they come.
    parts = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs")(
        delayed(_call)(task, _safe_indexing(X, rows)) for rows in slices
    )
    result = None
    with Progress(n, "features", verbose) as progress:
        for rows, part in zip(slices, parts, strict=True):
            if result is None:
                result = _allocate(out, (n, *part.shape[1:]), part.dtype)
            result[rows] = part
            if out is not None:
                result = _release(result, out)
            progress.update(len(part))
    return result


class _ChunkTask:
    """What is done to each chunk."""

    def __init__(self, transformer, on_workers):
        self.transformer, self.on_workers = transformer, on_workers

    def __call__(self, X):
        # dask would spread the branches of a FeatureUnion over its workers once more, and with
        # them the networks, for every chunk.
        alone = parallel_config("sequential") if self.on_workers else contextlib.nullcontext()
        with alone:
            return np.asarray(self.transformer.transform(X))

    def __sizeof__(self):
        # joblib sends what dask takes to be large to each worker once, not with every chunk;
        # Python's own answer leaves out what the transformer refers to.
        return 10**6


def _call(task, X):
    return task(X)


def _allocate(out, shape, dtype):
    if out is None:
        return np.empty(shape, dtype)
    result = np.lib.format.open_memmap(out, mode="w+", dtype=dtype, shape=shape)
    # A mapped page for which the disk turns out to have no room would kill the process.
    if hasattr(os, "posix_fallocate"):
        with open(out, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(out))
            except OSError as error:
                os.unlink(out)
                raise OSError(
                    error.errno,
                    f"{out}: no room for {result.nbytes / 1e9:.3g} GB of features "
                    f"({os.strerror(error.errno)})",
                ) from error
    return result


def _release(result, out):
    """Map the file anew, so that written pages do not count as this process's memory."""
    result.flush()
    return np.load(out, mmap_mode="r+")
