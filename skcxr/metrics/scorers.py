"""Scorers by name, for GridSearchCV and cross_validate."""

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from skcxr._base import warn_at_user
from skcxr._multilabel._matching import align_rows
from skcxr._multilabel._probabilities import label_names_of, probabilities
from skcxr.metrics._check import check_labels, check_weights
from skcxr.metrics._predictions import answers_of
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
        self.weighted = None

    def __call__(self, estimator, X, y, sample_weight=None):
        # y is read before X goes through any network.
        rows = {"y": y, "sample_weight": sample_weight}
        if not _same_index(X, y):
            rows = {"X": X} | rows
        *_, y, sample_weight = align_rows(rows)
        known = label_names_of(estimator)
        y, names = check_labels(
            y, None, None if known is None else list(map(str, known)), soft=True
        )
        check_weights(sample_weight, len(y))
        if any(name.endswith(("f1", "loss")) for name in self.names):
            prob, pred, _ = answers_of(estimator, X, names)
        else:
            prob, pred = probabilities(estimator, X, labels=names), None
        lost = np.isnan(prob).any(axis=1)
        if lost.any():
            warn_at_user(f"{lost.sum()} of {len(lost)} films have no prediction and no score.")
            y, prob = y[~lost], prob[~lost]
            pred = None if pred is None else pred[~lost]
            sample_weight = None if sample_weight is None else np.asarray(sample_weight)[~lost]
        scores = multilabel_scores(
            y,
            prob,
            y_pred=pred,
            sample_weight=sample_weight,
            label_names=names,
            soft_labels=True,
        )
        out = {name: _SCORERS[name][1] * scores[_SCORERS[name][0]] for name in self.names}
        undefined = [name for name, value in out.items() if np.isnan(value)]
        if undefined:
            raise ValueError(
                f"{', '.join(undefined)} cannot be computed: no label has both a positive and a "
                f"negative among the {len(prob)} images to score. Use larger or stratified folds."
            )
        return out[self.names[0]] if self.single else out

    def set_score_request(self, *, sample_weight):
        """Ask for ``sample_weight`` where scikit-learn's metadata routing is enabled.

        Parameters
        ----------
        sample_weight : bool, str or None
            As in scikit-learn.

        Returns
        -------
        scorer
            This scorer.
        """
        self.weighted = sample_weight
        return self

    def get_metadata_routing(self):
        """Return what was asked for by :meth:`set_score_request`."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self.weighted)
        return request

    def __repr__(self):
        return f"get_scorer({self.names[0] if self.single else self.names!r})"


def _same_index(X, y):
    """Whether rows correspond already, as in a fold that scikit-learn cuts out of both."""
    index = getattr(X, "index", None)
    return hasattr(index, "equals") and index.equals(getattr(y, "index", None))


def get_scorer_names():
    """Return the names that :func:`get_scorer` accepts.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skcxr.metrics import get_scorer_names
    >>> get_scorer_names()
    ['macro_ap', 'macro_auc', 'macro_f1', 'micro_f1', 'neg_hamming_loss']
    """
    return sorted(_SCORERS)


def get_scorer(scoring):
    """Return a scorer for ``scoring=`` in scikit-learn's searches and cross-validation.

    Labels may be NaN (masked), or soft, between 0 and 1, as nets with ``soft_labels=True`` take
    them (see :func:`multilabel_scores`). A label without a positive or without a negative in a
    fold is left out of that fold's macro average, with a warning that names it; when that holds
    for every label the scorer raises a ValueError.

    Parameters
    ----------
    scoring : str or list of str
        Of :func:`get_scorer_names`. A list gives one scorer that returns a dict, for multi-metric
        evaluation with a single pass over the images.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, sample_weight=None)``; greater is better. The columns of y are
        matched by name with the estimator's ``label_names_``, its rows by index with X, wherever
        both have them. With metadata routing, ``.set_score_request(sample_weight=True)``.

    Examples
    --------
    >>> from skcxr.metrics import get_scorer
    >>> get_scorer("macro_auc")
    get_scorer('macro_auc')

    In a search, ``GridSearchCV(..., scoring=get_scorer("macro_auc"))``.
    """
    single = isinstance(scoring, str)
    names = [scoring] if single else list(scoring)
    unknown = [name for name in names if name not in _SCORERS]
    if unknown or not names:
        raise ValueError(f"scoring must be of {get_scorer_names()}; got {scoring!r}.")
    return _MultilabelScorer(names, single)
