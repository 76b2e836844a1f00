"""GradCAMFuser against its formula, written as plain loops."""

import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_networks import COUNT_FILE, ThresholdMasker, counted, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.features import CNNEmbedder
from skcxr.preprocessing import ImageLoader

LABELS = ["Mass", "Edema", "Hernia"]


@pytest.fixture
def images():
    X = np.random.default_rng(0).integers(0, 256, (8, 24, 32), dtype=np.uint8)
    X[:, :10] //= 3
    return X


@pytest.fixture
def labels():
    Y = np.random.default_rng(1).integers(0, 2, (8, 3))
    Y[0], Y[1] = 0, 1
    return pd.DataFrame(Y, columns=LABELS)


def make(lam=0.3, **settings):
    embedder = CNNEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", batch_size=5, head_C=1.0
    )
    return GradCAMFuser(embedder, ThresholdMasker(), lam=lam, **settings)


def parts(fuser, images):
    """Feature maps, normalised Grad-CAM and masks of each image, one by one."""
    for i, image in enumerate(images):
        _, maps = next(fuser.embedder_.rows(images[i : i + 1]).batches(1))
        A = maps[0].astype(float)
        n_pixels = A.shape[1] * A.shape[2]
        cams = np.zeros((len(LABELS), *A.shape[1:]))
        for c, weights in enumerate(fuser.embedder_.head_coef_):
            for k, weight in enumerate(weights):
                cams[c] += weight / n_pixels * A[k]
            cams[c] = np.maximum(cams[c], 0)
            if cams[c].max() > 0:
                cams[c] /= cams[c].max()
        mask = (image > 127).astype(np.float32)
        yield A, cams, cv2.resize(mask, A.shape[:0:-1], interpolation=cv2.INTER_AREA)


def pooled(A, F):
    features = np.zeros(len(A))
    if not F.any():
        return A.mean((1, 2))
    for k in range(len(A)):
        for i in range(F.shape[0]):
            for j in range(F.shape[1]):
                features[k] += F[i, j] * A[k, i, j]
    return features / F.sum()


@pytest.mark.parametrize("lam", [0, 0.3, 1])
@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_features_are_the_formula(images, labels, lam, reduce):
    fuser = make(lam, reduce=reduce)
    features = fuser.fit_transform(images, labels)
    expected = []
    for A, cams, mask in parts(fuser, images):
        F = lam * mask + (1 - lam) * getattr(cams, reduce)(0)
        expected.append(pooled(A, F))
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fuser.transform(images), features)
    assert (fuser.masker_ is None) == (lam == 0)


def test_lam_on_cam_swaps_the_roles(images, labels):
    for lam in (0, 0.25, 1):
        swapped = make(lam, lam_on="cam").fit_transform(images, labels)
        np.testing.assert_array_equal(swapped, make(1 - lam).fit_transform(images, labels))


