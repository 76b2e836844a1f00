"""Names of labels that came without any."""

import numpy as np


def default_names(k):
    """``label0``, ``label1``, … as an array of k objects."""
    return np.array([f"label{j}" for j in range(k)], dtype=object)


def check_names(names, k, whose="y"):
    """Return k different names as an array of objects; the default ones where `names` is None.

    Raises
    ------
    ValueError
        Where there are more or fewer than k names, or one comes twice.
    """
    if names is None:
        return default_names(k)
    checked = np.empty(len(names), dtype=object)
    checked[:] = list(names)
    if len(checked) != k:
        raise ValueError(f"{whose} has {k} labels but {len(checked)} label names were given")
    repeated = [name for name in dict.fromkeys(checked) if list(checked).count(name) > 1]
    if repeated:
        raise ValueError(f"{whose} has several labels called {repeated[0]!r}; names must differ")
    return checked


def by_name(values, label_names, *, default, what, of="labels"):
    """One float per label from a number, an array, or a dict or Series that goes by name.

    Parameters
    ----------
    values : float, array-like of shape (k,), dict or Series
        A Series counts as a dict unless its index only numbers its values.
    label_names : sequence of k names
    default : float
        For labels that a dict or Series leaves out.
    what : str
        What the values are, in an error.
    of : str, default="labels"
        What the names are of.

    Returns
    -------
    ndarray of shape (k,), float64

    Raises
    ------
    ValueError
        Where a name is none of the labels', or the numbers are not one or k, or not finite.
    """
    k = len(label_names)
    index = getattr(values, "index", None)
    if hasattr(index, "is_unique") and list(index) != list(range(len(index))):
        if not index.is_unique:
            raise ValueError(f"{what} names {index[index.duplicated()][0]!r} more than once")
        values = dict(values)
    if isinstance(values, dict):
        unknown = [name for name in values if name not in set(label_names)]
        if unknown:
            raise ValueError(f"{what} names {unknown}; the {of} are {list(label_names)}")
        values = [values.get(name, default) for name in label_names]
    try:
        if np.asarray(values).dtype == bool:
            raise TypeError
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} must be one number, {k} numbers or a dict by label, got {values!r}"
        ) from error
    if found.ndim > 1 or (found.ndim == 1 and len(found) != k):
        raise ValueError(f"{what} has the shape {found.shape}; there are {k} {of}")
    if not np.isfinite(found).all():
        raise ValueError(f"{what} must be finite numbers, got {values!r}")
    return np.broadcast_to(found, (k,)).copy()
