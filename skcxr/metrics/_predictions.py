"""Probabilities and decisions of a fitted model, computing its features once."""

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._probabilities import probabilities


def predictions_of(model, X, labels=None):
    """Return ``(prob, pred)`` of a fitted model, each (n, k); `pred` is None when it has none.

    Parameters
    ----------
    model : fitted estimator
        With ``predict_proba``.
    X : object
        What it takes.
    labels : sequence of names, default=None
        Columns of the result; matched with the names that the model has.
    """
    if not hasattr(model, "predict") and not hasattr(model, "thresholds_"):
        return probabilities(model, X, labels=labels), None
    found = decide(model, X, labels)
    return found.proba, found.decisions
