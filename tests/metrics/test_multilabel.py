"""The multi-label report against scikit-learn, its intervals against a bootstrap by copying."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, f1_score, hamming_loss, roc_auc_score

from skcxr.metrics import multilabel_report, multilabel_scores

NAMES = ["Mass", "Nodule", "Hernia"]


def make_data(n=120, decimals=1, missing=False, seed=0):
    rng = np.random.RandomState(seed)
    y = (rng.uniform(size=(n, 3)) < [0.5, 0.3, 0.12]).astype(float)
    # Few decimals: many ties, within and between the classes.
    prob = np.clip(0.3 * y + 0.7 * rng.uniform(size=y.shape), 0, 1).round(decimals)
    if missing:
        y[rng.uniform(size=y.shape) < 0.2] = np.nan
    return y, prob, rng.randint(n // 3, size=n)


def by_sklearn(y, prob, threshold=0.5):
    """The five metrics with scikit-learn, label by label on the known values."""
    f1, auc, ap, right_true, right_pred = [], [], [], [], []
    for j in range(y.shape[1]):
        known = ~np.isnan(y[:, j])
        t, p = y[known, j], prob[known, j]
        right_true.append(t)
        right_pred.append(p > threshold)
        if len(np.unique(t)) < 2:
            continue
        f1.append(f1_score(t, p > threshold, zero_division=0))
        auc.append(roc_auc_score(t, p))
        ap.append(average_precision_score(t, p))
    true, pred = np.concatenate(right_true), np.concatenate(right_pred)
    return {
        "micro_f1": f1_score(true, pred),
        "macro_f1": np.mean(f1),
        "hamming_loss": hamming_loss(true, pred),
        "macro_auc": np.mean(auc),
        "macro_ap": np.mean(ap),
    }, (f1, auc, ap)


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("missing", [False, True])
def test_values_are_those_of_scikit_learn(decimals, missing):
    y, prob, _ = make_data(decimals=decimals, missing=missing)
    expected, per_label = by_sklearn(y, prob, 0.4)
    assert multilabel_scores(y, prob, thresholds=0.4) == pytest.approx(expected, abs=1e-12)
    report = multilabel_report(y, prob, thresholds=0.4, n_bootstraps=0)
    np.testing.assert_allclose(report.overall["value"], list(expected.values()), atol=1e-12)
    np.testing.assert_allclose(report.per_label[["F1", "AUC", "AP"]].T, per_label, atol=1e-12)
    assert report.overall["low"].isna().all()


def test_multilabel_scores_agree_with_scikit_learn_on_whole_tables():
    y, prob, _ = make_data()
    scores = multilabel_scores(y, prob)
    y = y.astype(int)
    assert scores["micro_f1"] == pytest.approx(f1_score(y, prob > 0.5, average="micro"))
    assert scores["hamming_loss"] == pytest.approx(hamming_loss(y, prob > 0.5))
    assert scores["macro_auc"] == pytest.approx(roc_auc_score(y, prob, average="macro"))


@pytest.mark.parametrize("use_groups", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_resamples_equal_scoring_copies_of_the_rows(use_groups, missing):
    y, prob, groups = make_data(missing=missing, n=60)
    report = multilabel_report(
        y, prob, groups=groups if use_groups else None, n_bootstraps=15, random_state=3
    )
    groups = groups if use_groups else np.arange(len(y))
    rows_of = [np.flatnonzero(groups == g) for g in pd.unique(groups)]
    rng = np.random.RandomState(3)
    expected = []
    for _ in range(15):
        rows = np.concatenate([rows_of[g] for g in rng.randint(len(rows_of), size=len(rows_of))])
        expected.append(list(by_sklearn(y[rows], prob[rows])[0].values()))
    np.testing.assert_allclose(report.resamples, expected, atol=1e-12)
    low, high = np.percentile(expected, [2.5, 97.5], axis=0)
    np.testing.assert_allclose(report.overall[["low", "high"]].T, [low, high], atol=1e-12)
    assert report.n_groups == len(rows_of)


def test_resamples_do_not_depend_on_the_block_size(monkeypatch):
    y, prob, groups = make_data()
    kwargs = {"groups": groups, "n_bootstraps": 50, "random_state": 0}
    whole = multilabel_report(y, prob, **kwargs).resamples
    monkeypatch.setattr("skcxr.metrics._bootstrap._BLOCK", 7 * len(set(groups)))
    np.testing.assert_allclose(multilabel_report(y, prob, **kwargs).resamples, whole, rtol=1e-12)


def test_patients_of_copies_widen_the_interval():
    # Every image four times: images pretend to four times the evidence, patients do not.
    y, prob, _ = (np.tile(a, (4, 1)) if a.ndim == 2 else a for a in make_data(decimals=9))
    patients = np.tile(np.arange(len(y) // 4), 4)
    width = {
        name: np.ptp(
            multilabel_report(y, prob, groups=g, n_bootstraps=300, random_state=0)
            .overall.loc["Macro AUC", ["low", "high"]]
            .astype(float)
        )
        for name, g in (("images", None), ("patients", patients))
    }
    assert width["patients"] == pytest.approx(2 * width["images"], rel=0.25)


def test_constant_labels_are_left_out_by_name_with_one_warning():
    y, prob, _ = make_data()
    y[:, 2] = 0
    y[:, 0] = np.where(np.arange(len(y)) % 2, 1, np.nan)
    with pytest.warns(UndefinedMetricWarning) as record:
        report = multilabel_report(y, prob, n_bootstraps=20, random_state=0, label_names=NAMES)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert "'Mass' (no negative), 'Hernia' (no positive)" in str(record[0].message)
    assert report.left_out == {"Mass": "no negative", "Hernia": "no positive"}
    assert report.overall.loc["Macro AUC", "value"] == report.per_label.loc["Nodule", "AUC"]
    assert report.per_label.loc[["Mass", "Hernia"], ["F1", "AUC", "AP"]].isna().all(axis=None)
    # They still count where nothing is averaged over labels.
    known = ~np.isnan(y)
    assert report.overall.loc["Hamming Loss", "value"] == pytest.approx(
        hamming_loss(y[known], (prob > 0.5)[known])
    )
    assert report.overall["low"].notna().all()


def test_every_label_constant_gives_nan():
    with pytest.warns(UndefinedMetricWarning, match="no positive"):
        scores = multilabel_scores([[0.0], [0.0]], [[0.2], [0.8]])
    assert np.isnan(scores["macro_auc"])
    assert scores["hamming_loss"] == 0.5


def test_thresholds_per_label_and_decisions():
    y, prob, _ = make_data()
    thresholds = [0.3, 0.5, 0.7]
    scores = multilabel_scores(y, prob, thresholds=thresholds)
    assert scores == multilabel_scores(y, prob, y_pred=(prob > thresholds).astype(int))
    assert scores["micro_f1"] == pytest.approx(
        f1_score(y.astype(int), prob > thresholds, average="micro")
    )


def test_names_from_columns_and_lists_of_probabilities():
    y, prob, _ = make_data()
    frame = pd.DataFrame(y, columns=NAMES)
    as_list = [np.stack([1 - p, p], axis=1) for p in prob.T]
    report = multilabel_report(frame, as_list, n_bootstraps=5, random_state=0)
    assert list(report.per_label.index) == NAMES
    pd.testing.assert_frame_equal(
        report.overall, multilabel_report(y, prob, n_bootstraps=5, random_state=0).overall
    )


def test_reports_are_readable():
    y, prob, groups = make_data()
    report = multilabel_report(
        y, prob, groups=groups, n_bootstraps=10, random_state=0, label_names=["a|b", "c", "d"]
    )
    assert f"10 resamples of {len(set(groups))} groups" in repr(report)
    value = report.overall.loc["Micro-F1", "value"]
    lines = report.to_markdown().splitlines()
    assert f"{value:.3f} (" in lines[2]
    assert r"a\|b" in report.to_markdown()
    assert len({len(line) for line in lines[:7]}) == 1
    assert "<table" in report._repr_html_()


GOOD = {"y_true": [[0, 1], [1, 0]], "y_prob": [[0.5, 0.5], [0.4, 0.4]]}


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"y_true": [[0, 2], [1, 0]]}, "y_true holds 2 in row 0 of label 'label1'"),
        ({"y_true": [0, 1]}, r"shape \(2,\)"),
        ({"y_true": [["a", "b"]]}, "must hold 0, 1 or NaN"),
        ({"y_prob": [[0.5, 0.5], [0.5, np.nan]]}, r"in \[0, 1\]; row 1, label 'label1' is nan"),
        ({"y_prob": [[0.5, 1.5], [0, 0]]}, "is 1.5"),
        ({"y_prob": [[0.5]]}, r"shape \(1, 1\)"),
        ({"y_prob": [np.ones((2, 1)), np.ones((2, 1))]}, r"one \(n, 2\) array per label"),
        (
            {
                "y_prob": pd.DataFrame([[0.5, 0.5]] * 2, columns=["b", "a"]),
                "label_names": ["a", "c"],
            },
            r"labels of y_true are \['a', 'c'\] but those of y_prob are \['b', 'a'\]",
        ),
        ({"y_pred": [[0, 0.5], [1, 1]]}, "0 and 1 only"),
        ({"y_pred": [[0]]}, "y_pred has shape"),
        ({"thresholds": [0.1, 0.2, 0.3]}, r"thresholds has the shape \(3,\)"),
        ({"groups": [1, 2, 3]}, "patient of each of the 2 rows"),
        ({"groups": ["a", None]}, "no patient in row 1"),
        ({"label_names": ["a"]}, "2 labels but 1"),
        ({"label_names": ["a", "a"]}, "must differ"),
        ({"n_bootstraps": -1}, "n_bootstraps"),
        ({"confidence_level": 95}, "confidence_level"),
    ],
)
def test_wrong_input_is_named(kwargs, match):
    with pytest.raises(ValueError, match=match):
        multilabel_report(**{**GOOD, **kwargs})
