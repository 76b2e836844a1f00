"""Training against a plain loop in torch, number by number."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from tiny_networks import tiny_network
from torch import nn
from torch.nn import functional as F

from skcxr._image_input import as_images
from skcxr.features import CNNEmbedder, FineTuning, _training
from skcxr.features._training import train_network

SEED = 7
STILL = FineTuning.from_recipe("report", batch_size=8, epochs=3, lr=1e-3)


def toy(n=43, unknown=0.0):
    """Bright squares left or right; each label is one of them, some are unknown."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, (n, 16, 16), dtype=np.uint8)
    Y = rng.integers(0, 2, (n, 2)).astype(np.float32)
    X[Y[:, 0] == 1, 2:7, 2:7] += 120
    X[Y[:, 1] == 1, 9:14:2, 9:14] += 190
    Y[rng.random(Y.shape) < unknown] = np.nan
    return X, Y


def trained(X, Y, settings=STILL, network=None, **changes):
    settings = clone(settings).set_params(**changes)
    names = [f"label{i}" for i in range(Y.shape[1])]
    return train_network(
        as_images(X), tiny_network() if network is None else network, Y, names, settings,
        C=0.1, seed=SEED, device=torch.device("cpu"), dtype=torch.float32,
    )  # fmt: skip


def to_tensor(X):
    return torch.from_numpy(np.asarray(X)).float()[:, None] / 127.5 - 1


def masked_mean(logits, targets):
    known = ~torch.isnan(targets)
    return F.binary_cross_entropy_with_logits(logits[known], targets[known])


