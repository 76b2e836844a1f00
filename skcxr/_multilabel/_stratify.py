"""Whole groups dealt into parts so that every label is shared out fairly."""

import numpy as np

from skcxr._multilabel._groups import check_groups


def assign_parts(Y, groups, fractions, rng=None):
    """Deal the rows into parts of given size, groups whole, labels balanced.

    A greedy form of iterative stratification: groups are dealt in the order of the largest share
    that they hold of any one label, so the rare labels come first; each goes where the squared
    deviation of all shares (positives and known values per label, rows) from the part's fraction
    grows least. With `rng` this improves a random deal instead of starting from nothing, so that
    every group can come into every part.

    Parameters
    ----------
    Y : ndarray of shape (n, k)
        0, 1 or NaN.
    groups : array-like of shape (n,) or None
        None: every row is its own group.
    fractions : array-like of shape (p,)
        Size of each part; they add up to 1.
    rng : RandomState or None
        Makes the random deal; None gives the same parts each time.

    Returns
    -------
    part : ndarray of shape (n,)
        Index of the part of each row.

    References
    ----------
    Sechidis, K., Tsoumakas, G. and Vlahavas, I. (2011). On the stratification of multi-label
    data. ECML PKDD, 145-158.
    """
    n = len(Y)
    group, n_groups = check_groups(groups, n)
    known = ~np.isnan(Y)
    columns = np.column_stack([np.where(known, Y, 0), known[:, ~known.all(axis=0)], np.ones(n)])
    counts = np.zeros((n_groups, columns.shape[1]))
    np.add.at(counts, group, columns)
    totals = counts.sum(axis=0)
    shares = counts[:, totals > 0] / totals[totals > 0]

    fractions = np.asarray(fractions, dtype=float)
    deviation = np.repeat(-fractions[:, None], shares.shape[1], axis=1)
    dealt = np.full(len(shares), -1)
    order = np.arange(len(shares))
    if rng is not None:
        dealt = rng.choice(len(fractions), size=len(shares), p=fractions)
        np.add.at(deviation, dealt, shares)
        order = rng.permutation(order)
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    squares = (shares**2).sum(axis=1)
    for g in order:
        if dealt[g] >= 0:
            deviation[dealt[g]] -= shares[g]
        growth = (2 * deviation @ shares[g] + squares[g]) / fractions
        dealt[g] = growth.argmin()
        deviation[dealt[g]] += shares[g]
    return dealt[group]
