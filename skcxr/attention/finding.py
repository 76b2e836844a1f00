"""The part of an estimator that has maps, and the images that go into it."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

# Where meta-estimators keep what they fitted, the first that is there.
_INSIDE = ("best_estimator_", "estimator_", "estimators_", "calibrated_classifiers_", "estimator")


def find_fuser(estimator):
    """Find the part of an estimator that makes attention maps, wherever it is nested.

    Looks into pipelines, feature unions, column transformers, searches, threshold tuners,
    calibrators, frozen estimators and ensembles (their first member).

    Parameters
    ----------
    estimator : estimator
        Fitted, if the maps are wanted.

    Returns
    -------
    fuser : estimator or None
        The first part with ``attention_maps``; None if there is none.
    prepare : callable or None
        ``prepare(X)`` is what the fuser gets when `estimator` gets X; ``prepare.films(X)`` are the
        same films before their contrast was equalised, to be looked at.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skcxr.attention import GradCAMFuser, find_fuser
    >>> fuser, prepare = find_fuser(make_pipeline(GradCAMFuser(lam=0.25)))
    >>> fuser
    GradCAMFuser(lam=0.25)
    """
    return find_part(estimator, lambda part: hasattr(part, "attention_maps"))


def find_part(estimator, wanted):
    """As :func:`find_fuser`, for the first part of which ``wanted(part)`` is true."""
    if wanted(estimator):
        return estimator, _Same()
    for part, before in _parts(estimator):
        found, prepare = find_part(part, wanted)
        if found is not None:
            return found, _Chain(before, prepare)
    return None, None


def require_fuser(estimator):
    """As :func:`find_fuser`; a ValueError where there is none."""
    fuser, prepare = find_fuser(estimator)
    if fuser is None:
        raise ValueError(
            f"{type(estimator).__name__} has no part with attention_maps: pass a GradCAMFuser, "
            "or a pipeline that holds one."
        )
    return fuser, prepare


class _Same:
    """Nothing happens before."""

    def __call__(self, X):
        return X

    films = __call__


class _Chain:
    """Two preparations, one after the other."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, X):
        return self.second(self.first(X))

    def films(self, X):
        return self.second.films(self.first.films(X))


class _Steps:
    """The steps of a pipeline before one of its steps."""

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def __call__(self, X):
        return self.pipeline.transform(X)

    def films(self, X):
        from ..preprocessing import HistEqualizer

        for _, step in self.pipeline.steps:
            if step not in (None, "passthrough") and not isinstance(step, HistEqualizer):
                X = step.transform(X)
        return X


class _Columns:
    """The columns that a ColumnTransformer passes on."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, X):
        if callable(self.columns):
            return X[self.columns(X)]
        by_name = isinstance(self.columns, str) or (
            np.ndim(self.columns) == 1
            and len(self.columns)
            and all(isinstance(column, str) for column in self.columns)
        )
        if by_name:
            return X[self.columns if isinstance(self.columns, str) else list(self.columns)]
        columns = self.columns if isinstance(self.columns, slice) else np.asarray(self.columns)
        return X.iloc[:, columns] if hasattr(X, "iloc") else X[:, columns]

    films = __call__


def _parts(estimator):
    """Yield the parts of an estimator with what happens to X before each."""
    if isinstance(estimator, Pipeline):
        for i, (_, step) in enumerate(estimator.steps):
            yield step, _Steps(estimator[:i]) if i else _Same()
    elif isinstance(estimator, FeatureUnion):
        for _, part in estimator.transformer_list:
            yield part, _Same()
    elif isinstance(estimator, ColumnTransformer):
        parts = getattr(estimator, "transformers_", estimator.transformers)
        for _, part, columns in parts:
            yield part, _Columns(columns)
    else:
        for name in _INSIDE:
            inside = getattr(estimator, name, None)
            if inside is None or isinstance(inside, str):
                continue
            for part in inside if isinstance(inside, list | tuple | np.ndarray) else [inside]:
                yield part, _Same()
            return
