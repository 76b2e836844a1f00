"""AUC of subgroups against scikit-learn on the rows of each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_auc_score

from skcxr.metrics import auc_by, multilabel_report


def make_data(n=240, seed=0):
    rng = np.random.RandomState(seed)
    y = pd.DataFrame((rng.uniform(size=(n, 2)) < 0.4).astype(float), columns=["Mass", "Edema"])
    prob = 0.3 * y.to_numpy() + 0.7 * rng.uniform(size=y.shape)
    y = y.mask(rng.uniform(size=y.shape) < 0.1)
    columns = pd.DataFrame({"sex": rng.choice(["F", "M"], n), "age": rng.randint(1, 90, n)})
    return y, prob, columns, rng.randint(n // 3, size=n)


def auc(y, prob, rows, j):
    rows = rows & y.iloc[:, j].notna().to_numpy()
    return roc_auc_score(y.iloc[rows, j], prob[rows, j])


def test_every_subgroup_is_scored_on_its_own_rows():
    y, prob, columns, groups = make_data()
    found = auc_by(
        y, prob, columns, bands={"age": [40, 60]}, groups=groups, n_bootstraps=40, random_state=0
    )
    age = columns["age"]
    members = {
        ("all", "all"): np.ones(len(y), dtype=bool),
        ("sex", "F"): columns["sex"] == "F",
        ("sex", "M"): columns["sex"] == "M",
        ("age", "under 40"): age < 40,
        ("age", "40 to under 60"): (age >= 40) & (age < 60),
        ("age", "60 and over"): age >= 60,
    }
    assert list(found.overall.index) == list(members)
    everyone = np.mean([auc(y, prob, members["all", "all"], j) for j in range(2)])
    for key, rows in members.items():
        rows = np.asarray(rows)
        each = [auc(y, prob, rows, j) for j in range(2)]
        row = found.overall.loc[key]
        assert row["AUC"] == pytest.approx(np.mean(each))
        assert row["images"] == rows.sum()
        assert row["patients"] == len(set(groups[rows]))
        if key[0] != "all":
            assert row["difference"] == pytest.approx(np.mean(each) - everyone)
            assert row["difference low"] < row["difference"] < row["difference high"]
        for j, name in enumerate(y):
            label = found.per_label.loc[(*key, name)]
            assert label["AUC"] == pytest.approx(each[j])
            assert label["AUC low"] <= label["AUC"] <= label["AUC high"]
            positives = rows & (y[name] == 1).to_numpy()
            assert label["positives"] == positives.sum()
            assert label["positive patients"] == len(set(groups[positives]))
    assert found.notes == ()


def test_all_images_have_the_intervals_of_the_report():
    y, prob, columns, groups = make_data()
    settings = {"groups": groups, "n_bootstraps": 30, "random_state": 1}
    found = auc_by(y, prob, columns["sex"], **settings)
    report = multilabel_report(y, prob, **settings)
    ends = ["AUC", "AUC low", "AUC high"]
    np.testing.assert_allclose(
        found.overall.loc[("all", "all"), ends].astype(float), report.overall.loc["Macro AUC"]
    )
    np.testing.assert_allclose(found.per_label.loc[("all", "all"), ends], report.per_label[ends])


def test_levels():
    y, prob, columns, _ = make_data()
    columns["sex"] = columns["sex"].where(np.arange(240) % 5 > 0, None)
    columns["view"] = pd.Categorical(np.repeat(["PA", "AP"], 120), categories=["PA", "AP"])
    columns["old"] = columns["age"] > 50
    columns["follow-up"] = np.arange(240) % 3
    levels = auc_by(y, prob, columns, n_bootstraps=0).overall.index.to_frame(index=False)
    found = levels.groupby("column", sort=False)["level"].agg(list)
    assert found["sex"] == ["F", "M", "missing"]
    assert found["view"] == ["PA", "AP"]  # categories keep their order
    assert found["old"] == ["False", "True"]
    assert found["follow-up"] == ["0", "1", "2"]
    assert len(found["age"]) == 4  # quartiles
    counts = auc_by(y, prob, columns[["age"]], n_bootstraps=0).overall["images"].iloc[1:]
    assert counts.sum() == 240
    assert counts.between(50, 70).all()


def test_a_label_that_a_subgroup_lacks_is_left_out_there():
    y, prob, columns, _ = make_data()
    y.loc[columns["sex"] == "F", "Edema"] = 0
    found = auc_by(y, prob, columns[["sex"]], n_bootstraps=20, random_state=0)
    assert np.isnan(found.per_label.loc[("sex", "F", "Edema"), "AUC"])
    row = found.overall.loc[("sex", "F")]
    assert row["labels"] == 1
    # Compared with the same label on all images.
    mass = found.per_label.loc[("all", "all", "Mass"), "AUC"]
    assert row["difference"] == pytest.approx(row["AUC"] - mass)


def test_few_positives_of_a_subgroup_are_noted():
    y, prob, columns, _ = make_data()
    columns["site"] = np.where(np.arange(240) < 8, "small", "large")
    y.iloc[:8] = 0
    y.iloc[:3, 0] = 1
    found = auc_by(y, prob, columns[["site"]], n_bootstraps=20, random_state=0)
    assert "site small: No interval with fewer than 5 positive images: Mass (3)." in found.notes
    assert found.per_label.loc[("site", "small", "Mass"), ["AUC low", "AUC high"]].isna().all()
    with pytest.warns(UndefinedMetricWarning, match="'Edema' \\(no positive\\)"):
        auc_by(y.assign(Edema=0), prob, columns[["site"]], n_bootstraps=0)


@pytest.mark.parametrize(
    ("columns", "bands", "match"),
    [
        (None, None, "columns is needed"),
        ({"file": [f"{i}.png" for i in range(240)]}, None, "'file' holds 240 different values"),
        ({"sex": ["F"] * 240}, {"age": [3]}, r"bands names \['age'\]; the columns are \['sex'\]"),
        ({"sex": ["F"] * 240}, {"sex": [3]}, "bands needs numbers; column 'sex'"),
        ({"age": [3] * 240}, {"age": []}, "must be finite numbers"),
        ({"sex": ["F"] * 239}, None, "239 rows"),
    ],
)
def test_wrong_columns_are_named(columns, bands, match):
    y, prob, _, _ = make_data()
    with pytest.raises(ValueError, match=match):
        auc_by(y, prob, columns, bands=bands)
