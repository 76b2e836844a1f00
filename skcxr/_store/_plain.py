"""Plain data as JSON, arrays and tensors, and back; nothing that is read is ever executed.

Numbers, strings, None, lists, tuples, dicts, sets, slices, numpy arrays and their types, and torch
tensors. In the JSON, what JSON does not know is a dict with the key ``~``.
"""

import io
import json
import math

import numpy as np

from ._container import Unreadable

TAG = "~"


class Encoder:
    """Turn a tree of plain data into members of a file.

    A subclass knows more than plain data by overriding `encode_other`.
    """

    def __init__(self):
        self._arrays, self._tensors, self._ids = {}, {}, {}

    def members(self, tree):
        """JSON, and the arrays and tensors that it refers to, as ``{name: bytes}``."""
        encoded = self.encode(tree)
        members = {"tree.json": json.dumps(encoded, allow_nan=False).encode()}
        if self._arrays:
            buffer = io.BytesIO()
            np.savez(buffer, **self._arrays)
            members["arrays.npz"] = buffer.getvalue()
        if self._tensors:
            from safetensors.torch import save

            members["tensors.safetensors"] = save(self._tensors)
        return members

    def encode(self, value):
        """What JSON can hold for a value."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {TAG: "float", "is": repr(value)}
        if type(value) is list:
            return [self.encode(item) for item in value]
        if type(value) in (tuple, set, frozenset):
            return {TAG: type(value).__name__, "of": [self.encode(item) for item in value]}
        if type(value) is dict:
            if all(type(key) is str for key in value) and TAG not in value:
                return {key: self.encode(item) for key, item in value.items()}
            return {TAG: "dict", "of": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        if type(value) is slice:
            return {TAG: "slice", "of": [value.start, value.stop, value.step]}
        if type(value) is bytes:
            return {TAG: "bytes", "is": value.hex()}
        if isinstance(value, np.dtype):
            return {TAG: "dtype", "is": value.str}
        if isinstance(value, type) and _scalar_type(value.__name__) is value:
            return {TAG: "type", "is": value.__name__}
        if isinstance(value, np.generic):
            return {TAG: "scalar", "is": self._array(np.asarray(value))}
        if isinstance(value, np.ndarray):
            return self._encode_array(value)
        if type(value).__module__.partition(".")[0] == "torch":
            import torch

            if isinstance(value, torch.Tensor):
                return {TAG: "tensor", "is": self._tensor(value)}
        return self.encode_other(value)

    def encode_other(self, value):
        """Called for what is not plain data."""
        raise TypeError(f"a {type(value).__name__} is not plain data")

    def _encode_array(self, array):
        if array.dtype.hasobject:
            if array.dtype != object:
                raise TypeError(f"an array of {array.dtype} is not plain data")
            items = [self.encode(item) for item in array.ravel()]
            return {TAG: "objects", "of": items, "shape": list(array.shape)}
        return {TAG: "array", "is": self._array(np.asarray(array))}

    def _array(self, array):
        return self._put(self._arrays, array, array)

    def _tensor(self, tensor):
        return self._put(self._tensors, tensor, tensor.detach().cpu().contiguous().clone())

    def _put(self, parts, value, part):
        if id(value) not in self._ids:  # the value is held, so that its id stays its own
            self._ids[id(value)] = f"{len(parts)}", value
            parts[self._ids[id(value)][0]] = part
        return self._ids[id(value)][0]


class Decoder:
    """Give back what an `Encoder` made members of.

    A subclass knows more tags by overriding `decode_other`.

    Raises
    ------
    Unreadable
        Where the members are not as an encoder makes them.
    """

    _MAKERS = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}

    def __init__(self, members):
        try:
            self.tree = json.loads(members["tree.json"])
            self._arrays = self._tensors = {}
            if "arrays.npz" in members:
                with np.load(io.BytesIO(members["arrays.npz"]), allow_pickle=False) as arrays:
                    if any(entry.compress_type for entry in arrays.zip.infolist()):
                        raise ValueError("packed arrays, which could unpack to any size")
                    self._arrays = dict(arrays)
            if "tensors.safetensors" in members:
                from safetensors.torch import load

                self._tensors = load(members["tensors.safetensors"])
        except Exception as error:
            raise Unreadable(f"its parts cannot be read ({error!r})") from error

    def value(self):
        """The whole tree."""
        try:
            return self.decode(self.tree)
        except Unreadable:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable(f"it does not fit together ({error!r})") from error

    def decode(self, tree):
        """The value of a part of the tree."""
        if isinstance(tree, list):
            return [self.decode(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        tag = tree.get(TAG)
        if tag is None:
            return {key: self.decode(item) for key, item in tree.items()}
        if tag in self._MAKERS:
            return self._MAKERS[tag](self.decode(item) for item in tree["of"])
        if tag == "float":
            return float(tree["is"])
        if tag == "slice":
            return slice(*tree["of"])
        if tag == "bytes":
            return bytes.fromhex(tree["is"])
        if tag == "dtype":
            return np.dtype(tree["is"])
        if tag == "type":
            if _scalar_type(tree["is"]) is None:
                raise Unreadable(f"it names the unknown type {tree['is']!r}")
            return _scalar_type(tree["is"])
        if tag == "scalar":
            return self._arrays[tree["is"]][()]
        if tag == "array":
            return self._arrays[tree["is"]]
        if tag == "tensor":
            return self.tensor(tree["is"])
        if tag == "objects":
            array = np.empty(len(tree["of"]), object)
            for i, item in enumerate(tree["of"]):
                array[i] = self.decode(item)
            return array.reshape(tree["shape"])
        return self.decode_other(tag, tree)

    def tensor(self, name):
        """The tensor that an encoder gave this name."""
        return self._tensors[name]

    def decode_other(self, tag, tree):
        """Called for a tag that plain data has not."""
        raise Unreadable(f"it has a part of the unknown kind {tag!r}")


def _scalar_type(name):
    """``int``, ``np.float32`` and their like by name, or None."""
    if name in ("bool", "float", "int", "str"):
        return {"bool": bool, "float": float, "int": int, "str": str}[name]
    found = getattr(np, name, None)
    return found if isinstance(found, type) and issubclass(found, np.generic) else None
