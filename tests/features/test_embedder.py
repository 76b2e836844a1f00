"""CNNEmbedder: numbers, precision, memory and errors."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from tiny_networks import COUNT_FILE, counted, tiny_network
from torch import nn

from skcxr._torch import InBatches, to_input
from skcxr.features import CNNEmbedder, FineTuning, ResNetEmbedder, convert_checkpoint

CPU = torch.device("cpu")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 16, 20), dtype=np.uint8)


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 2, (7, 3))


def tiny(**settings):
    return CNNEmbedder(tiny_network(), weights=None, precision="float32", device="cpu", **settings)


def test_embedding_is_the_mean_of_the_networks_maps(images):
    network = tiny_network()
    with torch.inference_mode():
        maps = network(to_input(images, CPU)).numpy()
    embedder = tiny(batch_size=3).fit(images)
    np.testing.assert_allclose(embedder.transform(images), maps.mean((2, 3)), rtol=1e-3, atol=1e-3)
    batches = list(embedder.rows(images).batches(3))
    assert [(rows.start, rows.stop) for rows, _ in batches] == [(0, 3), (3, 6), (6, 7)]
    rows = np.concatenate([part for _, part in batches])
    assert rows.dtype == np.float16
    np.testing.assert_allclose(rows, maps, rtol=1e-3, atol=1e-3)  # float16 has 11 bits


def test_scaling_is_minus_one_to_one():
    values = to_input(np.array([[[0, 255]]], np.uint8), CPU)
    assert values.shape == (1, 1, 1, 2)
    assert values.dtype == torch.float32
    assert values.flatten().tolist() == [-1.0, 1.0]
    every = to_input(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), CPU).flatten()
    np.testing.assert_allclose(every, np.arange(256) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_the_batch_size_changes_no_bit(images, batch_size):
    expected = tiny(batch_size=2).fit_transform(images)
    np.testing.assert_array_equal(tiny(batch_size=batch_size).fit_transform(images), expected)


def test_fit_transform_is_fit_then_transform(images, labels):
    for y in (None, labels):
        one = tiny().fit_transform(images, y)
        np.testing.assert_array_equal(one, tiny().fit(images, y).transform(images))


def test_without_memory_each_image_enters_once(images, labels, monkeypatch, tmp_path):
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    for y in (None, labels):
        embedder = tiny(batch_size=3)
        embedder.fit_transform(images, y)
        assert counted(tmp_path / "count") == len(images)
        embedder.get_feature_names_out()
        assert counted(tmp_path / "count") == len(images)
        (tmp_path / "count").unlink()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_points_the_same_way(images, precision):
    half = tiny().set_params(precision=precision).fit_transform(images)
    full = tiny().fit_transform(images)
    assert not np.array_equal(half, full)
    norms = np.linalg.norm(half, axis=1) * np.linalg.norm(full, axis=1)
    assert ((half * full).sum(1) / norms).min() >= 0.999


def test_random_weights_follow_random_state(images):
    def fit(seed):
        return CNNEmbedder("resnet18", weights=None, random_state=seed, device="cpu")

    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = fit(0).fit_transform(images)
    assert one.shape == (7, 512)
    np.testing.assert_array_equal(one, fit(0).fit_transform(images))
    assert not np.array_equal(one, fit(1).fit_transform(images))
    assert torch.equal(torch.get_rng_state(), state[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_head_scores_are_those_of_its_coefficients(images, labels):
    embedder = tiny().fit(images, pd.DataFrame(labels, columns=["Mass", "Edema", "Hernia"]))
    assert embedder.label_names_.tolist() == ["Mass", "Edema", "Hernia"]
    scores = embedder.transform(images) @ embedder.head_coef_.T + embedder.head_intercept_
    np.testing.assert_allclose(embedder.decision_function(images), scores, rtol=1e-6)


def test_a_fit_without_labels_forgets_the_head(images, labels):
    embedder = tiny().fit(images, labels).fit(images)
    assert not hasattr(embedder, "head_coef_")
    assert not hasattr(embedder, "label_names_")
    with pytest.raises(AttributeError, match=r"head_coef_|not fitted"):
        embedder.decision_function(images)


def test_a_refit_with_another_network_has_its_length(images):
    embedder = tiny().fit(images)
    assert len(embedder.get_feature_names_out()) == 8
    embedder.set_params(backbone=tiny_network(channels=(4, 5))).fit(images)
    assert len(embedder.get_feature_names_out()) == 5
    assert embedder.transform(images).shape == (7, 5)


def test_memory_changes_no_bit_and_spares_the_network(images, labels, monkeypatch, tmp_path):
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    kept = tiny(memory=str(tmp_path / "kept"))
    expected = tiny().fit(images, labels)
    embedded = clone(kept).fit_transform(images, labels)
    np.testing.assert_array_equal(embedded, expected.transform(images))
    (tmp_path / "count").unlink()
    again = clone(kept).fit(images[::-1], labels[::-1])
    np.testing.assert_array_equal(again.transform(images), embedded)
    np.testing.assert_allclose(again.head_coef_, expected.head_coef_, atol=1e-4)
    assert counted(tmp_path / "count") == 0


def test_pickle_leaves_the_folded_copies_behind(images, labels):
    embedder = tiny().fit(images, labels)
    before = len(pickle.dumps(embedder))
    expected = embedder.transform(images)
    assert len(pickle.dumps(embedder)) == before
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(embedder)).transform(images), expected)


def test_maps_beyond_float16_are_an_error(images):
    class Loud(nn.Module):
        def forward(self, x):
            return x * 1e6

    embedder = CNNEmbedder(Loud(), weights=None, precision="float32", device="cpu")
    with pytest.raises(FloatingPointError, match=r"exceed float16"):
        embedder.fit(images).transform(images)


def test_h3_images_of_a_few_pixels_are_refused_with_the_smallest_size(labels):
    network = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
    small = np.zeros((7, 4, 4), np.uint8)
    embedder = CNNEmbedder(network, weights=None, precision="float32", device="cpu")
    # 5×5 leaves one pixel, which pooling by two leaves none of; 10 → 6 → 3 → 1
    with pytest.raises(ValueError, match=r"16 pixels are too small .* takes 10×10 and larger"):
        embedder.fit(small, labels)
    assert embedder.fit_transform(np.zeros((7, 10, 10), np.uint8)).shape == (7, 4)


def test_c11_a_device_that_torch_does_not_know(images):
    with pytest.raises(ValueError, match=r"device='gpu' .* expected 'auto', 'cpu', 'cuda'"):
        tiny().set_params(device="gpu").fit_transform(images)


def test_one_class_has_two_public_names():
    assert ResNetEmbedder is CNNEmbedder


def test_w7_embeddings_keep_the_index_of_a_series_of_paths(images, tmp_path):
    paths = pd.Series([str(tmp_path / f"{i}.png") for i in range(7)], index=list("gfedcba"))
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    embedder = tiny().set_output(transform="pandas")
    for table in (embedder.fit_transform(paths), embedder.transform(paths)):
        assert table.index.tolist() == paths.index.tolist()
        np.testing.assert_array_equal(table, tiny().fit_transform(images))


def test_unknown_stage_names_the_stages(images, labels):
    with pytest.raises(ValueError, match=r"fine_tune='layer5' .* stages are stem, layer4"):
        tiny(fine_tune="layer5").fit(images, labels)


def test_fine_tuning_without_labels(images):
    with pytest.raises(ValueError, match=r"fine_tune='layer4' needs labels"):
        tiny(fine_tune="layer4").fit(images)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "The 'epochs' parameter of CNNEmbedder"),
        ({"lr": -1.0}, "The 'lr' parameter of CNNEmbedder"),
        ({"precision": "fp8"}, "The 'precision' parameter of CNNEmbedder"),
        ({"batch_size": 2.5}, "The 'batch_size' parameter of CNNEmbedder"),
    ],
)
def test_bad_settings_give_the_usual_message(images, setting, message):
    with pytest.raises(ValueError, match=message):
        tiny().set_params(**setting).fit(images)


def test_wrong_labels(images):
    with pytest.raises(ValueError, match=r"0, 1 or NaN"):
        tiny().fit(images, np.full((7, 2), 2))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        tiny().fit(images, np.ones((6, 2)))


# ---- batches that fit the memory -----------------------------------------------------------------


def test_batches_are_halved_until_they_fit():
    tried = []

    def at_most_three(batch):
        tried.append(len(batch))
        if len(batch) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return batch * 2

    batch = np.arange(10)
    np.testing.assert_array_equal(InBatches(at_most_three, 8)(batch), batch * 2)
    assert tried == [8, 4, 2, 2, 2, 2, 2]


def test_one_image_that_does_not_fit_is_an_error():
    def never(batch):
        raise MemoryError

    with pytest.raises(MemoryError, match=r'One image alone .* device="cpu"'):
        InBatches(never, 4)(np.arange(4))


def test_other_errors_pass():
    def broken(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match=r"shapes do not match"):
        InBatches(broken, 4)(np.arange(4))


@pytest.mark.parametrize("fine_tune", [None, FineTuning(guidance=0.0)], ids=["frozen", "trained"])
def test_it_knows_what_its_weights_had_seen(images, labels, tmp_path, fine_tune):
    torch.save(tiny_network().state_dict(), tmp_path / "plain.pth")
    convert_checkpoint(tmp_path / "plain.pth", tmp_path / "w.safetensors", trained_on=["CheXpert"])
    settings = {"fine_tune": fine_tune, "cross_fit": None, "epochs": 1 if fine_tune else None}
    known = tiny(**settings).set_params(weights=tmp_path / "w.safetensors").fit(images, labels)
    assert known.trained_on_ == ("CheXpert",)
    assert tiny(**settings).fit(images, labels).trained_on_ is None
