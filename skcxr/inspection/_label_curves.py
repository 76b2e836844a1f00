"""Curves of labels, a small plot for each: what the ROC and precision-recall displays share."""

import numpy as np

from skcxr._multilabel._matching import select_labels
from skcxr.inspection._curves import curves_of
from skcxr.inspection._drawing import colors, grid_of_axes, legend_above
from skcxr.inspection._models import ModelsDisplay, scored_models

_LINES = ("solid", "dashed", "dotted", "dashdot")


def draw_curves(curves, scores, *, axes, x_label, y_label, score, chance, corner, labels=None):
    """Draw a small plot for each label; return the figure and its axes.

    Parameters
    ----------
    chance : callable
        Given a row of `scores`, the ends of the line of chance: (x values, y values).
    corner : str
        Where the scores are written, in the corner that good curves leave free.
    """
    names = list(dict.fromkeys(scores["label"]))
    names = [names[j] for j in select_labels(labels, names)]
    models = list(dict.fromkeys(scores["model"]))
    new = axes is None
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    shape = (rows, columns) if new else (1, len(names))
    figure, grid = grid_of_axes(
        *shape, axes=axes, **({"sharex": True, "sharey": True} if new else {})
    )
    flat = grid.ravel()
    for at in range(len(names), len(flat)):
        flat[at].set_visible(False)
        flat[at - columns].xaxis.set_tick_params(labelbottom=True)
    for ax, name in zip(flat, names, strict=False):
        lines, texts = [], []
        for model, color, style in zip(
            models, colors(len(models)), _LINES * len(models), strict=False
        ):
            mine = (scores["model"] == model) & (scores["label"] == name)
            row = scores[mine].iloc[0]
            curve = curves[(curves["model"] == model) & (curves["label"] == name)]
            if np.isnan(row["value"]):
                kind = "positive" if row["positives"] == 0 else "negative"
                ax.text(0.5, 0.5, f"no {kind}", ha="center", va="center", fontsize=8)
                continue
            lines += ax.plot(
                curve["x"], curve["y"], color=color, linestyle=style, linewidth=1.4, label=model
            )
            ax.fill_between(curve["x"], curve["low"], curve["high"], color=color, alpha=0.18, lw=0)
            if model == models[0]:
                ax.plot(*chance(row), color="0.5", linewidth=0.8, linestyle=":")
            interval = "" if np.isnan(row["low"]) else f" ({row['low']:.2f}–{row['high']:.2f})"
            texts.append(f"{row['value']:.2f}{interval}")
        count = scores.loc[scores["label"] == name, "positives"].iloc[0]
        ax.set_title(f"{name} (n = {count})", fontsize=8)
        if lines:
            ax.legend(
                lines, texts, loc=corner, fontsize=6.5, title=score, title_fontsize=6.5,
                handlelength=1.6, labelspacing=0.2, borderpad=0.2, framealpha=0.75,
                edgecolor="none",
            )  # fmt: skip
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        ax.set_box_aspect(1)
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    if new:
        figure.supxlabel(x_label, fontsize=9)
        figure.supylabel(y_label, fontsize=9)
    else:
        for ax in flat:
            ax.set_xlabel(x_label, fontsize=8)
        flat[0].set_ylabel(y_label, fontsize=8)
    if len(models) > 1:
        drawn = {line.get_label(): line for ax in flat for line in ax.lines}
        handles = [drawn[model] for model in models if model in drawn]
        if new:
            legend_above(figure, handles, [line.get_label() for line in handles])
        else:
            figure.legend(handles=handles, ncols=4, fontsize=8, frameon=False, loc="lower center")
    return figure, grid


class LabelCurvesDisplay(ModelsDisplay):
    """What the displays of curves share; a subclass says which curve, and what the axes are."""

    def __init__(self, curves, scores):
        self.curves = curves
        self.scores = scores

    def plot(self, axes=None, *, labels=None):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One for each label; a new figure when None.
        labels : str, int or sequence of them, default=None
            What is drawn; None is every label.

        Returns
        -------
        Display
        """
        self.figure_, self.axes_ = draw_curves(
            self.curves,
            self.scores,
            axes=axes,
            labels=labels,
            x_label=self._x,
            y_label=self._y,
            score=self._score,
            chance=self._chance,
            corner=self._corner,
        )
        return self

    def frame(self):
        """Return the curves as a table.

        Returns
        -------
        DataFrame
            Columns model, label, what is on the x axis, what is on the y axis, low, high.
        """
        return self.curves.rename(columns={"x": self._x, "y": self._y})

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_prob=None,
        *,
        groups=None,
        n_bootstraps=200,
        confidence_level=0.95,
        random_state=0,
        labels=None,
        axes=None,
    ):
        """Draw the curves of probabilities.

        Parameters
        ----------
        y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
            0, 1, or NaN where unknown.
        y_prob : array-like or DataFrame of shape (n, k), or dict of them by model
            Probabilities; matched by label name and index where both sides have them.
        groups : array-like of shape (n,), default=None
            Patients, resampled whole.
        n_bootstraps : int, default=200
            Resamples for the bands; 0 for none. Labels with fewer than five positive or negative
            patients have none.
        confidence_level : float, default=0.95
            Of the pointwise percentile bands.
        random_state : int, RandomState or None, default=0
            Draws the resamples.
        labels, axes
            See :meth:`plot`.

        Returns
        -------
        Display
        """
        curves = curves_of(
            scored_models(y_true, y_prob, groups),
            cls._curve,
            n_bootstraps=n_bootstraps,
            confidence_level=confidence_level,
            random_state=random_state,
        )
        return cls(*curves).plot(axes, labels=labels)
