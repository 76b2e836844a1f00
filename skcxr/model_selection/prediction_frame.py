"""What a model says of each film, as a table for people."""

import os

import numpy as np
import pandas as pd

from skcxr._multilabel._decisions import decide
from skcxr.model_selection._predictions import index_of


def predict_frame(estimator, X):
    """Predict films into one table.

    Parameters
    ----------
    estimator : fitted estimator
        With ``predict_proba``.
    X : array-like, DataFrame or sequence of paths of length n
        What it takes.

    Returns
    -------
    DataFrame
        One row per film, with the index of X. ``file`` where X holds paths, as they were given;
        and for each label ``<label> probability``, ``<label> threshold`` (NaN where the model has
        none) and ``<label> decision``, 0 or 1, or <NA> where the probability is NaN.

    See Also
    --------
    out_of_fold_predict : For films that are in the training data.
    write_predictions : A file that can be scored again.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import predict_frame
    >>> X = pd.DataFrame({"a": [0.0, 1.0] * 10, "b": [1.0, 0.0] * 10})
    >>> y = pd.DataFrame({"Mass": [0, 1] * 10, "Edema": [1, 0] * 10})
    >>> net = MultilabelMLP(max_epochs=2, random_state=0).fit(X, y)
    >>> list(predict_frame(net, X)[:1])[:3]
    ['Mass probability', 'Mass threshold', 'Mass decision']
    """
    found = decide(estimator, X)
    index = index_of(X, found.proba)
    lost = np.isnan(found.proba).any(axis=1)  # films that cannot be read
    columns = {}
    files = _paths(X)
    if files is not None:
        columns["file"] = files
    for j, name in enumerate(found.label_names):
        columns[f"{name} probability"] = found.proba[:, j]
        columns[f"{name} threshold"] = np.full(len(index), found.thresholds[j])
        decisions = found.decisions[:, j].astype(int)
        columns[f"{name} decision"] = (
            pd.Series(decisions, index, "Int64").mask(lost) if lost.any() else decisions
        )
    return pd.DataFrame(columns, index=index)


def _paths(X):
    """Paths of films as text, or None where X holds none."""
    if isinstance(X, pd.DataFrame):
        X = X["path"] if "path" in X else ()
    if isinstance(X, (list, tuple, pd.Series, pd.Index)) or getattr(X, "ndim", 0) == 1:
        paths = list(X)
        if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
            return [os.fspath(path) for path in paths]
    return None
