"""How often a fit looks at, hashes and decodes an image: counted, not timed."""

import os
import threading

import cv2
import numpy as np
import pytest
from sklearn.pipeline import FeatureUnion, make_pipeline
from tiny_networks import ThresholdMasker, tiny_network

from skcxr._rows import _sources
from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder, LBPHOGExtractor
from skcxr.preprocessing import HistEqualizer, ImageLoader

N = 11
Y = np.random.default_rng(0).permutation(np.repeat([[0, 1], [1, 0], [1, 1], [0, 0]], 3, 0))[:N]


@pytest.fixture
def paths(tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(N)]
    for path, image in zip(paths, _arrays(), strict=True):
        cv2.imwrite(path, image)
    return paths


def _arrays():
    return np.random.default_rng(1).integers(0, 256, (N, 40, 32), dtype=np.uint8)


@pytest.fixture
def counts(monkeypatch):
    """What was done to which image, as lists that fill."""
    counts = {"decoded": [], "digested": [], "hashed": [], "looked at": []}

    decoding = threading.local()  # the decoder makes sure by itself that it opens no pipe

    def count(where, name, what, key=str):
        original = getattr(where, name)

        def counting(item, *args, **kwargs):
            counts[what].append(key(item))
            decoding.now = what == "decoded"
            try:
                return original(item, *args, **kwargs)
            finally:
                decoding.now = False

        monkeypatch.setattr(where, name, counting)

    count(_sources, "read_image", "decoded")
    count(_sources, "file_digest", "digested")
    count(_sources, "array_digest", "hashed", key=lambda image: image.tobytes())
    for look in ("stat", "lstat"):  # os.path asks by these too
        original = getattr(os, look)

        def looking(path, *args, original=original, **kwargs):
            if str(path).endswith(".png") and not getattr(decoding, "now", False):
                counts["looked at"].append(str(path))
            return original(path, *args, **kwargs)

        monkeypatch.setattr(os, look, looking)
    return counts


def hybrid(memory=None, fine_tune=None):
    embedder = CNNEmbedder(
        tiny_network(),
        weights=None,
        precision="float32",
        device="cpu",
        fine_tune=fine_tune,
        epochs=2,
        batch_size=4,
        random_state=0,
        memory=memory,
    )
    texture = LBPHOGExtractor(pixels_per_cell=(8, 8), batch_size=5, memory=memory)
    branches = [("texture", texture), ("attention", GradCAMFuser(embedder, ThresholdMasker()))]
    return make_pipeline(ImageLoader(32, memory=memory), HistEqualizer(), FeatureUnion(branches))


@pytest.mark.parametrize("fine_tune", [None, "layer4"])
def test_a_fit_on_files_looks_digests_and_decodes_once(paths, counts, tmp_path, fine_tune):
    hybrid(tmp_path / "kept", fine_tune).fit_transform(paths, Y)
    assert sorted(counts["looked at"]) == sorted(paths)
    assert sorted(counts["digested"]) == sorted(paths)
    assert sorted(counts["decoded"]) == sorted(paths)
    assert counts["hashed"] == []


def test_a_warm_fit_decodes_and_digests_nothing(paths, counts, tmp_path):
    expected = hybrid(tmp_path / "kept").fit_transform(paths, Y)
    for found in counts.values():
        found.clear()
    np.testing.assert_array_equal(hybrid(tmp_path / "kept").fit_transform(paths, Y), expected)
    assert sorted(counts.pop("looked at")) == sorted(paths)
    assert counts == {"decoded": [], "digested": [], "hashed": []}


@pytest.mark.parametrize("fine_tune", [None, "layer4"])
def test_a_fit_without_memory_decodes_once_and_hashes_nothing(paths, counts, fine_tune):
    hybrid(None, fine_tune).fit_transform(paths, Y)
    assert sorted(counts["looked at"]) == sorted(counts["decoded"]) == sorted(paths)
    assert counts["digested"] == counts["hashed"] == []


@pytest.mark.parametrize("fine_tune", [None, "layer4"])
def test_a_fit_on_arrays_hashes_each_once(counts, tmp_path, fine_tune):
    images = _arrays()
    hybrid(tmp_path / "kept", fine_tune).fit_transform(images, Y)
    assert sorted(counts["hashed"]) == sorted(image.tobytes() for image in images)
    assert counts["decoded"] == counts["digested"] == counts["looked at"] == []


def test_a_prediction_looks_at_each_file_once(paths, counts, tmp_path):
    model = hybrid(tmp_path / "kept").fit(paths, Y)
    for found in counts.values():
        found.clear()
    model.transform(paths)
    assert sorted(counts.pop("looked at")) == sorted(paths)
    assert counts == {"decoded": [], "digested": [], "hashed": []}


@pytest.mark.parametrize("stage", ["texture", "embedder"])
def test_a_stage_alone_looks_at_each_file_once_too(paths, counts, tmp_path, stage):
    memory = tmp_path / "kept"
    union = hybrid(memory)[-1].transformer_list
    made = union[0][1] if stage == "texture" else union[1][1].embedder
    made.fit_transform(paths, Y)
    assert sorted(counts["looked at"]) == sorted(counts["digested"]) == sorted(paths)
    # once more for the size of the first
    assert sorted(counts["decoded"]) == sorted([*paths, paths[0]])
