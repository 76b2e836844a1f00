"""Thresholds and calibration of a fold, learnt on the out-of-fold predictions of the others."""

import warnings

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin

from skcxr.model_selection import MultilabelCalibrator, OutOfFoldPredictions

METHODS = ("sigmoid", "temperature")


class Given(ClassifierMixin, BaseEstimator):
    """A model whose logits are known: X is them."""

    def fit(self, X, y):
        """Nothing is learnt."""
        self.classes_ = np.tile([0, 1], (np.shape(y)[1], 1))
        return self

    def predict_proba(self, X):
        """The sigmoid of X."""
        return 1 / (1 + np.exp(-np.asarray(X)))

    def decision_function(self, X):
        """X itself."""
        return np.asarray(X)

    def predict(self, X):
        """0 or 1, by a threshold of 0.5."""
        return (np.asarray(X) > 0).astype(int)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def calibrate(y, prob, fold, groups, method):
    """Calibrate the predictions of each fold and decide by thresholds, both from the other folds.

    Parameters
    ----------
    y : DataFrame of shape (n, k)
    prob : ndarray of shape (n, k)
        Out-of-fold probabilities.
    fold : ndarray of shape (n,)
    groups : Series of shape (n,)
    method : {"sigmoid", "temperature"}

    Returns
    -------
    OutOfFoldPredictions
        Thresholds are those of the best F1.
    """
    eps = np.finfo(np.float64).eps
    scores = logit(np.clip(prob, eps, 1 - eps))
    calibrated, decisions = np.empty_like(scores), np.empty(scores.shape, int)
    thresholds = {}
    for one in np.unique(fold):
        here, others = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        known = Given().fit(None, y.iloc[others])
        model = MultilabelCalibrator(known, method=method, threshold_metric="f1", cv="prefit")
        with warnings.catch_warnings():
            # A label that nothing tells apart has its best F1 where all are called positive.
            warnings.filterwarnings("ignore", "Thresholds that call almost everything positive")
            model.fit(scores[others], y.iloc[others])
        calibrated[here] = model.predict_proba(scores[here])
        decisions[here] = model.predict(scores[here])
        thresholds[one] = model.thresholds_
    return OutOfFoldPredictions(
        y=y,
        proba=pd.DataFrame(calibrated, y.index, y.columns),
        decisions=pd.DataFrame(decisions, y.index, y.columns),
        fold=pd.Series(fold, y.index, name="fold"),
        thresholds=pd.DataFrame(thresholds, y.columns).T,
        groups=groups,
    )
