"""What localization_report found: tables of boxes, of resamples and of means."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skcxr.metrics._box_scores import FIGURES, MAIN
from skcxr.metrics._result import Result
from skcxr.metrics._tables import interval_frame


@dataclass(frozen=True, repr=False)
class LocalizationReport(Result):
    """What :func:`localization_report` found.

    Attributes
    ----------
    per_box : DataFrame
        A row per box (image, label); columns (map or control, figure).
    patients : Series
        Patient of each box, as a number.
    counts : DataFrame
        For ``all`` and for each label: boxes, patients, control maps (median number of other
        patients' maps that a box met) and empty maps.
    sources : list of str
        ``map`` and the names of the controls.
    confidence_level : float
        Of the intervals.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skcxr.metrics import localization_report
    >>> boxes = pd.DataFrame(
    ...     [(0, "Mass", 0, 0, 512, 512), (1, "Mass", 512, 512, 512, 512)],
    ...     columns=["image", "label", "x", "y", "w", "h"],
    ... )
    >>> maps = np.zeros((2, 8, 8))
    >>> maps[:, 1, 1] = 1
    >>> report = localization_report(maps, boxes, n_bootstraps=0, random_state=0)
    >>> report.best_control("pointing game")["control"]
    'other patient'
    >>> list(report.frames())
    ['box', 'resample', 'summary']
    """

    per_box: pd.DataFrame
    patients: pd.Series
    counts: pd.DataFrame
    _means: np.ndarray
    _samples: np.ndarray
    sources: list
    confidence_level: float

    @property
    def n_empty(self):
        """Boxes whose map is zero everywhere: they count as misses."""
        return int(self.counts.loc["all", "empty maps"])

    @property
    def summary(self):
        """Of all boxes: a row per figure; below the map and each control value, low, high."""
        return self._wide("all", slice(0, len(self.sources)), self.sources)

    @property
    def differences(self):
        """Of all boxes: the map minus each control, paired: value, low and high."""
        return self._wide("all", slice(len(self.sources), None), self.sources[1:])

    @property
    def per_label(self):
        """Counts, and the main figures of the map and of other patients' maps, by label."""
        out = self.counts.drop(index="all")
        which = [FIGURES.index(figure) for figure in MAIN]
        own, other = self._means[0, 1:, :2][..., which].transpose(1, 0, 2)
        for j, figure in enumerate(MAIN):
            out[figure] = own[:, j]
            out[f"{figure}, other patient"] = other[:, j]
        return out

    def _wide(self, label, part, names):
        means = self._means[:, self.counts.index.get_loc(label), part]
        wide = {
            name: pd.DataFrame(means[:, j].T, columns=["value", "low", "high"])
            for j, name in enumerate(names)
        }
        return pd.concat(wide, axis=1).set_index(pd.Index(FIGURES, name="metric"))

    def best_control(self, metric="pointing game"):
        """Return the control that comes closest to the map, or wins.

        Parameters
        ----------
        metric : str, default="pointing game"
            A row of ``summary``.

        Returns
        -------
        Series
            ``control``, its ``value``, and ``difference``, ``low`` and ``high``: the map minus
            the control, paired.
        """
        if metric not in FIGURES:
            raise ValueError(f"metric must be one of {list(FIGURES)}; got {metric!r}.")
        values = self.summary.xs("value", axis=1, level=1).loc[metric].drop("map")
        name = values.idxmax()
        gap = self.differences.loc[metric, name]
        return pd.Series(
            {
                "control": name,
                "value": values[name],
                "difference": gap["value"],
                "low": gap["low"],
                "high": gap["high"],
            },
            name=metric,
        )

    def frames(self):
        """Return the three levels as tidy tables.

        Returns
        -------
        dict of {str: DataFrame}
            ``box``: image, label, patient, map and the figures. ``resample``: the same means on
            each resample of patients, by label. ``summary``: label, metric, map, value, low, high,
            boxes, patients, and difference, difference_low and difference_high, the scored map
            minus this control.
        """
        n = len(self.sources)
        image, label = (self.per_box.index.get_level_values(i).repeat(n) for i in (0, 1))
        box = pd.DataFrame(self.per_box.to_numpy().reshape(-1, len(FIGURES)), columns=list(FIGURES))
        box.insert(0, "image", image)
        box.insert(1, "label", label)
        box.insert(2, "patient", np.repeat(self.patients.to_numpy(), n))
        box.insert(3, "map", self.sources * len(self.per_box))
        keys = {"label": self.counts.index, "map": self.sources}
        index = pd.MultiIndex.from_product(
            [*keys.values(), range(self._samples.shape[-1])], names=[*keys, "resample"]
        )
        drawn = np.moveaxis(self._samples[:, :n], 2, 3).reshape(-1, len(FIGURES))
        resampled = pd.DataFrame(drawn, index, list(FIGURES)).reset_index()
        index = pd.MultiIndex.from_product([*keys.values(), FIGURES], names=[*keys, "metric"])
        ends = ["value", "low", "high"]
        summary = pd.DataFrame(self._means[:, :, :n].reshape(3, -1).T, index, ends)
        gaps = np.full(self._means[:, :, :n].shape, np.nan)
        gaps[:, :, 1:] = self._means[:, :, n:]
        summary[["difference", "difference_low", "difference_high"]] = gaps.reshape(3, -1).T
        summary = summary.reset_index().merge(self.counts[["boxes", "patients"]], on="label")
        return {"box": box, "resample": resampled, "summary": summary}

    def to_csv(self, folder):
        """Write the three levels to ``box.csv``, ``resample.csv`` and ``summary.csv``.

        Parameters
        ----------
        folder : str or path-like
            Made if it is not there. ``box.csv`` holds the names of the images.

        Returns
        -------
        list of Path
            The files.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, frame in self.frames().items():
            paths.append(folder / f"{name}.csv")
            frame.to_csv(paths[-1], index=False)
        return paths

    def _formatted(self, digits=3):
        values, gaps = (interval_frame(table, digits) for table in (self.summary, self.differences))
        gaps.columns = [f"minus {name}" for name in gaps]
        return values, gaps

    def _tables(self, digits=3):
        return [*self._formatted(digits), self.per_label]

    def _head(self):
        count = self.counts.loc["all"]
        return (
            f"LocalizationReport: {count['boxes']} boxes of {count['patients']} patients, "
            f"{self.n_empty} with an empty map"
        )

    def __repr__(self):
        main = [table.loc[list(MAIN)].to_string() for table in self._formatted()]
        return f"{self._head()}\n" + "\n\n".join(main)
