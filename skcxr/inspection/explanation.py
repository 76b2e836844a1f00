"""A film explained: what the model says of it, how sure it is, and where it looked."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.inspection._drawing import image_names
from skcxr.inspection._neighbors import find_neighbors
from skcxr.inspection._observation import Observation, observe, unit_maps
from skcxr.inspection._sentences import film_text
from skcxr.inspection.attention import AttentionDisplay
from skcxr.segmentation import ZONES, lung_zones, mask_quality


@dataclass(repr=False)
class Explanation:
    """What :func:`explain` found.

    Attributes
    ----------
    table : DataFrame
        A row per film and label: image, label, probability, threshold, positive, evidence (whether
        the map is above zero anywhere), zone (the one with the largest share of the map), the share
        of each zone of :func:`~skcxr.segmentation.lung_zones`, and mask, what
        :func:`~skcxr.segmentation.mask_quality` says of the lung mask. Shares are NaN where there
        is no evidence or no usable mask. With a reference also neighbors, the share of the most
        similar films, of those where the label is known, that have it.
    names : list of n names
    seen : Observation
        Films, maps and masks.
    zones : ndarray of shape (n, 8, H, W)
        Zones of the films.
    neighbors : DataFrame or None
        The most similar films of the reference: image, rank, neighbor, distance and its labels.
    """

    table: pd.DataFrame
    names: list
    seen: Observation
    zones: np.ndarray
    neighbors: pd.DataFrame | None = None

    def _shown(self):
        table = self.table
        out = table[["image", "label"]].copy()
        for name in ("probability", "threshold"):
            out[name] = table[name].map(lambda v: "–" if np.isnan(v) else f"{v:.3f}")
        out["decision"] = np.where(table["positive"], "positive", "negative")
        out.loc[table["probability"].isna(), "decision"] = "–"
        share = table[list(ZONES)].max(axis=1)
        out["evidence"] = [
            "no positive evidence"
            if not evidence
            else ("no usable mask" if np.isnan(s) else f"{zone} ({s:.0%})")
            for evidence, zone, s in zip(table["evidence"], table["zone"], share, strict=True)
        ]
        out["lung mask"] = table["mask"]
        if self.neighbors is not None:
            have = table["neighbors"].map(lambda v: "–" if np.isnan(v) else f"{v:.0%}")
            out["similar films"] = have
        return out

    def __repr__(self):
        count = f"{len(self.names)} film{'s' if len(self.names) != 1 else ''}"
        labels = f"{len(self.seen.label_names)} labels"
        return f"Explanation: {count}, {labels}\n{self._shown().to_string(index=False)}"

    def _repr_html_(self):
        return self._shown().to_html(index=False)

    def to_text(self):
        """Write the findings as sentences from templates.

        Returns
        -------
        str
            A paragraph per film: findings above their threshold with side and zone, in words that
            follow the probability; the others in one sentence; what the most similar films have,
            where there is a reference; and that this is research software.
        """
        k = len(self.seen.label_names)
        similar = [None] * len(self.names)
        if self.neighbors is not None:
            # In the order of the films, whose names may not be unique.
            starts = np.flatnonzero(self.neighbors["rank"] == 1)
            ends = [*starts[1:], len(self.neighbors)]
            labels = self.neighbors.iloc[:, -k:]
            similar = [labels.iloc[a:b] for a, b in zip(starts, ends, strict=True)]
        return "\n\n".join(
            film_text(name, rows, near)
            for name, rows, near in zip(self.names, self._by_film(), similar, strict=True)
        )

    def _by_film(self):
        k = len(self.seen.label_names)
        return [self.table.iloc[i * k : (i + 1) * k] for i in range(len(self.names))]

    def plot(self, axes=None, *, labels=None, most=8):
        """Draw the maps.

        Parameters
        ----------
        axes : array of Axes, default=None
            See :meth:`AttentionDisplay.plot`.
        labels : str or sequence of str, default=None
            What is drawn of every film; None draws the findings above their threshold, or else the
            one that comes closest to it.
        most : int, default=8
            Rows that are drawn at most, in the order of the films.

        Returns
        -------
        AttentionDisplay
            Without a control: :meth:`AttentionDisplay.from_estimator` has one.
        """
        known = self.seen.label_names
        wanted = [labels] if isinstance(labels, str) else labels
        unknown = [label for label in wanted or () if label not in known]
        if unknown:
            raise ValueError(f"There is no label {unknown[0]!r}; explained are {known}.")
        rows = []
        for i, film in enumerate(self._by_film()):
            margin = (film["probability"] - film["threshold"]).fillna(0).to_numpy()
            chosen = np.flatnonzero(margin > 0) if wanted is None else map(known.index, wanted)
            chosen = list(chosen) or [int(margin.argmax())]
            rows += [(i, j) for j in sorted(chosen, key=lambda j: -margin[j])]
        film, column = np.array(rows[:most]).T
        at = film * len(known) + column
        masks = self.seen.masks
        return AttentionDisplay._from_maps(
            self.seen.films[film],
            {"Grad-CAM": self.seen.cam[film, column], "Fused": self.seen.fused[film, column]},
            None if masks is None else masks[film],
            labels=[known[j] for j in column],
            probabilities=self.table["probability"].to_numpy()[at],
            thresholds=self.table["threshold"].to_numpy()[at],
            controls=None,
            control_names=None,
            boxes=None,
            names=[self.names[i] for i in film],
            frame=1,
        ).plot(axes)


def explain(estimator, X, labels=None, *, names=None, reference=None, n_neighbors=3):
    """Explain what a fitted model says of films.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline with a :class:`~skcxr.attention.GradCAMFuser`, also inside a search, threshold
        tuner, calibrator or ColumnTransformer. Probabilities mean what they say if it was
        calibrated, see :class:`~skcxr.model_selection.MultilabelCalibrator`.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The films.
    labels : str, int, sequence of them or None, default=None
        Which findings; None takes all.
    names : sequence of n, default=None
        Names of the films: file names where X is made of paths, else positions.
    reference : tuple (X, y), default=None
        Films and their labels, such as those that the model was trained on, to name the labels of
        the most similar ones. They go through the network, or come from its ``memory``.
    n_neighbors : int, default=3
        How many of the reference.

    Returns
    -------
    Explanation
        Prints as a table; ``to_text()`` writes sentences, ``plot()`` draws the maps.

    Notes
    -----
    The zones are those of the masker's lung mask, or of the shipped
    :class:`~skcxr.segmentation.UNetMasker` where the model has none. The share of a zone is that of
    the sum of the Grad-CAM map: where the network found evidence, and no proof that it lies there.
    :func:`~skcxr.metrics.localization_report` says how often it does.

    Similar films are those whose features of the network differ least, each in standard deviations
    over the reference. A film that is in the reference is not its own neighbour, but another film
    of the same patient may be. Of an average of several models, maps and features are those of the
    first.

    Examples
    --------
    >>> from skcxr import make_hybrid_pipeline
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.inspection import explain
    >>> films = make_chest_phantoms(12, size=64, random_state=0)
    >>> y = films.labels[["Infiltration"]].assign(Nodule=[0, 1] * 6)
    >>> model = make_hybrid_pipeline("frozen", size=64, random_state=0)
    >>> model = model.set_params(features__texture="drop").fit(films.images, y)
    >>> explanation = explain(model, films.images[:1])
    >>> explanation.table[["image", "label"]].values.tolist()
    [[0, 'Infiltration'], [0, 'Nodule']]
    """
    names = image_names(X, names, len(X))
    seen = observe(estimator, X, labels)
    masks, flags = seen.masks, seen.mask_flags
    if masks is None:
        from skcxr.segmentation import UNetMasker

        masker = UNetMasker().fit(seen.films)
        masks = unit_maps(masker.transform(seen.films).reshape(seen.films.shape), "masks")
        flags = mask_quality(masks)["flag"].tolist()
    zones = lung_zones(masks)
    total = seen.cam.sum(axis=(2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.einsum("nkhw,nzhw->nkz", seen.cam, zones) / total[..., None]
    shares[np.array(flags) != "ok"] = np.nan
    n, k = total.shape
    table = pd.DataFrame({"image": np.repeat(np.array(names, object), k)})
    table["label"] = seen.label_names * n
    given = seen.probabilities is not None
    table["probability"] = seen.probabilities.ravel() if given else np.nan
    table["threshold"] = np.tile(seen.thresholds, n) if given else np.nan
    table["positive"] = table["probability"] > table["threshold"]
    table["evidence"] = (total > 0).ravel()
    flat = shares.reshape(-1, len(ZONES))
    known = ~np.isnan(flat).any(axis=1)
    largest = np.nan_to_num(flat).argmax(axis=1)
    table["zone"] = [ZONES[j] if ok else None for j, ok in zip(largest, known, strict=True)]
    table[list(ZONES)] = flat
    table["mask"] = np.repeat(flags, k)
    neighbors = None
    if reference is not None:
        neighbors = find_neighbors(estimator, X, names, seen.label_names, reference, n_neighbors)
        shares = neighbors.groupby(neighbors["rank"].eq(1).cumsum())[seen.label_names].mean()
        table["neighbors"] = shares.to_numpy().ravel()
    return Explanation(table, names, seen, zones, neighbors)
