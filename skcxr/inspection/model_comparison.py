"""Figure 6 of Das 2025 for any models."""

import numpy as np

from skcxr.inspection._drawing import colors, grid_of_axes, wrapped
from skcxr.metrics import compare_models


class ModelComparisonDisplay:
    """Bars of Micro-F1, Macro-F1, Macro AUC and Hamming loss per model, with intervals.

    Make one with :meth:`from_estimators`, :meth:`from_predictions` or :meth:`from_comparison`.
    Bars of Macro AUC start at 0.5, which is chance.

    Parameters
    ----------
    comparison : ModelComparison
        What :func:`~skcxr.metrics.compare_models` returned.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_metrics,)

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.inspection import ModelComparisonDisplay
    >>> y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    >>> models = {"right": 0.8 * y + 0.1, "wrong": 0.9 - 0.8 * y}
    >>> display = ModelComparisonDisplay.from_predictions(y, models, n_bootstraps=0)
    >>> display.frame().query("metric == 'Macro AUC'")["value"].tolist()
    [1.0, 0.0]
    """

    def __init__(self, comparison):
        self.comparison = comparison

    def plot(self, axes=None, *, metrics=("Micro-F1", "Macro-F1", "Macro AUC", "Hamming Loss")):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One per metric; a new figure when None.
        metrics : sequence of str
            Columns of ``comparison.table``.

        Returns
        -------
        ModelComparisonDisplay
        """
        from matplotlib.ticker import MultipleLocator

        intervals = self.comparison.intervals
        unknown = [m for m in metrics if m not in self.comparison.table]
        if unknown:
            raise ValueError(f"metrics must be of {list(self.comparison.table)}; got {unknown}.")
        new = axes is None
        self.figure_, axes = grid_of_axes(1, len(metrics), axes=axes, sharey=True)
        self.axes_ = axes[0]
        if new:
            longest = max(len(str(name)) for name in intervals.index)
            self.figure_.set_size_inches(
                2.3 * len(metrics) + 0.075 * longest, 0.9 + 0.42 * len(intervals)
            )
        y = np.arange(len(intervals))
        for ax, metric, color in zip(self.axes_, metrics, colors(len(metrics)), strict=True):
            value, low, high = intervals[metric][["value", "low", "high"]].to_numpy().T
            start = 0.5 if metric == "Macro AUC" else 0.0
            ax.barh(y, value - start, left=start, height=0.62, color=color)
            known = ~np.isnan(low)
            ends = [value[known] - low[known], high[known] - value[known]]
            ax.errorbar(
                value[known], y[known], xerr=np.maximum(ends, 0), fmt="none", ecolor="0.15",
                elinewidth=1.2, capsize=2.5,
            )  # fmt: skip
            reach = np.where(known, np.fmax(high, start), np.fmax(value, start))
            least = min(start, np.nanmin([*low, *value, start]))
            span = max(np.nanmax([*reach, start]) - least, 1e-3)
            for i, x in enumerate(reach):
                if not np.isnan(value[i]):
                    ax.text(x + 0.04 * span, i, f"{value[i]:.3f}", va="center", fontsize=8)
            ax.set_xlim(least - (0.05 * span if least < start else 0), least + 1.42 * span)
            ax.set_title(metric + (" (lower is better)" * ("Loss" in metric)), fontsize=9)
            if start:
                ax.axvline(start, color="0.3", linewidth=1, linestyle="--")
                ax.set_xlabel("dashed: chance", fontsize=8)
            if start:
                ax.xaxis.set_major_locator(MultipleLocator(0.1))
            else:
                ax.locator_params(axis="x", nbins=4)
            ax.tick_params(labelsize=8)
            ax.spines[["top", "right"]].set_visible(False)
        first = self.axes_[0]
        first.set_yticks(y, [wrapped(name) for name in intervals.index])
        first.set_ylim(len(y) - 0.5, -0.5)
        return self

    def frame(self):
        """Return what can be drawn as a table.

        Returns
        -------
        DataFrame
            Columns model, metric, value, low, high.
        """
        table = self.comparison.intervals.stack(0, future_stack=True)
        table = table.rename_axis(["model", "metric"])
        return table[["value", "low", "high"]].reset_index()

    @classmethod
    def from_comparison(cls, comparison, *, axes=None, **kwargs):
        """Draw a comparison that was computed before.

        Parameters
        ----------
        comparison : ModelComparison
            From :func:`~skcxr.metrics.compare_models`.
        axes, **kwargs
            See :meth:`plot`.

        Returns
        -------
        ModelComparisonDisplay
        """
        return cls(comparison).plot(axes, **kwargs)

    @classmethod
    def from_estimators(cls, models, X, y, *, axes=None, **kwargs):
        """Score fitted models and draw the result.

        Parameters
        ----------
        models : dict of {str: fitted estimator}
            The models.
        X, y
            Images and labels.
        axes : array of Axes, default=None
            See :meth:`plot`.
        **kwargs
            Other arguments of :func:`~skcxr.metrics.compare_models`, such as `groups`.

        Returns
        -------
        ModelComparisonDisplay
        """
        return cls(compare_models(models, X, y, **kwargs)).plot(axes)

    @classmethod
    def from_predictions(cls, y_true, y_probs, *, axes=None, **kwargs):
        """Score probabilities and draw the result.

        Parameters
        ----------
        y_true : array-like or DataFrame of shape (n, k)
            Labels.
        y_probs : dict of {str: array-like of shape (n, k)}
            Probabilities of each model.
        axes : array of Axes, default=None
            See :meth:`plot`.
        **kwargs
            Other arguments of :func:`~skcxr.metrics.compare_models`.

        Returns
        -------
        ModelComparisonDisplay
        """
        return cls(compare_models(y_probs, None, y_true, **kwargs)).plot(axes)
