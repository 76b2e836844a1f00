"""Fitted estimators in one file, without pickle."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {"load": "model_file", "save": "model_file"},
)
