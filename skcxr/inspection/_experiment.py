"""Models run on films that they were not trained on: predictions, maps, seconds."""

import sys
import time
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._groups import check_groups, fitting_with
from skcxr._multilabel._labels import read_labels
from skcxr._multilabel._matching import row_index
from skcxr._multilabel._routing import fit_params_for
from skcxr._sklearn import _check_method_params, _safe_indexing
from skcxr.attention.finding import find_fuser
from skcxr.inspection._drawing import image_names
from skcxr.metrics._boxes import read_boxes
from skcxr.model_selection import MultilabelStratifiedGroupKFold

_MAP_SIZE = (224, 224)


@dataclass
class Run:
    """One model's answers on every film that was scored.

    Attributes
    ----------
    y, proba, decisions : DataFrame of shape (m, k)
        Labels, probabilities and decisions, indexed by film.
    groups : ndarray of shape (m,) or None
    fold : ndarray of shape (m,)
        Which fold scored the film.
    thresholds : DataFrame of shape (n_folds, k)
        NaN where a model decides by its ``predict``.
    maps : dict of {str: ndarray of shape (n_boxed, n_boxed_labels, h, w)}
        Grad-CAM and fused maps of the films that have boxes; empty without any.
    fitted : list of fitted estimators, one for each fold
    masks : ndarray of shape (n_boxed, h, w) or None
        Lung masks of the films that have boxes.
    fit_seconds, predict_seconds : float
    peak_memory : float
        Highest memory of this process until the model was scored, in MB; NaN where the system does
        not tell.
    """

    y: pd.DataFrame
    proba: pd.DataFrame
    decisions: pd.DataFrame
    groups: np.ndarray | None
    fold: np.ndarray
    thresholds: pd.DataFrame
    maps: dict = field(default_factory=dict)
    masks: np.ndarray | None = None
    fitted: list = field(default_factory=list)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    peak_memory: float = np.nan


@dataclass
class Experiment:
    """What all models share.

    Attributes
    ----------
    X : object
        Every film.
    labels : object
        y as it was given, for fits.
    y : DataFrame of shape (n, k)
        Labels of every film, float with NaN.
    names : list of n
        Names of the films.
    groups : ndarray of shape (n,) or None
    folds : list of (train or None, test)
        Rows; None where the models were fitted before.
    metadata, boxes : DataFrame or None
    runs : dict of {str: Run}
    """

    X: object
    labels: object
    y: pd.DataFrame
    names: list
    groups: np.ndarray | None
    folds: list
    metadata: pd.DataFrame | None
    boxes: pd.DataFrame | None
    runs: dict = field(default_factory=dict)

    @property
    def scored(self):
        """Rows that were scored, in the order of the runs."""
        return np.concatenate([test for _, test in self.folds])


def set_up(X, y, groups, cv, boxes, metadata, names, random_state):
    """Check what is common to all models and divide the films.

    Returns
    -------
    Experiment
    """
    values, labels = read_labels(y)
    names = image_names(X, names, len(values))
    if len(set(names)) < len(names):
        names = list(range(len(values)))
    index = row_index(y)
    table = pd.DataFrame(values, names if index is None else index, [str(x) for x in labels])
    if len(X) != len(table):
        raise ValueError(f"X holds {len(X)} films and y {len(table)} rows.")
    if groups is not None:
        check_groups(groups, len(table))
        groups = np.asarray(groups)
    if metadata is not None:
        metadata = pd.DataFrame(metadata)
        if len(metadata) != len(table):
            raise ValueError(f"metadata holds {len(metadata)} rows and X {len(table)} films.")
    boxes = None if boxes is None or not len(boxes) else pd.DataFrame(boxes)
    if boxes is not None:
        read_boxes(boxes)
    folds = [(None, np.arange(len(table)))]
    if cv is not None:
        if isinstance(cv, Integral):
            cv = MultilabelStratifiedGroupKFold(cv, shuffle=True, random_state=random_state)
        split = cv.split(X, y, groups) if hasattr(cv, "split") else cv
        folds = [(np.asarray(train), np.asarray(test)) for train, test in split]
        tested = np.concatenate([test for _, test in folds])
        if len(np.unique(tested)) < len(tested):
            raise ValueError("cv scores a film twice; each may be in one test part only.")
    return Experiment(X, y, table, names, groups, folds, metadata, boxes)


