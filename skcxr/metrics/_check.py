"""Validation that the multi-label metrics share: labels, probabilities, predictions, groups."""

import numpy as np


def check_labels(y_true, label_names=None):
    """Return ``(y, names)``: labels as (n, k) float64 of 0, 1 or NaN, and k names.

    Names come from `label_names`, else from DataFrame columns, else ``"label 0"`` onwards.
    """
    if label_names is None and hasattr(y_true, "columns"):
        label_names = y_true.columns
    y = np.asarray(y_true)
    try:
        y = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("y_true must hold numbers: 0, 1, or NaN for unknown.") from error
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(
            f"y_true must be a non-empty (n, k) table of labels; got shape {y.shape}. "
            "For one label, pass a single column."
        )
    names = [f"label {j}" for j in range(y.shape[1])] if label_names is None else label_names
    names = [str(name) for name in names]
    if len(names) != y.shape[1]:
        raise ValueError(f"y_true has {y.shape[1]} labels but {len(names)} label names were given.")
    if len(set(names)) != len(names):
        raise ValueError(f"Label names must differ from each other; got {names}.")
    wrong = np.argwhere(~(np.isnan(y) | (y == 0) | (y == 1)))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"y_true must hold 0, 1 or NaN; row {i}, label {names[j]!r} is {y[i, j]:g} "
            f"({len(wrong)} such values in all)."
        )
    return y, names


def check_probabilities(y_prob, y, names, what="y_prob"):
    """Return probabilities as (n, k) float64 in [0, 1], shaped like `y`."""
    if hasattr(y_prob, "columns") and [str(c) for c in y_prob.columns] != list(names):
        raise ValueError(
            f"{what} has the columns {list(y_prob.columns)} but the labels are {list(names)}: "
            "same names in the same order expected."
        )
    if isinstance(y_prob, (list, tuple)) and np.ndim(y_prob[0]) == 2:
        if any(np.shape(p)[1:] != (2,) for p in y_prob):
            raise ValueError(
                f"{what} as a list must hold one (n, 2) array per label; got the shapes "
                f"{[np.shape(p) for p in y_prob]}."
            )
        y_prob = np.stack([np.asarray(p)[:, 1] for p in y_prob], axis=1)
    prob = np.asarray(y_prob, dtype=np.float64)
    if prob.shape != y.shape:
        raise ValueError(f"{what} has shape {prob.shape} but y_true has shape {y.shape}.")
    wrong = np.argwhere(~((prob >= 0) & (prob <= 1)))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"{what} must hold probabilities in [0, 1]; row {i}, label {names[j]!r} is "
            f"{prob[i, j]:g} ({len(wrong)} such values in all)."
        )
    return prob


def check_predictions(y_pred, prob, names, thresholds=0.5):
    """Return decisions as an (n, k) bool array, from `y_pred` or else ``prob > thresholds``."""
    if y_pred is None:
        thresholds = np.asarray(thresholds, dtype=np.float64)
        if thresholds.shape not in {(), (prob.shape[1],)} or np.isnan(thresholds).any():
            raise ValueError(
                f"thresholds must be one number or {prob.shape[1]} numbers, one per label, "
                f"without NaN; got shape {thresholds.shape}."
            )
        return prob > thresholds
    pred = np.asarray(y_pred)
    if hasattr(y_pred, "columns") and [str(c) for c in y_pred.columns] != list(names):
        raise ValueError(f"y_pred has the columns {list(y_pred.columns)}; expected {list(names)}.")
    if pred.shape != prob.shape:
        raise ValueError(f"y_pred has shape {pred.shape} but y_true has shape {prob.shape}.")
    if not np.isin(pred, (0, 1)).all():
        raise ValueError("y_pred must hold 0 and 1 only.")
    return pred.astype(bool)


def check_units(groups, n):
    """Return ``(unit, n_units)``: what is resampled, as a code per image.

    Units are the groups (patients), or the images themselves when `groups` is None.
    """
    if groups is None:
        return np.arange(n), n
    import pandas as pd

    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise ValueError(f"groups must hold one value per image ({n}); got shape {groups.shape}.")
    unit, values = pd.factorize(groups)
    if (unit < 0).any():
        raise ValueError(f"groups has a missing value at index {int(np.argmin(unit))}.")
    return unit, len(values)
