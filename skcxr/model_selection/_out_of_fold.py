"""What threshold tuning and calibration share: probabilities of rows not trained on."""

import warnings
from numbers import Integral

import numpy as np
from scipy.special import logit
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, _safe_indexing, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, check_is_fitted, has_fit_parameter

from skcxr._multilabel._labels import encode_targets
from skcxr.classifiers._mixin import MultilabelMixin
from skcxr.model_selection.splitters import MultilabelStratifiedGroupKFold


class _OutOfFoldClassifier(MetaEstimatorMixin, MultilabelMixin, BaseEstimator):
    """Fits its estimator on all rows and something small on out-of-fold scores.

    X is not validated: paths, a DataFrame or whatever the estimator takes.
    """

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

    def _fit_out_of_fold(self, X, y, params, response):
        """Fit ``estimator_`` and return out-of-fold scores (m, k) and the labels (m, k)."""
        targets = encode_targets(y, type(self).__name__)
        self._binary, self.label_names_ = targets.binary, targets.label_names
        if self.cv == "prefit":
            check_is_fitted(self.estimator)
            self.estimator_ = self.estimator
            scores, Y = response(self.estimator, X, targets.binary), targets.Y
        else:
            X, y = indexable(X, y)
            cv, routed = self._splitter(), self._route(params)
            folds = list(cv.split(X, y, **routed.splitter.split))
            results = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_and_score)(
                    clone(self.estimator),
                    X,
                    y,
                    train,
                    test,
                    routed.estimator.fit,
                    response,
                    targets.binary,
                )
                for train, test in folds
            )
            scores, Y = np.concatenate(results), targets.Y[np.concatenate([t for _, t in folds])]
            self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        self.classes_ = targets.classes
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return scores, Y

    def _splitter(self):
        if not isinstance(self.cv, Integral):
            return self.cv
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return MultilabelStratifiedGroupKFold(self.cv, shuffle=True, random_state=seed)

    def _route(self, params):
        if _routing_enabled():
            return process_routing(self, "fit", **params)
        fit = {name: value for name, value in params.items() if value is not None}
        groups = fit.pop("groups", None)
        if groups is not None and has_fit_parameter(self.estimator, "groups"):
            fit["groups"] = groups
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

    def _warn_undecided(self, undecided, outcome):
        if undecided.any():
            names = ", ".join(map(str, self.label_names_[undecided]))
            message = f"too few known positives or negatives of {names}: {outcome}."
            warnings.warn(message, UserWarning, stacklevel=4)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.no_validation = inner.no_validation
        return tags


def _fit_and_score(estimator, X, y, train, test, params, response, binary):
    params = _check_method_params(X, params, train)
    estimator.fit(_safe_indexing(X, train), _safe_indexing(y, train), **params)
    return response(estimator, _safe_indexing(X, test), binary)


def label_proba(estimator, X, binary):
    """Probabilities (n, k) of any multi-label classifier, (n, 1) of a binary one."""
    proba = estimator.predict_proba(X)
    if isinstance(proba, list):  # one (n, classes) array per label, as forests give it
        return np.column_stack(
            [p @ (np.asarray(c) == 1) for p, c in zip(proba, estimator.classes_, strict=True)]
        )
    return proba[:, 1:] if binary else proba


def label_scores(estimator, X, binary):
    """Logits (n, k): the decision function, or the logit of the probabilities."""
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(X), dtype=float)
        return scores.reshape(len(scores), -1)
    proba = label_proba(estimator, X, binary)
    tiny = np.finfo(np.float32).eps
    return logit(np.clip(proba, tiny, 1 - tiny))
