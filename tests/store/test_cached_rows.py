import threading

import numpy as np
import pytest
from computed_rows import cached_rows

from skcxr._rows import _computed


def run(images, compute, store, *, batch_size=8, config="v1", **kwargs):
    parts = list(
        cached_rows(
            images, compute, store=store, kind="row", config=config, batch_size=batch_size, **kwargs
        )
    )
    ends = [(part.start, part.stop) for part, _ in parts]
    n = len(images)
    assert ends == [(i, min(i + batch_size, n)) for i in range(0, n, batch_size)]
    return np.concatenate([rows for _, rows in parts]) if parts else None


@pytest.fixture
def images(make_images):
    return make_images(300)


@pytest.fixture
def truth(images, make_compute):
    return run(images, make_compute(), None)


def test_without_a_store_every_image_is_computed(images, make_compute):
    compute = make_compute()
    rows = run(images, compute, None)
    assert compute.n == 300
    np.testing.assert_array_equal(rows, images.pixels.reshape(300, -1)[:, :5].astype(np.float32))


def test_each_image_is_computed_and_decoded_once(images, truth, make_compute, store, reopen):
    compute = make_compute()
    for _ in range(2):
        rows = run(images, compute, store)
        np.testing.assert_array_equal(rows, truth)
        assert rows.dtype == truth.dtype
        assert compute.n == 300
        store = reopen(store)
    assert sorted(images.decoded) == sorted([*range(300), *range(300)])  # once for `truth`


def test_order_and_subsets_do_not_matter(images, truth, make_compute, store):
    run(images, make_compute(), store)
    compute = make_compute()
    order = np.random.default_rng(0).permutation(300)[:77]
    np.testing.assert_array_equal(
        run(images.take(order), compute, store, batch_size=5), truth[order]
    )
    assert compute.n == 0


def test_a_changed_pixel_costs_one_image(images, make_compute, store):
    run(images, make_compute(), store)
    images.pixels[123, 3, 3] ^= 1
    compute = make_compute()
    run(images, compute, store)
    assert compute.n == 1


@pytest.mark.parametrize("config", ["v2", b"v2", {"scale": 2.0, "layers": ["a"]}])
def test_another_configuration_shares_nothing(images, make_compute, store, config):
    run(images, make_compute(), store)
    other = make_compute(2.0)
    rows = run(images, other, store, config=config)
    assert other.n == 300
    np.testing.assert_array_equal(rows, run(images, make_compute(2.0), None))


def test_a_mapping_is_one_configuration_in_any_order(images, make_compute, store):
    run(images, make_compute(), store, config={"a": 1, "b": 2})
    compute = make_compute()
    run(images, compute, store, config={"b": 2, "a": 1})
    assert compute.n == 0


def test_scattered_misses_are_computed_in_full_batches(images, truth, make_compute, store):
    known = np.flatnonzero(np.arange(300) % 4)
    run(images.take(known), make_compute(), store)
    images.decoded.clear()
    compute = make_compute()
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.batches == [8] * 9 + [3]  # 75 images lie scattered over 38 batches
    assert sorted(images.decoded) == list(range(0, 300, 4))


def test_the_look_ahead_is_bounded(make_images, make_compute, store):
    images = make_images(4 * _computed.WINDOW * 8)
    compute = make_compute()
    known = np.flatnonzero(np.arange(len(images)) != 3)
    run(images.take(known), make_compute(), store)
    images.decoded.clear()
    rows = cached_rows(images, compute, store=store, kind="row", config="v1", batch_size=8)
    asked = []
    keys = images.keys
    images.keys = lambda index: asked.append(index) or keys(index)
    next(rows)
    rows.close()
    assert compute.n == 1
    # The one miss is not kept waiting for seven others further down.
    assert max(index.stop for index in asked) <= (2 + _computed.AHEAD) * _computed.WINDOW * 8


def test_a_row_lost_after_the_look_up_is_computed(images, truth, make_compute, store, monkeypatch):
    run(images, make_compute(), store)
    remove = "DELETE FROM rows WHERE rowid % 3 = 0"
    store.file.run(lambda db: db.execute(remove), write=True)
    compute = make_compute()
    np.testing.assert_array_equal(run(images, compute, store), truth)
    assert compute.n == 100
    run(images, compute, store)
    assert compute.n == 100


def test_an_abandoned_pass_leaves_no_thread_and_keeps_its_batches(images, make_compute, store):
    compute = make_compute()
    rows = cached_rows(images, compute, store=store, kind="row", config="v1", batch_size=8)
    next(rows), next(rows)
    rows.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("skcxr")]
    again = make_compute()
    run(images, again, store)
    assert again.n == 300 - compute.n


@pytest.mark.parametrize("where", ["compute", "decode"])
def test_errors_reach_the_caller(images, store, make_compute, where):
    def fail(*_):
        raise FileNotFoundError("film_7.png")

    if where == "decode":
        images.take = fail
    with pytest.raises(FileNotFoundError, match="film_7"):
        run(images, fail if where == "compute" else make_compute(), store)
    assert not [t for t in threading.enumerate() if t.name.startswith("skcxr")]


def test_a_row_per_image(images, store):
    with pytest.raises(ValueError, match="7 rows were computed for 8 images"):
        run(images, lambda batch: batch[1:], store)


def test_no_images(make_images, make_compute, store):
    assert run(make_images(0), make_compute(), store) is None


@pytest.mark.parametrize("dtype", [np.float16, np.uint8, np.float32])
def test_rows_of_any_shape_and_type(images, store, dtype):
    def compute(batch):
        return (batch[:, None] // 2).astype(dtype)

    for _ in range(2):
        rows = run(images, compute, store)
        assert rows.dtype == dtype
        np.testing.assert_array_equal(rows, (images.pixels[:, None] // 2).astype(dtype))


def test_progress_counts_what_was_computed_and_read(
    images, make_compute, store, monkeypatch, capsys
):
    monkeypatch.setattr("skcxr._progress._INTERVAL", 0.0)
    run(images.take(np.arange(40)), make_compute(), store)
    assert capsys.readouterr().err == ""
    run(images, make_compute(), store, desc="Maps", verbose=1)
    assert "Maps: 300/300 images (40 from the store)" in capsys.readouterr().err.splitlines()[-1]
