"""Fit parameters by which patients and weights reach the steps that take them."""

from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import has_fit_parameter

from skcxr._sklearn import BaseSearchCV


def fit_params_for(estimator, groups=None, sample_weight=None):
    """Return what to give to ``estimator.fit`` so that patients and weights arrive.

    Parameters
    ----------
    estimator : estimator
        In a Pipeline, patients go to every step that takes them as ``<step>__groups`` and
        weights to the last; in a search, patients also to the splitter. A FeatureUnion can hand
        patients on only where every branch takes them.
    groups, sample_weight : array-like of shape (n,) or None

    Returns
    -------
    dict
        Without what no step takes, and what is None.

    Raises
    ------
    ValueError
        Where weights are given and the classifier takes none.
    """
    params = {}
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            if step is None or isinstance(step, str):
                continue
            weight = sample_weight if step is estimator.steps[-1][1] else None
            inner = fit_params_for(step, groups, weight)
            params |= {f"{name}__{key}": value for key, value in inner.items()}
        return params
    if isinstance(estimator, FeatureUnion):  # gives what it gets to all of its branches
        branches = [part for _, part in estimator.transformer_list if not isinstance(part, str)]
        everywhere = branches and all(fit_params_for(part, groups) for part in branches)
        return {"groups": groups} if everywhere and groups is not None else {}
    if isinstance(estimator, BaseSearchCV):
        params = fit_params_for(estimator.estimator, groups, sample_weight)
        return params if groups is None else {**params, "groups": groups}
    if groups is not None and _takes(estimator, "groups"):
        params["groups"] = groups
    if sample_weight is not None:
        if not _takes(estimator, "sample_weight"):
            raise ValueError(f"sample_weight: {type(estimator).__name__}.fit takes no weights")
        params["sample_weight"] = sample_weight
    return params


def _takes(estimator, name):
    return name in getattr(estimator, "_routes_to_fit", ()) or has_fit_parameter(estimator, name)
