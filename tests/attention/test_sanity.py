"""Deletion and insertion on a network that looks at one place; maps of random networks."""

import numpy as np
import pytest
import torch
from tiny_networks import tiny_network

from skcxr.attention import faithfulness, randomization_check
from skcxr.features import CNNEmbedder


class Square:
    """Its logit is the brightness of one square over the rest; says what came in."""

    label_names_ = np.array(["Mass", "Edema"])
    image_shape = None
    memory = "cache"

    def decision_function(self, X):
        assert X.dtype == np.uint8
        assert self.memory is None
        inside = X[:, 8:16, 8:16].mean((1, 2)) - X.mean((1, 2))
        return np.stack([(inside - 30) / 5, (30 - inside) / 5], axis=1)


@pytest.fixture
def films():
    films = np.random.default_rng(0).integers(40, 60, (3, 32, 32), dtype=np.uint8)
    films[:, 8:16, 8:16] += 60
    return films


def test_the_true_map_deletes_and_inserts_what_is_used(films):
    maps = np.zeros((3, 1, 32, 32))
    maps[0, 0, 8:16, 8:16] = 1  # right
    maps[1, 0, 20:28, 20:28] = 1  # wrong
    found = faithfulness(Square(), films, "Mass", maps=maps, random_state=0)
    assert found.columns.tolist() == ["film", "label", "order", "deletion", "insertion"]
    table = found.set_index(["film", "order"])
    right, wrong, random = (table.loc[at] for at in ((0, "map"), (1, "map"), (1, "random")))
    assert right["deletion"] < random["deletion"] < wrong["deletion"] + 0.1
    assert right["insertion"] > random["insertion"] > wrong["insertion"]
    again = faithfulness(Square(), films, "Mass", maps=maps, random_state=0)
    np.testing.assert_array_equal(again["deletion"], found["deletion"])


def test_what_cannot_be_judged_is_said(films):
    with pytest.raises(ValueError, match="at least two films"):
        faithfulness(Square(), films[:1], maps=np.zeros((1, 2, 4, 4)))
    with pytest.raises(ValueError, match="maps must be of 3 films and 1 labels"):
        faithfulness(Square(), films, "Mass", maps=np.zeros((3, 2, 4, 4)))


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).integers(0, 256, (8, 32, 32), dtype=np.uint8)
    Y = np.array([[0, 1], [1, 0], [0, 0], [1, 1]] * 2)
    embedder = CNNEmbedder(tiny_network(), weights=None, precision="float32", device="cpu")
    return embedder.fit(X, Y), X


def test_maps_of_a_fitted_embedder(fitted):
    embedder, X = fitted
    found = faithfulness(embedder, X[:3], n_steps=3, random_state=0)
    assert len(found) == 3 * 2 * 3
    assert found[["deletion", "insertion"]].to_numpy().min() > 0
    assert found[["deletion", "insertion"]].to_numpy().max() < 1


def test_random_weights_change_the_maps_and_not_the_embedder(fitted):
    embedder, X = fitted
    before = {k: v.clone() for k, v in embedder.trunk_.state_dict().items()}
    found = randomization_check(embedder, X, random_state=0)
    assert found.index.tolist() == ["nothing", "head", "layer4", "stem"]
    assert found.loc["nothing", "correlation"] == pytest.approx(1)
    assert (found["correlation"].iloc[1:].abs() < 0.9).all()
    after = embedder.trunk_.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
