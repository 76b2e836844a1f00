"""Predictions of one model for one fold, kept as soon as they are there."""

import os
import time
import warnings

import numpy as np
from sklearn.pipeline import Pipeline

from skcxr.classifiers import MultilabelNet
from skcxr.model_selection import MultilabelAverager, MultilabelCalibrator


def path_of(out, fold, name):
    """File of a model's predictions for a fold."""
    return out / "predictions" / f"{fold}_{name}.npz"


def compute(path, model, data, train, test):
    """Fit on one part, predict the other, and keep what came out of it and what it took."""
    X, y = data.frame, data.labels
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* lung masks are implausible")  # one per fit
        reset_peak()
        begun = time.perf_counter()
        model.fit(X.iloc[train], y.iloc[train], **_groups_for(model, data.groups.iloc[train]))
        fitted = time.perf_counter()
        prob = model.predict_proba(X.iloc[test])
        ended = time.perf_counter()
        pred = model.predict(X.iloc[test])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.savez(
            file,
            test=test,
            prob=np.asarray(prob, dtype=np.float64),
            pred=np.asarray(pred),
            fit_seconds=fitted - begun,
            predict_seconds=ended - fitted,
            peak_gb=peak_gb(),
        )
    part.rename(path)  # a killed run leaves no half of a file
    return fitted - begun


def read(path):
    """What :func:`compute` kept, or None."""
    if not path.exists():
        return None
    with np.load(path) as kept:
        return {key: kept[key] for key in kept.files}


def _groups_for(model, groups):
    """Patients for what holds rows out by itself."""
    if isinstance(model, MultilabelCalibrator | MultilabelAverager):
        return {"groups": groups}
    if isinstance(model, Pipeline) and isinstance(model[-1], MultilabelNet):
        return {"classify__groups": groups}
    return {}


def reset_peak():
    """Begin to measure peak memory anew, where the system lets us."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak_gb():
    """Largest resident memory of this process, since :func:`reset_peak` on Linux."""
    try:
        with open("/proc/self/status") as file:
            kilobytes = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except OSError:
        import resource

        unit = 2**10 if os.uname().sysname == "Darwin" else 1
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return kilobytes / 2**20
