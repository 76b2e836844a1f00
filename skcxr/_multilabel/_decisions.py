"""Probabilities, decisions and thresholds of any fitted model, computing its features once."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skcxr._multilabel._matching import match_labels
from skcxr._multilabel._probabilities import label_names_of, probabilities


def decide(model, X, labels):
    """Return what a fitted model says of images.

    The features are computed once: decisions are ``prob > thresholds_`` where the model or its
    last step has ``thresholds_``; else a Pipeline's features go to its last step's
    ``predict_proba`` and ``predict``; else the model's ``predict`` is called.

    Parameters
    ----------
    model : fitted estimator
        With ``predict_proba``.
    X : object
        What it takes.
    labels : sequence of k names
        Columns of the result; matched with the names that the model has.

    Returns
    -------
    prob : ndarray of shape (n, k)
    decisions : ndarray of shape (n, k), bool
    thresholds : ndarray of shape (k,)
        NaN where the model decides by none.
    """
    while isinstance(model, FrozenEstimator) or hasattr(model, "best_estimator_"):
        model = model.estimator if isinstance(model, FrozenEstimator) else model.best_estimator_
    last = model[-1] if isinstance(model, Pipeline) else model
    labels = list(labels)
    names = ("y", f"the model ({type(last).__name__})")
    order = match_labels(labels, label_names_of(model), names=names)
    thresholds = getattr(model, "thresholds_", getattr(last, "thresholds_", None))
    if thresholds is None and isinstance(model, Pipeline) and len(model) > 1:
        X, model = model[:-1].transform(X), last
    prob = probabilities(model, X, n_labels=len(labels))
    if thresholds is not None:
        thresholds = np.asarray(thresholds, dtype=float)
        return prob[:, order], (prob > thresholds)[:, order], thresholds[order]
    pred = model.predict(X)
    pred = pred.toarray() if hasattr(pred, "toarray") else np.asarray(pred)
    if pred.ndim == 1 and hasattr(model, "classes_"):
        pred = pred == np.asarray(model.classes_)[-1]
    return prob[:, order], pred.reshape(prob.shape)[:, order] == 1, np.full(len(labels), np.nan)
