"""Scorers by name, for GridSearchCV and cross_validate."""

import numpy as np

from skcxr.metrics._predictions import predictions_of, probabilities_of
from skcxr.metrics._statistics import METRICS
from skcxr.metrics.multilabel import multilabel_scores

_SCORERS = {
    ("neg_" if name == "hamming_loss" else "") + name: (name, -1 if name == "hamming_loss" else 1)
    for name in METRICS
}


class _MultilabelScorer:
    """Callable ``(estimator, X, y) -> float``, or a dict for several names; picklable."""

    def __init__(self, names, single):
        self.names = names
        self.single = single

    def __call__(self, estimator, X, y):
        if any(name.endswith(("f1", "loss")) for name in self.names):
            prob, pred = predictions_of(estimator, X)
        else:
            prob, pred = probabilities_of(estimator, X), None
        scores = multilabel_scores(y, prob, y_pred=pred)
        out = {name: _SCORERS[name][1] * scores[_SCORERS[name][0]] for name in self.names}
        undefined = [name for name, value in out.items() if np.isnan(value)]
        if undefined:
            raise ValueError(
                f"{', '.join(undefined)} cannot be computed: no label has both a positive and a "
                f"negative among the {len(prob)} images to score. Use larger or stratified folds."
            )
        return out[self.names[0]] if self.single else out

    def __repr__(self):
        return f"get_scorer({self.names[0] if self.single else self.names!r})"


def get_scorer_names():
    """Return the names that :func:`get_scorer` accepts.

    Returns
    -------
    list of str
    """
    return sorted(_SCORERS)


def get_scorer(scoring):
    """Return a scorer for ``scoring=`` in scikit-learn's searches and cross-validation.

    Labels may be NaN (masked). A label without a positive or without a negative in a fold is left
    out of that fold's macro average, with a warning that names it; when that holds for every
    label the scorer raises a ValueError.

    Parameters
    ----------
    scoring : str or list of str
        Of :func:`get_scorer_names`. A list gives one scorer that returns a dict, for multi-metric
        evaluation with a single pass over the images.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``; greater is better.

    Examples
    --------
    >>> from skcxr.metrics import get_scorer
    >>> get_scorer("macro_auc")
    get_scorer('macro_auc')
    """
    single = isinstance(scoring, str)
    names = [scoring] if single else list(scoring)
    unknown = [name for name in names if name not in _SCORERS]
    if unknown or not names:
        raise ValueError(f"scoring must be of {get_scorer_names()}; got {scoring!r}.")
    return _MultilabelScorer(names, single)