def test_maps_are_the_formula_and_linear_in_lam(images, labels):
    maps = {lam: make(lam, output="maps").fit_transform(images, labels) for lam in (0, 0.3, 1)}
    fuser = make(0.3, output="maps").fit(images, labels)
    assert fuser.map_shape_ == (3, 6, 8)
    assert maps[0.3].shape == (8, 3 * 6 * 8)
    for i, (_, cams, mask) in enumerate(parts(fuser, images)):
        expected = 0.3 * mask + 0.7 * cams
        np.testing.assert_allclose(maps[0.3][i], expected.ravel(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps[0.3], 0.3 * maps[1] + 0.7 * maps[0], rtol=1e-5, atol=1e-6)


def test_passthrough_appends_the_embedding(images, labels):
    fuser = make(passthrough=True).fit(images, labels)
    features = fuser.transform(images)
    np.testing.assert_array_equal(features[:, :8], make().fit_transform(images, labels))
    np.testing.assert_array_equal(features[:, 8:], fuser.embedder_.transform(images))
    names = fuser.get_feature_names_out()
    assert names[0] == "attention_0"
    assert names[-1] == "embedding_7"
    assert len(set(names)) == features.shape[1] == 16
    maps = make(output="maps").fit(images, labels).get_feature_names_out()
    assert maps[0] == "map_Mass_0_0"
    assert maps[-1] == "map_Hernia_5_7"
    assert len(set(maps)) == 3 * 6 * 8


def test_where_the_fused_map_is_zero_the_maps_are_averaged_evenly(images, labels):
    fuser = make(lam=0).fit(images, labels)
    fuser.embedder_.head_coefs_[0] = -np.ones((3, 8), np.float32)  # ReLU leaves nothing
    np.testing.assert_allclose(
        fuser.transform(images), fuser.embedder_.transform(images), rtol=1e-5, atol=1e-6
    )


def test_an_implausible_mask_is_replaced_by_all_of_the_image_with_one_warning(images, labels):
    images[2] = images[5] = 100  # nothing above the threshold
    fuser = make(lam=1)
    with pytest.warns(UserWarning, match=r"2 of 8 .* implausible: X\[2\], X\[5\];") as caught:
        features = fuser.fit_transform(images, labels)
    assert len(caught) == 1
    even = fuser.embedder_.transform(images)
    np.testing.assert_allclose(features[[2, 5]], even[[2, 5]], rtol=1e-5, atol=1e-6)
    assert not np.allclose(features[0], even[0], rtol=1e-3)


def test_t5_the_warning_names_files_at_the_users_line_once_per_fit(images, labels, tmp_path):
    images[2:7] = 100
    paths = [str(tmp_path / f"film{i}.png") for i in range(8)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    model = make_pipeline(ImageLoader(24), make(lam=1))
    with pytest.warns(UserWarning, match=r"5 of 8 .*film2.png, .*film3.png, .*film4.png, …;") as of:
        model.fit_transform(paths, labels)
    assert [warning.filename for warning in of] == [__file__]
    with pytest.warns(UserWarning, match=r"1 of 1 .*film6.png;") as of:
        model.transform(paths[6:7])
    assert [warning.filename for warning in of] == [__file__]


@pytest.mark.parametrize(("before", "after"), [(0, 0.5), (0.5, 0), (1, 0.3)])
@pytest.mark.parametrize("lam_on", ["unet", "cam"])
def test_w5_lam_may_change_after_fit(images, labels, before, after, lam_on):
    images[3] = 100  # implausible, which only counts where λ gives masks weight
    expected = make(after, lam_on=lam_on)
    fuser = make(before, lam_on=lam_on)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fuser.fit(images, labels).set_params(lam=after)
        np.testing.assert_array_equal(
            fuser.transform(images), expected.fit(images, labels).transform(images)
        )
        maps, expected = fuser.attention_maps(images), expected.attention_maps(images)
    np.testing.assert_array_equal(maps.fused, expected.fused)
    np.testing.assert_array_equal(maps.mask, expected.mask)


@pytest.mark.parametrize("setting", [{"output": "maps"}, {"reduce": "max"}, {"passthrough": True}])
def test_w5_so_may_all_that_acts_after_the_network(images, labels, setting):
    fuser = make().fit(images, labels).set_params(**setting)
    expected = make(**setting).fit(images, labels)
    np.testing.assert_array_equal(fuser.transform(images), expected.transform(images))
    assert fuser.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()


def test_a_masker_is_not_made_ready_where_lam_gives_it_no_weight(images, labels):
    class Untouched(ThresholdMasker):
        def fit(self, X, y=None):
            raise AssertionError("made ready")

    fuser = make(lam=0).set_params(masker=Untouched()).fit(images, labels)
    fuser.transform(images)
    assert fuser.masker_ is None
    with pytest.raises(AssertionError, match="made ready"):
        fuser.set_params(lam=0.1).transform(images)


def test_t4_a_masker_is_checked_for_what_is_asked_of_it(images, labels):
    with pytest.raises(ValueError, match=r"'masker' parameter .*'fit' and 'iter_masks'|iter_masks"):
        make().set_params(masker=StandardScaler()).fit(images, labels)


def test_t4_masks_are_asked_for_in_the_batches_of_the_maps(images, labels):
    asked = []

    class Asked(ThresholdMasker):
        def iter_masks(self, X, shape=None, *, batch_size=32):
            asked.append(batch_size)
            return super().iter_masks(X, shape, batch_size=batch_size)

    make().set_params(masker=Asked()).fit_transform(images, labels)
    assert asked == [5]


def test_w7_features_keep_the_index_of_a_shuffled_frame(images, labels, tmp_path):
    frame = pd.DataFrame({"path": [str(tmp_path / f"{i}.png") for i in range(8)]})
    for path, image in zip(frame["path"], images, strict=True):
        cv2.imwrite(path, image)
    model = make_pipeline(ImageLoader(24), make()).set_output(transform="pandas")
    shuffled = frame.sample(frac=1, random_state=0)
    table = model.fit_transform(shuffled, labels.loc[shuffled.index])
    assert table.index.tolist() == shuffled.index.tolist()
    pd.testing.assert_frame_equal(table.sort_index(), model.transform(frame), rtol=1e-5)


def test_each_image_enters_the_network_once(images, labels, tmp_path, monkeypatch):
    monkeypatch.setenv(COUNT_FILE, str(tmp_path / "count"))
    make(passthrough=True).fit_transform(images, labels)
    assert counted(tmp_path / "count") == len(images)


def test_the_parameters_are_not_touched_by_fit(images, labels):
    fuser = make().fit(images, labels)
    assert not hasattr(fuser.embedder, "trunk_")
    assert fuser.embedder_ is not fuser.embedder
    again = clone(fuser).set_params(lam=0.9, embedder__head_C=0.1).fit(images, labels)
    assert again.embedder_.head_C == 0.1
    assert fuser.embedder.head_C == 1.0


def test_attention_maps(images, labels):
    fuser = make(lam=0.3).fit(images, labels)
    maps = fuser.attention_maps(images)
    for i, (A, cams, mask) in enumerate(parts(fuser, images)):
        np.testing.assert_allclose(maps.cam[i], cams, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.mask[i], mask, rtol=1e-6)
        np.testing.assert_allclose(maps.fused[i], 0.3 * mask + 0.7 * cams, rtol=1e-5, atol=1e-6)
        raw = np.einsum("ck,khw->chw", fuser.embedder_.head_coef_, A).clip(0) / A[0].size
        np.testing.assert_allclose(maps.raw_cam[i], raw, rtol=1e-4, atol=1e-6)
    large = fuser.attention_maps(images[:2], labels=["Hernia", 0], size=(24, 32))
    assert large.cam.shape == large.fused.shape == large.raw_cam.shape == (2, 2, 24, 32)
    assert large.mask.shape == (2, 24, 32)
    assert large.label_names.tolist() == ["Hernia", "Mass"]
    np.testing.assert_array_equal(large.mask, images[:2] > 127)
    assert 0 <= large.fused.min() <= large.fused.max() <= 1
    with pytest.raises(ValueError, match=r"Unknown label 'Effusion'"):
        fuser.attention_maps(images, labels="Effusion")


def test_labels_are_needed(images):
    with pytest.raises(ValueError, match=r"Grad-CAM needs labels.*CNNEmbedder"):
        make().fit(images, None)


def test_not_fitted(images):
    with pytest.raises(NotFittedError):
        make().transform(images)


@pytest.mark.parametrize(
    "setting", [{"lam": 1.5}, {"lam_on": "mask"}, {"reduce": "sum"}, {"output": "map"}]
)
def test_bad_settings_give_the_usual_message(images, labels, setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GradCAMFuser"):
        make().set_params(**setting).fit(images, labels)
