"""Films that are there twice: the same pixels, or the same film after an edit."""

import numpy as np

_BLOCK = 1024


def first_of(digests):
    """Position of the first film with the same digest, or -1 where there is none before.

    Parameters
    ----------
    digests : sequence of bytes or None
        None is no film.

    Returns
    -------
    ndarray of shape (n,), int
    """
    first, before = {}, np.full(len(digests), -1)
    for i, digest in enumerate(digests):
        if digest is not None and first.setdefault(digest, i) != i:
            before[i] = first[digest]
    return before


def most_similar(descriptors):
    """The other film whose descriptor is most alike, and how much.

    Parameters
    ----------
    descriptors : ndarray of shape (n, d)
        Unit vectors.

    Returns
    -------
    index : ndarray of shape (n,), int
    similarity : ndarray of shape (n,)
        Cosine; -1 where there is no other film.
    """
    n = len(descriptors)
    index, similarity = np.full(n, -1), np.full(n, -1.0)
    if n < 2:
        return index, similarity
    for begin in range(0, n, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, n))
        products = descriptors[rows] @ descriptors.T
        products[np.arange(len(rows)), rows] = -2
        index[rows] = products.argmax(axis=1)
        similarity[rows] = products.max(axis=1)
    return index, similarity
