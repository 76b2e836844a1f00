"""Scores of a search over one or two of its parameters."""

import numpy as np
import pandas as pd

from skcxr.inspection._drawing import BLUE, one_axes


class GridDisplay:
    """Mean test score of a search over two parameters as colours, or over one as a line.

    Where other parameters were searched as well, each cell is the best over them. Make one with
    :meth:`from_estimator` or :meth:`from_results`.

    Parameters
    ----------
    table : DataFrame
        A row per cell: the parameters, mean, std, low, high (lowest and highest fold), folds, rank
        and failed, the number of candidates without a score.
    parameters : list of one or two str
        Their full names.
    metric : str
        What was scored.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes

    Examples
    --------
    >>> from skcxr.inspection import GridDisplay
    >>> results = {
    ...     "param_lam": [0.0, 0.5], "mean_test_score": [0.6, 0.7], "std_test_score": [0.02, 0.01],
    ...     "split0_test_score": [0.58, 0.69], "split1_test_score": [0.62, 0.71],
    ... }
    >>> GridDisplay.from_results(results).frame()[["lam", "mean", "low"]].to_numpy().tolist()
    [[0.0, 0.6, 0.58], [0.5, 0.7, 0.69]]
    """

    def __init__(self, table, parameters, metric):
        self.table = table
        self.parameters = parameters
        self.metric = metric

    def plot(self, ax=None, *, cmap="cividis"):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            A new figure when None.
        cmap : str, default="cividis"
            Colours of the scores, where there are two parameters.

        Returns
        -------
        GridDisplay
        """
        draw = self._plot_line if len(self.parameters) == 1 else self._plot_cells
        draw(ax, cmap)
        self.ax_.set_title(f"{self.metric}, mean of {self.table['folds'].max()} folds", fontsize=9)
        self.ax_.tick_params(labelsize=8)
        return self

    def _plot_line(self, ax, _):
        self.figure_, self.ax_ = one_axes(ax, (4.6, 3.2))
        values, ticks = _positions(self.table[self.parameters[0]])
        self.ax_.vlines(values, self.table["low"], self.table["high"], color=BLUE, alpha=0.5, lw=2)
        self.ax_.plot(values, self.table["mean"], "o-", color=BLUE, markersize=4.5)
        if ticks is not None:
            self.ax_.set_xticks(values, ticks)
        self.ax_.set_xlabel(self.parameters[0], fontsize=8)
        self.ax_.set_ylabel(f"{self.metric} (line: lowest to highest fold)", fontsize=8)
        self.ax_.spines[["top", "right"]].set_visible(False)

    def _plot_cells(self, ax, cmap):
        y, x = self.parameters
        rows, columns = (list(dict.fromkeys(self.table[p])) for p in (y, x))
        grid = np.full((2, len(rows), len(columns)), np.nan)
        for _, cell in self.table.iterrows():
            grid[:, rows.index(cell[y]), columns.index(cell[x])] = cell["mean"], cell["std"]
        self.figure_, self.ax_ = one_axes(ax, (2.2 + 0.95 * len(columns), 1.6 + 0.5 * len(rows)))
        image = self.ax_.imshow(grid[0], cmap=cmap, aspect="auto")
        known = grid[0][~np.isnan(grid[0])]
        middle = (known.min() + known.max()) / 2 if len(known) else 0
        for i, j in np.ndindex(grid.shape[1:]):
            mean, std = grid[:, i, j]
            text = "–" if np.isnan(mean) else f"{mean:.3f}\n±{std:.3f}"
            color = "black" if np.isnan(mean) or mean > middle else "white"
            best = len(known) and mean == known.max()
            weight = "bold" if best else "normal"
            self.ax_.text(j, i, text, ha="center", va="center", fontsize=7.5, color=color,
                          weight=weight)  # fmt: skip
            if best:
                self.ax_.add_patch(_frame(i, j))
        self.ax_.set_xticks(range(len(columns)), [_short(v) for v in columns])
        self.ax_.set_yticks(range(len(rows)), [_short(v) for v in rows])
        self.ax_.set_xlabel(x, fontsize=8)
        self.ax_.set_ylabel(y, fontsize=8)
        bar = self.figure_.colorbar(image, ax=self.ax_, fraction=0.05, pad=0.02)
        bar.ax.tick_params(labelsize=8)

    def frame(self):
        """Return the cells as a table.

        Returns
        -------
        DataFrame
            The parameters, mean, std, low, high, folds, rank, failed.
        """
        return self.table.copy()

    @classmethod
    def from_results(cls, results, *, metric=None, parameters=None, ax=None, cmap="cividis"):
        """Draw the results of a search.

        Parameters
        ----------
        results : dict or DataFrame
            As ``cv_results_``.
        metric : str, default=None
            Which of several metrics; needed where the search has several.
        parameters : str or sequence of one or two str, default=None
            Full or last part of the names, such as ``"lam"``; rows first. None takes the one or
            two that vary.
        ax, cmap
            See :meth:`plot`.

        Returns
        -------
        GridDisplay
        """
        results = pd.DataFrame({name: list(values) for name, values in dict(results).items()})
        metrics = [c.removeprefix("mean_test_") for c in results if c.startswith("mean_test_")]
        metric = metrics[0] if metric is None and len(metrics) == 1 else metric
        if metric not in metrics:
            raise ValueError(f"metric must be one of {metrics}; got {metric!r}.")
        searched = {c.removeprefix("param_"): c for c in results if c.startswith("param_")}
        names = _choose(parameters, searched, results)
        folds = [c for c in results if c.startswith("split") and c.endswith(f"_test_{metric}")]
        table = results[[searched[name] for name in names]].set_axis(names, axis=1)
        # Values may be estimators or lists: whatever is not a number is told by its text.
        for name in names:
            if table[name].dtype.kind not in "biuf" or table[name].isna().any():
                table[name] = [str(value) for value in table[name]]
        table["mean"] = results[f"mean_test_{metric}"]
        table["std"] = results[f"std_test_{metric}"]
        table["low"], table["high"] = results[folds].min(axis=1), results[folds].max(axis=1)
        table["folds"] = len(folds)
        failed = table["mean"].isna().groupby([table[n] for n in names], sort=False).sum()
        best = table.sort_values("mean", ascending=False, kind="stable").drop_duplicates(names)
        table = best.sort_index().reset_index(drop=True)
        table["rank"] = table["mean"].rank(ascending=False, method="min")
        keys = [row if len(names) > 1 else row[0] for row in table[names].itertuples(False, None)]
        table["failed"] = [int(failed[key]) for key in keys]
        return cls(table, names, metric).plot(ax, cmap=cmap)

    @classmethod
    def from_estimator(cls, search, *, metric=None, parameters=None, ax=None, cmap="cividis"):
        """Draw a fitted search.

        Parameters
        ----------
        search : fitted GridSearchCV, RandomizedSearchCV or the like
            With ``cv_results_``.
        metric, parameters, ax, cmap
            As in :meth:`from_results`; ``metric=None`` takes what the search was refitted for.

        Returns
        -------
        GridDisplay
        """
        if not hasattr(search, "cv_results_"):
            raise ValueError(f"{type(search).__name__} has no cv_results_: pass a fitted search.")
        refit = getattr(search, "refit", None)
        if metric is None and isinstance(refit, str):
            metric = refit
        return cls.from_results(
            search.cv_results_, metric=metric, parameters=parameters, ax=ax, cmap=cmap
        )


def _choose(parameters, searched, results):
    """Full names of the parameters to draw."""
    if parameters is None:
        names = [n for n, column in searched.items() if len(set(map(str, results[column]))) > 1]
        names = names or list(searched)[:1]
        if len(names) not in (1, 2):
            raise ValueError(
                f"The search has the parameters {list(searched)}; name one or two of them in "
                "parameters=."
            )
        return names
    names = []
    for wanted in [parameters] if isinstance(parameters, str) else parameters:
        found = [n for n in searched if n == wanted or n.endswith(f"__{wanted}")]
        if len(found) != 1:
            raise ValueError(
                f"parameters must name one of {list(searched)} each; {wanted!r} names {found}."
            )
        names += found
    if len(names) not in (1, 2) or len(set(names)) < len(names):
        raise ValueError(f"parameters must be one or two different ones; got {names}.")
    return names


def _positions(values):
    """Places of a parameter's values on an axis, and their names where they are no numbers."""
    if values.dtype.kind in "iuf":
        return values.to_numpy(), None
    return np.arange(len(values)), [_short(value) for value in values]


def _short(value, most=22):
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _frame(i, j):
    from matplotlib.patches import Rectangle

    return Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, fill=False, edgecolor="black", linewidth=1.8)
