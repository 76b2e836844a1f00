"""How maps fare against boxes, beside maps that have not seen the film."""

import numpy as np
import pandas as pd

from skcxr.inspection._drawing import colors, grid_of_axes
from skcxr.metrics import localization_report
from skcxr.metrics._box_scores import FIGURES

_SHOWN = ("pointing game", "energy in box", "IoU>=0.1")


class LocalizationDisplay:
    """Figures of maps against lesion boxes with intervals, and of every control.

    Make one with :meth:`from_reports` or :meth:`from_predictions`.

    Parameters
    ----------
    reports : dict of {str: LocalizationReport}
        Of maps of the same boxes.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes, one for each metric

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skcxr.inspection import LocalizationDisplay
    >>> boxes = pd.DataFrame(
    ...     [(0, "Mass", 0, 0, 512, 512), (1, "Mass", 512, 512, 512, 512)],
    ...     columns=["image", "label", "x", "y", "w", "h"],
    ... )
    >>> maps = np.random.default_rng(0).uniform(size=(2, 8, 8))
    >>> display = LocalizationDisplay.from_predictions(maps, boxes, n_bootstraps=0, random_state=0)
    >>> display.frame()["map"].unique().tolist()[:2]
    ['map', 'other patient']
    """

    def __init__(self, reports):
        self.reports = reports

    def plot(self, axes=None, *, metrics=_SHOWN, label="all"):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One for each metric; a new figure when None.
        metrics : sequence of str
            Of ``LocalizationReport.summary``.
        label : str, default="all"
            Whose boxes; ``"all"`` for every box.

        Returns
        -------
        LocalizationDisplay
        """
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        wrong = [name for name in metrics if name not in FIGURES]
        if wrong or not metrics:
            raise ValueError(f"metrics must be of {list(FIGURES)}; got {metrics}.")
        table = self.frame()
        if label not in set(table["label"]):
            raise ValueError(f"label must be of {list(table['label'].unique())}; got {label!r}.")
        table = table[table["label"] == label]
        rows = self._rows(table)
        new = axes is None
        self.figure_, grid = grid_of_axes(1, len(metrics), axes=axes)
        self.axes_ = grid[0]
        if new:
            self.figure_.set_size_inches(1.9 + 2.5 * len(metrics), 1.3 + 0.27 * len(rows))
        y = np.arange(len(rows))
        shades = colors(len(self.reports))
        for ax, metric in zip(self.axes_, metrics, strict=True):
            for at, (report, source, _) in enumerate(rows):
                mine = table[(table["report"] == report) & (table["map"] == source)]
                value, low, high = mine.loc[
                    mine["metric"] == metric, ["value", "low", "high"]
                ].iloc[0]
                own = source == "map"
                color = shades[list(self.reports).index(report)] if own else "0.45"
                ax.hlines(at, low, high, color=color, linewidth=2, alpha=0.7)
                ax.plot(value, at, "o" if own else "|", color=color, markersize=6 if own else 10)
            ax.set_yticks(y, [name for *_, name in rows] if ax is self.axes_[0] else [], fontsize=8)
            ax.set_ylim(len(rows) - 0.4, -0.6)
            ax.set_title(metric, fontsize=9)
            ax.tick_params(axis="x", labelsize=8)
            ax.grid(axis="x", color="0.92")
            ax.set_axisbelow(True)
            ax.spines[["top", "right"]].set_visible(False)
        if new:
            count = next(iter(self.reports.values())).counts.loc[label]
            self.figure_.suptitle(
                f"{'All findings' if label == 'all' else label}: {count['boxes']} boxes of "
                f"{count['patients']} patients",
                fontsize=9,
            )
        return self

    def _rows(self, table):
        """(report, map or control, text): each report's map, then the controls of all."""
        several = len(self.reports) > 1
        own = [(name, "map", name if several else "the map") for name in self.reports]
        first = next(iter(self.reports))
        controls = []
        for source in table["map"].unique()[1:]:
            # What does not depend on the maps is the same for all reports.
            depends = source in ("other patient", "mean map")
            for name in self.reports if depends and several else [first]:
                text = f"{source} ({name})" if depends and several else source
                controls.append((name, source, text))
        return own + controls

    def frame(self):
        """Return the figures of maps and controls, and the paired differences.

        Returns
        -------
        DataFrame
            Columns report, label, map, metric, value, low, high, difference, difference_low,
            difference_high, boxes, patients.
        """
        parts = {name: report.frames()["summary"] for name, report in self.reports.items()}
        table = pd.concat(parts, names=["report", None]).reset_index(level=0)
        return table.reset_index(drop=True)

    @classmethod
    def from_reports(cls, reports, *, axes=None, **kwargs):
        """Draw reports that were computed before.

        Parameters
        ----------
        reports : LocalizationReport or dict of {str: LocalizationReport}
            Such as one of Grad-CAM and one of the fused maps.
        axes, **kwargs
            See :meth:`plot`.

        Returns
        -------
        LocalizationDisplay
        """
        reports = reports if isinstance(reports, dict) else {"map": reports}
        return cls(reports).plot(axes, **kwargs)

    @classmethod
    def from_predictions(cls, maps, boxes, *, axes=None, metrics=_SHOWN, label="all", **kwargs):
        """Score maps against boxes and draw the result.

        Parameters
        ----------
        maps : array-like of shape (n, h, w) or (n, k, h, w), or dict of them
            One kind of maps, or several.
        boxes : DataFrame
            As in :func:`~skcxr.metrics.localization_report`.
        axes, metrics, label
            See :meth:`plot`.
        **kwargs
            Other arguments of :func:`~skcxr.metrics.localization_report`.

        Returns
        -------
        LocalizationDisplay
        """
        several = maps if isinstance(maps, dict) else {"map": maps}
        reports = {
            name: localization_report(each, boxes, **kwargs) for name, each in several.items()
        }
        return cls(reports).plot(axes, metrics=metrics, label=label)
