"""Films to images of another aspect, and boxes, maps and masks back to the film's frame."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny_networks import ThresholdMasker, tiny_network

from skcxr import GradCAMFuser
from skcxr.features import CNNEmbedder, LBPHOGExtractor
from skcxr.metrics import localization_report
from skcxr.preprocessing import FilmGeometry, HistEqualizer, ImageLoader, move_boxes, read_image
from skcxr.segmentation import UNetMasker

FILMS = [(300, 240), (240, 300), (257, 101), (64, 64), (33, 90)]
SIZES = [(64, 64), (48, 80), (97, 41)]


def film_with_box(shape, box):
    x, y, w, h = box
    film = np.zeros(shape, np.uint8)
    film[y : y + h, x : x + w] = 255
    return film


def edges(image):
    """Left, top, right and bottom edge of what is at least half bright."""
    y, x = np.nonzero(image >= 0.5)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def edges_of(box):
    x, y, w, h = box
    return np.array([x, y, x + w, y + h])


@pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", FILMS)
def test_boxes_and_maps_there_and_back_are_within_half_a_pixel(shape, size, aspect):
    geometry = FilmGeometry(shape, size, aspect)
    rows, columns = geometry.film_part
    box = [
        columns.start + (columns.stop - columns.start) // 4,
        rows.start + (rows.stop - rows.start) // 3,
        (columns.stop - columns.start) // 2,
        (rows.stop - rows.start) // 2,
    ]
    film = film_with_box(shape, box)
    image = geometry.image(film)
    assert image.shape == size
    moved = geometry.boxes_to_image([box])[0]
    assert np.abs(edges(image / 255) - edges_of(moved)).max() <= 0.5 + 1e-6
    np.testing.assert_allclose(geometry.boxes_to_film([moved])[0], box, atol=1e-9)
    back = geometry.maps_to_film(image[None] / 255)[0]
    assert back.shape == shape
    # Half a pixel of the coarser of the two grids.
    pixel = np.tile(np.maximum(np.array(box[2:]) / moved[2:], 1), 2)
    assert (np.abs(edges(back) - edges_of(box)) <= 0.5 * pixel + 0.5).all()


def test_hand_made_cases():
    pad = FilmGeometry((100, 50), 64, "pad")
    assert pad.image_part == (slice(0, 64), slice(16, 48))
    np.testing.assert_allclose(pad.boxes_to_image([[0, 0, 50, 100]]), [[16, 0, 32, 64]])
    crop = FilmGeometry((100, 50), (40, 40), "crop")
    assert crop.film_part == (slice(25, 75), slice(0, 50))
    np.testing.assert_allclose(crop.boxes_to_image([[0, 25, 50, 50]]), [[0, 0, 40, 40]])
    stretch = FilmGeometry((100, 50), (50, 100))
    np.testing.assert_allclose(stretch.boxes_to_image([[10, 10, 5, 20]]), [[20, 5, 10, 10]])
    ramp = np.tile(np.arange(50, dtype=np.uint8), (100, 1))
    image = FilmGeometry((100, 50), (100, 80), "pad").image(ramp)
    np.testing.assert_array_equal(image[:, 15:65], ramp)
    assert not image[:, :15].any()
    assert not image[:, 65:].any()
    whole = FilmGeometry((100, 50), 40, "crop").maps_to_film(np.ones((2, 5, 5)), fill=np.nan)
    assert np.isnan(whole[:, :25]).all()
    assert (whole[:, 25:75] == 1).all()
    assert pickle.loads(pickle.dumps(pad)) == pad


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "size=0; expected a positive integer"),
        ({"size": (3, 4, 5)}, "expected a positive integer, or"),
        ({"film": (3, -1)}, "film="),
        ({"aspect": "fill"}, "'stretch', 'pad' or 'crop'"),
    ],
)
def test_wrong_geometry_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        FilmGeometry(**{"film": (8, 8), "size": 4, **wrong})


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for i, shape in enumerate([(120, 90), (90, 120), (700, 500)]):
        path = tmp_path / (f"{i}.jpg" if i == 2 else f"{i}.png")
        cv2.imwrite(
            str(path), cv2.GaussianBlur(rng.integers(0, 256, shape, dtype=np.uint8), (0, 0), 3)
        )
        paths.append(str(path))
    return paths


@pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
def test_the_loader_makes_what_its_geometry_says(paths, aspect):
    loader = ImageLoader((48, 32), aspect=aspect)
    images = loader.fit_transform(paths)
    assert images.shape == (3, 48, 32)
    geometry = loader.geometry(paths)
    assert [g.film for g in geometry] == [(120, 90), (90, 120), (700, 500)]
    for image, path, g in zip(images, paths, geometry, strict=True):
        film = read_image(path)
        assert np.abs(image.astype(int) - g.image(film)).max() <= (2 if aspect == "stretch" else 0)


def test_square_sizes_and_stretching_are_as_ever(paths):
    image = np.asarray(ImageLoader(32).fit_transform(paths[:1]))[0]
    film = cv2.imread(paths[0], cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(image, cv2.resize(film, (32, 32), interpolation=cv2.INTER_AREA))


def test_images_that_are_not_square_go_through_every_stage(paths):
    X = ImageLoader((64, 48), aspect="pad").fit_transform(paths * 2)
    X = HistEqualizer("clahe").fit_transform(X)
    Y = [[0, 1], [1, 0], [0, 0], [1, 1], [0, 1], [1, 0]]
    embedder = CNNEmbedder(tiny_network(), weights=None, random_state=0, precision="float32")
    assert embedder.fit_transform(X, Y).shape[0] == 6
    fuser = GradCAMFuser(embedder, ThresholdMasker(-1)).fit(X, Y)
    maps = fuser.attention_maps(X, size=X.shape[1:])
    assert maps.fused.shape == (6, 2, 64, 48)
    assert UNetMasker(side=32).transform(X).shape == (6, 64, 48)
    assert LBPHOGExtractor(pixels_per_cell=(8, 8)).fit_transform(X).shape[0] == 6
    turned = np.asarray(X).transpose(0, 2, 1)
    with pytest.raises(ValueError, match=r"48×64 = 3072 pixels, but CNNEmbedder was .* 64×48"):
        embedder.transform(turned)


def test_tables_of_boxes_join_the_localisation_metrics():
    geometries = {
        "a": FilmGeometry((200, 100), 50, "pad"),
        "b": FilmGeometry((100, 200), 50, "pad"),
    }
    boxes = pd.DataFrame(
        {
            "image": ["a", "b"],
            "label": ["Mass", "Mass"],
            "x": [512.0, 0.0],
            "y": [512.0, 0.0],
            "w": [512.0, 512.0],
            "h": [256.0, 512.0],
            "frame_width": 1024.0,
            "frame_height": 1024.0,
        }
    )
    moved = move_boxes(boxes, geometries)
    expected = [[25, 25, 12.5, 12.5], [0, 12.5, 25, 12.5]]
    xs = (50 - 25) // 2
    expected[0][0], expected[0][2] = xs + 12.5, 12.5
    expected[1][1] = xs + 0.0
    np.testing.assert_allclose(moved[["x", "y", "w", "h"]], expected)
    maps = np.zeros((2, 1, 50, 50))
    maps[0, 0, 25:37, 25:37] = maps[1, 0, 12:24, :25] = 1
    report = localization_report(
        maps, moved, images=["a", "b"], label_names=["Mass"], n_bootstraps=10, random_state=0
    )
    assert (report.per_box["map"]["pointing game"] == 1).all()
    assert (report.per_box["map"]["IoU"] > 0.8).all()
    back = move_boxes(moved, geometries, to="film")
    np.testing.assert_allclose(back[["x", "y", "w", "h"]].iloc[0], [50, 100, 50, 50])
    assert back["frame_width"].tolist() == [100, 200]
    cut = {"a": FilmGeometry((200, 100), 50, "crop"), "b": FilmGeometry((100, 200), 50, "crop")}
    far = boxes.assign(x=0.0, w=200.0)
    with pytest.warns(UserWarning, match="1 of 2 boxes were cut off with the border of b"):
        assert len(move_boxes(far, cut)) == 1
