"""Predictions for films that a model was not trained on, with all that scores them."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import encode_targets


@dataclass(frozen=True, repr=False, eq=False)
class OutOfFoldPredictions:
    """Predictions for films that the model was not trained on, with all that scores them.

    :func:`out_of_fold_predict`, :meth:`from_estimator` and :func:`read_predictions` make one;
    :func:`skcxr.metrics.multilabel_report` and :func:`~skcxr.metrics.compare_models` take one.

    Attributes
    ----------
    y : DataFrame of shape (n, k)
        0, 1 or NaN; columns are the labels, the index is that of X.
    proba : DataFrame of shape (n, k)
        Probabilities.
    decisions : DataFrame of shape (n, k)
        0 and 1; NaN where the probability is.
    fold : Series of shape (n,)
        Number of the fold in which a film was tested.
    thresholds : DataFrame of shape (n_folds, k)
        Above which probability each fold's model decides for a label; NaN where it decides by
        its ``predict`` alone.
    groups : Series of shape (n,) or None
        Patients.
    about : dict
        Names of the estimator and the splitter.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skcxr.model_selection import OutOfFoldPredictions
    >>> X, y = make_multilabel_classification(n_samples=60, n_classes=3, random_state=0)
    >>> forest = RandomForestClassifier(5, random_state=0).fit(X[:40], y[:40])
    >>> OutOfFoldPredictions.from_estimator(forest, X[40:], y[40:]).proba.shape
    (20, 3)
    """

    y: pd.DataFrame
    proba: pd.DataFrame
    decisions: pd.DataFrame
    fold: pd.Series
    thresholds: pd.DataFrame
    groups: pd.Series | None = None
    about: dict = field(default_factory=dict)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, groups=None):
        """Predict a part that a fitted estimator was not trained on, as one fold.

        Parameters
        ----------
        estimator : fitted estimator
        X : array-like, DataFrame or sequence of paths
        y : array-like or DataFrame of shape (n, k)
            0, 1 or NaN. Labels are matched with those of the estimator by name.
        groups : array-like of shape (n,) or None, default=None

        Returns
        -------
        OutOfFoldPredictions
        """
        targets = encode_targets(y, "OutOfFoldPredictions")
        check_groups(groups, len(targets.Y))
        found = decide(estimator, X, targets.label_names)
        return cls._from_arrays(
            targets,
            found.proba,
            found.decisions,
            np.zeros(len(targets.Y), dtype=int),
            found.thresholds[None],
            groups=groups,
            index=index_of(X, y),
            about={"estimator": type(estimator).__name__},
        )

    @classmethod
    def _from_arrays(cls, targets, proba, decisions, fold, thresholds, *, groups, index, about):
        """Make the frames; `targets` are those of y."""
        names = pd.Index(targets.label_names, name="label")

        def frame(values):
            return pd.DataFrame(values, index=index, columns=names)

        decisions = decisions.astype(int)
        lost = np.isnan(proba)  # of films that cannot be read
        if lost.any():
            decisions = np.where(lost, np.nan, decisions)
        return cls(
            y=frame(targets.Y.astype(float)),
            proba=frame(proba),
            decisions=frame(decisions),
            fold=pd.Series(fold, index=index, name="fold"),
            thresholds=pd.DataFrame(
                thresholds, columns=names, index=pd.RangeIndex(len(thresholds), name="fold")
            ),
            groups=None if groups is None else pd.Series(np.asarray(groups), index, name="group"),
            about=about,
        )

    @property
    def label_names(self):
        """Names of the labels, ndarray of shape (k,)."""
        return self.y.columns.to_numpy()

    def to_frame(self):
        """Return one table with a row per film.

        Returns
        -------
        DataFrame
            ``fold``, ``group`` (where there are groups), and for each label ``y: <label>``,
            ``probability: <label>`` and ``decision: <label>``.
        """
        columns = {"fold": self.fold}
        if self.groups is not None:
            columns["group"] = self.groups
        for j, name in enumerate(self.label_names):
            for what, table in (
                ("y", self.y),
                ("probability", self.proba),
                ("decision", self.decisions),
            ):
                columns[f"{what}: {name}"] = table.iloc[:, j]
        return pd.concat(columns, axis=1)

    def summary(self):
        """Return a table with a row per label.

        Returns
        -------
        DataFrame
            ``known`` films, ``positives``, the mean ``probability``, how many are ``called``
            positive, and the lowest and highest ``threshold`` of the folds.
        """
        thresholds = self.thresholds
        return pd.DataFrame(
            {
                "known": self.y.notna().sum(),
                "positives": self.y.sum().astype(int),
                "probability": self.proba.mean(),
                "called": self.decisions.sum(),
                "threshold low": thresholds.min(),
                "threshold high": thresholds.max(),
            }
        )

    def _head(self):
        patients = ""
        if self.groups is not None:
            patients = f" of {self.groups.nunique()} patients"
        sizes = ", ".join(map(str, self.fold.value_counts().sort_index()))
        return (
            f"{type(self).__name__}: {len(self.y)} films{patients}, {self.y.shape[1]} labels, "
            f"folds of {sizes}"
        )

    def __repr__(self):
        return f"{self._head()}\n{self.summary().round(3).to_string()}"

    def _repr_html_(self):
        return f"<p>{self._head()}</p>{self.summary().round(3).to_html()}"


def index_of(X, y):
    """Return the index of X, else of y, else a plain range."""
    for table in (X, y):
        index = getattr(table, "index", None)
        if hasattr(index, "is_unique"):
            return index
    return pd.RangeIndex(len(y))
