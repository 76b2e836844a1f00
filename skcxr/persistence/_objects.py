"""Estimators, networks and trees as plain data, and back."""

import contextlib
import inspect

from sklearn.base import BaseEstimator

from .._sklearn import BaseSearchCV
from .._store._container import Unreadable
from .._store._plain import TAG, Decoder, Encoder
from . import _classes
from ._differences import (
    find_difference,
    is_difference,
    name_difference,
    starts_of,
    take_difference,
)
from ._hooks import HOOKS, hook_of
from ._published import digest_of, find_published, is_published, published_tensors
from ._state import clean

HALVED = "h"  # ends the names of tensors that were float32


class ModelEncoder(Encoder):
    """Plain data, and objects of the classes that a model file may name."""

    def __init__(self):
        super().__init__()
        self._objects, self._contents, self._where = {}, {}, []
        self._starts = {}

    def encode(self, value):
        """What JSON can hold for a value; an object that comes twice is told from two."""
        if id(value) in self._objects:
            return {TAG: "same", "is": self._objects[id(value)][0]}
        return super().encode(value)

    def encode_other(self, value):
        """An object, class or function that the lists allow."""
        if isinstance(value, type) or inspect.isroutine(value):
            return self._encode_name(value)
        if isinstance(value, BaseSearchCV):  # is no object in the file, and has no number
            if not hasattr(value, "best_estimator_"):
                raise TypeError(
                    f"{type(value).__name__} has no best_estimator_ to save: fit it with refit=True"
                )
            return self.encode(value.best_estimator_)
        self._objects[id(value)] = len(self._objects), value  # held, so that its id stays its own
        hook = hook_of(value)
        if hook is not None:
            parts = HOOKS[hook].take_apart(value)
            if parts is None:
                self._refuse(value)
            return {TAG: hook, "of": self.encode(parts)}
        name = _classes.name_of(type(value))
        if name is None:
            self._refuse(value)
        state = value.__getstate__()
        if isinstance(value, BaseEstimator):
            state = clean(value, state)
            self._contents |= published_tensors(state)
            self._starts |= starts_of(state)
        encoded = {}
        for key, item in (state or {}).items():
            with self._at(key):
                encoded[key] = self.encode(item)
        return {TAG: "object", "class": name, "of": encoded}

    def _encode_name(self, value):
        name = _classes.name_of(value)
        if name is not None:
            return {TAG: "name", "is": name}
        name = _classes.called_name_of(value) if isinstance(value, type) else None
        if name is None:
            self._refuse(value)
        return {TAG: "called", "is": name}

    def _refuse(self, value):
        cls = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
        raise TypeError(
            f"{'.'.join(self._where) or 'the estimator'} is of {cls.__module__}."
            f"{cls.__qualname__}, which a model file cannot hold: it takes estimators of skcxr, "
            "scikit-learn's usual steps, and networks built of torch's and MONAI's layers, since "
            "loading it runs no code of anybody else. Pickle keeps the rest, for your own use."
        )

    @contextlib.contextmanager
    def _at(self, name):
        self._where.append(str(name))
        yield
        self._where.pop()

    def _tensor(self, tensor):
        """Equal tensors once, as what loses not a bit: a name, a difference, a half."""
        _, start = self._starts.get(tensor.data_ptr(), (None, None))
        tensor = tensor.detach().cpu().contiguous()
        digest = digest_of(tensor)
        if digest in self._contents:
            return self._contents[digest]
        packed, steps = (None, None) if start is None else take_difference(tensor, start)
        if packed is not None:
            name = f"{len(self._tensors)}"
            self._tensors |= {name: packed, f"{name}s": steps}
            self._contents[digest] = name_difference(name, start)
        else:
            half = _half(tensor)
            name = f"{len(self._tensors)}" + ("" if half is None else HALVED)
            self._tensors[name] = tensor.clone() if half is None else half
            self._contents[digest] = name
        return self._contents[digest]


class ModelDecoder(Decoder):
    """Give back what a `ModelEncoder` made members of."""

    def __init__(self, members):
        super().__init__(members)
        self._objects = []

    def decode_other(self, tag, tree):
        """An object of an allowed class, without calling its ``__init__``."""
        if tag == "same":
            return self._objects[tree["is"]]
        if tag == "name":
            return self._find(_classes.find, tree["is"])
        if tag == "called":
            return self._find(_classes.find_called, tree["is"])
        at = len(self._objects)
        self._objects.append(None)
        if tag in HOOKS:
            self._objects[at] = HOOKS[tag].put_together(self.decode(tree["of"]))
            return self._objects[at]
        if tag != "object":
            return super().decode_other(tag, tree)
        cls = self._find(_classes.find, tree["class"])
        if not isinstance(cls, type):
            raise Unreadable(f"{tree['class']} is no class")
        self._objects[at] = value = cls.__new__(cls)
        state = {key: self.decode(item) for key, item in tree["of"].items()}
        if isinstance(value, BaseEstimator):
            state = clean(value, state)  # whoever wrote the file may not have
            state = {**_new_parameters(cls), **state}
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            vars(value).update(state)
        return value

    def tensor(self, name):
        """A tensor of the file, or of what ships with a package."""
        if is_published(name):
            return find_published(name)
        if is_difference(name):
            return find_difference(name, self._tensors)
        tensor = self._tensors[name].clone()  # its own, though the file has it once for several
        return tensor.float() if name.endswith(HALVED) else tensor

    def _find(self, find, name):
        found = find(name)
        if found is None:
            raise Unreadable(f"it names {name!r}, which this version does not load")
        return found


def _new_parameters(cls):
    """Defaults of all parameters: a file of an earlier version has none of those added since."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _half(tensor):
    """A tensor of float32 as float16, where that is the same to the last bit; else None."""
    import torch

    if tensor.dtype != torch.float32:
        return None
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else None
