"""A score per label with its interval, against chance."""

import numpy as np
import pandas as pd

from skcxr.inspection._drawing import colors, legend_above, one_axes
from skcxr.metrics import multilabel_report
from skcxr.metrics._predictions import predictions_of

_MACRO = {"AUC": "Macro AUC", "AP": "Macro AP", "F1": "Macro-F1"}


class LabelAUCDisplay:
    """Forest plot of AUC (or AP, or F1) per label with intervals, for one or several models.

    Make one with :meth:`from_estimator`, :meth:`from_predictions` or :meth:`from_reports`.

    Parameters
    ----------
    reports : dict of {str: MultilabelReport}
        The models' reports, on the same images.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes

    Examples
    --------
    >>> from skcxr.inspection import LabelAUCDisplay
    >>> y, prob = [[1, 0], [0, 1], [0, 0]], [[0.9, 0.2], [0.1, 0.6], [0.2, 0.7]]
    >>> display = LabelAUCDisplay.from_predictions(
    ...     y, prob, label_names=["Mass", "Edema"], n_bootstraps=0
    ... )
    >>> display.frame()["AUC"].tolist()
    [1.0, 0.5]
    """

    def __init__(self, reports):
        self.reports = reports

    def plot(self, ax=None, *, metric="AUC", sort=True):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            A new figure when None.
        metric : {"AUC", "AP", "F1"}, default="AUC"
            Chance is 0.5 for AUC and, marked label by label, the share of positives for AP.
        sort : bool, default=True
            Whether to sort labels by the first model's value.

        Returns
        -------
        LabelAUCDisplay
        """
        ax_given = ax is not None
        if metric not in _MACRO:
            raise ValueError(f"metric must be one of {list(_MACRO)}; got {metric!r}.")
        first = next(iter(self.reports.values())).per_label
        order = first[metric].sort_values(ascending=False).index if sort else first.index
        n = len(order)
        self.figure_, self.ax_ = one_axes(ax, (6.4, 1.3 + 0.24 * n + 0.1 * n * len(self.reports)))
        ax = self.ax_
        offsets = np.linspace(-0.27, 0.27, len(self.reports)) if len(self.reports) > 1 else [0.0]
        y = np.arange(n)
        for (name, report), offset, color in zip(
            self.reports.items(), offsets, colors(len(self.reports)), strict=True
        ):
            labels = report.per_label.loc[order]
            macro = report.overall.loc[_MACRO[metric]]
            value = np.append(labels[metric], macro["value"])
            low = np.append(labels[f"{metric} low"], macro["low"])
            high = np.append(labels[f"{metric} high"], macro["high"])
            # A line below the labels for the macro average.
            at = np.append(y, n + 0.4) + offset
            ax.hlines(at, low, high, color=color, linewidth=1.8, alpha=0.75)
            ax.plot(value[:-1], at[:-1], "o", color=color, markersize=4.5, label=name)
            ax.plot(value[-1:], at[-1:], "D", color=color, markersize=6)
        if metric == "AUC":
            ax.axvline(0.5, color="0.3", linestyle="--", linewidth=1, label="chance")
        elif metric == "AP":
            share = first.loc[order, "positives"] / first.loc[order, "images"]
            ax.plot(share, y, "|", color="0.2", markersize=11, label="chance (prevalence)")
        ax.axhline(n - 0.3, color="0.8", linewidth=0.8)
        ticks = [f"{label} (n = {first.loc[label, 'positives']})" for label in order]
        ax.set_yticks([*y, n + 0.4], [*ticks, "Macro average"], fontsize=8)
        ax.set_ylim(n + 0.95, -0.6)
        ax.set_xlabel(f"{metric} ({self._level():.0%} interval); n: positives", fontsize=9)
        ax.tick_params(axis="x", labelsize=8)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        handles, texts = ax.get_legend_handles_labels()
        if ax_given:
            ax.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
        else:
            legend_above(self.figure_, handles, texts)
        return self

    def _level(self):
        return next(iter(self.reports.values())).confidence_level

    def frame(self):
        """Return the scores of each label as a table.

        Returns
        -------
        DataFrame
            Column model, then those of ``MultilabelReport.per_label`` with the label.
        """
        tables = {name: report.per_label for name, report in self.reports.items()}
        return pd.concat(tables, names=["model", "label"]).reset_index()

    @classmethod
    def from_reports(cls, reports, *, ax=None, **kwargs):
        """Draw reports that were computed before.

        Parameters
        ----------
        reports : MultilabelReport, ModelComparison or dict of {str: MultilabelReport}
            One model or several.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        LabelAUCDisplay
        """
        reports = getattr(reports, "reports", reports)
        reports = reports if isinstance(reports, dict) else {"model": reports}
        return cls(reports).plot(ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, y_prob=None, *, ax=None, metric="AUC", **kwargs):
        """Score probabilities and draw the result.

        Parameters
        ----------
        y_true, y_prob
            As in :func:`~skcxr.metrics.multilabel_report`.
        ax : Axes, default=None
            A new figure when None.
        metric : {"AUC", "AP", "F1"}, default="AUC"
            What is drawn.
        **kwargs
            Other arguments of :func:`~skcxr.metrics.multilabel_report`.

        Returns
        -------
        LabelAUCDisplay
        """
        return cls.from_reports(multilabel_report(y_true, y_prob, **kwargs), ax=ax, metric=metric)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, metric="AUC", **kwargs):
        """Score a fitted model and draw the result.

        Parameters
        ----------
        estimator : fitted estimator
            With ``predict_proba``.
        X, y
            Images and labels.
        ax, metric, **kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        LabelAUCDisplay
        """
        prob, pred = predictions_of(estimator, X)
        return cls.from_predictions(y, prob, y_pred=pred, ax=ax, metric=metric, **kwargs)
