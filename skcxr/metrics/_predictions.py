"""Probabilities and decisions of a fitted model, computing its features once."""

import pandas as pd

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._probabilities import label_names_of, probabilities


def answers_of(model, X, labels=None):
    """Return ``(prob, pred, thresholds)`` of a fitted model.

    Parameters
    ----------
    model : fitted estimator
        With ``predict_proba``.
    X : object
        What it takes.
    labels : sequence of names, default=None
        Columns of the result; matched with the names that the model has.

    Returns
    -------
    prob, pred : ndarray of shape (n, k)
        `pred` is None where the model has neither ``thresholds_`` nor ``predict``.
    thresholds : ndarray of shape (k,) or None
        NaN where it decides by its ``predict`` alone.
    """
    if not hasattr(model, "predict") and not hasattr(model, "thresholds_"):
        return probabilities(model, X, labels=labels), None, None
    found = decide(model, X, labels)
    return found.proba, found.decisions, found.thresholds


def predictions_of(model, X):
    """Return the probabilities and decisions of a fitted model as frames.

    Columns are the labels and the index is that of X, so that whatever they are scored with is
    matched by name.

    Returns
    -------
    prob, pred : DataFrame of shape (n, k)
        `pred` is None where the model has neither ``thresholds_`` nor ``predict``.
    """
    prob, pred, _ = answers_of(model, X)
    index = getattr(X, "index", None)
    index = index if getattr(index, "is_unique", False) else None
    names = label_names_of(model)
    prob, pred = (
        None if part is None else pd.DataFrame(part, index=index, columns=names)
        for part in (prob, pred)
    )
    return prob, pred
