"""Probabilities and decisions of a fitted model, computing its features once."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skcxr._multilabel._matching import match_labels
from skcxr._multilabel._probabilities import label_names_of, probabilities


def predictions_of(model, X, labels=None):
    """Return ``(prob, pred)`` of a fitted model, each (n, k).

    The features are computed once: decisions are ``prob > thresholds_`` where the model or its
    last step has ``thresholds_``; else a Pipeline's features go to its last step's
    ``predict_proba`` and ``predict``; else the model's ``predict`` is called. `pred` is None when
    the model has none.

    Parameters
    ----------
    model : fitted estimator
        With ``predict_proba``.
    X : object
        What it takes.
    labels : sequence of names, default=None
        Columns of the result; matched with the names that the model has.
    """
    while isinstance(model, FrozenEstimator) or hasattr(model, "best_estimator_"):
        model = model.estimator if isinstance(model, FrozenEstimator) else model.best_estimator_
    last = model[-1] if isinstance(model, Pipeline) else model
    order = slice(None)
    if labels is not None:
        names = ("y", f"the model ({type(last).__name__})")
        order = match_labels(labels, label_names_of(model), names=names)
    thresholds = getattr(model, "thresholds_", getattr(last, "thresholds_", None))
    if thresholds is None and isinstance(model, Pipeline) and len(model) > 1:
        X, model = model[:-1].transform(X), last
    prob = probabilities(model, X, n_labels=None if labels is None else len(labels))
    if thresholds is not None:
        pred = prob > np.asarray(thresholds)
    elif hasattr(model, "predict"):
        pred = model.predict(X)
        pred = pred.toarray() if hasattr(pred, "toarray") else np.asarray(pred)
        pred = pred.reshape(prob.shape)
    else:
        pred = None
    return prob[:, order], None if pred is None else pred[:, order]
