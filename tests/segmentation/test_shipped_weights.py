"""The shipped file is what examples/train_lung_weights.py makes; nothing is trained here."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from skcxr.datasets import make_chest_phantoms
from skcxr.segmentation import UNetMasker, _weights
from skcxr.segmentation.masker import PREPROCESSING


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "examples" / "train_lung_weights.py"
    spec = importlib.util.spec_from_file_location("train_lung_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def about():
    path, _ = _weights.resolve_weights("lungs")
    return _weights.read_weights(path)[1]


def test_file_is_small_and_described():
    path, _ = _weights.resolve_weights("lungs")
    assert path.stat().st_size <= 4e6
    card = (path.parent / "MODEL_CARD.md").read_text()
    for word in ("Montgomery", "Licence", "Intended use", "Known failures", "Shenzhen"):
        assert word in card


def test_another_file_under_the_name_is_refused(tmp_path, monkeypatch):
    data = (_weights.FOLDER / "lungs.safetensors").read_bytes()
    monkeypatch.setattr(_weights, "FOLDER", tmp_path)
    (tmp_path / "lungs.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ValueError, match="SHA-256"):
        UNetMasker().fit(np.zeros((1, 32, 32), np.uint8))


def test_file_was_made_by_the_recipe(script, about):
    settings = script.recipe().get_params()
    assert about["recipe"] == {name: settings[name] for name in script.RECIPE}
    assert (about["network"], about["side"]) == (settings["network"], settings["side"])
    assert about["preprocessing"] == PREPROCESSING
    assert about["phantoms"] == script.N_PHANTOMS
    assert UNetMasker().side == about["side"]


def test_file_has_the_architecture_of_the_script(script):
    path, _ = _weights.resolve_weights("lungs")
    state, _ = _weights.read_weights(path)
    fresh = script.recipe()._start_module().state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in fresh.items()}


@pytest.mark.slow
def test_scores_recomputed_from_the_file(script, about, data_dir):
    images, masks = script.montgomery(data_dir / "lungs")
    assert script.data_digest(images, masks) == about["real_pairs_digest"]
    masker = UNetMasker()
    checked = zip(images[script.CHECKED], masks[script.CHECKED], strict=True)
    dice = [masker.score(image[None], mask[None]) for image, mask in checked]
    np.testing.assert_allclose(dice, about["dice"], atol=2e-3)


def test_phantoms_it_has_not_seen():
    unseen = make_chest_phantoms(12, size=224, label_names="all", random_state=99)
    assert UNetMasker().score(unseen.images, unseen.masks) > 0.95


@pytest.mark.slow
def test_films_of_another_hospital(data_dir):
    folder = data_dir / "lungs" / "shenzhen_val"
    images = sorted((folder / "images").glob("*.png"))
    masks = [folder / "masks" / path.name for path in images]
    assert UNetMasker().score(images, masks) > 0.94


def _with_nan(path):
    from safetensors.torch import save_file

    state, _ = _weights.read_weights(_weights.resolve_weights("lungs")[0])
    key = next(iter(state))
    state[key] = state[key] * np.nan
    save_file(state, path)


def _page(path):
    path.write_text("<!DOCTYPE html><html><body>Sign in to download</body></html>")


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (_with_nan, "nan.safetensors", "nan.safetensors: the tensor '.*' holds NaN or infinity"),
        (_page, "page.pth", "page.pth is a web page, not weights"),
        (_page, "page.safetensors", "page.safetensors is a web page, not weights"),
    ],
)
def test_h9_weights_that_are_none_are_refused_by_name(damage, name, message, tmp_path):
    damage(tmp_path / name)
    masker = UNetMasker(weights=tmp_path / name)
    with pytest.raises(ValueError, match=message):
        masker.fit(np.zeros((1, 32, 32), np.uint8))
