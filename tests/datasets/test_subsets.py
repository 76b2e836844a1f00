import numpy as np
import pandas as pd
import pytest

from skcxr.datasets import curate_subset, load_chestxray14, summarize_labels


@pytest.fixture(scope="module")
def table():
    """Labels of 3,000 images of about 1,000 patients, from frequent to rare."""
    rng = np.random.default_rng(0)
    sizes = rng.geometric(0.35, size=1000)
    groups = rng.permutation(np.repeat(np.arange(1000), sizes))
    rates = np.array([0.3, 0.12, 0.05, 0.01])
    patient = rng.random((1000, 4)) < rates * 1.5
    labels = patient[groups] & (rng.random((len(groups), 4)) < 0.7)
    return pd.DataFrame(labels.astype(int), columns=list("abcd")), groups + 100


def test_summary_by_hand():
    labels = pd.DataFrame({"a": [1, 1, 0, 0, 1], "b": [0, 1, 0, np.nan, np.nan], "c": [np.nan] * 5})
    summary = summarize_labels(labels, groups=["p", "p", "q", "q", "r"])
    assert summary.n_samples == 5
    assert summary.n_patients == 3
    assert summary.n_no_finding == 0  # the candidates have an unknown label
    table = summary.per_label
    assert table["positive"].tolist() == [3, 1, 0]
    assert table["negative"].tolist() == [2, 2, 0]
    assert table["unknown"].tolist() == [0, 2, 5]
    np.testing.assert_allclose(table["prevalence"], [0.6, 1 / 3, np.nan])
    assert table["alone"].tolist() == [2, 0, 0]
    assert table["patients"].tolist() == [2, 1, 0]
    assert summary.cooccurrence.to_numpy().tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert summary.n_labels.tolist() == [2, 2, 1]
    assert "5 images of 3 patients" in repr(summary)
    assert "60.00%" in summary._repr_html_()


def test_summary_of_an_array_without_groups():
    summary = summarize_labels(np.array([[1, 0], [0, 0]]))
    assert summary.n_patients is None
    assert summary.n_no_finding == 1
    assert list(summary.per_label.index) == ["label0", "label1"]
    assert "patients" not in summary.per_label


def test_nullable_integers():
    labels = pd.DataFrame({"a": pd.array([1, None, 0], dtype="Int8")})
    assert summarize_labels(labels).per_label["unknown"].tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([[0, 2]], None, "holds 2 in row 0 of label 'label1'"),
        ([[0, 1]], [1, 2], "patient of each of the 1 rows"),
        ([[0], [1]], [1, None], "no patient in row 1"),
        ([0, 1], None, r"\(n, k\) table of labels"),
        (["Mass|Edema"], None, "str.get_dummies"),
    ],
)
def test_bad_labels(labels, groups, message):
    with pytest.raises(ValueError, match=message):
        summarize_labels(labels, groups)


def test_summary_of_the_whole_data_set(data_dir):
    data = load_chestxray14(data_dir / "nih_metadata", images=False)
    summary = summarize_labels(data.labels, data.groups)
    assert summary.n_samples == 112120
    assert summary.n_patients == 30805
    assert summary.n_no_finding == 60361
    assert summary.per_label.loc["Infiltration", "positive"] == 19894
    both = ((data.labels["Effusion"] == 1) & (data.labels["Mass"] == 1)).sum()
    assert summary.cooccurrence.loc["Effusion", "Mass"] == both


@pytest.mark.parametrize("keep", ["prevalence", "rare"])
@pytest.mark.parametrize("n", [150, 700, 2000])
@pytest.mark.parametrize("seed", [0, 1])
def test_subset_has_n_images_of_whole_patients(table, keep, n, seed):
    labels, groups = table
    rows = curate_subset(labels, groups, n, keep=keep, min_per_label=8, random_state=seed)
    assert len(rows) == n  # single-image patients are plenty here
    assert (np.diff(rows) > 0).all()
    chosen = np.isin(groups, groups[rows])
    np.testing.assert_array_equal(np.flatnonzero(chosen), rows)
    assert (labels.iloc[rows].sum() >= np.minimum(8, labels.sum())).all()


