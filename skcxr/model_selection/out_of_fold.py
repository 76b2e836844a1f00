"""Predictions for every film by a model that was not trained on it."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._fit_inputs import check_fit_inputs
from skcxr._multilabel._groups import check_groups, fitting_with
from skcxr._multilabel._routing import fit_params_for
from skcxr._multilabel._thresholds import THRESHOLD_METRICS, check_target
from skcxr._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _routing_enabled,
    validate_params,
)
from skcxr.model_selection._out_of_fold import fit_and_score
from skcxr.model_selection._predictions import OutOfFoldPredictions, index_of
from skcxr.model_selection.calibration import MultilabelCalibrator
from skcxr.model_selection.splitters import MultilabelStratifiedGroupKFold
from skcxr.model_selection.thresholds import MultilabelThresholdTuner


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
            "array-like",
        ],
        "calibration": [StrOptions({"sigmoid", "isotonic", "temperature"}), None],
        "threshold_metric": [StrOptions(set(THRESHOLD_METRICS)), None],
        "inner_cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
        ],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def out_of_fold_predict(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    calibration=None,
    threshold_metric=None,
    threshold_target=None,
    inner_cv=5,
    sample_weight=None,
    n_jobs=None,
    random_state=None,
    **params,
):
    """Predict every film with a model that was trained on the other folds.

    What scikit-learn's ``cross_val_predict`` is for one label: labels may be unknown, patients
    stay whole, and calibration and thresholds are learnt inside each training part.

    Parameters
    ----------
    estimator : estimator
        Multi-label classifier with ``predict_proba``, or a Pipeline that ends in one; it is
        cloned. A model with ``thresholds_`` decides by them, another by its ``predict``.
    X : array-like, DataFrame or sequence of paths of length n
        What the estimator takes.
    y : array-like or DataFrame of shape (n, k), or (n,) with two classes
        0, 1 or NaN (unknown).
    groups : array-like of shape (n,) or None, default=None
        Patients. They go to the splitter and to all in the estimator that takes groups: steps of
        a Pipeline, tuners and calibrators inside.
    cv : int, splitter or iterable of (train, test), default=5
        An int is the folds of a shuffled :class:`MultilabelStratifiedGroupKFold`. Every film must
        be in one test part exactly, and no patient in both parts.
    calibration : {"sigmoid", "isotonic", "temperature"} or None, default=None
        Calibrate with :class:`MultilabelCalibrator` inside each fold.
    threshold_metric : {"f1", "youden", "sensitivity", "specificity"} or None, default=None
        Choose thresholds inside each fold, as :class:`MultilabelThresholdTuner`; together with
        `calibration` at no further fit.
    threshold_target : float or None, default=None
        The wanted sensitivity or specificity.
    inner_cv : int or splitter, default=5
        The folds for calibration and thresholds: each training part is fitted that often, and
        once more.
    sample_weight : array-like of shape (n,) or None, default=None
        For the classifier's fit.
    n_jobs : int or None, default=None
        Folds at the same time.
    random_state : int, RandomState instance or None, default=None
        Deals the folds where `cv` or `inner_cv` is an int.
    **params : dict
        More for the estimator's fit, arrays of length n fold by fold.

    Returns
    -------
    OutOfFoldPredictions
        The frames ``proba`` and ``decisions``, ``fold``, and all that scores them.

    Raises
    ------
    ValueError
        Where the folds are not as above, or y, groups, sample_weight or the classifier is
        wrong: before anything is fitted.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import out_of_fold_predict
    >>> X, y = make_multilabel_classification(n_samples=90, n_classes=3, random_state=0)
    >>> net = MultilabelMLP(max_epochs=2, random_state=0)
    >>> found = out_of_fold_predict(net, X, y, cv=3, random_state=0)
    >>> found.proba.shape, found.fold.nunique()
    ((90, 3), 3)
    """
    check_target(threshold_metric, threshold_target)
    targets = check_fit_inputs(estimator, X, y, groups, sample_weight)
    index = index_of(X, y)
    X, y = indexable(X, y)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    if isinstance(cv, Integral):
        cv = MultilabelStratifiedGroupKFold(cv, shuffle=True, random_state=seed)
    model = _with_inner_loop(
        estimator, calibration, threshold_metric, threshold_target, inner_cv, seed
    )
    routed = _route(model, cv, groups, sample_weight, params)
    with fitting_with(groups):
        split = cv.split(X, y, **routed.splitter.split) if hasattr(cv, "split") else cv
        folds = [tuple(np.arange(len(targets.Y))[part] for part in pair) for pair in split]
    fold = _check_folds(folds, groups, len(targets.Y))
    results = Parallel(n_jobs=n_jobs)(
        delayed(fit_and_score)(
            clone(model),
            X,
            y,
            train,
            test,
            routed.estimator.fit,
            decide,
            targets.label_names,
            groups is not None,
        )
        for train, test in folds
    )
    proba, decisions = np.empty(targets.Y.shape), np.empty(targets.Y.shape, dtype=bool)
    for (_, test), result in zip(folds, results, strict=True):
        proba[test], decisions[test] = result.proba, result.decisions
    return OutOfFoldPredictions._from_arrays(
        targets,
        proba,
        decisions,
        fold,
        np.stack([result.thresholds for result in results]),
        groups=groups,
        index=index,
        about={"estimator": type(estimator).__name__, "cv": _name_of(cv)},
    )


def _with_inner_loop(estimator, calibration, metric, target, inner_cv, seed):
    """Put the estimator into a calibrator, a tuner or neither."""
    inner = {"cv": inner_cv, "random_state": seed}
    if calibration is not None:
        return MultilabelCalibrator(
            estimator, method=calibration, threshold_metric=metric, threshold_target=target, **inner
        )
    if metric is not None:
        return MultilabelThresholdTuner(estimator, metric=metric, target=target, **inner)
    return estimator


def _route(estimator, cv, groups, sample_weight, params):
    """Parameters of the splitter and of the estimator's fit."""
    if not _routing_enabled():
        fit = fit_params_for(estimator, groups, sample_weight) | params
        return Bunch(splitter=Bunch(split={"groups": groups}), estimator=Bunch(fit=fit))
    mapping = {
        callee: MethodMapping().add(caller="fit", callee=callee) for callee in ("fit", "split")
    }
    router = MetadataRouter(owner="out_of_fold_predict")
    router.add(estimator=estimator, method_mapping=mapping["fit"])
    if hasattr(cv, "split"):
        router.add(splitter=cv, method_mapping=mapping["split"])
    given = {"groups": groups, "sample_weight": sample_weight, **params}
    given = {name: value for name, value in given.items() if value is not None}
    routed = process_routing(router, "fit", **given)
    return routed if hasattr(cv, "split") else Bunch(**routed, splitter=Bunch(split={}))


def _check_folds(folds, groups, n):
    """Return the number of each row's test part; refuse what is no partition by patients."""
    tested = np.concatenate([test for _, test in folds]) if folds else np.arange(0)
    times = np.bincount(tested, minlength=n)
    if (times != 1).any():
        row = int(np.argmax(times != 1))
        raise ValueError(
            f"cv must put every row into one test part exactly; row {row} is in {times[row]}"
        )
    patients, _ = check_groups(groups, n)
    fold = np.empty(n, dtype=int)
    for number, (train, test) in enumerate(folds):
        fold[test] = number
        shared = np.intersect1d(patients[train], patients[test])
        if len(shared):
            row = int(np.flatnonzero(patients == shared[0])[0])
            patient = row if groups is None else np.asarray(groups, dtype=object)[row]
            raise ValueError(
                f"fold {number} has patient {patient!r} in both parts, and {len(shared)} such "
                "patients in all; MultilabelStratifiedGroupKFold keeps them whole"
            )
    return fold


def _name_of(cv):
    return repr(cv) if hasattr(cv, "split") else "given"
