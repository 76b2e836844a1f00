"""Every class of scikit-learn that a model file may name comes back, and says the same."""

import importlib

import numpy as np
import pandas as pd
import pytest
from persistence.load_in_fresh_process import answers
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skcxr.persistence import load, save
from skcxr.persistence._classes import SKLEARN

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(80, 6))).round(1)
Y = (X[:, 0] + X[:, 1] > 1.5).astype(int)
WRAPPED = LogisticRegression()
ARGUMENTS = {
    "ClassifierChain": [WRAPPED],
    "ColumnTransformer": [[("a", StandardScaler(), [0, 1])]],
    "FeatureUnion": [[("a", StandardScaler()), ("b", "passthrough")]],
    "FrozenEstimator": [LogisticRegression().fit(X, Y)],
    "IsotonicRegression": [],
    "MultiOutputClassifier": [WRAPPED],
    "OneVsOneClassifier": [WRAPPED],
    "OneVsRestClassifier": [WRAPPED],
    "Pipeline": [[("a", StandardScaler()), ("b", WRAPPED)]],
    "RFE": [WRAPPED],
    "SelectFromModel": [WRAPPED],
    "SequentialFeatureSelector": [WRAPPED],
    "StackingClassifier": [[("a", WRAPPED), ("b", make_pipeline(StandardScaler(), WRAPPED))]],
    "VotingClassifier": [[("a", WRAPPED), ("b", make_pipeline(StandardScaler(), WRAPPED))]],
}
ALLOWED = [
    (package, name)
    for package, names in SKLEARN.items()
    if package != "model_selection"
    for name in names.split()
    if name != "make_column_selector"
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*(n_quantiles|Bins whose width|quantile_method):UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("package", "name"), ALLOWED)
def test_an_allowed_class_comes_back(tmp_path, package, name):
    module = importlib.import_module(f"sklearn.{package}")
    assert issubclass(getattr(module, name), BaseEstimator)
    model = getattr(module, name)(*ARGUMENTS.get(name, []))
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=np.random.RandomState(0))
    if name == "SelectKBest":
        model.set_params(k=3)
    rows, y = X, Y
    if package == "multioutput":
        y = np.stack([Y, 1 - Y], 1)
    elif name in ("LabelBinarizer", "LabelEncoder"):
        rows, y = Y, None
    elif name == "MultiLabelBinarizer":
        rows, y = [["a"], ["b", "c"], []], None
    elif name == "IsotonicRegression":
        rows = X[:, 0]
    elif name == "MissingIndicator":
        rows = np.where(X > 1, np.nan, X)
    model.fit(rows) if y is None else model.fit(rows, y)
    save(model, tmp_path / "m")
    back = load(tmp_path / "m")
    assert type(back) is type(model)
    expected = answers(model, rows)
    assert expected
    for method, found in answers(back, rows).items():
        found = found.item().toarray() if found.dtype == object else found
        before = expected[method]
        before = before.item().toarray() if before.dtype == object else before
        np.testing.assert_array_equal(found, before)
    assert set(vars(back)) == set(vars(model)) - {"_loss_function_"}


def test_a_table_of_metadata(tmp_path):
    frame = pd.DataFrame(
        {"age": [30, None, 50, 70.0] * 5, "sex": ["F", "M", None, "M"] * 5, "view": ["PA"] * 20}
    )
    y = np.arange(20) % 2
    model = make_pipeline(
        ColumnTransformer(
            [
                ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
                (
                    "text",
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                    make_column_selector(dtype_exclude=np.number),
                ),
            ],
            verbose_feature_names_out=False,
        ).set_output(transform="pandas"),
        LogisticRegression(),
    ).fit(frame, y)
    save(model, tmp_path / "m")
    back = load(tmp_path / "m")
    np.testing.assert_array_equal(back.predict_proba(frame), model.predict_proba(frame))
    names = back[:-1].get_feature_names_out()
    np.testing.assert_array_equal(names, model[:-1].get_feature_names_out())
    assert isinstance(back[0].transform(frame), pd.DataFrame)


def test_a_generator_goes_on_where_it_was(tmp_path):
    for generator in (np.random.RandomState(3), np.random.default_rng(3)):
        generator.normal(size=5)
        save(StandardScaler().set_params(copy=generator), tmp_path / "m")
        back = load(tmp_path / "m").copy
        np.testing.assert_array_equal(back.normal(size=5), generator.normal(size=5))
