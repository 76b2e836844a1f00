"""Names win over positions: labels and rows of two sides brought into one order."""

import numpy as np


def names_of(y):
    """Return the label names that `y` carries.

    Parameters
    ----------
    y : object
        DataFrame (its columns), Series (its name), or anything else.

    Returns
    -------
    list of str, or None
        None where `y` has no names.
    """
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    if hasattr(y, "to_numpy") and getattr(y, "name", None) is not None:
        return [str(y.name)]
    return None


def _are_generated(names):
    """Whether names only number the labels, as those made for an array or by pandas do."""
    return any(
        all(name == form.format(j) for j, name in enumerate(names))
        for form in ("label{}", "label {}", "{}")
    )


def _check_unique(names, whose):
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"The label names of {whose} must differ; it has {repeated} repeatedly.")


def match_labels(wanted, available, *, names=("y", "the model")):
    """Return where each wanted label is among the available ones.

    Both sides are matched by name where both have names. Position counts only where one side has
    none: None, or names that merely number the labels ("label0", "label1"; 0, 1 of a DataFrame
    made from an array).

    Parameters
    ----------
    wanted, available : sequence of names, or None
        Names of the labels on each side; compared as text.
    names : tuple of two str
        What the sides are called in an error.

    Returns
    -------
    ndarray of int or slice
        ``available[result]`` is in the order of `wanted`; ``slice(None)`` where neither side has
        names.

    Raises
    ------
    ValueError
        Where a side repeats a name, or the sides hold different names or different numbers of
        labels; both lists are in the message.

    Examples
    --------
    >>> from skcxr._multilabel._matching import match_labels
    >>> match_labels(["Hernia", "Edema", "Mass"], ["Mass", "Edema", "Hernia"])
    array([2, 1, 0])
    """
    sides = [side if side is None else [str(name) for name in side] for side in (wanted, available)]
    for side, whose in zip(sides, names, strict=True):
        if side is not None:
            _check_unique(side, whose)
    wanted, available = sides
    if wanted is None or available is None:
        given = wanted or available
        return slice(None) if given is None else np.arange(len(given))
    if set(wanted) == set(available):
        position = {name: j for j, name in enumerate(available)}
        return np.array([position[name] for name in wanted], dtype=int)
    numbered = _are_generated(wanted) or _are_generated(available)
    if numbered and len(wanted) == len(available):
        return np.arange(len(wanted))
    raise ValueError(
        f"The labels of {names[0]} are {wanted} but those of {names[1]} are {available}: the same "
        "names are needed on both sides, in any order."
    )


def select_labels(labels, available):
    """Return the positions of labels that a user asks for.

    Parameters
    ----------
    labels : None, str, int, or sequence of names, positions or k bool
        None for all. Names win: integers are positions only where no label is called so.
    available : sequence of k names
        The labels that there are.

    Returns
    -------
    ndarray of int
        In the order asked for.

    Raises
    ------
    ValueError
        Where a label does not exist or is asked for twice, or a boolean mask has another length.

    Examples
    --------
    >>> from skcxr._multilabel._matching import select_labels
    >>> names = ["Mass", "Edema", "Hernia"]
    >>> select_labels(["Hernia", "Mass"], names), select_labels([True, False, True], names)
    (array([2, 0]), array([0, 2]))
    """
    available = list(available)
    k = len(available)
    if labels is None:
        return np.arange(k)
    if isinstance(labels, (str, int, np.integer, np.bool_)):
        labels = [labels]
    labels = list(labels)
    if labels and all(isinstance(label, (bool, np.bool_)) for label in labels):
        if len(labels) != k:
            raise ValueError(
                f"A boolean mask of labels needs {k} values, one per label of {available}; got "
                f"{len(labels)}."
            )
        found = np.flatnonzero(labels)
    else:
        position = {name: j for j, name in enumerate(available)}
        whole = all(
            isinstance(label, (int, np.integer)) and not isinstance(label, bool) for label in labels
        )
        if whole and not any(label in position for label in labels):
            position |= {j: j for j in range(k)}
        wrong = [x for x in labels if isinstance(x, (bool, np.bool_)) or x not in position]
        if wrong:
            raise ValueError(
                f"There is no label {wrong[0]!r}; the labels are {available}, asked for by name, "
                f"by position from 0 to {k - 1}, or by a mask of {k} booleans."
            )
        found = np.array([position[label] for label in labels], dtype=int)
    if not len(found) or len(set(found.tolist())) < len(found):
        raise ValueError(f"labels must be at least one label and none twice; got {labels}.")
    return found


