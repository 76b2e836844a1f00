"""What is X? Every accepted form of it becomes one lazy stack of grey images, here."""

import os

import numpy as np
from sklearn.utils import check_array

from ._decode import stat_file
from ._rows import Images
from ._rows._grey import channel_axis, kind_of
from ._rows._prefetch import map_readers
from ._rows._sources import ArraySource, FileSource, stat_key
from ._rows._usable import NAMED, name_bad

_FORMS = (
    "paths, a DataFrame with a column 'path', an array of grey images (n, H, W), a list of (H, W) "
    "arrays, tensors, PIL images or pydicom datasets, or flat rows (n, H*W)"
)

_LEAST_FILM = 16  # pixels along a side, below which three columns may well be a small image


def _is_path(item):
    return isinstance(item, str | os.PathLike)


def _is_table(X):
    return hasattr(X, "columns") and hasattr(X, "__getitem__")


def paths_of(X):
    """The paths in X as a list, or None when X is not made of paths.

    X may be a DataFrame with a ``path`` column or a 1-D sequence of paths. ``~`` is expanded.
    """
    is_table = _is_table(X)
    if is_table:
        if "path" not in list(X.columns):
            return None
        X = X["path"]
        if len(X) == 0:
            raise ValueError("Found 0 sample(s) in X: its column 'path' is empty.")
    elif isinstance(X, str | bytes | os.PathLike):
        raise ValueError(
            f"Expected a sequence of paths, got the single path {X!r}; write [path], or list the "
            "folder's files."
        )
    elif isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind not in "OUS"):
        return None
    elif not hasattr(X, "__len__") or not hasattr(X, "__getitem__") or hasattr(X, "toarray"):
        return None
    items = X.tolist() if hasattr(X, "tolist") else list(X)
    if not is_table and not any(_is_path(item) for item in items):
        return None
    for i, item in enumerate(items):
        if not _is_path(item):
            raise ValueError(f"path {i} is {item!r}; expected a string or a path object.")
    return [os.path.expanduser(os.fspath(item)) for item in items]


def as_images(
    X,
    *,
    image_shape=None,
    value_range=None,
    decode=None,
    memo=None,
    check=None,
    on_error="raise",
):
    """Turn any accepted X into :class:`Images`.

    Parameters
    ----------
    X : sequence of paths, DataFrame with a ``path`` column, array (n, H, W), sequence of \
            images, or array (n, H·W) of flat rows
        The images. An array or a tensor may have channels, (n, 1, H, W), (n, 3, H, W) or
        (n, H, W, 3); colours become luma (ITU-R BT.601). A sequence may hold arrays, tensors, PIL
        images and pydicom datasets of any sizes.
    image_shape : (int, int) or None
        Height and width of flat rows, one of which may be -1 as in :func:`numpy.reshape`; None
        takes rows as square images.
    value_range : (float, float) or None
        Values that become 0 and 255 in images that are not uint8; None stretches each image from
        its own minimum to its own maximum.
    decode : dict or None
        Other arguments of :func:`read_image`, for files.
    memo : ImageStore or None
        Remembers the digests of unchanged files.
    check : callable or None
        Checks flat rows and returns them as an array; None is scikit-learn's ``check_array``.
    on_error : {"raise", "nan"}
        Whether missing files are an error, or bad images of the stack.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        For missing files, empty input, shapes or values that are not those of images.
    """
    if isinstance(X, Images):
        return X
    table = X if hasattr(X, "iloc") else None
    paths = paths_of(X)
    if paths is not None:
        stats, bad = _stat_files(paths, on_error)
        keys = None
        if memo is not None:
            keys = [None if i in bad else stat_key(paths[i], stats[i]) for i in range(len(paths))]
        source = FileSource(paths, value_range, memo, keys, decode, names_all=on_error == "raise")
        return Images(source, table=table, bad=bad)
    X = _array_like(X)
    finite = on_error == "raise"  # else found when an image is read
    if isinstance(X, list):
        items = [_check_item(item, f"X[{i}]", finite) for i, item in enumerate(X)]
        return Images(ArraySource(items, value_range, decode=decode), table=table)
    if getattr(X, "ndim", None) not in (3, 4) and check is not None:
        array = check(X)
    else:
        array = check_array(
            X, dtype="numeric", allow_nd=True, input_name="X", ensure_all_finite=finite
        )
    if array.ndim == 2:
        size = flat_image_shape(array.shape[1], image_shape)
        array = array.reshape(len(array), *size)
        return Images(ArraySource(array, value_range), size=size, is_flat=True)
    if array.ndim not in (3, 4):
        raise ValueError(
            f"Found array with dim {array.ndim} and shape {array.shape}; expected grey images "
            "(n, H, W), with channels (n, 1, H, W), (n, 3, H, W) or (n, H, W, 3), or flat rows "
            "(n, H*W)."
        )
    if array.ndim == 3 and array.shape[2] == 3 and min(array.shape[:2]) >= _LEAST_FILM:
        raise ValueError(
            f"X has the shape {array.shape}, which may be one film in colour or {len(array)} films "
            "of 3 columns; write X[None] for the one film."
        )
    axis = channel_axis(array.shape[1:], "Each image of X")
    size = array.shape[1:] if axis is None else np.delete(array.shape[1:], axis)
    return Images(ArraySource(array, value_range), size=tuple(map(int, size)))


