"""Labels, probabilities, decisions, patients and weights, matched and checked."""

from typing import NamedTuple

import numpy as np

from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import read_labels
from skcxr._multilabel._matching import align_rows, match_labels, names_of
from skcxr._multilabel._names import by_name, check_names


class Scored(NamedTuple):
    """One model's answers for n images and k labels, ready to be scored."""

    y: np.ndarray  # (n, k) float64 of 0, 1, NaN
    names: list  # k str
    prob: np.ndarray  # (n, k) float64 in [0, 1]
    pred: np.ndarray  # (n, k) bool
    thresholds: object  # (k,) float64, or None where decisions were given
    unit: np.ndarray  # (n,) int: the patient, or the image where patients are not known
    n_units: int
    grouped: bool  # patients are known
    weight: object  # (n,) float64 or None


def unpack(y_true, y_prob, y_pred=None, groups=None, thresholds=None):
    """Take out-of-fold predictions apart; what was given beside them goes first.

    Returns
    -------
    y_true, y_prob, y_pred, groups
    """
    whole = y_prob is None
    if whole and not is_out_of_fold(y_true):
        raise ValueError("y_prob is needed, unless y_true is what out_of_fold_predict returns.")
    y_prob = y_true if whole else y_prob
    y_true = y_true.y if is_out_of_fold(y_true) else y_true
    if not is_out_of_fold(y_prob):
        return y_true, y_prob, y_pred, groups
    prob, patients = y_prob.proba, y_prob.groups
    if y_pred is None and thresholds is None:
        y_pred = y_prob.decisions
    if groups is None and patients is not None:
        import pandas as pd

        groups = pd.Series(np.asarray(patients), index=prob.index)
    if whole and not prob.index.is_unique:  # rows correspond, by the way they were made
        y_true, prob, y_pred, groups = (
            part.reset_index(drop=True) if hasattr(part, "reset_index") else part
            for part in (y_true, prob, y_pred, groups)
        )
    return y_true, prob, y_pred, groups


def is_out_of_fold(predictions):
    """Whether something is what out_of_fold_predict returns."""
    return all(hasattr(predictions, name) for name in ("y", "proba", "decisions", "groups"))


def read_scored(
    y_true,
    y_prob=None,
    *,
    y_pred=None,
    thresholds=None,
    groups=None,
    sample_weight=None,
    label_names=None,
    soft=False,
):
    """Check everything that belongs to one model and bring it into the order of `y_true`.

    Columns are matched by label name and rows by index, wherever both sides have them. With `soft`,
    labels may lie between 0 and 1.

    Returns
    -------
    Scored

    Raises
    ------
    ValueError
        One sentence on what is wrong, naming row and label.
    """
    y_true, y_prob, y_pred, groups = unpack(y_true, y_prob, y_pred, groups, thresholds)
    y_true, y_prob, y_pred, groups, sample_weight = align_rows(
        {
            "y_true": y_true,
            "y_prob": y_prob,
            "y_pred": y_pred,
            "groups": groups,
            "sample_weight": sample_weight,
        }
    )
    y, names = check_labels(y_true, label_names, names_of(y_prob), names_of(y_pred), soft=soft)
    prob = check_probabilities(y_prob, y, names)
    pred, cuts = check_predictions(y_pred, prob, names, thresholds)
    unit, n_units = check_units(groups, len(y))
    weight = check_weights(sample_weight, len(y))
    return Scored(y, names, prob, pred, cuts, unit, n_units, groups is not None, weight)


def read_pair(
    y_true, prob_a, prob_b, pred_a, pred_b, thresholds_a, thresholds_b, groups, sample_weight,
    label_names,
):  # fmt: skip
    """Check the answers of two models to the same images, as :func:`read_scored` does for one.

    Returns
    -------
    dict of {str: Scored}
        "a" and "b", in the same order of images and labels.
    """
    _, prob_a, pred_a, groups = unpack(y_true, prob_a, pred_a, groups, thresholds_a)
    y_true, prob_b, pred_b, groups = unpack(y_true, prob_b, pred_b, groups, thresholds_b)
    names = ("y_true", "prob_a", "prob_b", "pred_a", "pred_b", "groups", "sample_weight")
    sides = (y_true, prob_a, prob_b, pred_a, pred_b, groups, sample_weight)
    y_true, prob_a, prob_b, pred_a, pred_b, groups, sample_weight = align_rows(
        dict(zip(names, sides, strict=True))
    )
    y, names = check_labels(y_true, label_names, *map(names_of, (prob_a, prob_b)))
    unit, n_units = check_units(groups, len(y))
    weight = check_weights(sample_weight, len(y))
    pair = {}
    for which, prob, pred, thresholds in (
        ("a", prob_a, pred_a, thresholds_a),
        ("b", prob_b, pred_b, thresholds_b),
    ):
        prob = check_probabilities(prob, y, names, f"prob_{which}")
        pred, cuts = check_predictions(pred, prob, names, thresholds)
        pair[which] = Scored(y, names, prob, pred, cuts, unit, n_units, groups is not None, weight)
    return pair


