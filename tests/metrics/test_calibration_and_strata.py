"""Calibration error against scikit-learn's curve; AUC within strata against pairs counted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_auc_score

from skcxr.metrics import auc_within, expected_calibration_error


def make_data(n=200, seed=0):
    rng = np.random.RandomState(seed)
    prob = rng.beta(0.7, 2, size=(n, 2)).round(2)
    y = (rng.uniform(size=prob.shape) < prob**0.7).astype(float)
    y[rng.uniform(size=y.shape) < 0.1] = np.nan
    return pd.DataFrame(y, columns=["Mass", "Nodule"]), prob


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_ece_is_the_weighted_gap_of_the_calibration_curve(strategy):
    y, prob = make_data()
    found = expected_calibration_error(y, prob, n_bins=7, strategy=strategy)
    assert list(found.index) == ["Mass", "Nodule"]
    for j, name in enumerate(y):
        known = y[name].notna().to_numpy()
        p, t = prob[known, j], y[name][known]
        freq, mean = calibration_curve(t, p, n_bins=7, strategy=strategy)
        q = np.linspace(0, 1, 8)
        edges = q if strategy == "uniform" else np.percentile(p, 100 * q)
        size = np.bincount(np.searchsorted(edges[1:-1], p), minlength=7)
        size = size[size > 0]
        assert found[name] == pytest.approx(np.sum(size * abs(freq - mean)) / len(p))


def test_ece_of_the_prevalence_is_zero_and_of_no_label_nan():
    y = np.array([[1, np.nan], [0, np.nan], [0, np.nan], [0, np.nan]])
    ece = expected_calibration_error(y, np.full((4, 2), 0.25))
    assert ece.iloc[0] == 0
    assert np.isnan(ece.iloc[1])
    with pytest.raises(ValueError, match="strategy"):
        expected_calibration_error(y, np.full((4, 2), 0.25), strategy="even")


def count_pairs(y, prob, strata):
    """Concordant share of the pairs within a stratum, one pair at a time."""
    concordant = pairs = 0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            if strata[i] == strata[j]:
                pairs += 1
                concordant += (prob[i] > prob[j]) + 0.5 * (prob[i] == prob[j])
    return concordant / pairs, pairs / ((y == 1).sum() * (y == 0).sum())


def test_auc_within_counts_pairs_of_one_stratum():
    y, prob = make_data(80)
    strata = np.random.RandomState(1).choice(["a", "b", "c"], size=80)
    found = auc_within(y, prob, strata, n_bootstraps=50, random_state=0)
    for j, name in enumerate(y):
        auc, share = count_pairs(y[name].to_numpy(), prob[:, j], strata)
        assert found.per_label.loc[name, "AUC within strata"] == pytest.approx(auc)
        assert found.per_label.loc[name, "pairs within"] == pytest.approx(share)
        known = y[name].notna()
        assert found.per_label.loc[name, "AUC"] == pytest.approx(
            roc_auc_score(y[name][known], prob[known, j])
        )
    row = found.overall.loc["AUC within strata"]
    assert row["low"] < row["value"] < row["high"]
    assert row["value"] == pytest.approx(found.per_label["AUC within strata"].mean())


def test_a_model_that_only_sees_the_source_is_unmasked():
    rng = np.random.RandomState(0)
    source = rng.randint(2, size=400)
    y = (rng.uniform(size=400) < np.where(source, 0.8, 0.1)).astype(int)[:, None]
    prob = (0.8 * source + 0.1 * rng.uniform(size=400))[:, None]
    found = auc_within(y, prob, source, n_bootstraps=200, random_state=0)
    assert found.overall.loc["AUC", "value"] > 0.8
    assert found.overall.loc["AUC within strata", "low"] < 0.5
    assert found.overall.loc["AUC within strata", "high"] > 0.5
    assert "pairs within" in found.to_markdown()


def test_a_label_that_never_shares_a_stratum_with_its_absence_is_nan():
    y = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    prob = np.array([[0.9, 0.9], [0.1, 0.8], [0.8, 0.1], [0.2, 0.2]])
    found = auc_within(y, prob, ["a", "a", "b", "b"], n_bootstraps=20, random_state=0)
    assert found.per_label["strata"].tolist() == [2, 0]
    assert found.per_label["AUC within strata"].tolist()[0] == 1
    assert np.isnan(found.per_label["AUC within strata"].iloc[1])
    assert found.overall.loc["AUC within strata", "value"] == 1


def test_one_stratum_is_the_plain_auc():
    y, prob = make_data(60)
    with pytest.warns(UndefinedMetricWarning, match="'none'"):
        found = auc_within(
            y.assign(none=0), np.c_[prob, prob[:, 0]], np.zeros(60), n_bootstraps=0
        ).per_label.iloc[:2]
    np.testing.assert_allclose(found["AUC"], found["AUC within strata"])


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_ece_with_whole_weights_is_that_of_copies(strategy):
    y, prob = make_data()
    weight = np.random.RandomState(3).randint(0, 4, size=len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    found = expected_calibration_error(y, prob, strategy=strategy, sample_weight=weight)
    if strategy == "uniform":
        copied = expected_calibration_error(y.iloc[rows].to_numpy(), prob[rows])
        np.testing.assert_allclose(found, copied)
    for j, name in enumerate(y):  # by hand, bins between the weighted deciles
        known = y[name].iloc[rows].notna().to_numpy()
        p, t = prob[rows[known], j], y[name].iloc[rows[known]].to_numpy()
        edges = np.linspace(0, 1, 11)
        if strategy == "quantile":
            edges = np.quantile(p, edges, method="inverted_cdf")
        bins = np.searchsorted(edges[1:-1], p)
        error = sum(abs((p - t)[bins == b].sum()) for b in range(10)) / len(p)
        assert found[name] == pytest.approx(error)


def test_strata_without_a_value_are_refused_naming_the_row():
    y, prob = make_data(20)
    strata = pd.Series(["a", "b"] * 10).mask(np.arange(20) == 3)
    with pytest.raises(ValueError, match="strata has no value in row 3"):
        auc_within(y, prob, strata)
    with pytest.raises(ValueError, match="strata is needed"):
        auc_within(y, prob)
