"""What is behind ``memory=``: look at it, empty it, bound it, and set it on a whole pipeline."""

from sklearn.base import BaseEstimator

from ._base import _MemoryMixin
from ._store import cache_info, clear_cache, set_cache_limit

__all__ = ["cache_info", "clear_cache", "set_cache_limit", "set_memory"]


def set_memory(estimator, memory):
    """Set `memory` on every stage inside an estimator, fitted or not; None takes it off.

    Parameters
    ----------
    estimator : estimator
        Such as a hybrid pipeline, or a search, tuner, calibrator or ColumnTransformer that holds
        one. The ``memory`` of scikit-learn's own Pipeline is another thing and stays as it is.
    memory : None, str, path or joblib.Memory
        Where results are kept per image, and fits, for the next run.

    Returns
    -------
    estimator : object
        The same, changed.

    Raises
    ------
    ValueError
        When nothing inside keeps results.

    Examples
    --------
    >>> from skcxr import make_hybrid_pipeline
    >>> from skcxr.memory import set_memory
    >>> pipe = set_memory(make_hybrid_pipeline(), "cache")
    >>> pipe["features"]["attention"].embedder.memory
    'cache'
    """
    stages = [part for part in _parts(estimator, set()) if "memory" in part.get_params(deep=False)]
    if not stages:
        raise ValueError(
            f"Nothing in {type(estimator).__name__} keeps results; expected an estimator that "
            "holds stages of skcxr, such as a pipeline from make_hybrid_pipeline."
        )
    for stage in stages:
        stage.set_params(memory=memory)
    return estimator


def _parts(thing, seen):
    """Stages of ours in an estimator's parameters and in what it has fitted."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        inside = thing
    elif isinstance(thing, dict):
        inside = thing.values()
    elif isinstance(thing, BaseEstimator):
        if isinstance(thing, _MemoryMixin):
            yield thing
        inside = vars(thing).values()
    else:
        return
    for part in list(inside):
        yield from _parts(part, seen)
