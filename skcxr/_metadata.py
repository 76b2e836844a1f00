"""What is known of a film besides its pixels, as features."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder


class FilmColumns(BaseEstimator):
    """The columns of a table that a film's own pipeline needs: ``path``, and ``patient``."""

    def __call__(self, X):
        """Names of those that are there."""
        columns = getattr(X, "columns", None)
        if columns is None or "path" not in columns:
            raise ValueError(
                "metadata= needs X as a DataFrame with a column 'path' beside those of the "
                f"metadata; got {type(X).__name__}"
                + ("." if columns is None else f" with the columns {list(columns)}.")
            )
        return [name for name in ("path", "patient") if name in columns]


def make_metadata_encoder():
    """Numbers with their median where they are missing, marked as such; categories one-hot."""
    number = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    category = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("number", number, make_column_selector(dtype_include=np.number)),
            ("category", category, make_column_selector(dtype_exclude=np.number)),
        ]
    )
