"""Program: the tensors of a pickled network, without running what the pickle asks for.

``python _unpickle.py IN OUT`` reads what ``torch.save(network)`` wrote and writes its parameters
and buffers as safetensors. Classes and functions that the pickle names are replaced by an inert
one; only containers and torch's own functions that put a tensor together are real. It is a program
of its own, so that even a reader's bug stays out of the process that asked for it.
"""

import collections
import contextlib
import io
import pickle
import sys
import types
import warnings
import zipfile

import torch

# Where checkpoints keep the network, in the order in which they are looked for.
CONTAINERS = ("state_dict", "model_state_dict", "model", "network", "net", "module")
_REBUILD = {
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
}


class Inert:
    """Stands for any class or function of the pickle; keeps an object's attributes."""

    dump_patches = False  # torch asks the classes of old files

    def __new__(cls, *args, **kwargs):
        """Ignore what the class would have been made of."""
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        if isinstance(state, dict):
            vars(self).update(state)

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        """Ignore an item of a foreign list."""

    def extend(self, items):
        """Ignore items of a foreign list."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) in (("builtins", "set"), ("__builtin__", "set")):
            return set
        if module == "torch._utils" and name in _REBUILD:
            return getattr(torch._utils, name)
        if module == "torch" and name == "Size":
            return torch.Size
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module == "torch" and name.endswith("Storage") and hasattr(torch, name):
            return getattr(torch, name)
        return Inert


def _load(file, **options):
    return _Unpickler(file, **options).load()


def read(path):
    """State dict of a pickled network, or of a checkpoint with other things in it."""
    with open(path, "rb") as file:
        content = io.BytesIO(file.read())  # a path would let torch try formats that unpack files
    with contextlib.suppress(zipfile.BadZipFile):
        names = zipfile.ZipFile(content).namelist()
        if any(name.endswith("constants.pkl") for name in names):
            raise ValueError("a TorchScript archive, which is a program")
    content.seek(0)
    reader = types.SimpleNamespace(Unpickler=_Unpickler, load=_load, __name__="inert")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes whose source is not here
        found = torch.load(content, map_location="cpu", pickle_module=reader, weights_only=False)
    for _ in range(3):  # a container in a container
        if isinstance(found, dict):
            inner = [found[key] for key in CONTAINERS if isinstance(found.get(key), dict | Inert)]
            found = inner[0] if inner else found
    state = dict(_tensors(found, ""))
    if not state:
        raise ValueError("no tensors of a network in it")
    return state


def _tensors(node, prefix):
    if isinstance(node, Inert):
        own = vars(node)
        hidden = own.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            for name, value in dict(own.get(part) or {}).items():
                if isinstance(value, torch.Tensor) and name not in hidden:
                    yield prefix + name, value
        for name, child in dict(own.get("_modules") or {}).items():
            yield from _tensors(child, f"{prefix}{name}.")
    elif isinstance(node, dict):
        yield from (
            (k, v) for k, v in node.items() if isinstance(k, str) and isinstance(v, torch.Tensor)
        )


def main(source, target):
    """Write the tensors of `source` to `target`."""
    from safetensors.torch import save_file

    try:
        state = read(source)
    except Exception as error:
        sys.exit((str(error).strip().splitlines() or [type(error).__name__])[0])
    save_file({key: value.detach().contiguous().clone() for key, value in state.items()}, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
