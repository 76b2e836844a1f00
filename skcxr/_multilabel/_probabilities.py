"""Probabilities of any multi-label estimator as one (n, k) array."""

import numpy as np

from skcxr._multilabel._matching import match_labels

_INSIDE = ("best_estimator_", "estimator_", "estimator")


def label_names_of(estimator):
    """Return the label names that a fitted estimator knows.

    Looks at ``label_names_`` of the estimator, else of what is inside: the best estimator of a
    search, the fitted estimator of a meta-estimator, the last step of a Pipeline.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    Returns
    -------
    list or None
        None where the estimator keeps no names, as those of scikit-learn.
    """
    seen = set()
    while estimator is not None and id(estimator) not in seen:
        seen.add(id(estimator))
        names = getattr(estimator, "label_names_", None)
        if names is not None:
            return list(names)
        inside = [getattr(estimator, name, None) for name in _INSIDE]
        steps = getattr(estimator, "steps", None)
        if steps:
            inside.append(steps[-1][1])
        estimator = next((part for part in inside if part is not None), None)
    return None


def probabilities(estimator, X, *, labels=None, n_labels=None, method="predict_proba"):
    """Return what a fitted estimator says of every label as one (n, k) array.

    Parameters
    ----------
    estimator : fitted estimator
        Its answer may be (n, k), scikit-learn's list of k arrays (n, 2), or (n, k, 2). A label that
        was constant in training, with one column there, gets the probability 0 or 1.
    X : object
        What the estimator takes.
    labels : sequence of names, default=None
        The columns of the result. Matched with the names that the estimator has; position counts
        where one of the two has none.
    n_labels : int, default=None
        Number of labels, for estimators of one label: (n, 2) is then one label's two classes.
    method : {"predict_proba", "decision_function"}, default="predict_proba"
        What is asked.

    Returns
    -------
    ndarray of shape (n, k), float

    Raises
    ------
    ValueError
        Where the estimator has no such method, its answer has another form, or its labels are
        not `labels`.
    """
    if not hasattr(estimator, method):
        raise ValueError(f"{type(estimator).__name__} has no {method}.")
    answer = getattr(estimator, method)(X)
    names = getattr(answer, "columns", None)
    names = label_names_of(estimator) if names is None else list(names)
    order = slice(None)
    if labels is not None:
        order = match_labels(labels, names, names=("y", type(estimator).__name__))
        n_labels = len(labels)
    form = _from_scores if method == "decision_function" else _from_probabilities
    return form(estimator, answer, n_labels)[:, order]


def _from_scores(estimator, answer, n_labels):
    if isinstance(answer, (list, tuple)):
        answer = np.column_stack([np.asarray(part) for part in answer])
    scores = np.asarray(answer, dtype=np.float64)
    return _check_table(estimator, scores[:, None] if scores.ndim == 1 else scores, n_labels)


def _from_probabilities(estimator, answer, n_labels):
    if isinstance(answer, (list, tuple)):
        classes = getattr(estimator, "classes_", [None] * len(answer))
        columns = [
            _of_class_one(estimator, np.asarray(part), known, j)
            for j, (part, known) in enumerate(zip(answer, classes, strict=True))
        ]
        prob = np.stack(columns, axis=1)
    else:
        prob = np.asarray(answer)
        if prob.ndim == 3 and prob.shape[2] == 2:
            prob = prob[:, :, 1]
        elif n_labels == 1 and prob.ndim == 2 and prob.shape[1] == 2:
            prob = prob[:, 1:]
        elif n_labels == 1 and prob.ndim == 1:
            prob = prob[:, None]
    return _check_table(estimator, prob, n_labels)


def _of_class_one(estimator, part, classes, j):
    """Probability of class 1 from one label's (n, number of classes)."""
    classes = [0, 1] if classes is None else np.asarray(classes).tolist()
    if part.ndim != 2 or len(classes) != part.shape[1] or not set(classes) <= {0, 1}:
        raise ValueError(
            f"{type(estimator).__name__} gives label {j} probabilities of shape {part.shape} for "
            f"the classes {classes}; (n, 2) for the classes 0 and 1 is needed."
        )
    return part[:, classes.index(1)] if 1 in classes else np.zeros(len(part))


def _check_table(estimator, table, n_labels):
    if table.ndim != 2 or (n_labels is not None and table.shape[1] != n_labels):
        wanted = "(n, k)" if n_labels is None else f"(n, {n_labels})"
        raise ValueError(
            f"{type(estimator).__name__} answers with shape {table.shape}; {wanted} or "
            "scikit-learn's list of (n, 2) arrays is needed."
        )
    return table.astype(np.float64, copy=False)