def check_labels(y_true, label_names=None, *others, soft=False):
    """Return ``(y, names)``: labels as (n, k) float64 of 0, 1 or NaN, and k names as text.

    Names are `label_names`, which also orders the columns of a DataFrame; else the columns; else
    the first of `others` (lists of names or None) with k names; else ``label0`` onwards.
    """
    y, names = read_labels(y_true, name="y_true", soft=soft)
    own = names_of(y_true)
    if label_names is not None:
        wanted = list(label_names)
        if isinstance(label_names, str) or any(isinstance(w, (bool, np.bool_)) for w in wanted):
            raise ValueError(
                f"label_names must be a list of {len(names)} names; got {label_names!r}."
            )
        wanted = [str(w) for w in check_names(wanted, len(names), "y_true")]
        if own is not None:
            y = y[:, match_labels(wanted, own, names=("label_names", "y_true"))]
        names = wanted
    elif own is None:
        names = next((n for n in others if n is not None and len(n) == len(names)), names)
    return y, [str(name) for name in names]


def check_probabilities(y_prob, y, names, what="y_prob"):
    """Return probabilities as (n, k) float64 in [0, 1], columns in the order of `names`."""
    order = _column_order(y_prob, names, what)
    if isinstance(y_prob, (list, tuple)) and len(y_prob) and np.ndim(y_prob[0]) == 2:
        if any(np.shape(p)[1:] != (2,) for p in y_prob):
            raise ValueError(
                f"{what} as a list must hold one (n, 2) array per label; got the shapes "
                f"{[np.shape(p) for p in y_prob]}."
            )
        y_prob = np.stack([np.asarray(p)[:, 1] for p in y_prob], axis=1)
    prob = _as_numbers(y_prob, what)
    if prob.shape != y.shape:
        raise ValueError(f"{what} has shape {prob.shape} but y_true has shape {y.shape}.")
    prob = prob[:, order]
    wrong = np.argwhere(~((prob >= 0) & (prob <= 1)))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"{what} must hold probabilities in [0, 1]; row {i}, label {names[j]!r} is "
            f"{prob[i, j]:g} ({len(wrong)} such values in all)."
        )
    return prob


def check_predictions(y_pred, prob, names, thresholds=None):
    """Return decisions as (n, k) bool and the thresholds that made them.

    Decisions are `y_pred`, with None for thresholds, or else ``prob > thresholds``: one number, k
    numbers, or a dict or Series by label; 0.5 where nothing is given.
    """
    if y_pred is None:
        if hasattr(thresholds, "items"):
            index = getattr(thresholds, "index", None)
            if index is None or list(index) != list(range(len(index))):
                thresholds = {str(name): value for name, value in thresholds.items()}
        cuts = by_name(
            0.5 if thresholds is None else thresholds, names, default=0.5, what="thresholds"
        )
        return prob > cuts, cuts
    order = _column_order(y_pred, names, "y_pred")
    pred = _as_numbers(y_pred, "y_pred")
    if pred.shape != prob.shape:
        raise ValueError(f"y_pred has shape {pred.shape} but y_true has shape {prob.shape}.")
    if not np.isin(pred, (0, 1)).all():
        raise ValueError("y_pred must hold 0 and 1 only.")
    return pred[:, order].astype(bool), None


def check_units(groups, n):
    """Return ``(unit, n_units)``: what is resampled, as a code per image.

    Units are the groups (patients), or the images themselves when `groups` is None.
    """
    return check_groups(groups, n)


def check_weights(sample_weight, n):
    """Return weights as (n,) float64, or None."""
    if sample_weight is None:
        return None
    weight = _as_numbers(sample_weight, "sample_weight")
    if weight.shape != (n,):
        raise ValueError(
            f"sample_weight must hold one value per image ({n}); got shape {weight.shape}."
        )
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any() or not weight.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"sample_weight must be finite, not negative and not all 0; row {row} is "
            f"{weight[row]:g}."
        )
    return weight


def _column_order(table, names, what):
    given = names_of(table) if hasattr(table, "columns") else None
    return slice(None) if given is None else match_labels(names, given, names=("y_true", what))


def _as_numbers(values, what):
    try:
        if hasattr(values, "iloc"):  # pandas, also its nullable and Arrow dtypes
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must hold numbers: {error}.") from error
