import hashlib

import numpy as np
import pytest

from skcxr._store import _images, open_store


class FakeImages:
    """Images in memory that write down which of them were decoded."""

    def __init__(self, pixels, names=None, decoded=None):
        self.pixels = pixels
        self.names = list(range(len(pixels))) if names is None else names
        self.decoded = [] if decoded is None else decoded

    def __len__(self):
        return len(self.pixels)

    def keys(self, index):
        return [hashlib.blake2b(image, digest_size=16).digest() for image in self.pixels[index]]

    def take(self, index):
        return FakeImages(self.pixels[index], [self.names[i] for i in index], self.decoded)

    def batches(self, batch_size):
        for begin in range(0, len(self), batch_size):
            batch = slice(begin, min(begin + batch_size, len(self)))
            self.decoded += self.names[batch]
            yield batch, self.pixels[batch]


class Compute:
    """Rows that depend on the image alone, and a record of the batches that were computed."""

    def __init__(self, scale=1.0):
        self.scale, self.batches = scale, []

    def __call__(self, batch):
        self.batches.append(len(batch))
        flat = batch.reshape(len(batch), -1)
        return (flat[:, :5] * np.float32(self.scale)).astype(np.float32)

    @property
    def n(self):
        return sum(self.batches)


@pytest.fixture
def make_images():
    def make(n, seed=0):
        return FakeImages(np.random.default_rng(seed).integers(0, 256, (n, 6, 7), np.uint8))

    return make


@pytest.fixture
def make_compute():
    return Compute


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


@pytest.fixture
def reopen():
    """Forget a store, as a new process would, and open the same folder again."""

    def open_again(store):
        store.flush()
        store.file.close()
        with _images._stores_lock:
            _images._stores.pop(store.folder)
        return _images._store_in(store.folder)

    return open_again


@pytest.fixture(autouse=True)
def _close_stores():
    yield
    for store in list(_images._stores.values()):
        store.file.close()
    _images._stores.clear()
