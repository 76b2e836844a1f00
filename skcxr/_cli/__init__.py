"""The command ``skcxr``; nothing of torch or OpenCV is imported before a command needs it."""

from ._parser import main

__all__ = ["main"]
