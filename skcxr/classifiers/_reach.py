"""Features too large for a network: said, instead of probabilities of NaN."""

import numpy as np


def check_features_fit_float32(X):
    """Refuse an (n, d) array of float64 with a number that float32 cannot hold.

    Raises
    ------
    ValueError
        Naming row and feature.
    """
    largest = np.finfo(np.float32).max
    if X.dtype == np.float64 and max(X.max(), -X.min()) > largest:
        row, column = np.argwhere(np.abs(X) > largest)[0]
        raise ValueError(
            f"X holds {X[row, column]:g} in row {row} of feature {column}; networks compute in "
            f"float32, which ends at {largest:g}: scale the features, or leave that one out"
        )


def check_logits_finite(logits, rows):
    """Refuse logits (n, k) of :class:`Rows` that are not finite.

    Raises
    ------
    ValueError
        Naming the first row, and how far its features reach.
    """
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        reach = float(rows[row : row + 1][0].abs().max())
        raise ValueError(
            f"row {row} of X gives no finite logit: its features reach {reach:g}, too far from "
            "those of the training; scale them"
        )
