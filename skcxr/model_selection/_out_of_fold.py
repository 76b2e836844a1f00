"""What threshold tuning and calibration share: scores of rows not trained on."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skcxr._base import warn_at_user
from skcxr._multilabel._fit_inputs import check_fit_inputs
from skcxr._multilabel._groups import fitting_with, groups_were_given
from skcxr._multilabel._routing import fit_params_for
from skcxr._multilabel._thresholds import best_thresholds, check_target, complaint_of_thresholds
from skcxr._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _check_method_params,
    _fit_context,
    _routing_enabled,
    _safe_indexing,
)
from skcxr.model_selection._thresholded import ThresholdedMixin
from skcxr.model_selection.splitters import MultilabelStratifiedGroupKFold


class _OutOfFoldClassifier(MetaEstimatorMixin, ThresholdedMixin, BaseEstimator):
    """Fits its estimator on all rows and something small on out-of-fold scores.

    X is not validated: paths, a DataFrame or whatever the estimator takes. A class has ``_goal``,
    what thresholds maximise and reach; ``_response``, a function of a fitted estimator, X and the
    label names (None for 1-D y) that makes scores; and ``_learn(scores, Y)``.
    """

    # fit has **params, and hands these on.
    _routes_to_fit = ("groups", "sample_weight")

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
            StrOptions({"prefit"}),
        ],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **params):
        """Learn on out-of-fold predictions, then fit the estimator on all rows.

        Parameters
        ----------
        X : indexable of length n
            What the estimator takes: paths, a DataFrame, an array.
        y : array-like or DataFrame of shape (n, n_labels), or (n,) with two classes
            0, 1 or NaN (left out).
        **params : dict
            ``groups`` (patients) go to the splitter and to all in the estimator that takes them:
            steps of a Pipeline, tuners and calibrators inside. ``sample_weight`` goes to the
            classifier. The rest goes to the estimator's fit, arrays of length n fold by fold.
            With metadata routing, as requested.

        Returns
        -------
        self : estimator
        """
        check_target(*self._goal)
        self._learn(*self._fit_out_of_fold(X, y, params))
        return self

    def _fit_out_of_fold(self, X, y, params):
        """Fit ``estimator_``; return out-of-fold scores (m, k) and the labels (m, k), 0 or 1."""
        groups, weight = params.get("groups"), params.get("sample_weight")
        targets = check_fit_inputs(self.estimator, X, y, groups, weight)
        self._binary, self.label_names_ = targets.binary, targets.label_names
        if self.cv == "prefit":
            check_is_fitted(self.estimator)
            self.estimator_ = self.estimator
            scores, Y = self._response(self.estimator, X, self._known_names), targets.Y
        else:
            X, y = indexable(X, y)
            cv, routed = self._splitter(), self._route(params)
            with fitting_with(groups):
                folds = list(cv.split(X, y, **routed.splitter.split))
                given = groups_were_given()
                results = Parallel(n_jobs=self.n_jobs)(
                    delayed(fit_and_score)(
                        clone(self.estimator),
                        X,
                        y,
                        train,
                        test,
                        routed.estimator.fit,
                        self._response,
                        self._known_names,
                        given,
                    )
                    for train, test in folds
                )
                self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
            scores, Y = np.concatenate(results), targets.Y[np.concatenate([t for _, t in folds])]
        self.classes_ = targets.classes
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        scored = ~np.isnan(scores).any(axis=1)  # films that cannot be read have no score
        Y = np.where(np.isnan(Y), np.nan, Y >= 0.5)  # of soft labels what is likelier
        return scores[scored], Y[scored]

    @property
    def _known_names(self):
        return None if self._binary else list(self.label_names_)

    def _splitter(self):
        if not isinstance(self.cv, Integral):
            return self.cv
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return MultilabelStratifiedGroupKFold(self.cv, shuffle=True, random_state=seed)

    def _route(self, params):
        if _routing_enabled():
            return process_routing(self, "fit", **params)
        given = {name: value for name, value in params.items() if value is not None}
        groups, weight = given.pop("groups", None), given.pop("sample_weight", None)
        fit = fit_params_for(self.estimator, groups, weight) | given
        return Bunch(splitter=Bunch(split={"groups": groups}), estimator=Bunch(fit=fit))

    def get_metadata_routing(self):
        """Where metadata goes: to the estimator's fit and to the splitter."""
        router = MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )
        splitter = MultilabelStratifiedGroupKFold(2) if isinstance(self.cv, Integral) else self.cv
        if not isinstance(splitter, str):
            router.add(
                splitter=splitter,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        return router

    def _choose_thresholds(self, Y, proba):
        """Set ``thresholds_`` by out-of-fold probabilities."""
        self.thresholds_, undecided = best_thresholds(Y, proba, *self._goal)
        self._warn_undecided(undecided, "their threshold is 0.5")
        told = ~undecided
        complaint = complaint_of_thresholds(
            Y[:, told], proba[:, told], self.thresholds_[told], self.label_names_[told]
        )
        if complaint:
            warn_at_user(complaint)

    def _warn_undecided(self, undecided, outcome):
        if undecided.any():
            names = ", ".join(map(str, self.label_names_[undecided]))
            warn_at_user(f"too few known positives or negatives of {names}: {outcome}.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.no_validation = inner.no_validation
        return tags


def fit_and_score(estimator, X, y, train, test, params, response, names, groups_given):
    """Fit on the rows `train`; return ``response(estimator, X, names)`` of the rows `test`."""
    params = _check_method_params(X, params, train)
    with fitting_with(groups_given or None):
        estimator.fit(_safe_indexing(X, train), _safe_indexing(y, train), **params)
    return response(estimator, _safe_indexing(X, test), names)
