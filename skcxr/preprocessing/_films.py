"""The films of a folder, of a list or of a table, as paths."""

import os
from pathlib import Path

from .._image_input import paths_of

_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"}


def paths_and_index(X):
    """Paths as strings, and the index of X or None.

    Parameters
    ----------
    X : str or path-like, sequence of paths, or DataFrame with a ``path`` column
        A folder is searched with all its subfolders.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no film at all.
    """
    if isinstance(X, str | os.PathLike):
        root = Path(X).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(f"No such folder: {X}; for one film pass [path].")
        paths = sorted(
            str(Path(folder, name))
            for folder, _, names in os.walk(root)
            for name in names
            if Path(name).suffix.lower() in _ENDINGS
        )
        if not paths:
            raise ValueError(f"{X}: no file ends in one of {', '.join(sorted(_ENDINGS))}.")
        return paths, None
    paths = paths_of(X)
    if paths is None:
        raise ValueError("expected a folder, paths, or a table with a column 'path'.")
    return paths, X.index if hasattr(X, "columns") else None