def hand_made_head(n_channels):
    """Something that both begin at: logistic regression stops where rounding takes it."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(2, n_channels)).astype(np.float32), np.float32([0.1, -0.3])


@pytest.fixture
def hand_made_start(monkeypatch):
    monkeypatch.setattr(
        _training, "fit_linear_head", lambda E, Y, names, C: hand_made_head(E.shape[1])
    )


def make_head(n_channels=8):
    head = nn.Linear(n_channels, 2)
    coef, intercept = hand_made_head(n_channels)
    head.load_state_dict({"weight": torch.from_numpy(coef), "bias": torch.from_numpy(intercept)})
    return head


def plain_loop(X, Y, settings, network=None):
    """The same training as one would write it, for films that are at most mixed."""
    network = (tiny_network() if network is None else network).eval()
    head = make_head()
    stages = [name for name, _ in network.named_children()]
    first = stages.index(settings.train) if settings.train in stages else 0
    weights = [*network[first:].parameters(), *head.parameters()]
    decays = [p for p in network[first:].parameters() if p.ndim > 1]
    others = [p for p in weights if all(p is not q for q in decays)]
    groups = [{"params": decays, "weight_decay": settings.weight_decay}, {"params": others}]
    optimizer = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=0)
    if settings.weight_decay == 0:
        optimizer = torch.optim.Adam(weights, lr=settings.lr)
    average = [p.detach().clone() for p in weights]
    targets, losses, step = torch.from_numpy(Y), [], 0
    for epoch in range(settings.epochs):
        order = np.random.default_rng((SEED, epoch)).permutation(len(X))
        total = 0.0
        for number, index in enumerate(np.array_split(order, -(-len(X) // settings.batch_size))):
            films, own, share = X[index], targets[index], 1.0
            if settings.mixup:
                rng = np.random.default_rng((SEED, epoch, number))
                partner = rng.permutation(len(index))
                share = rng.beta(settings.mixup, settings.mixup)
                films = np.rint(share * films.astype(float) + (1 - share) * films[partner])
            logits = head(network(to_tensor(films)).mean((2, 3)))
            loss = share * masked_mean(logits, own)
            if settings.mixup:
                loss = loss + (1 - share) * masked_mean(logits, own[partner])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(index)
            decay = min(settings.ema, (1 + step) / (10 + step))
            for mean, p in zip(average, weights, strict=True):
                mean.mul_(decay).add_(p.detach(), alpha=1 - decay)
            step += 1
        losses.append(total / len(X))
    with torch.no_grad():
        for p, mean in zip(weights, average, strict=True):
            p.copy_(mean)
    state = network.state_dict() | {f"head.{k}": v for k, v in head.state_dict().items()}
    return {k: v.numpy() for k, v in state.items()}, losses


@pytest.mark.parametrize("unknown", [0.0, 0.3])
@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 1e-4, "epochs": 5},
        {"train": "all"},
        {"mixup": 0.4},
        {"ema": 0.9},
        {"weight_decay": 0.5},
    ],
    ids=["report", "all", "mixup", "ema", "decay"],
)
def test_training_is_that_of_a_plain_loop(hand_made_start, changes, unknown):
    X, Y = toy(unknown=unknown)
    settings = clone(STILL).set_params(**changes)
    state, history = trained(X, Y, settings)
    expected, losses = plain_loop(X, Y, settings)
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(state[key], value, atol=1e-5, err_msg=key)
    np.testing.assert_allclose([row["loss"] for row in history], losses, atol=1e-5)
    assert [row["epoch"] for row in history] == list(range(1, settings.epochs + 1))
    if "mixup" in changes:
        assert np.abs(state["layer4.1.weight"] - plain_loop(X, Y, STILL)[0]["layer4.1.weight"]
                      ).max() > 1e-4  # fmt: skip


def test_the_head_begins_at_the_logistic_regression():
    X, Y = toy(unknown=0.2)
    state, _ = trained(X, Y, epochs=1, lr=1e-12)
    with torch.no_grad():
        E = tiny_network()(to_tensor(X)).mean((2, 3)).numpy()
    for j in range(2):
        known = ~np.isnan(Y[:, j])
        Z = (E - E.mean(0)) / np.where(E.std(0) > 0, E.std(0), 1)
        model = LogisticRegression(C=0.1, tol=1e-8).fit(Z[known].astype(float), Y[known, j])
        logits = E @ state["head.weight"][j] + state["head.bias"][j]
        np.testing.assert_allclose(logits, model.decision_function(Z), atol=0.01)


def test_the_loss_is_the_mean_over_known_labels_of_films_and_of_their_partners(hand_made_start):
    X, Y = toy(unknown=0.4)
    one_step = {"batch_size": 64, "epochs": 1}
    network, head = tiny_network(), make_head()
    with torch.no_grad():
        p = torch.sigmoid(head(network(to_tensor(X)).mean((2, 3)))).numpy()
    terms = np.where(Y == 1, -np.log(p), -np.log(1 - p))[~np.isnan(Y)]
    ((epoch,), (mixed,)) = (
        trained(X, Y, **one_step, **changes)[1] for changes in ({}, {"mixup": 0.3, "mix": "cutmix"})
    )
    assert epoch["loss"] == pytest.approx(terms.mean(), abs=1e-5)
    # by hand for CutMix: what is pasted is found from the films, and so is its share
    order = np.random.default_rng((SEED, 0)).permutation(len(X))
    rng = np.random.default_rng((SEED, 0, 0))
    partner, share = rng.permutation(len(X)), rng.beta(0.3, 0.3)
    cut = int(np.sqrt(1 - share) * 16)
    rng = np.random.default_rng(int(rng.integers(2**31)))
    top, left = rng.integers(17 - cut), rng.integers(17 - cut)
    films, Y = X[order], Y[order]
    films[:, top : top + cut, left : left + cut] = X[order][partner][
        :, top : top + cut, left : left + cut
    ]
    with torch.no_grad():
        logits = head(network(to_tensor(films)).mean((2, 3)))
        targets = torch.from_numpy(Y)
        pasted = cut**2 / 256
        expected = (1 - pasted) * masked_mean(logits, targets)
        expected += pasted * masked_mean(logits, targets[partner])
    assert 0 < pasted < 1
    assert mixed["loss"] == pytest.approx(float(expected), abs=1e-5)


def test_films_of_which_nothing_is_known_pull_at_nothing(hand_made_start):
    X, Y = toy()
    Y[::3] = np.nan
    known = ~np.isnan(Y[:, 0])
    # Films of which nothing is known change no gradient: the same step without them.
    whole, _ = trained(X, Y, batch_size=64, epochs=1)
    network, head = tiny_network(), make_head()
    loss = masked_mean(head(network(to_tensor(X[known])).mean((2, 3))), torch.from_numpy(Y[known]))
    weights = [*network.layer4.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    loss.backward()
    optimizer.step()
    np.testing.assert_allclose(
        whole["layer4.1.weight"], network.layer4[1].weight.detach(), atol=1e-5
    )
    np.testing.assert_allclose(whole["head.weight"], head.weight.detach(), atol=1e-5)


# ---- how it is computed does not matter --------------------------------------------------------

LIVELY = FineTuning(epochs=2, lr=1e-3, batch_size=16, mixup=0.3, noise=4.0, guidance=0.0)


def same_bits(one, two):
    assert one[0].keys() == two[0].keys()
    for key, value in one[0].items():
        np.testing.assert_array_equal(two[0][key], value, err_msg=key)
    assert one[1] == two[1]


def test_threads_change_no_bit():
    X, Y = toy(unknown=0.2)
    before, made = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            made.append(trained(X, Y, LIVELY))
            assert torch.get_num_threads() == n  # the caller keeps what it had
    finally:
        torch.set_num_threads(before)
    same_bits(made[0], made[1])
    same_bits(made[0], made[2])


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_jobs_change_no_bit(backend):
    X, Y = toy(unknown=0.2)
    embedder = CNNEmbedder(
        tiny_network(), weights=None, fine_tune=LIVELY, cross_fit=None, precision="float32",
        device="cpu", random_state=0,
    )  # fmt: skip
    alone = clone(embedder).fit(X, Y)
    fits = [delayed(clone(embedder).fit)(X, Y) for _ in range(2)]
    for fitted in Parallel(n_jobs=2, backend=backend)(fits):
        np.testing.assert_array_equal(fitted.head_coef_, alone.head_coef_)
        for key, value in alone.tail_.state_dict().items():
            assert torch.equal(fitted.tail_.state_dict()[key], value), key
        assert fitted.history_.equals(alone.history_)
        np.testing.assert_array_equal(fitted.transform(X), alone.transform(X))


def test_micro_batches_change_nothing_but_rounding(hand_made_start):
    X, Y = toy(unknown=0.2)
    whole, history = trained(X, Y, LIVELY, micro_batch=16)
    for micro in (None, 3, 1):
        state, rows = trained(X, Y, LIVELY, micro_batch=micro)
        for key, value in whole.items():
            np.testing.assert_allclose(state[key], value, atol=1e-5, err_msg=key)
        for a, b in zip(rows, history, strict=True):
            assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)


def test_another_seed_is_another_training():
    X, Y = toy()
    one = trained(X, Y, LIVELY)[0]
    settings = {"C": 0.1, "device": torch.device("cpu"), "dtype": torch.float32}
    two = train_network(as_images(X), tiny_network(), Y, "ab", LIVELY, seed=8, **settings)[0]
    assert not np.array_equal(one["layer4.1.weight"], two["layer4.1.weight"])


# ---- rates -------------------------------------------------------------------------------------


# Ten steps: half a cosine falls from 1 by (1 + cos(pi t / 10)) / 2.
HALF_COSINE = [1, 0.975528, 0.904508, 0.793893, 0.654508, 0.5, 0.345492, 0.206107, 0.095492]
HALF_COSINE += [0.024472]


@pytest.mark.parametrize(
    ("changes", "table"),
    [
        ({}, [1] * 10),
        ({"schedule": "cosine"}, HALF_COSINE),
        ({"schedule": "constant", "warm_up": 0.4}, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]),
        ({"schedule": "cosine", "warm_up": 0.2}, [0.5, *HALF_COSINE[1:]]),
    ],
    ids=["report", "cosine", "warm-up", "both"],
)
def test_rates_are_those_of_a_table(changes, table):
    X, Y = toy(12)
    _, history = trained(X, Y, batch_size=12, epochs=10, lr=0.01, **changes)
    np.testing.assert_allclose([row["lr"] for row in history], 0.01 * np.array(table), rtol=1e-4)


def test_rates_fall_by_their_factor_every_four_blocks():
    stage = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(8)))
    network = nn.Sequential()
    network.add_module("stem", nn.Conv2d(1, 3, 1))
    network.add_module("layer1", stage)
    for p in network.parameters():
        nn.init.uniform_(p, 0.2, 0.4)  # nothing is cut off and every weight counts
    X, Y = toy(12)
    state, _ = trained(
        X, Y, network=network, train="all", epochs=1, batch_size=12, lr=0.01, lr_decay=0.5
    )
    moved = [
        np.abs(state[f"{name}.weight"] - network.get_submodule(name).weight.detach().numpy()).max()
        for name in ["stem", *(f"layer1.{i}" for i in range(8))]
    ]
    # Adam's first step is as long as the rate, whatever the gradient.
    expected = 0.01 * 0.5 ** (np.arange(8, -1, -1) / 4)
    np.testing.assert_allclose(moved, expected, rtol=0.01)
    assert expected[0] == expected[4] / 2 == expected[8] / 4


# ---- what moves --------------------------------------------------------------------------------

NORMS = {f"{s}.2.{p}" for s in ("stem", "layer4") for p in ("weight", "bias")}


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ("norm", NORMS),
        ("all", NORMS | {"stem.1.weight", "layer4.1.weight"}),
        ("stem", NORMS | {"stem.1.weight", "layer4.1.weight"}),
        ("layer4", {"layer4.1.weight", "layer4.2.weight", "layer4.2.bias"}),
    ],
)
def test_only_what_is_named_moves_and_statistics_never(train, expected):
    X, Y = toy()
    before = tiny_network().state_dict()
    state, _ = trained(X, Y, LIVELY, train=train)
    moved = {key for key in before if not np.array_equal(state[key], before[key].numpy())}
    assert moved == expected
    assert {"stem.2.running_mean", "layer4.2.running_var"} <= state.keys()


def test_norm_needs_norms():
    X, Y = toy(12)
    plain = nn.Sequential()
    plain.add_module("layer4", nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()))
    with pytest.raises(ValueError, match="'norm' trains the scale and shift of norms"):
        trained(X, Y, network=plain, train="norm")
