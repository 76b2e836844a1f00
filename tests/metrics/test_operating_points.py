"""Sensitivity and its kin against scikit-learn, intervals against copies of the rows, counts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    f1_score,
    hamming_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from skcxr.metrics import auc_within, compare_models, multilabel_report, multilabel_scores

SHARES = {
    "sensitivity": lambda t, p, w=None: recall_score(t, p, sample_weight=w),
    "specificity": lambda t, p, w=None: recall_score(t, p, pos_label=0, sample_weight=w),
    "PPV": lambda t, p, w=None: precision_score(t, p, sample_weight=w),
    "NPV": lambda t, p, w=None: precision_score(t, p, pos_label=0, sample_weight=w),
}


def make_data(n=90, seed=0):
    rng = np.random.RandomState(seed)
    y = pd.DataFrame((rng.uniform(size=(n, 2)) < 0.4).astype(float), columns=["Mass", "Edema"])
    prob = np.clip(0.3 * y.to_numpy() + 0.7 * rng.uniform(size=y.shape), 0, 1)
    y = y.mask(rng.uniform(size=y.shape) < 0.1)
    return y, prob, rng.randint(n // 3, size=n)


def test_values_and_counts_are_those_of_scikit_learn():
    y, prob, groups = make_data()
    cuts = {"Mass": 0.4, "Edema": 0.55}
    found = multilabel_report(y, prob, thresholds=cuts, groups=groups, n_bootstraps=0)
    points = found.operating_points
    assert points["threshold"].to_dict() == cuts
    for j, name in enumerate(y):
        known = y[name].notna().to_numpy()
        true, pred = y[name][known].to_numpy(), prob[known, j] > cuts[name]
        tn, fp, fn, tp = confusion_matrix(true, pred).ravel()
        assert points.loc[name, ["TP", "FP", "FN", "TN"]].tolist() == [tp, fp, fn, tn]
        for share, score in SHARES.items():
            assert points.loc[name, share] == pytest.approx(score(true, pred))
        assert points.loc[name, "images"] == known.sum()
        assert points.loc[name, "patients"] == len(set(groups[known]))
        positives = groups[known][true == 1]
        assert points.loc[name, "positives"] == len(positives)
        assert points.loc[name, "positive patients"] == len(set(positives))
    decided = multilabel_report(y, prob, y_pred=prob > [0.4, 0.55], n_bootstraps=0)
    assert decided.operating_points["threshold"].isna().all()
    assert "patients" not in decided.operating_points  # not known
    shares = list(SHARES)
    pd.testing.assert_frame_equal(decided.operating_points[shares], points[shares])


def test_intervals_are_those_of_patients_copied():
    y, prob, groups = make_data()
    found = multilabel_report(y, prob, groups=groups, n_bootstraps=20, random_state=3)
    rows_of = [np.flatnonzero(groups == g) for g in pd.unique(groups)]
    rng = np.random.RandomState(3)
    drawn = {(name, share): [] for name in y for share in SHARES}
    for _ in range(20):
        rows = np.concatenate([rows_of[g] for g in rng.randint(len(rows_of), size=len(rows_of))])
        for j, name in enumerate(y):
            known = rows[y[name].iloc[rows].notna()]
            for share, score in SHARES.items():
                drawn[name, share].append(score(y[name].iloc[known], prob[known, j] > 0.5))
    for (name, share), values in drawn.items():
        ends = found.operating_points.loc[name, [f"{share} low", f"{share} high"]]
        np.testing.assert_allclose(ends, np.percentile(values, [2.5, 97.5]), atol=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_certain_shares_have_the_exact_binomial_interval(level):
    y = np.repeat([[1], [0]], [8, 12], axis=0)
    found = multilabel_report(
        y, 0.1 + 0.8 * y, n_bootstraps=30, confidence_level=level, random_state=0
    ).operating_points.iloc[0]
    missed = multilabel_report(
        y, np.full((20, 1), 0.1), n_bootstraps=30, confidence_level=level, random_state=0
    ).operating_points.iloc[0]
    exact = binomtest(8, 8).proportion_ci(level, method="exact")
    assert found["sensitivity"] == 1
    assert (found["sensitivity low"], found["sensitivity high"]) == pytest.approx(exact)
    exact = binomtest(12, 12).proportion_ci(level, method="exact")
    assert (found["specificity low"], found["specificity high"]) == pytest.approx(exact)
    exact = binomtest(0, 8).proportion_ci(level, method="exact")
    assert missed["sensitivity"] == 0
    assert (missed["sensitivity low"], missed["sensitivity high"]) == pytest.approx(exact)
    assert np.isnan(missed["PPV"])  # nothing was called positive


def test_w11_few_positive_patients_have_no_interval_and_a_note():
    rng = np.random.RandomState(0)
    groups = np.r_[np.zeros(4), np.arange(1, 97)].astype(int)  # four films of one patient
    y = pd.DataFrame({"Hernia": groups == 0, "Mass": np.arange(100) % 3 == 0}).astype(int)
    prob = 0.4 * y.to_numpy() + 0.6 * rng.uniform(size=y.shape)
    report = multilabel_report(y, prob, groups=groups, n_bootstraps=50, random_state=0)
    hernia, mass = report.per_label.loc["Hernia"], report.per_label.loc["Mass"]
    assert (hernia["positives"], hernia["positive patients"]) == (4, 1)
    assert hernia[["F1", "AUC", "AP"]].notna().all()
    assert (
        hernia[[f"{m} {end}" for m in ("F1", "AUC", "AP") for end in ("low", "high")]].isna().all()
    )
    assert mass[["AUC low", "AUC high"]].notna().all()
    points = report.operating_points.loc["Hernia"]
    assert points[["sensitivity low", "sensitivity high"]].isna().all()
    assert points[["specificity low", "specificity high"]].notna().all()
    note = "No interval with fewer than 5 positive patients: Hernia (1)."
    assert report.notes == (note,)
    for text in (repr(report), report.to_markdown(), report._repr_html_()):
        assert note in text
    comparison = compare_models(
        {"a": prob}, None, y, groups=groups, n_bootstraps=20, random_state=0
    )
    assert note in repr(comparison)
    within = auc_within(y, prob, np.zeros(100), groups=groups, n_bootstraps=20, random_state=0)
    assert within.per_label["low"].isna().tolist() == [True, False]
    assert within.notes == (note,)
    # Five patients are enough; without groups, images are what is counted.
    five = groups.copy()
    five[:4] = 96, 97, 98, 99
    five[4] = 0
    y["Hernia"] = np.r_[np.ones(5), np.zeros(95)].astype(int)
    assert multilabel_report(y, prob, groups=five, n_bootstraps=20, random_state=0).notes == ()
    y["Hernia"] = np.r_[np.ones(4), np.zeros(96)].astype(int)
    report = multilabel_report(y, prob, n_bootstraps=20, random_state=0)
    assert report.notes == ("No interval with fewer than 5 positive images: Hernia (4).",)


def test_w11_an_interval_without_width_is_noted():
    y = np.repeat([[1, 1], [0, 0]], 10, axis=0)
    prob = np.column_stack([0.1 + 0.8 * y[:, 0], np.linspace(0, 1, 20) ** 2])
    report = multilabel_report(y, prob, label_names=["a", "b"], n_bootstraps=20, random_state=0)
    note = "The same AUC in every resample, an interval without width: a, b."
    assert report.notes == (note,)
    prob[3, 0] = 0.05
    report = multilabel_report(y, prob, label_names=["a", "b"], n_bootstraps=20, random_state=0)
    assert report.notes == (note.replace("a, b", "b"),)


def test_weights_are_those_of_scikit_learn():
    y, prob, _ = make_data()
    y, prob = y.fillna(0), prob.round(1)  # with ties
    weight = np.random.RandomState(1).uniform(0, 2, size=len(y))
    weight[:5] = 0
    scores = multilabel_scores(y, prob, sample_weight=weight)
    kwargs = {"sample_weight": weight}
    assert scores["macro_auc"] == pytest.approx(roc_auc_score(y, prob, **kwargs))
    assert scores["macro_ap"] == pytest.approx(average_precision_score(y, prob, **kwargs))
    assert scores["micro_f1"] == pytest.approx(f1_score(y, prob > 0.5, average="micro", **kwargs))
    assert scores["macro_f1"] == pytest.approx(f1_score(y, prob > 0.5, average="macro", **kwargs))
    assert scores["hamming_loss"] == pytest.approx(hamming_loss(y, prob > 0.5, **kwargs))
    points = multilabel_report(y, prob, sample_weight=weight, n_bootstraps=0).operating_points
    for j, name in enumerate(y):
        for share, score in SHARES.items():
            assert points.loc[name, share] == pytest.approx(
                score(y[name], prob[:, j] > 0.5, weight)
            )


def test_whole_weights_are_copies_also_in_resamples():
    y, prob, groups = make_data()
    weight = np.random.RandomState(2).randint(0, 3, size=len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    kept = np.isin(groups, groups[rows])  # the same patients in both
    weighted = multilabel_report(
        y[kept], prob[kept], groups=groups[kept], sample_weight=weight[kept],
        n_bootstraps=30, random_state=0,
    )  # fmt: skip
    order = pd.unique(groups[kept])
    rows = rows[np.argsort([list(order).index(g) for g in groups[rows]], kind="stable")]
    copied = multilabel_report(
        y.iloc[rows].to_numpy(), prob[rows], groups=groups[rows], n_bootstraps=30, random_state=0
    )
    pd.testing.assert_frame_equal(weighted.resamples, copied.resamples)


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        ([1, 2], "one value per image"),
        ([1.0, np.nan, 1], "row 1 is nan"),
        ([1, 1, -1], "row 2 is -1"),
        ([0, 0, 0], "not all 0"),
        (["a", "b", "c"], "must hold numbers"),
    ],
)
def test_wrong_weights_are_named(weight, match):
    with pytest.raises(ValueError, match=match):
        multilabel_scores([[1], [0], [1]], [[0.5], [0.4], [0.3]], sample_weight=weight)
