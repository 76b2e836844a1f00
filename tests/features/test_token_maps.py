"""TokenMaps on tiny networks that return what transformers, timm and DINOv2 return."""

import pickle
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from few_images import few_images
from torch import nn

from skcxr._torch import fold_batch_norms, to_input
from skcxr.features import TokenMaps, build_backbone
from skcxr.features.backbones import state_digest

CPU = torch.device("cpu")
SCALING = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class PatchEmbeddings(nn.Module):
    """As in transformers: refuses another number of channels than it was made for."""

    def __init__(self, patch, channels=3, width=6):
        super().__init__()
        self.num_channels = channels
        self.projection = nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, pixel_values):
        if pixel_values.shape[1] != self.num_channels:
            raise ValueError("channel dimension of the pixel values does not match")
        return self.projection(pixel_values).flatten(2).transpose(1, 2)


class Vit(nn.Module):
    """Patches behind prefix tokens; returns what `kind` of library returns."""

    def __init__(self, patch=16, n_prefix=1, kind="transformers", channels=3):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.patch_embeddings = PatchEmbeddings(patch, channels)
        self.embeddings.cls_token = nn.Parameter(torch.randn(1, n_prefix, 6))
        self.kind = kind
        if kind == "timm":
            self.num_prefix_tokens = n_prefix
            self.head = nn.Linear(6, 3)
            self.forward_features = self.tokens

    def tokens(self, x):
        patches = self.embeddings.patch_embeddings(x)
        return torch.cat([self.embeddings.cls_token.expand(len(x), -1, -1), patches], 1)

    def forward(self, pixel_values, interpolate_pos_encoding=False):
        tokens = self.tokens(pixel_values)
        if self.kind == "timm":
            return self.head(tokens[:, 0])
        if self.kind == "interpolating":
            assert interpolate_pos_encoding
        if self.kind == "dinov2":
            return {"x_norm_clstoken": tokens[:, 0], "x_norm_patchtokens": tokens[:, 1:]}
        if self.kind == "tuple":
            return tokens, tokens[:, 0]
        if self.kind == "with layers":  # MONAI's
            return tokens, [tokens, tokens]
        if self.kind == "mapping":
            return OrderedDict(last_hidden_state=tokens, pooler_output=tokens[:, 0])
        return SimpleNamespace(last_hidden_state=tokens, pooler_output=tokens[:, 0])


class Swin(nn.Module):
    """Maps with the channels last, as timm's, or rows of patches, as transformers'."""

    def __init__(self, kind):
        super().__init__()
        self.patch_embed = PatchEmbeddings(4)
        self.kind = kind

    def forward(self, x):
        tokens = self.patch_embed(x)
        if self.kind == "tokens":
            return tokens
        return tokens.unflatten(1, (x.shape[2] // 4, x.shape[3] // 4))


def grey_films(height=64, width=64):
    return np.random.default_rng(0).integers(0, 256, (2, height, width), dtype=np.uint8)


def expected_maps(grey, conv, mean=(0.5,) * 3, std=(0.5,) * 3):
    """Patches of the standardised RGB film by one convolution, laid out as a convolution does."""
    x = torch.from_numpy(grey).float()[:, None].repeat(1, len(mean), 1, 1) / 255
    x = (x - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)
    return F.conv2d(x, conv.weight, conv.bias, stride=conv.stride)


@torch.inference_mode()
def assert_maps(module, grey, expected):
    network = build_backbone(module)
    for net in (network, fold_batch_norms(network)):
        maps = net(to_input(grey, CPU))
        torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (64, 96), (80, 48)])
@pytest.mark.parametrize(
    "kind", ["transformers", "timm", "dinov2", "tuple", "with layers", "mapping"]
)
@pytest.mark.parametrize("n_prefix", [1, 2, 5])
def test_tokens_become_maps_in_the_images_layout(shape, kind, n_prefix):
    if kind == "dinov2":
        n_prefix = 1
    vit, grey = Vit(8, n_prefix, kind), grey_films(*shape)
    expected = expected_maps(grey, vit.embeddings.patch_embeddings.projection, **SCALING)
    assert expected.shape[2:] == (shape[0] // 8, shape[1] // 8)
    assert_maps(TokenMaps(vit, **SCALING), grey, expected)


@pytest.mark.parametrize("kind", ["maps", "tokens"])
@pytest.mark.parametrize("shape", [(64, 64), (64, 96)])
def test_swin_channels_last_or_tokens(kind, shape):
    swin, grey = Swin(kind), grey_films(*shape)
    assert_maps(TokenMaps(swin), grey, expected_maps(grey, swin.patch_embed.projection))


def test_maps_with_channels_first_pass_through():
    conv, grey = nn.Conv2d(3, 6, 4, stride=4), grey_films(32, 48)
    assert_maps(TokenMaps(conv), grey, expected_maps(grey, conv))


def test_patches_that_do_not_divide_the_image():
    vit, grey = Vit(14), grey_films(100, 72)  # DINOv2's patches; 7 x 5 whole ones
    expected = expected_maps(grey, vit.embeddings.patch_embeddings.projection)
    assert expected.shape[2:] == (7, 5)
    assert_maps(TokenMaps(vit), grey, expected)


def test_grid_and_prefix_can_be_said():
    vit, grey = Vit(8, n_prefix=16), grey_films()  # as many tokens before as 4 x 4 patches
    expected = expected_maps(grey, vit.embeddings.patch_embeddings.projection)
    assert_maps(TokenMaps(vit, grid=(8, 8), n_prefix=16), grey, expected)
    assert_maps(TokenMaps(vit, n_prefix=16), grey, expected)
    with pytest.raises(ValueError, match="80 tokens of an image of 64×64 pixels make no grid"):
        build_backbone(TokenMaps(vit, n_prefix=3))(to_input(grey, CPU))
    with pytest.raises(ValueError, match=r"no grid of patches with grid=\(7, 9\)"):
        build_backbone(TokenMaps(vit, grid=(7, 9), n_prefix=16))(to_input(grey, CPU))


def test_one_channel_and_options_of_the_call():
    vit, grey = Vit(8, kind="interpolating", channels=1), grey_films()
    module = TokenMaps(vit, mean=(0.4,), std=(0.2,), interpolate_pos_encoding=True)
    conv = vit.embeddings.patch_embeddings.projection
    assert_maps(module, grey, expected_maps(grey, conv, (0.4,), (0.2,)))


def test_errors_say_what_to_pass():
    grey = to_input(grey_films(), CPU)
    logits = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.Flatten())
    with pytest.raises(ValueError, match=r"shape \(2, 256\), expected tokens.*without its pooling"):
        TokenMaps(logits)(grey)

    class Classifier(nn.Module):
        def forward(self, x):
            return SimpleNamespace(logits=x.mean((2, 3)))

    with pytest.raises(TypeError, match="SimpleNamespace with no tensor of tokens"):
        TokenMaps(Classifier())(grey)
    with pytest.raises(ValueError, match=r"could have their channels first or last; pass grid"):
        TokenMaps(nn.Conv2d(3, 8, 8, 8))(grey)
    with pytest.raises(ValueError, match="expected one or three values each"):
        TokenMaps(logits, mean=(0.5, 0.5), std=(0.5, 0.5))


