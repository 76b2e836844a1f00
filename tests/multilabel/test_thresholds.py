"""Thresholds against the best of all cuts, tried one by one."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, recall_score

from skcxr._multilabel._thresholds import (
    best_threshold,
    check_target,
    complaint_of_thresholds,
    resolve_thresholds,
)


def _youden(y, called):
    return recall_score(y, called) + recall_score(y, called, pos_label=0) - 1


@pytest.mark.parametrize(("metric", "score"), [("f1", f1_score), ("youden", _youden)])
@pytest.mark.parametrize("seed", range(5))
def test_threshold_is_the_best_of_all(metric, score, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(60) < 0.3).astype(float)
    proba = np.round(np.clip(0.3 * y + rng.random(60) * 0.7, 0, 1), 2)  # with ties
    y_unknown, hidden = y.copy(), rng.random(60) < 0.2
    y_unknown[hidden] = np.nan
    found = best_threshold(y_unknown, proba, metric)
    y, proba = y[~hidden], proba[~hidden]
    tried = [score(y, proba > t) for t in np.r_[-0.01, np.unique(proba)]]
    assert score(y, proba > found) == pytest.approx(max(tried))


def test_threshold_without_a_positive_is_none():
    assert best_threshold(np.zeros(5), np.linspace(0, 1, 5)) is None
    assert best_threshold(np.ones(5), np.linspace(0, 1, 5), "youden") is None


def test_thresholds_by_number_array_and_name():
    names = np.array(["a", "b"], dtype=object)
    assert resolve_thresholds(0.3, names).tolist() == [0.3, 0.3]
    assert resolve_thresholds([0.1, 0.2], names).tolist() == [0.1, 0.2]
    assert resolve_thresholds({"b": 0.9}, names).tolist() == [0.5, 0.9]
    with pytest.raises(ValueError, match=r"\['c'\]"):
        resolve_thresholds({"c": 0.9}, names)
    with pytest.raises(ValueError, match="2 labels"):
        resolve_thresholds([0.1, 0.2, 0.3], names)


@pytest.mark.parametrize("metric", ["sensitivity", "specificity"])
@pytest.mark.parametrize("target", [0.0, 0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_w12_the_wanted_sensitivity_or_specificity_at_the_least_cost(metric, target, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(60) < 0.3).astype(float)
    proba = np.round(np.clip(0.3 * y + rng.random(60) * 0.7, 0, 1), 2)
    wanted, other = (1, 0) if metric == "sensitivity" else (0, 1)

    def reached(t, label):
        return ((proba > t) == label)[y == label].mean()  # the recall of a label

    found = best_threshold(y, proba, metric, target)
    assert reached(found, wanted) >= target
    cuts = [t for t in np.r_[-0.01, np.unique(proba)] if reached(t, wanted) >= target]
    assert reached(found, other) == max(reached(t, other) for t in cuts)


def test_w12_a_specificity_that_only_calling_none_reaches():
    y, proba = np.array([0, 0, 1, 0.0]), np.array([0.9, 0.9, 0.4, 0.1])
    assert best_threshold(y, proba, "specificity", 0.9) > 0.9
    assert best_threshold(np.ones(4), proba, "specificity", 0.9) is None
    assert best_threshold(np.zeros(4), proba, "sensitivity", 0.9) is None


@pytest.mark.parametrize(("metric", "target"), [("sensitivity", None), ("f1", 0.9)])
def test_a_target_belongs_to_its_metrics(metric, target):
    with pytest.raises(ValueError, match="target="):
        check_target(metric, target)


def test_w12_thresholds_that_call_almost_all_are_named():
    rng = np.random.default_rng(0)
    Y = np.column_stack([np.arange(100) < 3, np.arange(100) < 80]).astype(float)
    proba = rng.random((100, 2)) / 100
    message = r"Hernia \(threshold 1e-05 calls 100% of the rows positive, 3.0% are\)\."
    said = complaint_of_thresholds(Y, proba, np.full(2, 1e-5), ["Hernia", "Mass"])
    assert re.search(message, said)
    assert complaint_of_thresholds(Y, proba, np.full(2, 0.005), ["Hernia", "Mass"]) is None


def test_thresholds_as_a_series_go_by_name():
    names = np.array(["a", "b"], dtype=object)
    assert resolve_thresholds(pd.Series({"b": 0.9, "a": 0.1}), names).tolist() == [0.1, 0.9]
    assert resolve_thresholds(pd.Series([0.9, 0.1]), names).tolist() == [0.9, 0.1]
    for wrong, message in (
        (pd.Series({"c": 0.9}), r"names \['c'\]"),
        (pd.Series([1, 2], index=["a", "a"]), "more than once"),
        ([np.nan, 0.5], "finite"),
        ("much", "must be one number"),
        (True, "must be one number"),
        ([True, False], "2 numbers or a dict"),
    ):
        with pytest.raises(ValueError, match=message):
            resolve_thresholds(wrong, names)
