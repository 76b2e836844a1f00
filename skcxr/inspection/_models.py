"""One model or several: predictions by name."""

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skcxr._multilabel._matching import match_labels, names_of
from skcxr._multilabel._probabilities import label_names_of, probabilities
from skcxr.metrics._check import read_scored


def scored_models(y_true, y_prob, groups):
    """Yield ``(model, Scored)`` of each model.

    Parameters
    ----------
    y_true : labels, out-of-fold predictions, or dict of these by model
    y_prob : probabilities, dict of them by model, or None
    groups : patients or None
    """
    models = y_true if y_prob is None else y_prob
    for name, each in (models if isinstance(models, dict) else {"model": models}).items():
        given = (each, None) if y_prob is None else (y_true, each)
        yield name, read_scored(*given, groups=groups)


def predictions_of_models(estimator, X, y):
    """Return the probabilities of a fitted model, or of each of a dict, as DataFrames or arrays."""
    models = estimator if isinstance(estimator, dict) else {"model": estimator}
    out = {}
    for name, model in models.items():
        labels = names_of(y)
        found = probabilities(model, X, labels=labels)
        labels = label_names_of(model) if labels is None else labels
        index = y.index if hasattr(y, "index") and hasattr(y, "columns") else None
        out[name] = found if labels is None else pd.DataFrame(found, index, labels)
    return out


class ModelsDisplay:
    """A display with ``from_predictions(y_true, y_prob, **kwargs)``, made of fitted models too."""

    @classmethod
    def from_estimator(cls, estimator, X, y, **kwargs):
        """Draw a fitted model, or a dict of them.

        Parameters
        ----------
        estimator : fitted estimator, or dict of {str: fitted estimator}
            With ``predict_proba``.
        X, y
            Images and labels.
        **kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        Display
        """
        return cls.from_predictions(y, predictions_of_models(estimator, X, y), **kwargs)


def thresholds_of(estimator, known):
    """Thresholds in the order of `known`: of the outermost part that has some, else 0.5."""
    part = estimator
    while part is not None:
        if hasattr(part, "thresholds_"):
            whose = "y", f"the model ({type(estimator).__name__})"
            order = match_labels(known, label_names_of(part), names=whose)
            return np.asarray(part.thresholds_, dtype=np.float64)[order]
        if isinstance(part, Pipeline):
            part = part[-1]
        elif isinstance(part, FrozenEstimator):
            part = part.estimator
        else:
            part = getattr(part, "best_estimator_", None)
    return np.full(len(known), 0.5)
