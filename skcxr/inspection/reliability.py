"""Are probabilities frequencies? Observed against predicted, with intervals."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from skcxr._multilabel._matching import select_labels
from skcxr.inspection._drawing import colors, grid_of_axes, wrapped
from skcxr.inspection._models import ModelsDisplay, scored_models
from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._few import MIN_UNITS

_MARKERS = "osD^v"
_ALL = "all labels"


class ReliabilityDisplay(ModelsDisplay):
    """Share of positives against mean probability, by bins, pooled over labels or label by label.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. Bins hold about as many films
    each, so that rare labels do not crowd one bin.

    Parameters
    ----------
    bins : DataFrame
        Columns model, label (``"all labels"`` first), images, predicted, observed, low, high.
    errors : DataFrame
        Expected calibration error over these bins by model and label.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes

    Examples
    --------
    >>> from skcxr.inspection import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions(
    ...     [[1], [0], [0], [1]], [[0.75], [0.25], [0.25], [0.75]], n_bins=2, n_bootstraps=0
    ... )
    >>> display.errors["ECE"].tolist()
    [0.25, 0.25]
    """

    def __init__(self, bins, errors):
        self.bins = bins
        self.errors = errors

    def plot(self, axes=None, *, labels=()):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One for all labels, and one for each of `labels`; a new figure when None.
        labels : str, int, sequence of them, or None, default=()
            Labels drawn on their own beside the pool of all; None is every label.

        Returns
        -------
        ReliabilityDisplay
        """
        known = [name for name in dict.fromkeys(self.errors["label"]) if name != _ALL]
        wanted = [] if np.ndim(labels) == 1 and not len(labels) else select_labels(labels, known)
        names = [_ALL, *(known[j] for j in wanted)]
        models = list(dict.fromkeys(self.errors["model"]))
        columns = min(5, len(names))
        shape = (-(-len(names) // columns), columns) if axes is None else (1, len(names))
        self.figure_, self.axes_ = grid_of_axes(*shape, cell=3.2, axes=axes)
        if axes is None:  # square plots, with a title above and a label below
            self.figure_.set_size_inches(3.2 * shape[1], 3.5 * shape[0])
        flat = self.axes_.ravel()
        for ax in flat[len(names) :]:
            ax.set_visible(False)
        for ax, name in zip(flat, names, strict=False):
            self._plot_label(ax, name, models)
        return self

    def _plot_label(self, ax, name, models):
        of_label = self.bins[self.bins["label"] == name]
        top = np.nanmax(of_label[["predicted", "observed", "high"]].to_numpy(), initial=0.05) * 1.05
        ax.plot([0, top], [0, top], color="0.5", linestyle=":", linewidth=1)
        for model, color, marker in zip(models, colors(len(models)), _MARKERS * 9, strict=False):
            rows = of_label[of_label["model"] == model]
            error = self.errors.query("model == @model and label == @name")["ECE"].iloc[0]
            several = len(models) > 1 and name == _ALL
            label = f"{wrapped(model)}: {error:.3f}" if several else f"{error:.3f}"
            ax.vlines(rows["predicted"], rows["low"], rows["high"], color=color, alpha=0.5, lw=1.6)
            ax.plot(rows["predicted"], rows["observed"], marker=marker, markersize=4, color=color,
                    linewidth=1, label=label)  # fmt: skip
        ax.legend(fontsize=7, loc="upper left", title="ECE", title_fontsize=7, framealpha=0.75,
                  edgecolor="none", alignment="left")  # fmt: skip
        ax.set_title(name, fontsize=9)
        ax.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, top))
        ax.set_xlabel("mean probability", fontsize=8)
        ax.set_ylabel("share of positives", fontsize=8)
        ax.set_box_aspect(1)
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)

    def frame(self):
        """Return the bins as a table.

        Returns
        -------
        DataFrame
            Columns model, label, images, predicted, observed, low, high.
        """
        return self.bins.copy()

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_prob=None,
        *,
        groups=None,
        n_bins=10,
        n_bootstraps=200,
        confidence_level=0.95,
        random_state=0,
        labels=(),
        axes=None,
    ):
        """Draw probabilities against frequencies.

        Parameters
        ----------
        y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
            0, 1, or NaN where unknown.
        y_prob : array-like or DataFrame of shape (n, k), or dict of them by model
            Probabilities; matched by label name and index where both sides have them.
        groups : array-like of shape (n,), default=None
            Patients, resampled whole.
        n_bins : int, default=10
            Bins; fewer where probabilities tie.
        n_bootstraps : int, default=200
            Resamples for the intervals; 0 for none. Bins of fewer than five patients have none.
        confidence_level : float, default=0.95
            Of the percentile intervals.
        random_state : int, RandomState or None, default=0
            Draws the resamples.
        labels, axes
            See :meth:`plot`.

        Returns
        -------
        ReliabilityDisplay
        """
        check_scalar(n_bins, "n_bins", numbers.Integral, min_val=1)
        bins, errors = [], []
        for model, scored in scored_models(y_true, y_prob, groups):
            known = ~np.isnan(scored.y)
            unit = np.broadcast_to(scored.unit[:, None], known.shape)
            parts = {_ALL: known} | {
                name: known & (np.arange(len(scored.names)) == j)
                for j, name in enumerate(scored.names)
            }
            for name, part in parts.items():
                table = _bins(
                    scored.y[part], scored.prob[part], unit[part], scored.n_units, n_bins,
                    n_bootstraps, confidence_level, random_state,
                )  # fmt: skip
                gap = (table["observed"] - table["predicted"]).abs()
                error = np.average(gap, weights=table["images"]) if len(table) else np.nan
                errors.append((model, name, error))
                table.insert(0, "label", name)
                table.insert(0, "model", model)
                bins.append(table)
        errors = pd.DataFrame(errors, columns=["model", "label", "ECE"])
        return cls(pd.concat(bins, ignore_index=True), errors).plot(axes, labels=labels)


def _bins(y, prob, unit, n_units, n_bins, n_bootstraps, confidence_level, random_state):
    """Bins of about equal size: images, mean probability, share of positives and its interval."""
    edges = np.unique(np.quantile(prob, np.linspace(0, 1, n_bins + 1))) if len(y) else []
    n = max(len(edges) - 1, min(len(y), 1))
    # As scikit-learn's calibration_curve: an edge belongs to the bin below it.
    which = np.searchsorted(edges[1:-1], prob)
    sums = np.zeros((2, n, n_units))
    np.add.at(sums, (0, which, unit), y)
    np.add.at(sums, (1, which, unit), 1)

    def share(weights):
        positive, total = sums @ weights
        with np.errstate(invalid="ignore"):
            return {"share": positive / total}

    count = np.bincount(which, minlength=n)
    observed, drawn = resample(share, n_units, n_bootstraps, random_state)
    low, high = percentile_interval(drawn["share"], confidence_level)
    few = (sums[1] > 0).sum(axis=1) < MIN_UNITS
    low[few] = high[few] = np.nan
    predicted = np.bincount(which, prob, minlength=n) / np.maximum(count, 1)
    table = pd.DataFrame(
        {
            "images": count,
            "predicted": predicted,
            "observed": observed["share"],
            "low": low,
            "high": high,
        }
    )
    return table[table["images"] > 0]