def _check_item(item, name, finite):
    """An image of a list as it is, checked as far as it can be without making it."""
    kind = kind_of(item)
    if kind is None:
        item = check_array(
            item, dtype="numeric", ensure_all_finite=finite, allow_nd=True, input_name=name
        )
    if kind in (None, "torch"):
        channel_axis(item.shape, name)
    return item


def _array_like(X):
    """X as scikit-learn knows it, a list of (H, W), or one sentence on why it is no X at all."""
    if type(X).__module__.partition(".")[0] == "torch":
        X = X.detach().cpu().numpy()
    if _is_table(X):
        names = [name for name, kind in zip(X.columns, X.dtypes, strict=True) if _is_text(kind)]
        if names:
            raise ValueError(
                f"X is a DataFrame with text in {', '.join(map(repr, names[:5]))} and no column "
                f"'path'; write X.rename(columns={{{names[0]!r}: 'path'}}) if that is where the "
                "names of the image files are."
            )
        return X
    if kind_of(X) is not None:
        raise ValueError(f"X is a single image of {kind_of(X)}; write [X].")
    if getattr(X, "ndim", 0) == 1 and getattr(getattr(X, "dtype", None), "kind", "") == "O":
        X = list(X)
    if isinstance(X, list | tuple):
        try:
            if any(kind_of(image) is not None for image in X):
                return list(X)
            if len(X) and all(np.ndim(image) in (2, 3) for image in X):
                return list(X)
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(f"X is a ragged list ({error}); expected {_FORMS}.") from error
    return X


def _is_text(kind):
    return getattr(kind, "kind", "O") in "OU" or "str" in str(kind).lower()


def _stat_files(paths, on_error):
    """Look at each file once; return what was found, and why files are bad, by their places."""
    stats = map_readers(_stat_or_why, paths)
    bad = {i: found for i, found in enumerate(stats) if isinstance(found, str)}
    if bad and on_error == "raise":
        missing = [paths[i] for i, reason in bad.items() if reason == _missing(paths[i])]
        if len(missing) == len(bad):
            named = ", ".join(missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
            raise FileNotFoundError(f"{len(missing)} of {len(paths)} image files missing: {named}")
        reasons = list(bad.values())
        raise ValueError(reasons[0] if len(bad) == 1 else name_bad(reasons, len(paths)))
    return stats, bad


def _stat_or_why(path):
    try:
        return stat_file(path)
    except FileNotFoundError:
        return _missing(path)
    except ValueError as error:
        return str(error)


def _missing(path):
    return f"{path}: there is no such file."


def flat_image_shape(n_pixels, image_shape):
    """Height and width of a flat row of `n_pixels`."""
    if image_shape is None:
        side = round(n_pixels**0.5)
        if side * side != n_pixels:
            raise ValueError(
                f"Rows of {n_pixels} values are not square images; pass image_shape=(H, W), or "
                "images as an array (n, H, W)."
            )
        return side, side
    height, width = image_shape
    if height == -1:
        height = n_pixels // width
    elif width == -1:
        width = n_pixels // height
    if height * width != n_pixels:
        raise ValueError(f"Rows of {n_pixels} values do not fit image_shape={image_shape}.")
    return height, width
