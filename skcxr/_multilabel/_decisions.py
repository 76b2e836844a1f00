"""Probabilities, decisions and thresholds of any fitted model, computing its features once."""

from typing import NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skcxr._multilabel._matching import match_labels
from skcxr._multilabel._names import default_names
from skcxr._multilabel._probabilities import label_names_of, probabilities


class Decisions(NamedTuple):
    """What :func:`decide` returns."""

    label_names: list
    proba: np.ndarray  # (n, k)
    decisions: np.ndarray  # (n, k), bool
    thresholds: np.ndarray  # (k,), NaN where the model decides by none


def decide(model, X, labels=None):
    """Return what a fitted model says of images.

    The features are computed once: decisions are ``proba > thresholds_`` where the model or its
    last step has ``thresholds_``; else a Pipeline's features go to its last step's
    ``predict_proba`` and ``predict``; else the model's ``predict`` is called.

    Parameters
    ----------
    model : fitted estimator
        With ``predict_proba``.
    X : object
        What it takes.
    labels : sequence of k names or None, default=None
        Columns of the result; matched with the names that the model has. None: all of them.

    Returns
    -------
    Decisions
    """
    while isinstance(model, FrozenEstimator) or hasattr(model, "best_estimator_"):
        model = model.estimator if isinstance(model, FrozenEstimator) else model.best_estimator_
    last = model[-1] if isinstance(model, Pipeline) else model
    known = label_names_of(model)
    labels = known if labels is None else list(labels)
    order = match_labels(labels, known, names=("y", f"the model ({type(last).__name__})"))
    thresholds = getattr(model, "thresholds_", getattr(last, "thresholds_", None))
    if thresholds is None and isinstance(model, Pipeline) and len(model) > 1:
        X, model = model[:-1].transform(X), last
    of_one = isinstance(getattr(model, "classes_", None), np.ndarray) and model.classes_.ndim == 1
    n_labels = (1 if of_one else None) if labels is None else len(labels)
    proba = probabilities(model, X, n_labels=n_labels)
    if thresholds is not None:
        decisions = proba > np.asarray(thresholds)
    else:
        decisions = model.predict(X)
        decisions = decisions.toarray() if hasattr(decisions, "toarray") else np.asarray(decisions)
        if decisions.ndim == 1 and proba.shape[1] == 1:  # of two classes
            decisions = decisions == np.asarray(model.classes_)[-1]
        decisions = decisions.reshape(proba.shape) == 1
        thresholds = np.full(proba.shape[1], np.nan)
    names = list(default_names(proba.shape[1])) if labels is None else labels
    thresholds = np.asarray(thresholds, dtype=float)
    return Decisions(names, proba[:, order], decisions[:, order], thresholds[order])
