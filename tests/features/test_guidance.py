"""Guidance: the evidence of a label is kept where lung masks say that it can be."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from tiny_networks import TwoLungs, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder, FineTuning
from skcxr.features._augment import augment, draw_movement, move_regions
from skcxr.features._guidance import make_regions, stray_share

LABELS = ["Mass", "Hernia"]


def marked_films(n=48, seed=0):
    """Films whose first label is a faint square in a lung, and a bright marker in the corner."""
    rng = np.random.default_rng(seed)
    X = rng.integers(40, 80, (n, 64, 64), dtype=np.uint8)
    Y = rng.integers(0, 2, (n, 2))
    X[Y[:, 0] == 1, 30:42, 10:22] += 90
    X[Y[:, 0] == 1, 0:8, 50:64] = 255
    return X, Y


def test_the_share_that_strays_by_hand():
    """Evidence 4 inside and 2 outside of its mean: two thirds, one third."""
    maps = torch.tensor([[[[7.0, 5.0], [0.0, 0.0]]]])  # mean 3
    regions = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    share = stray_share(maps, torch.ones(1, 1), regions)
    assert float(share) == pytest.approx(2 / 6, abs=1e-3)
    assert float(stray_share(maps, torch.ones(1, 1), torch.ones(1, 1, 2, 2))) == 0
    # With the opposite sign the evidence lies in the other places.
    assert float(stray_share(maps, -torch.ones(1, 1), regions)) == pytest.approx(1, abs=1e-3)


def test_regions_are_averaged_to_the_maps():
    maps = torch.tensor([[[[1.0, 0.0]]]])
    fine = torch.zeros(1, 1, 4, 8)
    fine[..., :2, :4] = 1  # half of the left place
    assert float(stray_share(maps, torch.ones(1, 1), fine)) == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("shape", [(64, 64), (48, 80)])
def test_regions_move_with_the_film(shape):
    """A film that is its own mask stays its own mask."""
    film = np.zeros(shape, np.uint8)
    cv2.ellipse(film, (shape[1] // 3, shape[0] // 2), (12, 16), 20, 0, 360, 255, -1)
    regions = cv2.resize(film, (32, 32), interpolation=cv2.INTER_AREA)[..., None]
    for seed in range(8):
        limits = {"rotation": 10, "shift": 0.05, "zoom": 0.15, "flip": True}
        still = {"contrast": 0, "gamma": 0, "noise": 0}
        moved = augment(film, np.random.default_rng(seed), **limits, **still)
        matrix = draw_movement(shape, np.random.default_rng(seed), **limits)
        found = move_regions(regions, matrix, shape)[..., 0].astype(float)
        truth = cv2.resize(moved, (32, 32), interpolation=cv2.INTER_AREA).astype(float)
        assert np.abs(found - truth).mean() < 3  # of 255; interpolated twice at the border
        assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.98


LUNG, BASE, BETWEEN, OUTSIDE = (12, 8), (26, 8), (22, 16), (22, 1)  # of 32 x 32


def regions_at(label_names, regions, places=(LUNG, BASE, BETWEEN, OUTSIDE)):
    """Share of the places that lie in the region of each label."""
    images = np.zeros((3, 64, 64), np.uint8)
    made, n_usable = make_regions(TwoLungs(), images, label_names, regions, dilate=0.0)
    assert n_usable == 3
    film = made.read([2])[0] / 255
    return [[film[(*place, kind)] for place in places] for kind in made.of_label]


@pytest.mark.parametrize(
    ("label", "regions", "expected"),
    [
        ("Mass", "labels", [1, 1, 0, 0]),  # both lungs
        ("Effusion", "labels", [0, 1, 0, 0]),  # fluid collects at the bases
        ("Hernia", "labels", [0, 0, 1, 0]),
        ("Mass", "chest", [1, 1, 1, 0]),  # a lesion may lie behind the heart
        ("Hernia", "chest", [0, 0, 1, 0]),
        ("Mass", {"Mass": ["heart"]}, [0, 0, 1, 0]),
        ("Hernia", {"Nodule": ["heart"]}, [1, 1, 0, 0]),
    ],
)
def test_each_label_has_its_region(label, regions, expected):
    assert regions_at(["Nodule", label], regions)[1] == expected


def test_a_label_or_zone_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"given for Hernai, and the labels are Mass, Hernia\."):
        regions_at(LABELS, {"Mass": ["heart"], "Hernai": ["heart"]})
    with pytest.raises(ValueError, match=r"no zone 'spine'; the zones are right upper"):
        regions_at(["Mass"], {"Mass": ["spine"]})
    with pytest.raises(ValueError, match="'regions' parameter of FineTuning"):
        FineTuning(regions="lung")._validate_params()


def test_films_without_a_plausible_mask_are_regions_all_over():
    regions, n_usable = make_regions(
        TwoLungs(False), np.zeros((3, 64, 64)), LABELS, "labels", dilate=0.0
    )
    assert n_usable == 0
    assert (regions.read([0, 1, 2]) == 255).all()


def fitted(guidance, masker=None, **settings):
    X, Y = marked_films()
    settings = {"epochs": 4, "lr": 2e-2, "batch_size": 12, "ema": 0.0, **settings}
    embedder = CNNEmbedder(
        tiny_network(), weights=None, fine_tune=FineTuning(guidance=guidance, **settings),
        cross_fit=None, masker=masker, precision="float32", device="cpu", random_state=0,
    )  # fmt: skip
    return embedder.fit(X, Y)


def outside_share(embedder):
    X, Y = marked_films(seed=1)
    X = X[Y[:, 0] == 1]
    cam = np.concatenate([rows[:, 0, 0] for _, rows in embedder.activation_rows(X).batches(8)])
    cam = np.maximum(cam - cam.mean((1, 2), keepdims=True), 0)
    inside = np.zeros((16, 16), np.float32)
    inside[2:14, 2:6] = inside[2:14, 10:14] = 1
    inside = cv2.resize(inside, cam.shape[:0:-1], interpolation=cv2.INTER_AREA)
    return float((cam * (1 - inside)).sum() / cam.sum())


@pytest.mark.slow
def test_guidance_takes_the_evidence_off_the_marker():
    longer = {"epochs": 20, "lr_decay": 1.0}  # the network is tiny and starts at random
    plain = outside_share(fitted(0.0, **longer))
    guided = outside_share(fitted(3.0, TwoLungs(), **longer))
    assert guided < 0.8 * plain


def test_without_guidance_no_masker_is_asked():
    class Refuses(TwoLungs):
        def iter_masks(self, *args, **kwargs):
            raise AssertionError("asked")

    fitted(0.0, Refuses(), epochs=1)


def test_films_that_cannot_be_guided_are_said():
    with pytest.warns(UserWarning, match="None of the 48 lung masks is plausible"):
        unguided = fitted(0.5, TwoLungs(usable=False), epochs=1)
    np.testing.assert_array_equal(unguided.head_coef_, fitted(0.0, epochs=1).head_coef_)


def test_a_frozen_trunk_is_guided_too():
    still = {"mixup": 0.0, "flip": False, "noise": 0.0}
    still |= dict.fromkeys(("rotation", "shift", "zoom", "contrast", "gamma"), 0.0)
    plain = fitted(0.0, train="layer4", **still)
    guided = fitted(1.0, TwoLungs(), train="layer4", **still)
    assert len(guided.trunk_) > 0
    assert not np.array_equal(plain.head_coef_, guided.head_coef_)


def test_the_fuser_guides_with_its_own_masks():
    X, Y = marked_films(24)
    embedder = CNNEmbedder(
        tiny_network(), weights=None, fine_tune=FineTuning(epochs=1, batch_size=12), cross_fit=2,
        precision="float32", device="cpu", random_state=0,
    )  # fmt: skip
    fuser = GradCAMFuser(embedder, TwoLungs()).fit(X, Y)
    assert isinstance(fuser.embedder_.masker, TwoLungs)
    assert embedder.masker is None


def test_regions_are_in_the_key_of_a_kept_fit(tmp_path):
    """By what they are on the films, and not by their name."""
    heads = {}
    X, Y = marked_films(24)
    for name, regions in {
        "chest": "chest", "labels": "labels", "same": {"Hernia": ["heart"]},
    }.items():  # fmt: skip
        settings = FineTuning(epochs=1, batch_size=12, guidance=1.0, regions=regions)
        embedder = CNNEmbedder(
            tiny_network(), weights=None, fine_tune=settings, cross_fit=None, masker=TwoLungs(),
            precision="float32", device="cpu", random_state=0, memory=tmp_path / "store",
        )  # fmt: skip
        heads[name] = embedder.fit(X, pd.DataFrame(Y, columns=LABELS)).head_coef_
    assert not np.array_equal(heads["chest"], heads["labels"])
    np.testing.assert_array_equal(heads["labels"], heads["same"])