def run_model(experiment, model, label_names):
    """Fit and score a model fold by fold, or score one that is fitted, and keep its maps.

    Parameters
    ----------
    experiment : Experiment
    model : estimator, or predictions as ``out_of_fold_predict`` returns them
    label_names : list of str
        Of the boxes, whose maps are kept.

    Returns
    -------
    Run
    """
    if all(hasattr(model, name) for name in ("y", "proba", "decisions", "groups")):
        return _given(experiment, model)
    labels = list(experiment.y.columns)
    proba, decisions, thresholds, fold, fitted = [], [], [], [], []
    maps, masks, seconds = {}, [], np.zeros(2)
    boxed = _boxed(experiment)
    for number, (train, test) in enumerate(experiment.folds):
        begun = time.perf_counter()
        estimator = model if train is None else _fit(experiment, model, train)
        seconds[0] += 0 if train is None else time.perf_counter() - begun
        begun = time.perf_counter()
        films = _safe_indexing(experiment.X, test)
        answer = decide(estimator, films, labels)
        seconds[1] += time.perf_counter() - begun
        proba.append(answer.proba)
        decisions.append(answer.decisions.astype(bool))
        thresholds.append(answer.thresholds)
        fold.append(np.full(len(test), number))
        fitted.append(estimator)
        here = test[np.isin(test, boxed)]
        fuser, prepare = find_fuser(estimator)
        if len(here) and fuser is not None:
            ready = prepare(_safe_indexing(experiment.X, here))
            found = fuser.attention_maps(ready, labels=label_names, size=_MAP_SIZE)
            for kind in ("cam", "fused"):
                maps.setdefault(kind, []).append((here, found[kind]))
            masks.append(found["mask"])
    index = experiment.y.index[experiment.scored]
    groups = experiment.groups
    return Run(
        y=experiment.y.iloc[experiment.scored],
        proba=pd.DataFrame(np.concatenate(proba), index, labels),
        decisions=pd.DataFrame(np.concatenate(decisions), index, labels),
        groups=None if groups is None else groups[experiment.scored],
        fold=np.concatenate(fold),
        thresholds=pd.DataFrame(thresholds, columns=labels).rename_axis("fold"),
        maps={kind: np.concatenate([m for _, m in parts]) for kind, parts in maps.items()},
        masks=np.concatenate(masks) if masks else None,
        fitted=fitted,
        fit_seconds=float(seconds[0]),
        predict_seconds=float(seconds[1]),
        peak_memory=_peak_memory(),
    )


def boxed_in_order(experiment):
    """Rows of the films with boxes, in the order of ``Run.maps``."""
    boxed = _boxed(experiment)
    parts = [test[np.isin(test, boxed)] for _, test in experiment.folds]
    return np.concatenate(parts)


def _boxed(experiment):
    """Rows of the films that have a box."""
    if experiment.boxes is None:
        return np.empty(0, int)
    for names in (experiment.names, list(experiment.y.index)):
        rows = pd.Index(names).get_indexer_for(experiment.boxes["image"].unique())
        if (rows >= 0).any():
            return np.unique(rows[rows >= 0])
    return np.empty(0, int)


def _peak_memory():
    """Highest resident memory of this process so far, in MB."""
    try:
        import resource
    except ImportError:  # on Windows
        return np.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _fit(experiment, model, train):
    groups = None if experiment.groups is None else experiment.groups[train]
    estimator = clone(model)
    X, y = (_safe_indexing(part, train) for part in (experiment.X, experiment.labels))
    params = _check_method_params(X, fit_params_for(estimator, groups))
    with fitting_with(groups):
        return estimator.fit(X, y, **params)


def _given(experiment, predictions):
    """A run out of predictions that were made before, in the order of the experiment."""
    index = experiment.y.index[experiment.scored]
    labels = list(experiment.y.columns)
    tables = []
    for name in ("proba", "decisions"):
        table = getattr(predictions, name)
        missing = index.difference(table.index)
        if len(missing) or set(table.columns) != set(labels):
            raise ValueError(
                f"Predictions lack {len(missing)} of the films, or their labels "
                f"{list(table.columns)} are not {labels}."
            )
        tables.append(table.loc[index, labels])
    fold = getattr(predictions, "fold", None)
    if fold is not None:
        fold = pd.Series(np.asarray(fold), predictions.proba.index).loc[index].to_numpy()
    return Run(
        y=experiment.y.loc[index],
        proba=tables[0],
        decisions=tables[1].astype(bool),
        groups=None if experiment.groups is None else experiment.groups[experiment.scored],
        fold=np.zeros(len(index), int) if fold is None else fold,
        thresholds=pd.DataFrame(getattr(predictions, "thresholds", None), columns=labels),
    )
