"""Predictions in a file that can be scored again: a CSV, and a JSON file that says what it is."""

import hashlib
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from skcxr._multilabel._groups import check_groups
from skcxr.model_selection._predictions import OutOfFoldPredictions

_FORMAT = "skcxr predictions 1"
_PACKAGES = ("skcxr", "scikit-learn", "torch", "numpy", "pandas")


def write_predictions(path, predictions):
    """Write predictions as a CSV, and beside it a JSON file with all that a score needs.

    Parameters
    ----------
    path : str or path
        Of the CSV, ending in ``.csv``; the other file ends in ``.json``. Both are written whole
        or not at all, the CSV first.
    predictions : OutOfFoldPredictions
        Of :func:`out_of_fold_predict` or :meth:`OutOfFoldPredictions.from_estimator`.

    Notes
    -----
    The CSV holds the columns of :meth:`OutOfFoldPredictions.to_frame` behind the index of the
    films. Patients are numbered in the order of their first film; their names are not written,
    file names in the index are. The JSON file holds labels, thresholds of each fold, the split
    with a digest of it, versions, and the digest of the CSV.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import OutOfFoldPredictions, write_predictions
    >>> X, y = [[0.0], [1.0]] * 10, [[0, 1], [1, 0]] * 10
    >>> net = MultilabelMLP(max_epochs=1, random_state=0).fit(X, y)
    >>> found = OutOfFoldPredictions.from_estimator(net, X, y)
    >>> with TemporaryDirectory() as folder:
    ...     write_predictions(Path(folder, "net.csv"), found)
    ...     json.loads(Path(folder, "net.json").read_text())["films"]
    20
    """
    path = _check_path(path)
    index = predictions.y.index
    if index.nlevels > 1:
        raise ValueError("predictions have an index of several levels; reset_index() makes one")
    table = predictions.to_frame()
    if predictions.groups is not None:
        table["group"] = check_groups(predictions.groups, len(table))[0]
    text = table.to_csv(index_label="film", lineterminator="\n").encode()
    header = {
        "format": _FORMAT,
        "labels": [_plain(name) for name in predictions.label_names],
        "index": {
            "name": _plain(index.name),
            "kind": "integer" if index.dtype.kind in "iu" else "text",
        },
        "films": len(table),
        "patients": None if predictions.groups is None else int(table["group"].nunique()),
        "split": {
            "folds": len(predictions.thresholds),
            "sha256": hashlib.sha256(predictions.fold.to_numpy("<i8").tobytes()).hexdigest(),
        },
        "thresholds": [
            [None if np.isnan(t) else float(t) for t in row]
            for row in predictions.thresholds.to_numpy()
        ],
        "about": predictions.about,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "csv": {"name": path.name, "sha256": hashlib.sha256(text).hexdigest()},
    }
    _write_whole(path, text)
    _write_whole(path.with_suffix(".json"), json.dumps(header, indent=1).encode())


def read_predictions(path):
    """Read what :func:`write_predictions` wrote.

    Parameters
    ----------
    path : str or path
        Of the CSV; the JSON file must lie beside it.

    Returns
    -------
    OutOfFoldPredictions

    Raises
    ------
    ValueError
        Where a file is missing, is not such a file, or was changed since it was written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skcxr.model_selection import out_of_fold_predict, read_predictions, write_predictions
    >>> X, y = make_multilabel_classification(n_samples=60, n_classes=3, random_state=0)
    >>> found = out_of_fold_predict(RandomForestClassifier(5), X, y, cv=2, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     write_predictions(Path(folder, "forest.csv"), found)
    ...     read_predictions(Path(folder, "forest.csv")).decisions.shape
    (60, 3)
    """
    path = _check_path(path)
    beside = path.with_suffix(".json")
    for file in (path, beside):
        if not file.is_file():
            raise ValueError(f"{file} is missing; predictions are a CSV and a JSON file beside it")
    text = path.read_bytes()
    try:
        header = json.loads(beside.read_bytes())
        form, expected = header["format"], header["csv"]["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{beside} is not what write_predictions writes: {error!r}") from error
    if form != _FORMAT:
        raise ValueError(f"{beside} says {form!r}; this version reads {_FORMAT!r}")
    if hashlib.sha256(text).hexdigest() != expected:
        raise ValueError(
            f"{path} is not what was written with {beside.name}: its digest is another one"
        )
    with path.open("rb") as file:  # as text: every digit counts
        table = pd.read_csv(file, index_col="film", dtype=str, keep_default_na=False)
    if header["index"]["kind"] == "integer":
        table.index = table.index.astype(np.int64)
    table.index.name = header["index"]["name"]
    names = pd.Index(np.array(header["labels"], dtype=object), name="label")

    def columns(what):
        values = table[[f"{what}: {name}" for name in names]].set_axis(names, axis=1)
        return values.replace("", "nan").astype(float)

    return OutOfFoldPredictions(
        y=columns("y"),
        proba=columns("probability"),
        decisions=columns("decision").astype(int),
        fold=table["fold"].astype(int),
        thresholds=pd.DataFrame(
            np.array(header["thresholds"], dtype=float),
            columns=names,
            index=pd.RangeIndex(len(header["thresholds"]), name="fold"),
        ),
        groups=table["group"].astype(int) if "group" in table else None,
        about=header["about"],
    )


def _check_path(path):
    path = Path(path).expanduser()
    if path.suffix.lower() != ".csv":
        raise ValueError(f"{path}: the name of a prediction file ends in .csv")
    return path


def _plain(name):
    """A name as JSON has it."""
    return name.item() if isinstance(name, np.generic) else name


def _write_whole(path, data):
    """Write a file that is there whole or not at all."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