class Pyramid(nn.Module):
    """Maps of several stages, as ``features_only=True`` of timm and MONAI's Swin return them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 8, 2, 2)

    def forward(self, x):
        x = self.first(x)
        return [x, self.second(x)]


def test_several_maps_are_not_chosen_from():
    message = r"list with several tensors, of shapes \(2, 4, 16, 16\), \(2, 8, 8, 8\)"
    with pytest.raises(TypeError, match=message):
        TokenMaps(Pyramid())(to_input(grey_films(), CPU))


def test_own_state_dict_of_the_wrapped_network(tmp_path):
    vit = Vit()
    torch.save({f"vit.{k}": v for k, v in vit.state_dict().items()}, tmp_path / "vit.pth")
    other = Vit()
    expected = state_digest(build_backbone(TokenMaps(vit)))
    assert state_digest(build_backbone(TokenMaps(other))) != expected
    assert state_digest(build_backbone(TokenMaps(other), tmp_path / "vit.pth")) == expected


def test_what_it_was_trained_on_and_pickle():
    network = build_backbone(TokenMaps(Vit(), trained_on=["MIMIC-CXR", "CheXpert"]))
    assert network.trained_on == ("MIMIC-CXR", "CheXpert")
    again = pickle.loads(pickle.dumps(network))
    assert state_digest(again) == state_digest(network)
    assert build_backbone(TokenMaps(Vit())).trained_on is None


def test_grad_cam_and_fusion_work_on_them():
    """Grad-CAM of the pooled patches by autograd through the head, as for a convolutional net."""
    from skcxr.attention import grad_cam
    from skcxr.datasets import make_chest_phantoms
    from skcxr.features import ResNetEmbedder

    torch.manual_seed(0)
    phantoms = make_chest_phantoms(12, size=64, random_state=0)
    y = np.tile([[0, 1], [1, 0]], (6, 1))
    embedder = ResNetEmbedder(TokenMaps(Vit(8)), weights=None, precision="float32")
    embedder.fit(phantoms.images, y)
    cams = grad_cam(embedder, phantoms.images)
    assert cams.shape == (12, 2, 8, 8)
    with torch.inference_mode():
        maps = build_backbone(TokenMaps(embedder.backbone.module))(to_input(phantoms.images, CPU))
    maps = maps.half().float().requires_grad_()
    scores = maps.mean((2, 3)) @ torch.from_numpy(embedder.head_coef_).float().T
    for label in (0, 1):
        (gradient,) = torch.autograd.grad(scores[:, label].sum(), maps, retain_graph=True)
        alpha = gradient.mean((2, 3))
        expected = torch.einsum("nk,nkhw->nhw", alpha, maps).relu().detach()
        np.testing.assert_allclose(cams[:, label], expected, atol=1e-5)


@few_images
def test_fusion_works_on_them():
    from skcxr.attention import GradCAMFuser
    from skcxr.datasets import make_chest_phantoms
    from skcxr.features import ResNetEmbedder
    from skcxr.segmentation import UNetMasker

    torch.manual_seed(0)
    phantoms = make_chest_phantoms(8, size=64, random_state=0)
    y = np.tile([[0, 1], [1, 0]], (4, 1))
    embedder = ResNetEmbedder(TokenMaps(Vit(8)), weights=None)
    fused = {
        lam: GradCAMFuser(embedder, UNetMasker(), lam=lam).fit_transform(phantoms.images, y)
        for lam in (0.0, 0.5)
    }
    assert fused[0.0].shape == fused[0.5].shape == (8, 6)
    assert np.isfinite(fused[0.5]).all()
    assert not np.allclose(fused[0.0], fused[0.5])
