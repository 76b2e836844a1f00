"""Grad-CAM against autograd, which computes eq. 1 and 2 as they stand."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_networks import tiny_network
from torch import nn

from skcxr._torch import to_input
from skcxr.attention import grad_cam, head_grad_cam, linear_grad_cam
from skcxr.attention.gradcam import normalise
from skcxr.features import ResNetEmbedder, build_backbone

N_LABELS = 14


def equations(maps, score):
    """Eq. 1 and 2 for one label: `score` turns maps (n, K, h, w) into y of shape (n,)."""
    A = torch.as_tensor(maps).detach().float().requires_grad_()
    score(A).sum().backward()
    n_pixels = A.shape[2] * A.shape[3]
    alpha = A.grad.sum((2, 3)) / n_pixels
    return torch.relu((alpha[:, :, None, None] * A).sum(1)).detach().numpy()


@pytest.fixture(scope="module", params=["resnet18", "tiny"])
def maps(request):
    X = np.random.default_rng(0).integers(0, 256, (3, 64, 96), dtype=np.uint8)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        network = build_backbone("resnet18") if request.param == "resnet18" else tiny_network()
        return network(to_input(X, torch.device("cpu"))).numpy()


def _scale(cams):
    return max(1.0, float(np.abs(cams).max()))


def test_linear_head_equals_autograd_for_every_label(maps):
    coef = np.random.default_rng(1).normal(size=(N_LABELS, maps.shape[1])).astype(np.float32)
    cams = linear_grad_cam(maps, coef)
    assert cams.shape == (3, N_LABELS, *maps.shape[2:])
    assert cams.dtype == np.float32
    assert (cams.max((0, 2, 3)) > 0).sum() >= 4  # ReLU leaves nothing of some labels
    for c in range(N_LABELS):
        weight = torch.from_numpy(coef[c])
        expected = equations(maps, lambda A, w=weight: A.mean((2, 3)) @ w)
        np.testing.assert_allclose(cams[:, c], expected, rtol=0, atol=1e-5 * _scale(expected))


def _two_layers(n_channels):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(n_channels, 16),
            nn.Tanh(),
            nn.Linear(16, N_LABELS),
        )


def test_two_layer_head_equals_autograd_for_every_label(maps):
    head = _two_layers(maps.shape[1])
    cams = head_grad_cam(maps, head)
    assert cams.shape == (3, N_LABELS, *maps.shape[2:])
    assert (cams.max((0, 2, 3)) > 0).sum() >= 4
    for c in range(N_LABELS):
        expected = equations(maps, lambda A, c=c: head(A)[:, c])
        np.testing.assert_allclose(cams[:, c], expected, rtol=0, atol=1e-5 * _scale(expected))
    some = head_grad_cam(torch.from_numpy(maps.copy()), head, labels=[3, 1])
    np.testing.assert_array_equal(some, cams[:, [3, 1]])


def test_general_and_linear_agree_on_a_linear_head(maps):
    coef = np.random.default_rng(1).normal(size=(4, maps.shape[1])).astype(np.float32)
    general = head_grad_cam(maps, lambda A: A.mean((2, 3)) @ torch.from_numpy(coef).T)
    linear = linear_grad_cam(maps, coef)
    np.testing.assert_allclose(linear, general, rtol=0, atol=1e-5 * _scale(general))


def test_gradients_are_asked_for_even_without_grad_mode(maps):
    with torch.inference_mode():
        head_grad_cam(maps.copy(), lambda A: A.mean((2, 3)))


def test_one_image_equals_that_image_in_a_batch(maps):
    coef = np.random.default_rng(1).normal(size=(4, maps.shape[1])).astype(np.float32)
    np.testing.assert_allclose(
        linear_grad_cam(maps[:1], coef), linear_grad_cam(maps, coef)[:1], atol=1e-6
    )


def test_a_fitted_embedder_by_label_name_and_position():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (6, 32, 32), dtype=np.uint8)
    Y = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]])
    embedder = ResNetEmbedder(tiny_network(), weights=None, precision="float32", device="cpu")
    embedder.fit(X, pd.DataFrame(Y, columns=["Mass", "Edema", "Hernia"]))
    maps = np.concatenate([part for _, part in embedder.rows(X).batches(4)])
    cams = grad_cam(embedder, X, batch_size=4)
    for c in range(3):
        weight = torch.from_numpy(embedder.head_coef_[c])
        expected = equations(maps, lambda A, w=weight: A.mean((2, 3)) @ w)
        np.testing.assert_allclose(cams[:, c], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(grad_cam(embedder, X, "Edema"), cams[:, [1]])
    np.testing.assert_array_equal(grad_cam(embedder, X, [2, "Mass"]), cams[:, [2, 0]])
    np.testing.assert_array_equal(grad_cam(embedder, X, -1), cams[:, [2]])
    for wrong in ("Pneumonia", 3, -4):
        with pytest.raises(ValueError, match=r"Unknown label .* Mass, Edema, Hernia"):
            grad_cam(embedder, X, wrong)


def test_normalised_maps_peak_at_one_and_zeros_stay():
    cams = np.array([[[[0.0, 2.0], [1.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]]], np.float32)
    scaled = normalise(cams)
    np.testing.assert_array_equal(scaled[0, 0], [[0, 0.5], [0.25, 1]])
    np.testing.assert_array_equal(scaled[0, 1], 0)
