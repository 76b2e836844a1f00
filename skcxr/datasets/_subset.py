"""curate_subset: fewer images, whole patients, every label still there."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .._sklearn import Interval, StrOptions, validate_params
from ._summary import check_labels


@validate_params(
    {
        "labels": ["array-like"],
        "groups": ["array-like"],
        "n": [Interval(Integral, 1, None, closed="left")],
        "keep": [StrOptions({"prevalence", "rare"})],
        "min_per_label": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def curate_subset(
    labels, groups, n=5000, *, keep="prevalence", min_per_label=10, random_state=None
):
    """Choose about n images: whole patients, with every label present.

    Parameters
    ----------
    labels : DataFrame or array-like of shape (n_samples, k)
        0, 1 or NaN; NaN is not a positive.
    groups : array-like of shape (n_samples,)
        Patient of each image. A patient is taken with all images or not at all.
    n : int, default=5000
        Number of images. It is never exceeded; the images that lack are fewer than the smallest
        patient left out has, so that n is met exactly where single-image patients are left.
    keep : {"prevalence", "rare"}, default="prevalence"
        "prevalence" draws patients evenly, spread over the rarest label of each patient and over
        the number of images, and exchanges a few so that each label keeps its share. "rare" gives
        every label the same number of positives, the greatest for which whole patients fit into n
        or all there are, and fills up evenly.
    min_per_label : int, default=10
        No label gets fewer positives than this, or than there are.
    random_state : int, RandomState instance or None, default=None
        Draws the patients.

    Returns
    -------
    indices : ndarray of shape (about n,), int64
        Rows of the chosen images, ascending.

    Raises
    ------
    ValueError
        If there are not n images, or if `min_per_label` of each label do not fit into n.

    Examples
    --------
    >>> from skcxr.datasets import curate_subset, make_chest_phantoms
    >>> phantoms = make_chest_phantoms(60, size=32, random_state=0)
    >>> rows = curate_subset(
    ...     phantoms.labels, phantoms.groups, n=30, min_per_label=1, random_state=0
    ... )
    >>> X, y = phantoms.images[rows], phantoms.labels.iloc[rows]
    """
    positive, _, names, codes = check_labels(labels, groups)
    rng = check_random_state(random_state)
    if n > len(positive):
        raise ValueError(f"n={n} images were asked for and there are {len(positive)}.")
    pool = _Patients(positive, codes, rng)
    floor = np.minimum(min_per_label, pool.counts.sum(0))
    if keep == "prevalence":
        pool.draw(n)
        pool.balance(n)
        pool.top_up(floor)
    else:
        floor = _greatest_floor(pool, floor, n)
        pool.top_up(floor)
        pool.draw(n - pool.total)
    pool.trim(n, floor)
    if pool.total > n:  # start again from the label minimum alone
        pool.clear()
        pool.top_up(floor)
        pool.trim(n, floor)
    if pool.total > n:
        raise ValueError(
            f"min_per_label={min_per_label} of {len(names)} labels takes {pool.total} images of "
            f"whole patients, more than n={n}: raise n or lower min_per_label."
        )
    pool.fill(n)
    if not pool.total:
        raise ValueError(
            f"n={n} is less than the {pool.sizes.min()} images of the smallest patient, and "
            "patients are whole."
        )
    return np.flatnonzero(pool.chosen[codes])


def _greatest_floor(pool, floor, n):
    """Positives per label, the same for all, that whole patients bring within n images."""
    available = pool.counts.sum(0)
    low, high = int(floor.max()), n
    while low < high:
        middle = (low + high + 1) // 2
        pool.clear()
        pool.top_up(np.minimum(middle, available))
        low, high = (middle, high) if pool.total <= n else (low, middle - 1)
    pool.clear()
    return np.minimum(low, available)


class _Patients:
    """Patients, what each brings, and which are chosen."""

    def __init__(self, positive, codes, rng):
        n_patients, k = codes.max() + 1, positive.shape[1]
        self.sizes = np.bincount(codes)
        self.counts = np.empty((n_patients, k), np.int64)
        for j in range(k):
            self.counts[:, j] = np.bincount(codes[positive[:, j]], minlength=n_patients)
        healthy = np.bincount(codes[~positive.any(1)], minlength=n_patients)
        self.traits = np.column_stack([self.counts, healthy, self.sizes, self.sizes > 0]) * 1.0
        self.rng, self.chosen = rng, np.zeros(n_patients, bool)
        self.luck = rng.permutation(n_patients)  # one order for all draws: bisection is monotone
        has, rarity = self.counts > 0, np.argsort(self.counts.sum(0), kind="stable")
        self.stratum = np.where(has.any(1), has[:, rarity].argmax(1), k)

    @property
    def total(self):
        return int(self.sizes[self.chosen].sum())

    def clear(self):
        self.chosen[:] = False

    def draw(self, n):
        """Add patients with about n images by systematic sampling over label and size."""
        rest = np.flatnonzero(~self.chosen)
        images = self.sizes[rest].sum()
        if n <= 0 or not images:
            return
        order = rest[np.lexsort((self.luck[rest], self.sizes[rest], self.stratum[rest]))]
        step = images / n
        self.chosen[order[np.arange(self.rng.uniform(0, step), len(order), step).astype(int)]] = (
            True
        )

    def balance(self, n, steps=300):
        """Add or drop the patient that helps most, until the shares of all labels are kept.

        So are those of healthy images and the number of images per patient. What is brought down
        is the sum of the squared differences from the expected numbers over these numbers.
        """
        target = self.traits.sum(0) * n / self.sizes.sum()
        weight = 1 / np.maximum(target, 1)
        own = self.traits**2 @ weight
        gap = self.traits[self.chosen].sum(0) - target
        for _ in range(steps):
            sign = np.where(self.chosen, -1.0, 1.0)
            change = own + 2 * sign * (self.traits @ (weight * gap))
            best = change.argmin()
            if change[best] > -1e-9:
                return
            gap += sign[best] * self.traits[best]
            self.chosen[best] = ~self.chosen[best]

    def top_up(self, floor):
        """Add patients until each label has `floor` positives, the rarest label first."""
        for j in np.argsort(self.counts.sum(0), kind="stable"):
            lack = floor[j] - self.counts[self.chosen, j].sum()
            rest = np.flatnonzero(~self.chosen & (self.counts[:, j] > 0))
            if lack <= 0 or not len(rest):
                continue
            # Patients with few other images first, in steps, so that the order stays a drawn one.
            share = np.round(4 * self.counts[rest, j] / self.sizes[rest])
            rest = rest[np.lexsort((self.luck[rest], -share))]
            reached = np.cumsum(self.counts[rest, j])
            self.chosen[rest[: np.searchsorted(reached, lack) + 1]] = True

    def trim(self, n, floor):
        """Drop patients down to n images, none that a label's floor needs."""
        total, spare = self.total, self.counts[self.chosen].sum(0) - floor
        for p in self.rng.permutation(np.flatnonzero(self.chosen)):
            if total <= n:
                return
            if (self.counts[p] <= spare).all():
                self.chosen[p] = False
                total, spare = total - self.sizes[p], spare - self.counts[p]

    def fill(self, n):
        """Add patients that fit until fewer images lack than any of the rest has."""
        lack = n - self.total
        for p in self.rng.permutation(np.flatnonzero(~self.chosen)):
            if lack <= 0:
                return
            if self.sizes[p] <= lack:
                self.chosen[p] = True
                lack -= self.sizes[p]
