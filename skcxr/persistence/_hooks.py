"""Objects that are no estimators: how each is taken apart into plain data, and put together."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from sklearn.utils import Bunch

from .._sklearn import tree_class
from .._store._container import Unreadable
from . import _classes


@dataclasses.dataclass
class Hook:
    """How one kind of object goes into a file.

    Parameters
    ----------
    package : str
        Where its class comes from; nothing is imported to find out that it is another.
    matches : callable
        Whether an object is of this kind.
    take_apart : callable
        Object → what an encoder takes, or None where it must not go into a file.
    put_together : callable
        What a decoder gave → object. Checks it: whoever wrote the file may not be a friend.
    """

    package: str
    matches: Callable
    take_apart: Callable
    put_together: Callable


def hook_of(value):
    """Name of the hook of an object, or None."""
    package = type(value).__module__.partition(".")[0]
    for name, hook in HOOKS.items():
        if package in (hook.package, "skcxr") or hook.package == "":
            if hook.matches(value):
                return name
    return None


def _is_network(value):
    from torch import nn

    return isinstance(value, nn.Module)


def _take_network_apart(module):
    from torch import nn

    name = _classes.part_name_of(type(module))
    if name is None:
        return None
    usual = vars(nn.Module())
    return {
        "class": name,
        "training": module.training,
        "attributes": {key: value for key, value in vars(module).items() if key not in usual},
        "parameters": dict(module._parameters),
        "frozen": [
            key for key, p in module._parameters.items() if p is not None and not p.requires_grad
        ],
        "buffers": dict(module._buffers),
        "passing": sorted(module._non_persistent_buffers_set),
        "modules": dict(module._modules),
    }


def _put_network_together(parts):
    from torch import nn

    cls = _classes.find_part(parts["class"])
    if cls is None or not issubclass(cls, nn.Module):
        raise Unreadable(f"it has a network of {parts['class']!r}, which is not loaded")
    parameters = {
        key: None if value is None else nn.Parameter(value, key not in parts["frozen"])
        for key, value in parts["parameters"].items()
    }
    for child in parts["modules"].values():
        if not (child is None or isinstance(child, nn.Module)):
            raise Unreadable("a part of a network is none")
    module = cls.__new__(cls)
    module.__setstate__(
        vars(nn.Module())
        | parts["attributes"]
        | {
            "training": parts["training"],
            "_parameters": parameters,
            "_buffers": parts["buffers"],
            "_non_persistent_buffers_set": set(parts["passing"]),
            "_modules": parts["modules"],
        }
    )
    return module


def _is_net(value):
    from skorch import NeuralNet

    return isinstance(value, NeuralNet)


def _put_net_together(module):
    from ..classifiers._batches import Batches
    from ..classifiers._skorch_net import SeededNet
    from ..classifiers._training import PREDICT_BATCH

    if not _is_network(module):
        raise Unreadable("a net has no network")
    net = SeededNet(
        module,
        criterion=_classes.find_part("torch.nn.modules.loss:BCEWithLogitsLoss"),
        iterator_valid=Batches,
        iterator_valid__batch_size=PREDICT_BATCH,
        train_split=None,
        callbacks=[],
        device="cpu",
        verbose=0,
    ).initialize()
    net.trim_for_prediction()
    return net


def _is_tree(value):
    return isinstance(value, tree_class())


def _take_tree_apart(tree):
    _, (n_features, n_classes, n_outputs), state = tree.__reduce__()
    return {"size": [int(n_features), n_classes, int(n_outputs)], "state": dict(state)}


def _put_tree_together(parts):
    (n_features, n_classes, n_outputs), state = parts["size"], parts["state"]
    nodes = state["nodes"]
    index, left, right = np.arange(len(nodes)), nodes["left_child"], nodes["right_child"]
    leaf = left == -1
    inside = (left > index) & (right > index) & (left < len(nodes)) & (right < len(nodes))
    known = (nodes["feature"] >= 0) & (nodes["feature"] < n_features)
    if state["node_count"] != len(nodes) or not (leaf | (inside & known)).all():
        raise Unreadable("a decision tree leads out of itself")
    tree = tree_class()(n_features, np.asarray(n_classes, np.intp), n_outputs)
    tree.__setstate__(state)
    return tree


def _take_generator_apart(generator):
    is_old = isinstance(generator, np.random.RandomState)
    state = generator.get_state(legacy=False) if is_old else generator.bit_generator.state
    return {"is_old": is_old, "state": state}


def _put_generator_together(parts):
    name = parts["state"]["bit_generator"]
    if name not in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        raise Unreadable(f"{name!r} is no generator of random numbers")
    if parts["is_old"]:
        generator = np.random.RandomState()
        generator.set_state(parts["state"])
        return generator
    generator = np.random.Generator(getattr(np.random, name)())
    generator.bit_generator.state = parts["state"]
    return generator


def _is_frame(value):
    import pandas as pd

    return isinstance(value, pd.DataFrame)


def _take_frame_apart(frame):
    # An index or a column of text may name films or patients.
    frame = frame.select_dtypes(["number", "bool"])
    return {str(name): frame[name].to_numpy() for name in frame}


def _put_frame_together(columns):
    import pandas as pd

    return pd.DataFrame(columns)


def _is_torch_value(value):
    import torch

    return isinstance(value, torch.dtype | torch.device)


def _put_torch_value_together(text):
    import torch

    found = getattr(torch, str(text).removeprefix("torch."), None)
    return found if isinstance(found, torch.dtype) else torch.device("cpu")


def _is_named_tuple(value):
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _take_named_tuple_apart(value):
    name = _classes.part_name_of(type(value))
    return name and {"class": name, "of": value._asdict()}


def _put_named_tuple_together(parts):
    cls = _classes.find_part(parts["class"])
    if cls is None or not issubclass(cls, tuple):
        raise Unreadable(f"it has a {parts['class']!r}, which is not loaded")
    return cls(**parts["of"])


HOOKS = {
    "ordered": Hook("collections", lambda v: type(v) is OrderedDict, dict, OrderedDict),
    "bunch": Hook("sklearn", lambda v: type(v) is Bunch, dict, lambda items: Bunch(**items)),
    "network": Hook("", _is_network, _take_network_apart, _put_network_together),
    "net": Hook("skorch", _is_net, lambda net: net.module_, _put_net_together),
    "tree": Hook("sklearn", _is_tree, _take_tree_apart, _put_tree_together),
    "generator": Hook(
        "numpy",
        lambda v: isinstance(v, np.random.RandomState | np.random.Generator),
        _take_generator_apart,
        _put_generator_together,
    ),
    "frame": Hook("pandas", _is_frame, _take_frame_apart, _put_frame_together),
    "torch": Hook("torch", _is_torch_value, str, _put_torch_value_together),
    "named": Hook("", _is_named_tuple, _take_named_tuple_apart, _put_named_tuple_together),
    "shape": Hook("torch", lambda v: isinstance(v, tuple), list, tuple),
}
