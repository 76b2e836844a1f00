"""Logits of any multi-label estimator as one (n, k) array."""

import numpy as np
from scipy.special import logit

from skcxr._multilabel._fit_inputs import classifier_of
from skcxr._multilabel._probabilities import probabilities


def label_proba(estimator, X, labels):
    """Probabilities (n, k) by the names in `labels`; (n, 1) of a binary one, `labels` None."""
    return probabilities(estimator, X, labels=labels, n_labels=1 if labels is None else None)


def label_scores(estimator, X, labels):
    """Scores (n, k): the decision function, or else the logit of the probabilities."""
    if hasattr(estimator, "decision_function"):
        n_labels = 1 if labels is None else None
        return probabilities(
            estimator, X, labels=labels, n_labels=n_labels, method="decision_function"
        )
    return logit_of(label_proba(estimator, X, labels))


def label_logits(estimator, X, labels):
    """Logits (n, k): the decision function of our own classifiers, else logit of probabilities.

    The decision function of other classifiers may be a margin on a scale of its own.
    """
    model = getattr(estimator, "best_estimator_", estimator)
    if getattr(classifier_of(model), "_gives_logits", False):
        return label_scores(estimator, X, labels)
    return logit_of(label_proba(estimator, X, labels))


def logit_of(proba):
    """Logit of probabilities, those of 0 and 1 taken as float32's nearest to them."""
    tiny = np.finfo(np.float32).eps
    return logit(np.clip(proba, tiny, 1 - tiny))