def match_rows(reference, other, *, names=("y_true", "y_prob")):
    """Return the order in which the rows of `other` are those of `reference`.

    Rows are matched by index where both sides are pandas objects whose index says something; a
    plain range 0, 1, … and an array have none, and are taken by position.

    Parameters
    ----------
    reference, other : object
        DataFrame, Series, or anything without an index.
    names : tuple of two str
        What the sides are called in an error.

    Returns
    -------
    ndarray of int, or None
        ``other.iloc[result]`` is in the order of `reference`; None where it is already.

    Raises
    ------
    ValueError
        Where both have an index and one repeats a value, the sides hold different rows, or one
        is the other's plain range in a different order, which can be meant either way.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr._multilabel._matching import match_rows
    >>> match_rows(pd.Series([1, 0], index=["a.png", "b.png"]),
    ...            pd.Series([0.2, 0.9], index=["b.png", "a.png"]))
    array([1, 0])
    """
    a, b = (_index_of(side) for side in (reference, other))
    if a is None or b is None:
        return None
    plain = [_is_plain(index) for index in (a, b)]
    if all(plain):
        return None
    if not any(plain):
        for index, name in zip((a, b), names, strict=True):
            if not index.is_unique:
                raise ValueError(
                    f"The index of {name} holds {index[index.duplicated()][0]!r} more than once, "
                    "so its rows cannot be matched by index; pass arrays where rows correspond by "
                    "position."
                )
    if a.equals(b):
        return None
    if any(plain):
        if len(a) != len(b) or not (a.is_unique and b.is_unique and a.isin(b).all()):
            return None
        raise ValueError(
            f"The rows of {names[0]} and {names[1]} hold the same index in another order, in one "
            "of them a plain range: give both the same index, or pass arrays where rows correspond "
            "by position."
        )
    missing, foreign = a.difference(b, sort=False), b.difference(a, sort=False)
    if len(missing) or len(foreign):
        name, other_name, first = (
            (*names, missing[0]) if len(missing) else (*names[::-1], foreign[0])
        )
        raise ValueError(
            f"The index of {name} holds {first!r}, that of {other_name} does not ({len(missing)} "
            f"rows are only in {names[0]}, {len(foreign)} only in {names[1]}): the same rows are "
            "needed in both; pass arrays where rows correspond by position."
        )
    return b.get_indexer(a)


def _index_of(side):
    index = getattr(side, "index", None)
    return index if hasattr(index, "is_unique") else None  # a list has a method of that name


def _is_plain(index):
    return index.dtype.kind in "iu" and bool((index == np.arange(len(index))).all())


def align_rows(sides):
    """Bring the rows of several sides into the order of the first that has an index.

    Parameters
    ----------
    sides : dict of {str: object}
        What a side is called in an error, to a DataFrame, a Series, or anything else.

    Returns
    -------
    list
        The sides, each as it is or with its rows moved; see :func:`match_rows`.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr._multilabel._matching import align_rows
    >>> y = pd.DataFrame({"Mass": [1, 0]}, index=["a.png", "b.png"])
    >>> groups = pd.Series([7, 8], index=["b.png", "a.png"])
    >>> align_rows({"y": y, "groups": groups})[1].tolist()
    [8, 7]
    """
    reference, name, aligned = None, "", []
    for other_name, other in sides.items():
        if reference is not None:
            order = match_rows(reference, other, names=(name, other_name))
            other = other if order is None else other.iloc[order]
        if _index_of(other) is not None and row_index(reference) is None:
            reference, name = other, other_name
        aligned.append(other)
    return aligned


def row_index(*sides):
    """Return the first index of the sides that says something, None where none does."""
    indexes = (_index_of(side) for side in sides)
    return next((i for i in indexes if i is not None and not _is_plain(i)), None)
