import pickle

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from skcxr.datasets import make_chest_phantoms
from skcxr.segmentation import UNetMasker, build_network, mask_quality


@pytest.fixture(scope="module")
def phantoms():
    return make_chest_phantoms(8, size=64, random_state=0)


class Tiny(nn.Module):
    """Enough of a network for what does not depend on the network."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, padding=2)
        self.head = nn.Conv2d(4, 1, 5, padding=2)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)))


def tiny(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        defaults = {"network": Tiny(), "side": 32, "epochs": 2, "batch_size": 4, "random_state": 0}
    return UNetMasker(None, **(defaults | settings))


@pytest.mark.slow
def test_training_learns_lungs(phantoms):
    masker = tiny(network=build_network("unet", width=8), epochs=30, lr=1e-2, augment=0)
    masker.fit(phantoms.images, phantoms.masks)
    assert masker.score(phantoms.images, phantoms.masks) > 0.9
    assert masker.history_[-1] < 0.5 * masker.history_[0]


def test_shipped_weights_find_phantom_lungs_without_training(phantoms):
    assert UNetMasker().fit(phantoms.images).score(phantoms.images, phantoms.masks) > 0.9
    assert UNetMasker().score(phantoms.images, phantoms.masks) > 0.9


def test_shipped_weights_do_not_mind_equalisation_or_gamma(phantoms):
    masker = UNetMasker()
    raw = masker.transform(phantoms.images) > 0.5
    table = (255 * (np.arange(256) / 255) ** 1.3).astype(np.uint8)
    for changed in ([cv2.equalizeHist(i) for i in phantoms.images], table[phantoms.images]):
        other = masker.transform(np.stack(changed)) > 0.5
        assert 2 * (raw & other).sum() / (raw.sum() + other.sum()) > 0.95


def test_forms_of_input_and_masks_train_the_same_network(phantoms, tmp_path):
    images, masks = phantoms.images, phantoms.masks
    paths, mask_paths = [], []
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        paths.append(tmp_path / f"{i}.png")
        mask_paths.append(str(tmp_path / f"{i}_mask.png"))
        cv2.imwrite(str(paths[-1]), image)
        cv2.imwrite(mask_paths[-1], mask.astype(np.uint8) * 255)
    expected = tiny().fit(images, masks).transform(images)
    n = len(images)
    for X, y in [
        (paths, mask_paths),
        (pd.DataFrame({"path": paths, "age": 1}), pd.DataFrame({"path": mask_paths})),
        (list(images), list(masks.astype(np.uint8))),
        (images, masks.astype(float) * 255),
        (images.reshape(n, -1), masks.reshape(n, -1)),
    ]:
        masker = tiny().fit(X, y)
        np.testing.assert_array_equal(masker.transform(X).reshape(expected.shape), expected)
        assert masker.score(X, y) == tiny().fit(images, masks).score(images, masks)


def test_sizes_may_differ_in_training_and_score(phantoms):
    images = [cv2.resize(im, (50 + 3 * i, 70)) for i, im in enumerate(phantoms.images)]
    masks = [cv2.resize(m.astype(np.uint8), (50 + 3 * i, 70)) for i, m in enumerate(phantoms.masks)]
    masker = tiny().fit(images, masks)
    assert 0 <= masker.score(images, masks) <= 1
    with pytest.raises(ValueError, match="ImageLoader"):
        masker.transform(images)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: np.zeros_like(m), r"mask 2 is empty \(all 0\)"),
        (lambda m: np.full_like(m, 255), r"mask 2 is full \(all 255\)"),
        (lambda m: m[:-1], "mask 2 is 63 x 64 and its image 64 x 64"),
        (lambda m: m // 3, "mask 2 has the values 0, 85; accepted are 0/1, 0/255 and bool"),
        (lambda m: np.dstack([m] * 3), "mask 2 is 64 x 64 x 3"),
    ],
)
def test_a_bad_mask_is_named(phantoms, spoil, message):
    masks = [m.astype(np.uint8) * 255 for m in phantoms.masks]
    masks[2] = spoil(masks[2])
    with pytest.raises(ValueError, match=message):
        tiny().fit(phantoms.images, masks)


def test_a_bad_mask_file_is_named(phantoms, tmp_path):
    paths = [str(tmp_path / f"lung_{i}.png") for i in range(8)]
    for path in paths:
        cv2.imwrite(path, np.zeros((64, 64), np.uint8))
    with pytest.raises(ValueError, match=r"lung_0\.png"):
        tiny().fit(phantoms.images, paths)


def test_another_number_of_masks(phantoms):
    with pytest.raises(ValueError, match="8 images and 7 masks"):
        tiny().fit(phantoms.images, phantoms.masks[:7])
    with pytest.raises(ValueError, match="expected masks"):
        UNetMasker().score(phantoms.images, np.zeros((8, 14)))


def test_without_weights_and_masks_it_says_what_to_do(phantoms):
    for y in (None, np.zeros((8, 14)), np.zeros(8)):
        with pytest.raises(ValueError, match=r"weights='lungs'.*fit\(images, masks\)"):
            tiny().fit(phantoms.images, y)
    with pytest.raises(NotFittedError, match="not fitted"):
        tiny().transform(phantoms.images)


def test_labels_of_a_pipeline_train_nothing(phantoms):
    masker = UNetMasker(side=32).fit(phantoms.images, phantoms.labels)
    np.testing.assert_array_equal(
        masker.transform(phantoms.images), UNetMasker(side=32).transform(phantoms.images)
    )
    assert not hasattr(masker, "history_")


def test_given_module_is_not_changed_and_survives_clone_and_pickle(phantoms):
    masker = tiny()
    before = {k: v.clone() for k, v in masker.network.state_dict().items()}
    masker.fit(phantoms.images, phantoms.masks)
    for key, value in masker.network.state_dict().items():
        assert torch.equal(value, before[key])
    expected = masker.transform(phantoms.images)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(masker)).transform(phantoms.images), expected
    )
    again = clone(masker).fit(phantoms.images, phantoms.masks)
    np.testing.assert_array_equal(again.transform(phantoms.images), expected)


def test_seed_decides_and_the_global_one_is_not_touched(phantoms):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    masks = [
        tiny(network="unet", random_state=seed).fit(phantoms.images, phantoms.masks).history_
        for seed in (0, 0, 1)
    ]
    assert masks[0] == masks[1] != masks[2]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])  # noqa: NPY002


def test_one_image_alone_equals_it_in_the_batch(phantoms):
    masker = UNetMasker(precision="float32")
    whole = masker.transform(phantoms.images)
    for i in (0, 5):
        np.testing.assert_allclose(
            masker.transform(phantoms.images[i : i + 1])[0], whole[i], atol=1 / 255
        )


def test_iter_masks_at_the_resolution_of_a_feature_map(phantoms):
    masker = UNetMasker(side=64)
    whole = masker.transform(phantoms.images)
    for rows, part, _ in masker.iter_masks(phantoms.images, shape=(8, 16)):
        means = whole[rows].reshape(-1, 8, 8, 16, 4).mean(axis=(2, 4))
        np.testing.assert_allclose(part, means, atol=2e-6)


def test_iter_masks_says_which_are_usable(phantoms):
    masker = UNetMasker()
    blank = np.concatenate([phantoms.images[:3], np.zeros((1, 64, 64), np.uint8)])
    ((rows, masks, usable),) = masker.iter_masks(blank, (7, 7))
    assert (rows, masks.shape, usable.dtype) == (slice(0, 4), (4, 7, 7), np.dtype(bool))
    assert usable.tolist() == masker.mask_quality(blank)["usable"].tolist()
    assert usable.tolist() == [True, True, True, False]


def test_c2_masks_are_in_0_1_at_every_size(phantoms):
    from skcxr.segmentation._inference import resized

    full = np.full((1, 224, 224), 255, np.uint8)
    for size in range(32, 513):
        mask = resized(full, (size, size))
        assert mask.max() <= 1
        assert mask.min() > 0.999999
    for size in (64, 128, 160, 192, 200):
        for _, masks, _ in UNetMasker().iter_masks(phantoms.images[:2], (size, size)):
            assert 0 <= masks.min() <= masks.max() <= 1


def test_t5_quality_names_the_images(phantoms, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    for path, image in zip(paths, phantoms.images, strict=False):
        cv2.imwrite(path, image)
    assert UNetMasker(side=32).mask_quality(paths).index.tolist() == paths
    assert UNetMasker(side=32).mask_quality(phantoms.images[:2]).index.tolist() == ["X[0]", "X[1]"]
    masker = UNetMasker(side=32)
    masker.fit_transform(paths)
    assert masker.quality_.index.tolist() == paths


def test_iter_masks_in_the_batches_of_the_caller(phantoms):
    masker = UNetMasker(side=32)
    parts = list(masker.iter_masks(phantoms.images, (7, 7), batch_size=3))
    assert [(where.start, where.stop) for where, _, _ in parts] == [(0, 3), (3, 6), (6, 8)]
    ((_, masks, usable),) = masker.iter_masks(phantoms.images, (7, 7))
    np.testing.assert_array_equal(np.concatenate([part for _, part, _ in parts]), masks)
    np.testing.assert_array_equal(np.concatenate([part for _, _, part in parts]), usable)


def test_flat_rows_follow_set_output(phantoms):
    flat = phantoms.images.reshape(8, -1)
    masker = UNetMasker(side=32).set_output(transform="pandas").fit(flat)
    table = masker.transform(flat)
    assert table.shape == (8, 64 * 64)
    assert list(table.columns) == list(masker.get_feature_names_out())
    assert table.columns[65] == "pixel_1_1"
    np.testing.assert_array_equal(
        table.to_numpy().reshape(8, 64, 64), masker.transform(phantoms.images)
    )


def test_memory_keeps_masks_per_image(phantoms, tmp_path):
    class Counting(Tiny):
        seen = 0

        def forward(self, x):
            Counting.seen += len(x)
            return super().forward(x)

    network = Counting()
    masker = tiny(network=network, memory=str(tmp_path)).fit(phantoms.images, phantoms.masks)
    expected = tiny(network=network).fit(phantoms.images, phantoms.masks)
    expected = expected.transform(phantoms.images)
    np.testing.assert_array_equal(masker.transform(phantoms.images[:6]), expected[:6])
    seen = Counting.seen
    np.testing.assert_array_equal(masker.transform(phantoms.images), expected)
    assert Counting.seen == seen + 2
    masker.set_params(postprocess=None).transform(phantoms.images)
    assert Counting.seen == seen + 2
    other = tiny(network=network, memory=str(tmp_path), random_state=1)
    other.fit(phantoms.images, phantoms.masks)
    seen = Counting.seen
    other.transform(phantoms.images)
    assert Counting.seen == seen + 8


def test_weights_file_round_trip(phantoms, tmp_path):
    masker = tiny(network="unet").fit(phantoms.images, phantoms.masks)
    digest = masker.save_weights(tmp_path / "mine.safetensors", note="phantoms")
    assert len(digest) == 64
    again = UNetMasker(tmp_path / "mine.safetensors", side=32)
    # float16 on disk
    np.testing.assert_allclose(
        again.transform(phantoms.images), masker.transform(phantoms.images), atol=0.02
    )
    with pytest.raises(ValueError, match="set network='unet'"):
        UNetMasker(tmp_path / "mine.safetensors", "attention_unet").fit(phantoms.images)
    with pytest.raises(ValueError, match="do not fit the network"):
        UNetMasker(tmp_path / "mine.safetensors", nn.Conv2d(1, 1, 3)).fit(phantoms.images)
    more = UNetMasker(tmp_path / "mine.safetensors", side=32, epochs=1, random_state=0)
    more.fit(phantoms.images, phantoms.masks)
    assert more.history_[0] < masker.history_[0]


def test_unknown_weights(phantoms):
    with pytest.raises(FileNotFoundError, match=r"known name \(lungs\)"):
        UNetMasker("lugns").fit(phantoms.images)


def test_quality_of_the_images_and_of_fit_transform(phantoms):
    masker = UNetMasker()
    masks = masker.fit_transform(phantoms.images)
    assert masker.quality_["flag"].tolist() == mask_quality(masks)["flag"].tolist()
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64), dtype=np.uint8)
    both = masker.mask_quality(np.concatenate([phantoms.images, noise]))
    assert both["usable"][:8].all()
    assert not both["usable"][8:].any()


def test_settings_are_checked(phantoms):
    for settings in ({"side": 100}, {"network": "u-net"}, {"loss": "dice"}, {"precision": "half"}):
        name = next(iter(settings))
        with pytest.raises(ValueError, match=name):
            UNetMasker(**settings).fit(phantoms.images)
