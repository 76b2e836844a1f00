"""What can be said of y, patients, weights and classifier before anything expensive begins."""

import itertools

import numpy as np
from sklearn.ensemble import StackingClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import encode_targets
from skcxr._sklearn import _num_samples


def check_fit_inputs(estimator, X, y, groups=None, sample_weight=None):
    """Refuse what a fit would refuse after the images went through the networks.

    Parameters
    ----------
    estimator : estimator
        The classifier, or a Pipeline that ends in one.
    X : object of length n
        Only its length and index are looked at.
    y, groups, sample_weight : as fit takes them

    Returns
    -------
    Targets
        y as :func:`~skcxr._multilabel._labels.encode_targets` reads it.

    Raises
    ------
    ValueError
        Naming the row, the label or the classifier that is wrong.
    """
    targets = encode_targets(y, type(estimator).__name__, soft=takes_soft_labels(estimator))
    n = len(targets.Y)
    n_rows = _num_samples(X)
    if n_rows != n:
        raise ValueError(f"X has {n_rows} rows and y has {n}; one row of y for each of X is needed")
    check_groups(groups, n)
    check_sample_weight(sample_weight, n)
    check_row_order(X=X, y=y, groups=groups, sample_weight=sample_weight)
    if not targets.binary:
        check_multilabel_classifier(classifier_of(estimator))
    return targets


def classifier_of(estimator):
    """Return the last step of a Pipeline, of however many inside each other; else itself."""
    while isinstance(estimator, Pipeline) and estimator.steps:
        estimator = estimator.steps[-1][1]
    return estimator


def takes_soft_labels(estimator):
    """Whether ``soft_labels`` is set, in however many pipelines and meta-estimators."""
    while estimator is not None:
        if getattr(estimator, "soft_labels", False):
            return True
        inner = classifier_of(estimator)
        estimator = inner if inner is not estimator else getattr(estimator, "estimator", None)
    return False


def check_multilabel_classifier(classifier):
    """Refuse a classifier that cannot be fitted on y of shape (n, k).

    Raises
    ------
    ValueError
        Naming the classifier, and what makes a multi-label one of it.
    """
    tags = get_tags(classifier)
    knows = tags.classifier_tags is not None and tags.classifier_tags.multi_label
    # Stacking takes several labels though its tags do not say so.
    if not (knows or tags.target_tags.multi_output or isinstance(classifier, StackingClassifier)):
        name = type(classifier).__name__
        raise ValueError(
            f"{name} knows no multi-label y of shape (n, k); "
            f"sklearn.multiclass.OneVsRestClassifier({name}()) or one of skcxr.classifiers does"
        )


def check_sample_weight(sample_weight, n):
    """Return the weights of n rows as float32, or None.

    Raises
    ------
    ValueError
        Where there is not one finite weight of at least 0 per row, or all are 0.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight)
    if weight.ndim == 0 and weight.dtype.kind in "biuf":
        weight = np.full(n, weight)
    if weight.shape != (n,):
        raise ValueError(
            f"sample_weight must hold one number for each of the {n} rows, got the shape "
            f"{weight.shape}"
        )
    try:
        weight = weight.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must hold numbers: {error}") from error
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"sample_weight must hold finite numbers of at least 0; row {row} is {weight[row]:g}"
        )
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def check_row_order(**tables):
    """Refuse pandas objects that hold the same index in another order.

    They would be taken by position as everywhere in scikit-learn, and each row would get
    another's labels. An index that is a plain range says nothing.

    Parameters
    ----------
    **tables : object
        By the name that an error calls them.
    """
    indexed = {
        name: table.index
        for name, table in tables.items()
        if hasattr(getattr(table, "index", None), "is_unique")
    }
    for (a, first), (b, second) in itertools.combinations(indexed.items(), 2):
        if len(first) != len(second) or first.equals(second):
            continue
        if any(list(index) == list(range(len(index))) for index in (first, second)):
            continue
        if not len(first.symmetric_difference(second)):
            row = int(np.argmax(np.asarray(first) != np.asarray(second)))
            raise ValueError(
                f"{a} and {b} hold the same index in another order: row {row} is {first[row]!r} "
                f"in {a} and {second[row]!r} in {b}; give them one order, for instance with "
                f"{b}.loc[{a}.index]"
            )
