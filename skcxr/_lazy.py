"""Lazy re-exports: ``import skcxr`` must not import torch, OpenCV or scikit-image."""

import importlib
import sys


def attach(package, exports, submodules=()):
    """Make a package import its public names when they are first asked for.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    exports : dict of {str: str}
        Public name to the module that defines it, relative to the package (``"fuser"``) or
        deeper (``"attention.fuser"``).
    submodules : sequence of str, default=()
        Modules that are attributes of the package without having been imported.

    Returns
    -------
    getattr_, dir_, all_ : tuple
        To be bound to the package's ``__getattr__``, ``__dir__`` and ``__all__``.
    """

    def getattr_(name):
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")  # which also sets the attribute
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{exports[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def dir_():
        return sorted({*vars(sys.modules[package]), *exports, *submodules})

    return getattr_, dir_, sorted(exports)
