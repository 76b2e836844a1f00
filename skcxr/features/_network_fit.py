"""Fitting an embedder: its head alone, one network, or several that share out the films."""

import copy
import functools
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from .._base import warn_at_user
from .._multilabel._groups import check_groups, complaint_of_lost_groups
from .._multilabel._labels import encode_targets
from .._multilabel._stratify import assign_parts
from ..segmentation import UNetMasker
from ._fits import fit_head, fit_network
from ._guidance import make_regions
from ._published import weights_ship
from ._rounding import round_changes

_FOLDS = 4  # networks of cross_fit="auto"


class _NetworkFitMixin:
    """What `fit` does with labels.

    Uses the parameters ``fine_tune``, ``cross_fit``, ``masker``, ``head_C``, ``batch_size`` and
    ``verbose``.
    """

    @property
    def _n_networks(self):
        """Networks that are cross-fitted, or None."""
        if self.fine_tune is None:
            return None
        return _FOLDS if self.cross_fit == "auto" else self.cross_fit

    def _fit_network(self, images, y, groups, rng, network, settings, begin_epoch):
        for name in ("label_names_", "history_"):
            vars(self).pop(name, None)
        self.part_ = None
        if y is None:
            if settings is not None:
                raise ValueError(
                    f"fine_tune={self.fine_tune!r} needs labels: fit(X, y) with y of shape "
                    "(n, n_labels), or fine_tune=None."
                )
            return self._trunk_rows(images).spooled()
        targets = encode_targets(y, type(self).__name__)
        check_consistent_length(images, targets.Y)
        self.label_names_ = targets.label_names
        self.n_labels_ = targets.Y.shape[1]
        rows = self._trunk_rows(images)
        if rows is not images:
            rows = rows.spooled()
        if settings is None:
            names = list(map(str, self.label_names_))
            head = {"C": float(self.head_C), "batch_size": self.batch_size}
            self._install(None, *fit_head(self._fit_memory(), rows, targets.Y, names, **head))
            return rows
        seed = int(rng.randint(np.iinfo(np.int32).max))
        self.history_ = []
        regions = self._regions(images, settings)
        train = functools.partial(self._train, network, settings, begin_epoch)
        if self._n_networks is None:
            train(rows, targets.Y, seed, regions)
        else:
            self.part_ = self._deal(images, targets.Y, groups, seed)
            self._train_networks(train, rows, targets.Y, seed, regions)
        self.history_ = _history(self.history_)
        return rows

    def _regions(self, images, settings):
        """Where the evidence of each label may be; None where nothing is guided."""
        if settings.guidance == 0:
            return None
        if self.masker is None:
            runs = {"device": self.device, "precision": self.precision, "memory": self.memory}
            masker = UNetMasker(verbose=self.verbose, **runs)
        else:
            masker = clone(self.masker)
        masker.fit(images, None)  # FrozenEstimator insists on a y
        names = list(map(str, self.label_names_))
        regions, n_usable = make_regions(masker, images, names, settings.regions, settings.dilate)
        if n_usable == 0:
            warn_at_user(
                f"None of the {len(images)} lung masks is plausible, so the training is not guided "
                "by them; mask_quality(images) of a UNetMasker says why."
            )
            return None
        return regions

    def _deal(self, images, Y, groups, seed):
        """Part of each image, of one network each; patients whole, labels balanced."""
        k = self._n_networks
        if groups is None and "patient" in getattr(images.frame, "columns", ()):
            groups = images.frame["patient"]
        complaint = complaint_of_lost_groups(self) if groups is None else None
        if complaint:
            warn_at_user(complaint)
        _, n_groups = check_groups(groups, len(Y))
        if n_groups < k:
            raise ValueError(
                f"cross_fit={k} needs at least {k} patients, and there are {n_groups}; lower it, "
                "or set cross_fit=None."
            )
        return assign_parts(Y, groups, np.full(k, 1 / k), np.random.RandomState(seed))

    def _train_networks(self, train, rows, Y, seed, regions):
        for i in range(self._n_networks):
            index = np.flatnonzero(self.part_ != i)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "No positive or no negative example")
                part = None if regions is None else regions.take(index)
                train(rows.take(index), Y[index], seed + i, part)
        seen = [Y[self.part_ != i] for i in range(self._n_networks)]
        varies = np.all([(y == 0).any(0) & (y == 1).any(0) for y in seen], axis=0)
        if not varies.all():
            names = ", ".join(map(str, self.label_names_[~varies]))
            warn_at_user(
                f"No positive or no negative example of {names} in the films of some of the "
                f"{self._n_networks} networks, which start at its prevalence."
            )

    def _train(self, network, settings, begin_epoch, rows, Y, seed, regions):
        """Train one network, and add it."""
        import torch

        device, dtype = self._runs_on()
        state, history = fit_network(
            self._fit_memory(),
            rows,
            network,
            Y,
            list(map(str, self.label_names_)),
            settings,
            regions=regions,
            C=float(self.head_C),
            seed=seed,
            dtype=dtype,
            device=device,
            verbose=self.verbose,
            begin_epoch=begin_epoch,
        )
        coef, intercept = state.pop("head.weight"), state.pop("head.bias")
        trained = copy.deepcopy(network)
        state = {name: torch.from_numpy(np.array(part)) for name, part in state.items()}
        if weights_ship(self.backbone, self.weights):
            for name, start in network.state_dict().items():
                if start.ndim > 1 and start.dtype == torch.float32:
                    state[name] = round_changes(state[name], start)
        trained.load_state_dict(state)
        self.history_ += [{"network": len(self.tails_), **epoch} for epoch in history]
        self._install(trained, coef, intercept)

    def _the_one(self, name):
        many = vars(self).get(name, [])
        if len(many) != 1:
            raise AttributeError(
                f"{name[:-2]}_ is that of the one network, and {type(self).__name__} has "
                f"{len(many)} in {name}."
            )
        return many[0]

    @property
    def tail_(self):
        """The trained stages of the one network; None where none were trained."""
        return None if not vars(self).get("tails_", [0]) else self._the_one("tails_")

    @property
    def head_coef_(self):
        """Weights of the linear head of the one network, (n_labels, n_channels)."""
        return self._the_one("head_coefs_")

    @property
    def head_intercept_(self):
        """Intercepts of the linear head of the one network, (n_labels,)."""
        return self._the_one("head_intercepts_")


def _history(rows):
    import pandas as pd

    return pd.DataFrame(rows, columns=["network", "epoch", "loss", "lr"])
