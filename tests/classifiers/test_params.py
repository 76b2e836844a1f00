"""Parameters under skorch's names: stored, cloned, searched, refused."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skcxr.classifiers import AttentionCNN, DeeperMLP, MultilabelMLP, MultilabelNet

NETS = [MultilabelNet, MultilabelMLP, DeeperMLP, AttentionCNN]


@pytest.mark.parametrize("Net", NETS)
@pytest.mark.parametrize("value", [-1, 3.0, "hello", np.array([1.0]), [1], {}, []], ids=repr)
def test_odd_values_do_not_raise_before_fit(Net, value):
    names = [p.name for p in inspect.signature(Net).parameters.values() if p.kind != p.VAR_KEYWORD]
    net = Net(**dict.fromkeys(names, value))
    net.set_params(**dict.fromkeys(names, value))
    assert all(net.get_params()[name] is value for name in names)
    with pytest.raises(ValueError, match="parameter of"):
        net.fit([[0.0], [1.0]], [0, 1])


def test_skorch_names_reach_module_and_optimizer(data):
    X, Y = data
    net = MultilabelMLP(
        module__hidden=(7, 5),
        module__dropout=0.2,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.8,
        lr=0.03,
        max_epochs=1,
        callbacks=[_KeepOptimizer()],
    ).fit(X, Y)
    widths = [m.out_features for m in net.net_.module_.modules() if hasattr(m, "out_features")]
    rates = [m.p for m in net.net_.module_.modules() if isinstance(m, torch.nn.Dropout)]
    assert widths == [7, 5, Y.shape[1]]
    assert rates == [0.0, 0.2, 0.2]
    group = _KeepOptimizer.seen.param_groups[0]
    assert (group["momentum"], group["lr"], group["weight_decay"]) == (0.8, 0.03, 0.01)


def test_clone_and_set_params_keep_extra_names():
    net = clone(MultilabelMLP(optimizer__betas=(0.8, 0.9)).set_params(optimizer__eps=1e-6))
    assert net.get_params()["optimizer__betas"] == (0.8, 0.9)
    assert net.get_params()["optimizer__eps"] == 1e-6


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("module__dropot", "did you mean 'module__dropout'"),
        ("optimizer__weight_decai", "did you mean 'optimizer__weight_decay'"),
        ("modul__dropout", "did you mean 'module__dropout'"),
        ("module__n_features", "no such argument"),
    ],
)
def test_a_typo_in_a_nested_name_says_what_was_meant(name, message):
    with pytest.raises(ValueError, match=message):
        MultilabelMLP().set_params(**{name: 0.1})
    with pytest.raises(ValueError, match=message):
        MultilabelMLP(**{name: 0.1})


def test_a_typo_in_the_constructor_is_a_type_error():
    with pytest.raises(TypeError, match="did you mean 'module__dropout'"):
        MultilabelMLP(dropout=0.1)


def test_a_typo_in_a_plain_name_gives_scikit_learns_message():
    with pytest.raises(ValueError, match="Invalid parameter 'max_epoch' for estimator"):
        MultilabelMLP().set_params(max_epoch=3)


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 0},
        {"module__dropout": 1.0},
        {"validation_fraction": 1.5},
        {"thresholds": "best"},
        {"pos_weight": "balance"},
        {"batch_size": 1},
    ],
)
def test_a_bad_value_gives_scikit_learns_message(params, data):
    name = next(iter(params))
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MultilabelMLP must be"):
        MultilabelMLP(**params).fit(*data)


class _KeepOptimizer:
    """A skorch callback that keeps the optimizer, which the fitted net does not."""

    seen = None

    def initialize(self):
        return self

    def get_params(self, deep=True):
        return {}

    def set_params(self):
        return self

    def on_train_begin(self, net, **kwargs):
        _KeepOptimizer.seen = net.optimizer_

    def __getattr__(self, name):
        if name.startswith("on_"):
            return lambda *args, **kwargs: None
        raise AttributeError(name)
