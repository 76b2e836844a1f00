"""Splitters that keep patients whole and share out every label."""

from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.utils import check_random_state, indexable

from skcxr._base import warn_at_user
from skcxr._multilabel._fit_inputs import check_row_order
from skcxr._multilabel._groups import check_groups, complaint_of_lost_groups
from skcxr._multilabel._labels import encode_targets
from skcxr._multilabel._stratify import assign_parts
from skcxr._sklearn import _safe_indexing


class MultilabelStratifiedGroupKFold(BaseCrossValidator):
    """K folds of whole patients with the positives of every label shared out evenly.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at least 2.
    shuffle : bool, default=False
        Deal at random, then balance. Without it the same data give the same folds.
    random_state : int, RandomState instance or None, default=None
        Used with `shuffle`. An int makes the folds the same each time.

    Notes
    -----
    y is (n, n_labels) of 0, 1 or NaN (unknown); the known values of a label are shared out as
    well. A label with fewer positive patients than folds leaves some folds without a positive.
    Without `groups` every row counts as a patient of its own.

    References
    ----------
    Sechidis, K., Tsoumakas, G. and Vlahavas, I. (2011). On the stratification of multi-label
    data. ECML PKDD, 145-158.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.model_selection import MultilabelStratifiedGroupKFold
    >>> y = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]])
    >>> patients = [1, 1, 2, 3, 4, 5]
    >>> for train, test in MultilabelStratifiedGroupKFold(2).split(y, y, patients):
    ...     print(test, y[test].sum(axis=0))
    [0 1 3] [2 1]
    [2 4 5] [0 1]
    """

    # Under metadata routing, groups come in unasked, as for scikit-learn's own group splitters.
    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        if not isinstance(n_splits, Integral) or n_splits < 2:
            raise ValueError(f"n_splits must be an integer of at least 2, got {n_splits!r}")
        if not isinstance(shuffle, bool):
            raise TypeError(f"shuffle must be True or False, got {shuffle!r}")
        if not shuffle and random_state is not None:
            raise ValueError("random_state has no effect without shuffle=True: leave it None")
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds; the arguments are there for compatibility."""
        return self.n_splits

    def _iter_test_indices(self, X=None, y=None, groups=None):
        Y = _labels_to_split(self, X, y, groups)
        _, n_groups = check_groups(groups, len(Y))
        if n_groups < self.n_splits:
            raise ValueError(f"n_splits={self.n_splits} folds of {n_groups} patients (groups)")
        rng = check_random_state(self.random_state) if self.shuffle else None
        part = assign_parts(Y, groups, np.full(self.n_splits, 1 / self.n_splits), rng)
        for fold in range(self.n_splits):
            yield np.flatnonzero(part == fold)

    def __repr__(self):
        return (
            f"{type(self).__name__}(n_splits={self.n_splits}, shuffle={self.shuffle}, "
            f"random_state={self.random_state})"
        )


class MultilabelGroupShuffleSplit(BaseShuffleSplit):
    """Random train and test parts of whole patients with every label shared out.

    Parameters
    ----------
    n_splits : int, default=10
        How many times to split.
    test_size : float, default=0.2
        Share of the rows in the test part, between 0 and 1. It is met as closely as whole
        patients allow.
    random_state : int, RandomState instance or None, default=None
        An int makes the splits the same each time.

    See Also
    --------
    MultilabelStratifiedGroupKFold : Every patient in one test part exactly.
    train_test_split_by_patient : One split of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.model_selection import MultilabelGroupShuffleSplit
    >>> y, patients = np.tile([[0, 1], [1, 0]], (10, 1)), np.repeat(np.arange(10), 2)
    >>> splitter = MultilabelGroupShuffleSplit(3, test_size=0.3, random_state=0)
    >>> [len(test) for _, test in splitter.split(y, y, patients)]
    [6, 6, 6]
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits=10, *, test_size=0.2, random_state=None):
        _check_share(test_size)
        super().__init__(n_splits=n_splits, test_size=test_size, random_state=random_state)

    def _iter_indices(self, X, y=None, groups=None):
        Y = _labels_to_split(self, X, y, groups)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            part = assign_parts(Y, groups, [1 - self.test_size, self.test_size], rng)
            train, test = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
            if not (len(train) and len(test)):
                raise ValueError(f"too few patients (groups) for test_size={self.test_size}")
            yield rng.permutation(train), rng.permutation(test)


def train_test_split_by_patient(X, y, groups, *, test_size=0.2, random_state=None):
    """Split into a training and a test part that share no patient, labels balanced.

    Parameters
    ----------
    X : indexable of length n
        Paths, DataFrame or array.
    y : array-like or DataFrame of shape (n, n_labels)
        0, 1 or NaN.
    groups : array-like of shape (n,)
        Patient of each row.
    test_size : float, default=0.2
        Share of the rows in the test part.
    random_state : int, RandomState instance or None, default=None
        An int makes the split the same each time.

    Returns
    -------
    X_train, X_test, y_train, y_test, groups_train, groups_test
        In the order of the input rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.model_selection import train_test_split_by_patient
    >>> y, patients = np.tile([[0, 1], [1, 0]], (10, 1)), np.repeat(np.arange(10), 2)
    >>> parts = train_test_split_by_patient(np.arange(20), y, patients, random_state=0)
    >>> [len(part) for part in parts]
    [16, 4, 16, 4, 16, 4]
    """
    X, y, groups = indexable(X, y, groups)
    splitter = MultilabelGroupShuffleSplit(1, test_size=test_size, random_state=random_state)
    rows = [np.sort(part) for part in next(splitter.split(X, y, groups))]
    return tuple(_safe_indexing(array, part) for array in (X, y, groups) for part in rows)


def _labels_to_split(splitter, X, y, groups):
    """Y (n, k); what a splitter was given is checked."""
    complaint = complaint_of_lost_groups(splitter, in_search=True) if groups is None else None
    if complaint:
        warn_at_user(complaint)
    check_row_order(X=X, y=y, groups=groups)
    return encode_targets(y, type(splitter).__name__, soft=True).Y


def _check_share(test_size):
    if not isinstance(test_size, Real) or isinstance(test_size, bool) or not 0 < test_size < 1:
        raise ValueError(f"test_size must be a share between 0 and 1, got {test_size!r}")
