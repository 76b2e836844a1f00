"""Several multi-label classifiers as one: their logits averaged."""

from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skcxr._multilabel._fit_inputs import check_fit_inputs
from skcxr._multilabel._groups import fitting_with, groups_were_given
from skcxr._multilabel._names import by_name
from skcxr._multilabel._routing import fit_params_for
from skcxr._multilabel._scores import label_logits
from skcxr._multilabel._thresholds import resolve_thresholds
from skcxr._sklearn import _BaseComposition, _fit_context, _routing_enabled, _VisualBlock
from skcxr.model_selection._thresholded import ThresholdedMixin


class MultilabelAverager(ThresholdedMixin, _BaseComposition):
    """Average the logits of several multi-label classifiers.

    scikit-learn's ``VotingClassifier`` for several labels: nets with other seeds, pipelines with
    other backbones, a net and a forest. Each estimator is fitted on all rows.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Multi-label classifiers with ``predict_proba``, or Pipelines that end in one. One of them
        is left out with ``set_params(<name>="drop")``.
    weights : array-like of shape (n_estimators,), dict or None, default=None
        Weight of each estimator's logits; a dict goes by the estimators' names, 1 for those left
        out. None: all count the same.
    thresholds : float, array-like of shape (n_labels,), dict or Series, default=0.5
        A label is predicted where its probability is above its threshold. Put the averager into
        a :class:`MultilabelThresholdTuner` to tune them.
    prefit : bool, default=False
        The estimators are fitted already, perhaps on other columns of labels: these are matched
        with the columns of y by name. fit then only reads the labels.
    n_jobs : int or None, default=None
        Estimators fitted at the same time.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted ones, without those that were dropped.
    named_estimators_ : Bunch
        The same by name.
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        As of :class:`~skcxr.classifiers.MultilabelNet`.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame.
    thresholds_ : ndarray of shape (n_labels,)
        Thresholds in use.

    Notes
    -----
    The logits are the ``decision_function`` of a classifier of this package, and the logit of the
    probabilities of any other. Unknown labels (NaN) are handed to each estimator, and those of
    scikit-learn refuse them.

    References
    ----------
    Lakshminarayanan, B., Pritzel, A. and Blundell, C. (2017). Simple and scalable predictive
    uncertainty estimation using deep ensembles. NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import MultilabelAverager
    >>> X, y = make_multilabel_classification(n_samples=80, n_classes=3, random_state=0)
    >>> net, forest = MultilabelMLP(max_epochs=2), RandomForestClassifier(5, random_state=0)
    >>> both = MultilabelAverager([("net", net), ("forest", forest)], weights=[2, 1])
    >>> both.fit(X, y).predict_proba(X).shape
    (80, 3)
    """

    _gives_logits = True
    _routes_to_fit = ("groups", "sample_weight")

    _parameter_constraints = {
        "estimators": [list],
        "weights": ["array-like", dict, None],
        "thresholds": [Real, dict, "array-like"],
        "prefit": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(self, estimators, *, weights=None, thresholds=0.5, prefit=False, n_jobs=None):
        self.estimators = estimators
        self.weights = weights
        self.thresholds = thresholds
        self.prefit = prefit
        self.n_jobs = n_jobs

    @property
    def named_estimators(self):
        """The estimators by name, not fitted."""
        return Bunch(**dict(self.estimators))

    def get_params(self, deep=True):
        """Get the parameters, those of the estimators as ``<name>__<parameter>``."""
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, those of the estimators too; ``<name>="drop"`` leaves one out."""
        self._set_params("estimators", **params)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **params):
        """Fit each estimator on all rows.

        Parameters
        ----------
        X : indexable of length n
            What the estimators take: paths, a DataFrame, an array.
        y : array-like or DataFrame of shape (n, n_labels), or (n,) with two classes
            0, 1 or NaN.
        **params : dict
            ``groups`` (patients) go to all that takes them in each estimator, ``sample_weight``
            to each classifier, the rest to each estimator's fit. With metadata routing, as
            requested.

        Returns
        -------
        self : MultilabelAverager

        Raises
        ------
        ValueError
            Where an estimator is no multi-label classifier with ``predict_proba``, or y, groups,
            weights or thresholds are wrong: before anything is fitted.
        """
        used = self._used()
        groups, weight = params.get("groups"), params.get("sample_weight")
        for _, estimator in used:
            targets = check_fit_inputs(estimator, X, y, groups, weight)
        self._binary, self.label_names_ = targets.binary, targets.label_names
        self._weights = self._resolve_weights([name for name, _ in used])
        self.thresholds_ = resolve_thresholds(self.thresholds, self.label_names_)
        if self.prefit:
            for _, estimator in used:
                check_is_fitted(estimator)
            self.estimators_ = [estimator for _, estimator in used]
        else:
            routed = self._route(used, params)
            with fitting_with(groups):
                given = groups_were_given()
                self.estimators_ = Parallel(n_jobs=self.n_jobs)(
                    delayed(_fit)(clone(estimator), X, y, routed[name], given)
                    for name, estimator in used
                )
        self.named_estimators_ = Bunch(
            **{name: fitted for (name, _), fitted in zip(used, self.estimators_, strict=True)}
        )
        self.classes_ = targets.classes
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))
        return self

    def _used(self):
        """The estimators that are not dropped, checked."""
        pairs = [isinstance(item, tuple) and len(item) == 2 for item in self.estimators]
        if not (self.estimators and all(pairs)):
            raise ValueError(
                "estimators must be a list of (name, estimator), at least one, got "
                f"{self.estimators!r}"
            )
        self._validate_names([name for name, _ in self.estimators])
        used = [(name, estimator) for name, estimator in self.estimators if estimator != "drop"]
        if not used:
            raise ValueError("all estimators are dropped; at least one must be left")
        for name, estimator in used:
            if not (hasattr(estimator, "fit") and hasattr(estimator, "predict_proba")):
                raise ValueError(
                    f"estimator {name!r} ({type(estimator).__name__}) has no fit or no "
                    "predict_proba"
                )
        return used

    def _resolve_weights(self, used):
        names = [name for name, _ in self.estimators]
        if self.weights is None:
            weights = np.ones(len(names))
        else:
            weights = by_name(self.weights, names, default=1.0, what="weights", of="estimators")
        weights = weights[[names.index(name) for name in used]]
        if (weights < 0).any() or not weights.any():
            raise ValueError(f"weights must be at least 0, and not all 0, got {self.weights!r}")
        return weights / weights.sum()

    def _route(self, used, params):
        """Parameters of each estimator's fit, by name."""
        if _routing_enabled():
            routed = process_routing(self, "fit", **params)
            return {name: routed[name].fit for name, _ in used}
        given = {name: value for name, value in params.items() if value is not None}
        groups, weight = given.pop("groups", None), given.pop("sample_weight", None)
        return {name: fit_params_for(estimator, groups, weight) | given for name, estimator in used}

    def get_metadata_routing(self):
        """Where metadata goes: to the estimators' fit."""
        router = MetadataRouter(owner=self)
        for name, estimator in self.estimators:
            if estimator != "drop":
                mapping = MethodMapping().add(caller="fit", callee="fit")
                router.add(**{name: estimator}, method_mapping=mapping)
        return router

    def _logits(self, X):
        check_is_fitted(self)
        names = None if self._binary else list(self.label_names_)
        logits = [label_logits(estimator, X, names) for estimator in self.estimators_]
        return np.tensordot(self._weights, logits, axes=1)

    def decision_function(self, X):
        """Weighted mean of the estimators' logits.

        Parameters
        ----------
        X : array-like, DataFrame or sequence of paths
            Whatever the estimators take.

        Returns
        -------
        ndarray of shape (n, n_labels), or (n,) where y was 1-D
        """
        logits = self._logits(X)
        return logits[:, 0] if self._binary else logits

    def _proba(self, X):
        return expit(self._logits(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = [get_tags(e) for _, e in self.estimators if e is not None and e != "drop"]
        if inner:
            tags.input_tags = inner[0].input_tags
            tags.input_tags.sparse = all(each.input_tags.sparse for each in inner)
            tags.no_validation = inner[0].no_validation
        return tags

    def _sk_visual_block_(self):
        names, estimators = zip(*self.estimators, strict=True)
        return _VisualBlock("parallel", estimators, names=names)


def _fit(estimator, X, y, params, groups_given):
    with fitting_with(groups_given or None):
        return estimator.fit(X, y, **params)
