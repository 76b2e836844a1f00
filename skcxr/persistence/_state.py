"""What of an estimator is kept: nothing of this machine, of its folders, of patients."""

import os
from pathlib import PurePath

import numpy as np

#: What names a place, a machine or rows of the training data; replaced whenever it is there.
REPLACED = {
    "memory": lambda value: None,
    "callbacks": lambda value: None,
    "device": lambda value: "auto",
    "device_": lambda value: "cpu",
    "cv": lambda value: value if _is_no_split(value) else None,
    "weights": lambda value: value if _is_no_path(value) else "a file that was not kept",
    "part_": lambda value: value if value is None else np.empty(0, np.intp),
    "validation_indices_": lambda value: np.empty(0, np.intp),
}
#: What goes: rows of the training data, what only a training needs, what names a folder.
DROPPED = (
    "_loss_function_",
    "_memory_settled",
    "_metadata_request",
    "_skl_callbacks",
    "bad_images_",
    "oob_decision_function_",
    "oob_prediction_",
    "quality_",
)


def clean(estimator, state):
    """The state of an estimator as it may be in a file, both when written and when read.

    Parameters
    ----------
    estimator : BaseEstimator
    state : dict
        Its attributes by name.

    Returns
    -------
    dict
    """
    ours = type(estimator).__module__.startswith("skcxr.")
    kept = {}
    for name, value in state.items():
        if name in DROPPED:
            continue
        if name in REPLACED and (ours or name in ("memory", "cv")):
            value = REPLACED[name](value)
        kept[name] = value
    return kept


def _is_no_path(weights):
    if not isinstance(weights, str):
        return not isinstance(weights, PurePath)
    return weights == os.path.basename(weights) and "." not in weights


def _is_no_split(cv):
    """Whether `cv` is a number, a name or a splitter, and no list of the rows of each fold."""
    return cv is None or isinstance(cv, int | str) or hasattr(cv, "get_n_splits")
