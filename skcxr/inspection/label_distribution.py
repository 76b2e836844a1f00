"""How often each label occurs, and with which others."""

import numpy as np
import pandas as pd

from skcxr.inspection._drawing import BLUE, grid_of_axes
from skcxr.metrics._check import check_labels


class LabelDistributionDisplay:
    """Counts of labels, and how often two occur together.

    Make one with :meth:`from_labels`.

    Parameters
    ----------
    counts : DataFrame
        Rows are labels; columns positives and known.
    together : DataFrame of shape (k, k)
        Images with both labels.
    n_none : int
        Images whose labels are all known and 0.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (2,)

    Examples
    --------
    >>> from skcxr.inspection import LabelDistributionDisplay
    >>> display = LabelDistributionDisplay.from_labels([[1, 0], [1, 1], [0, 0]])
    >>> display.frame()["positives"].tolist(), display.n_none
    ([2, 1], 1)
    """

    def __init__(self, counts, together, n_none):
        self.counts = counts
        self.together = together
        self.n_none = n_none

    def plot(self, axes=None, *, cmap="cividis"):
        """Draw.

        Parameters
        ----------
        axes : array of two Axes, default=None
            For the counts and the co-occurrence; a new figure when None.
        cmap : str, default="cividis"
            Colours of the co-occurrence.

        Returns
        -------
        LabelDistributionDisplay
        """
        new = axes is None
        self.figure_, axes = grid_of_axes(
            1, 2, axes=axes, **({"width_ratios": [1, 1.35]} if new else {})
        )
        self.axes_ = axes[0]
        k = len(self.counts)
        if new:
            self.figure_.set_size_inches(6.5 + 0.38 * k, 1.8 + 0.34 * k)
        self._plot_counts(self.axes_[0])
        self._plot_together(self.axes_[1], cmap)
        return self

    def _plot_counts(self, ax):
        counts = self.counts.sort_values("positives", ascending=False, kind="stable")
        names = [*counts.index, "none of them"]
        values = np.append(counts["positives"], self.n_none)
        known = np.append(counts["known"], self.counts["known"].max())
        y = np.arange(len(names))
        ax.barh(y, values, color=[BLUE] * len(counts) + ["0.6"])
        for i, (value, total) in enumerate(zip(values, known, strict=True)):
            share = f" ({value / total:.1%})" if total else ""
            ax.text(value + 0.01 * values.max(), i, f"{value:,}{share}", va="center", fontsize=7.5)
        ax.set_yticks(y, names, fontsize=8)
        ax.set_ylim(len(y) - 0.4, -0.6)
        ax.set_xlim(0, max(values.max(), 1) * 1.38)
        ax.set_xlabel("images (share of those where the label is known)", fontsize=8)
        ax.locator_params(axis="x", nbins=4)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        ax.tick_params(axis="x", labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)

    def _plot_together(self, ax, cmap):
        together = self.together.to_numpy()
        with np.errstate(invalid="ignore"):
            share = together / np.diag(together)[:, None]
        np.fill_diagonal(share, np.nan)
        top = max(np.nanmax(share, initial=0), 1e-9)
        image = ax.imshow(share, cmap=cmap, vmin=0, vmax=top)
        for i, j in np.ndindex(together.shape):
            if i != j and together[i, j]:
                dark = share[i, j] < 0.5 * top
                ax.text(
                    j, i, f"{together[i, j]:,}", ha="center", va="center",
                    fontsize=6 if together.max() >= 1000 else 7, color="white" if dark else "black",
                )  # fmt: skip
        names = self.together.index
        ax.set_xticks(range(len(names)), names, rotation=55, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(labelsize=8)
        ax.set_title("images with both labels; colour: share of the row's images", fontsize=9)
        bar = self.figure_.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
        bar.ax.yaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
        bar.ax.tick_params(labelsize=8)

    def frame(self):
        """Return the counts and co-occurrences as a table.

        Returns
        -------
        DataFrame
            A row per label: positives, known, and the images that have each other label too.
        """
        return self.counts.join(self.together.add_prefix("with "))

    @classmethod
    def from_labels(cls, y, *, label_names=None, axes=None, **kwargs):
        """Draw the labels of a data set.

        Parameters
        ----------
        y : array-like or DataFrame of shape (n, k)
            0, 1, or NaN where unknown.
        label_names : sequence of str, default=None
            Names of the labels; the columns of `y` where it is a DataFrame.
        axes, **kwargs
            See :meth:`plot`.

        Returns
        -------
        LabelDistributionDisplay
        """
        y, names = check_labels(y, label_names)
        positive = (y == 1).astype(np.int64)
        index = pd.Index(names, name="label")
        counts = pd.DataFrame(
            {"positives": positive.sum(axis=0), "known": (~np.isnan(y)).sum(axis=0)}, index=index
        )
        together = pd.DataFrame(positive.T @ positive, index=index, columns=names)
        return cls(counts, together, int((y == 0).all(axis=1).sum())).plot(axes, **kwargs)
