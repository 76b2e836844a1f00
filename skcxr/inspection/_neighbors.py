"""Films of a reference that a network takes for the most similar, and their labels."""

import numbers

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_scalar

from skcxr._image_input import as_images
from skcxr._multilabel._labels import read_labels
from skcxr.attention.finding import require_fuser
from skcxr.inspection._drawing import image_names

_SAME = 1e-4  # standard deviations apart, below which it is the same film


def find_neighbors(estimator, X, names, label_names, reference, n_neighbors):
    """Find the reference films that are nearest to each film.

    Parameters
    ----------
    estimator : fitted estimator
    X : films
    names : list of n names
    label_names : list of k str
        Whose values are wanted.
    reference : tuple (X, y)
        Films, and their labels: 0, 1 or NaN.
    n_neighbors : int

    Returns
    -------
    DataFrame
        Columns image, rank, neighbor (name of the reference film), distance and the labels; in the
        order of the films. The distance is the root mean square difference of the features, each
        in standard deviations over the reference. The film itself is left out.
    """
    try:
        X_reference, y = reference
    except (TypeError, ValueError):
        raise ValueError("reference must be a pair: films and their labels.") from None
    values, labels = read_labels(y)
    if len(values) != len(X_reference):
        raise ValueError(f"reference: {len(X_reference)} films and {len(values)} rows of labels.")
    labels = [str(label) for label in labels]
    missing = [name for name in label_names if name not in labels]
    if missing and hasattr(y, "columns"):
        raise ValueError(f"reference: its labels lack {missing[0]!r}; they are {labels}.")
    if missing:
        raise ValueError("reference: its labels must be a DataFrame with the names of the labels.")
    values = values[:, [labels.index(name) for name in label_names]]
    check_scalar(n_neighbors, "n_neighbors", numbers.Integral, min_val=1)
    if len(values) <= n_neighbors:
        raise ValueError(
            f"reference: more than n_neighbors={n_neighbors} films expected; got {len(values)}."
        )
    known = image_names(X_reference, None, len(values))
    features = _features(estimator, X_reference)
    spread = features.std(axis=0)
    scale = np.where(spread > 0, spread, 1) * np.sqrt(features.shape[1])
    search = NearestNeighbors(n_neighbors=n_neighbors + 1, algorithm="brute").fit(features / scale)
    rows = []
    distances, indices = search.kneighbors(_features(estimator, X) / scale)
    for name, distance, index in zip(names, distances, indices, strict=True):
        first = int(distance[0] < _SAME)
        for rank in range(1, n_neighbors + 1):
            at = first + rank - 1
            rows.append((name, rank, known[index[at]], distance[at], *values[index[at]]))
    columns = ["image", "rank", "neighbor", "distance", *label_names]
    return pd.DataFrame(rows, columns=columns)


def _features(estimator, X):
    """What the network makes of films, (n, d): its embedding, or the logits of several networks."""
    fuser, prepare = require_fuser(estimator)
    images = as_images(prepare(X), image_shape=getattr(fuser, "image_shape", None))
    part = getattr(fuser, "embedder_", fuser)
    features = np.asarray(part.transform(images), dtype=np.float64)
    return features.reshape(len(features), -1)
