"""How a training went, epoch by epoch."""

import numpy as np
import pandas as pd

from skcxr.attention.finding import find_part
from skcxr.inspection._drawing import colors, grid_of_axes

_LINES = ("solid", "dashed", "dotted", "dashdot")
#: What is drawn, in one plot each: what a column's name ends with, and the title.
_KINDS = {"loss": "loss", "lr": "learning rate"}


class HistoryDisplay:
    """Losses, scores and learning rate of a training over its epochs.

    Make one with :meth:`from_estimator` or :meth:`from_history`.

    Parameters
    ----------
    table : DataFrame
        A row per epoch, with the column epoch and perhaps net (several nets of one estimator).

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes

    Examples
    --------
    >>> from skcxr.inspection import HistoryDisplay
    >>> rows = [{"epoch": 1, "train_loss": 0.7}, {"epoch": 2, "train_loss": 0.5}]
    >>> HistoryDisplay.from_history(rows).frame()["train_loss"].tolist()
    [0.7, 0.5]
    """

    def __init__(self, table):
        self.table = table

    def plot(self, axes=None):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One for the losses, one for the learning rate and one for each score, as far as they
            are there; a new figure when None.

        Returns
        -------
        HistoryDisplay
        """
        panels = self._panels()
        self.figure_, grid = grid_of_axes(1, len(panels), cell=3.4, axes=axes)
        self.axes_ = grid[0]
        nets = self.table["net"].unique() if "net" in self.table else [None]
        for ax, (title, columns) in zip(self.axes_, panels.items(), strict=True):
            for column, color, style in zip(
                columns, colors(len(columns)), _LINES * 9, strict=False
            ):
                for net in nets:
                    rows = self.table if net is None else self.table[self.table["net"] == net]
                    label = column.replace("_", " ") if net in (None, nets[0]) else None
                    ax.plot(rows["epoch"], rows[column], color=color, linestyle=style, label=label,
                            linewidth=1.4, alpha=1 if len(nets) == 1 else 0.6,
                            marker="." if len(rows) == 1 else None)  # fmt: skip
            ax.set_title(title if len(nets) == 1 else f"{title}, {len(nets)} nets", fontsize=9)
            ax.set_xlabel("epoch", fontsize=8)
            ax.tick_params(labelsize=8)
            ax.locator_params(axis="x", integer=True)
            ax.spines[["top", "right"]].set_visible(False)
            if len(columns) > 1:
                ax.legend(fontsize=7.5, frameon=False)
        return self

    def _panels(self):
        """Title of each plot, and its columns."""
        panels = {}
        for column in self.table.select_dtypes("number"):
            if column in ("epoch", "net", "dur", "seconds") or self.table[column].isna().all():
                continue
            title = next((t for end, t in _KINDS.items() if column.endswith(end)), column)
            panels.setdefault(title, []).append(column)
        if not panels:
            raise ValueError(f"There is nothing to draw in the columns {list(self.table)}.")
        return panels

    def frame(self):
        """Return the history as a table.

        Returns
        -------
        DataFrame
            A row per epoch.
        """
        return self.table.copy()

    @classmethod
    def from_history(cls, history, *, axes=None):
        """Draw a history.

        Parameters
        ----------
        history : DataFrame, skorch History, sequence of dict, or sequence of float
            A row per epoch; numbers are losses. Epochs are counted from 1 where they have no
            number.
        axes : array of Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        HistoryDisplay
        """
        rows = history if isinstance(history, pd.DataFrame) else list(history)
        if len(rows) and not isinstance(rows, pd.DataFrame) and np.isscalar(rows[0]):
            rows = [{"loss": value} for value in rows]
        table = pd.DataFrame(rows).drop(columns="batches", errors="ignore").reset_index(drop=True)
        if not len(table):
            raise ValueError("The history is empty: nothing was trained.")
        if "epoch" not in table:
            table.insert(0, "epoch", np.arange(1, len(table) + 1))
        return cls(table).plot(axes)

    @classmethod
    def from_estimator(cls, estimator, *, axes=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            A net, an embedder, a masker, or a pipeline, search or meta-estimator that holds one.
            In a pipeline it is the last one, the classifier; pass ``pipeline["features"]`` or the
            embedder itself for what was fine-tuned.
        axes : array of Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        HistoryDisplay
        """
        part = estimator
        last = getattr(part, "best_estimator_", part)
        if hasattr(last, "steps") and _has_history(last[-1]):
            part = last[-1]
        part, _ = find_part(part, _has_history)
        if part is None:
            raise ValueError(
                f"{type(estimator).__name__} holds nothing that keeps a history of its training."
            )
        return cls.from_history(part.history_, axes=axes)


def _has_history(part):
    history = getattr(part, "history_", None)
    return history is not None and len(history) > 0