def test_prevalence_is_kept(table):
    labels, groups = table
    rows = curate_subset(labels, groups, 1000, min_per_label=0, random_state=0)
    share = labels.iloc[rows].mean() / labels.mean()
    assert share.between(0.93, 1.07).all()
    per_patient = len(groups) / len(np.unique(groups))
    assert len(rows) / len(np.unique(groups[rows])) == pytest.approx(per_patient, rel=0.05)


def test_rare_labels_are_raised(table):
    labels, groups = table
    even = curate_subset(labels, groups, 600, random_state=0)
    rare = curate_subset(labels, groups, 600, keep="rare", random_state=0)
    even, rare = labels.iloc[even].sum(), labels.iloc[rare].sum()
    assert rare["d"] == labels["d"].sum()  # all there are
    assert rare["c"] > 2 * even["c"]
    # The frequent labels come to no less than the others: all the same floor.
    assert rare[["a", "b"]].min() >= 0.9 * min(rare["c"], rare["b"])


def test_rare_labels_last_as_long_as_they_last(table):
    labels, groups = table
    rows = curate_subset(labels, groups, 1500, min_per_label=100, random_state=0)
    assert labels["d"].sum() < 100
    assert labels.iloc[rows]["d"].sum() == labels["d"].sum()
    assert (labels.iloc[rows][["a", "b", "c"]].sum() >= 100).all()


def test_subset_is_deterministic(table):
    labels, groups = table
    first = curate_subset(labels, groups, 500, random_state=0)
    np.testing.assert_array_equal(curate_subset(labels, groups, 500, random_state=0), first)
    assert not np.array_equal(curate_subset(labels, groups, 500, random_state=1), first)
    np.testing.assert_array_equal(
        curate_subset(labels.to_numpy(), groups.astype(str), 500, random_state=0), first
    )


def test_everything(table):
    labels, groups = table
    rows = curate_subset(labels, groups, len(labels), random_state=0)
    np.testing.assert_array_equal(rows, np.arange(len(labels)))


def test_nan_is_not_a_positive(table):
    labels, groups = table
    unknown = labels.astype(float).replace(0.0, np.nan)
    np.testing.assert_array_equal(
        curate_subset(unknown, groups, 300, random_state=0),
        curate_subset(labels, groups, 300, random_state=0),
    )


def test_large_patients_leave_a_gap_below_n():
    groups = np.repeat(np.arange(10), 4)
    rows = curate_subset(np.zeros((40, 1)), groups, 10, random_state=0)
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 10**6}, "n=1000000 images were asked for"),
        ({"n": 100, "min_per_label": 60}, "raise n or lower min_per_label"),
        ({"n": 100, "keep": "rare", "min_per_label": 60}, "raise n or lower min_per_label"),
        ({"n": 0}, "'n' parameter"),
        ({"n": 100, "keep": "all"}, "'keep' parameter"),
    ],
)
def test_impossible_subsets(table, arguments, message):
    labels, groups = table
    with pytest.raises(ValueError, match=message):
        curate_subset(labels, groups, **arguments)


def test_n_below_the_smallest_patient():
    with pytest.raises(ValueError, match="less than the 4 images of the smallest patient"):
        curate_subset(np.zeros((40, 1)), np.repeat(np.arange(10), 4), 3)


def test_the_reports_subset(data_dir):
    data = load_chestxray14(data_dir / "nih_metadata", images=False)
    rows = curate_subset(data.labels, data.groups, random_state=0)
    assert len(rows) == 5000
    assert (data.labels.iloc[rows].sum() >= 10).all()
    np.testing.assert_allclose(
        data.labels.iloc[rows].mean(), data.labels.mean(), rtol=0.03, atol=1e-3
    )
    assert np.isin(data.groups, data.groups[rows]).sum() == 5000
