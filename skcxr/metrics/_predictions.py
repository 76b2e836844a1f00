"""Probabilities and decisions of a fitted model, computing its features once."""

import numpy as np
from sklearn.pipeline import Pipeline


def probabilities_of(model, X):
    """Return ``model.predict_proba(X)`` as one (n, k) array.

    scikit-learn's list of (n, 2) arrays is taken apart; a label that was constant in training,
    which has a single column there, gets the probability 0 or 1 that the model learned.
    """
    prob = model.predict_proba(X)
    if not isinstance(prob, (list, tuple)):
        return np.asarray(prob)
    columns = []
    for j, p in enumerate(prob):
        p = np.asarray(p)
        if p.shape[1] == 1:
            columns.append(np.full(len(p), float(model.classes_[j][0])))
        else:
            columns.append(p[:, 1])
    return np.stack(columns, axis=1)


def predictions_of(model, X):
    """Return ``(prob, pred)`` of a fitted model, each (n, k).

    The features are computed once: decisions are ``prob > thresholds_`` where the model or its
    last step has ``thresholds_``; else a Pipeline's features go to its last step's
    ``predict_proba`` and ``predict``; else the model's ``predict`` is called. `pred` is None when
    the model has none.
    """
    model = getattr(model, "best_estimator_", model)
    last = model[-1] if isinstance(model, Pipeline) else model
    thresholds = getattr(model, "thresholds_", getattr(last, "thresholds_", None))
    if thresholds is None and isinstance(model, Pipeline) and len(model) > 1:
        X, model = model[:-1].transform(X), last
    prob = probabilities_of(model, X)
    if thresholds is not None:
        return prob, prob > np.asarray(thresholds)
    return prob, np.asarray(model.predict(X)) if hasattr(model, "predict") else None
