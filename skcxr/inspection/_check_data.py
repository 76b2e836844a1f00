"""Checks of the data and of how it was divided."""

import hashlib
import os

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from skcxr._image_input import as_images, paths_of
from skcxr.metrics._few import MIN_UNITS

_SIGNIFICANT = 0.01  # of all labels and folds together
_RATIO = 1.5  # by which prevalences differ that anyone should mind


def some(names, most=5):
    """Write names, the first few of many."""
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def patient_in_both_parts(evidence):
    """CXR001: a film of the patient was trained on."""
    experiment = evidence.experiment
    if experiment.groups is None:
        return "It needs groups, the patient of each film."
    if experiment.folds[0][0] is None:
        return "The models were fitted before; with cv= the parts are known."
    shared = set()
    for train, test in experiment.folds:
        shared |= set(experiment.groups[train]) & set(experiment.groups[test])
    if shared:
        return True, (
            f"{len(shared)} patients have films in a training part and in its test part: the model "
            "may know the patient. Split by patient (MultilabelStratifiedGroupKFold)."
        )
    return False, "No patient is in a training part and in its test part."


def few_positive_patients(evidence):
    """CXR002: fewer than five positive patients."""
    experiment = evidence.experiment
    y = experiment.y.iloc[experiment.scored]
    unit = np.arange(len(experiment.y)) if experiment.groups is None else experiment.groups
    unit = unit[experiment.scored]
    counts = {name: len(np.unique(unit[(y[name] == 1).to_numpy()])) for name in y}
    few = {name: count for name, count in counts.items() if count < MIN_UNITS}
    whose = "patients" if experiment.groups is not None else "films"
    if few:
        listed = some(f"{name} ({count})" for name, count in few.items())
        return True, (
            f"Fewer than {MIN_UNITS} positive {whose}: {listed}. Their figures say next to nothing."
        )
    return False, f"The rarest label has {min(counts.values())} positive {whose}."


def prevalence_differs(evidence):
    """CXR006: a label is more frequent in a test part than in its training part."""
    experiment = evidence.experiment
    if experiment.folds[0][0] is None:
        return "The models were fitted before; with cv= the parts are known."
    n_tests = len(experiment.folds) * experiment.y.shape[1]
    found = []
    for number, (train, test) in enumerate(experiment.folds):
        for name, values in experiment.y.items():
            table = [
                [(values.iloc[rows] == side).sum() for side in (1, 0)] for rows in (train, test)
            ]
            (a, not_a), (b, not_b) = table
            if not (a + not_a and b + not_b and a + b):
                continue
            shares = np.array([a / (a + not_a), b / (b + not_b)])
            ratio = shares.max() / max(shares.min(), 1e-12)
            if ratio > _RATIO and fisher_exact(table)[1] < _SIGNIFICANT / n_tests:
                found.append((name, number, *shares))
    if found:
        listed = some(
            (f"{n} in fold {i} ({a:.1%} trained, {b:.1%} tested)" for n, i, a, b in found), 3
        )
        return True, f"{listed}: thresholds and calibration do not carry over."
    return False, "No label's prevalence differs between parts beyond chance."


def same_film_twice(evidence):
    """CXR007: two rows hold the same film."""
    experiment = evidence.experiment
    keys = _film_keys(experiment.X)
    if keys is None:
        return "X holds neither films nor their paths."
    keys = pd.Series(keys, dtype=object)
    doubled = keys.notna() & keys.duplicated(keep=False)
    if not doubled.any():
        return False, "No film is there twice."
    groups = keys[doubled].groupby(keys[doubled], sort=False)
    pairs = [" and ".join(map(str, rows.index[:2])) for _, rows in groups]
    apart = ""
    if experiment.groups is not None:
        n = sum(len(set(experiment.groups[rows.index])) > 1 for _, rows in groups)
        apart = f" Under different patients: {n}." if n else ""
    what = "1 film is" if len(pairs) == 1 else f"{len(pairs)} films are"
    return True, f"{what} there more than once (rows {some(pairs, 3)}).{apart}"


def _film_keys(X):
    """A key per film that only the same bytes share; None for a file of a size of its own."""
    paths = paths_of(X)
    if paths is None:
        if np.ndim(X) != 3:
            return None
        films = as_images(X)
        return [hashlib.sha256(np.asarray(films[i]).tobytes()).hexdigest() for i in range(len(X))]
    sizes = pd.Series([os.stat(path).st_size for path in paths])
    keys = []
    for path, shared in zip(paths, sizes.duplicated(keep=False), strict=True):
        # Files of different sizes differ, so that most are never read.
        digest = None
        if shared:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        keys.append(digest)
    return keys
