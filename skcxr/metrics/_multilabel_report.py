"""What multilabel_report found, and how its tables are made."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._few import blank_few, count_units, note_few, widen_certain
from skcxr.metrics._result import Result, interval_columns, percent, values_of
from skcxr.metrics._statistics import METRICS, SHARES, MultilabelStatistics
from skcxr.metrics._tables import interval_frame

_COUNTS = ["images", "positives", "patients", "positive patients"]
_HEADINGS = {"ppv": "PPV", "npv": "NPV"}


@dataclass(frozen=True, repr=False, eq=False)
class MultilabelReport(Result):
    """What :func:`multilabel_report` found.

    Attributes
    ----------
    overall : DataFrame
        Rows Micro-F1, Macro-F1, Hamming Loss, Macro AUC, Macro AP; columns value, low, high.
    per_label : DataFrame
        One row per label: images (with a known value) and positives; patients and positive
        patients where groups were given; threshold-dependent F1, and AUC and AP, each with low and
        high. NaN for a label without a positive or without a negative.
    operating_points : DataFrame
        One row per label: threshold (NaN where decisions were given), the same counts, true and
        false positives and negatives (sums of weights where images have weights), and sensitivity,
        specificity, PPV and NPV, each with low and high.
    resamples : DataFrame of shape (n_bootstraps, 5)
        The overall metrics on each resample.
    left_out : dict of {str: str}
        Labels left out of the macro averages, and why.
    n_images, n_groups : int
        Images, and units that were resampled (images when no groups were given).
    confidence_level : float
        Of the intervals.
    notes : tuple of str
        Labels with too few positive or negative patients for an interval, and those whose
        interval has no width because every resample agrees.

    Examples
    --------
    >>> from skcxr.metrics import multilabel_report
    >>> y, prob = [[1], [0], [1], [0]], [[0.9], [0.2], [0.4], [0.1]]
    >>> report = multilabel_report(y, prob, label_names=["Mass"], n_bootstraps=0)
    >>> report.operating_points.loc["Mass", ["sensitivity", "specificity"]].tolist()
    [0.5, 1.0]
    >>> report.frame().query("metric == 'AUC'")[["label", "value"]].to_numpy().tolist()
    [['Mass', 1.0]]
    """

    overall: pd.DataFrame
    per_label: pd.DataFrame
    operating_points: pd.DataFrame
    resamples: pd.DataFrame
    left_out: dict
    n_images: int
    n_groups: int
    confidence_level: float
    notes: tuple = ()

    def frame(self):
        """Return every figure in one long table.

        Returns
        -------
        DataFrame
            Columns label ("all" for the overall metrics), metric, value, low, high, and the counts
            of the label.
        """
        rows = [("all", m, *row) for m, row in zip(self.overall.index, self.overall.to_numpy(),
                                                   strict=True)]  # fmt: skip
        rows += [*values_of(self.per_label), *values_of(self.operating_points)]
        out = pd.DataFrame(rows, columns=["label", "metric", "value", "low", "high"])
        counts = [c for c in _COUNTS if c in self.per_label]
        return out.join(self.per_label[counts].astype("Int64"), on="label")

    def _formatted(self, digits=3):
        """The three tables as text, value and interval in one cell."""
        overall = interval_frame(pd.concat({"value": self.overall}, axis=1), digits)
        tables = []
        for table, extra in ((self.per_label, []), (self.operating_points, ["threshold"])):
            counts = table[[c for c in _COUNTS if c in table]]
            for name in extra:
                text = ["\u2013" if value != value else f"{value:.3g}" for value in table[name]]
                counts = counts.assign(**{name: text})
            tables.append(counts.join(interval_frame(interval_columns(table), digits)))
        return overall, *tables

    _tables = _formatted

    def _head(self):
        unit = "groups" if self.n_groups != self.n_images else "images"
        return (
            f"MultilabelReport: {self.n_images} images, {len(self.per_label)} labels; "
            f"{percent(self.confidence_level)} intervals from {len(self.resamples)} resamples of "
            f"{self.n_groups} {unit}"
        )


def make_report(scored, left_out, n_bootstraps, confidence_level, random_state):
    """Return the MultilabelReport of one model's checked answers."""
    y, _, prob, pred, _, unit, n_units, _, weight = scored
    statistics = MultilabelStatistics(y, prob, pred, unit, n_units, weight)
    point, samples = resample(statistics, n_units, n_bootstraps, random_state)
    behind = statistics.units_with()
    both = np.minimum(behind["sensitivity"], behind["specificity"])

    def ends(name, few=None):
        low, high = percentile_interval(samples[name], confidence_level)
        if few is not None:
            low, high = blank_few(low, high, few)
        return np.stack(np.broadcast_arrays(point[name], low, high), axis=-1)

    def shares(name):
        value, low, high = ends(name).T
        low, high = widen_certain(value, low, high, behind[name], confidence_level)
        return np.stack([value, *blank_few(low, high, behind[name])], axis=-1)

    index = pd.Index(scored.names, name="label")
    overall = pd.DataFrame(
        [ends(name) for name in METRICS],
        index=pd.Index(METRICS.values(), name="metric"),
        columns=["value", "low", "high"],
    )
    counts = _counts(scored, index)
    per_label = counts.join(
        _wide(index, ["F1", "AUC", "AP"], [ends(name, both) for name in ("f1", "auc", "ap")])
    )
    operating = counts.copy()
    cuts = np.nan if scored.thresholds is None else scored.thresholds
    operating.insert(0, "threshold", cuts)
    outcomes = statistics.counts.sum(axis=2)
    for name, part in zip(("TP", "FP", "FN", "TN"), outcomes, strict=True):
        operating[name] = part if weight is not None else part.astype(int)
    headings = [_HEADINGS.get(name, name) for name in SHARES]
    operating = operating.join(_wide(index, headings, [shares(name) for name in SHARES]))
    notes = [
        note_few(scored.names, behind[name], what, scored.grouped)
        for name, what in (("sensitivity", "positive"), ("specificity", "negative"))
    ]
    certain = per_label["AUC low"] == per_label["AUC high"]
    if certain.any():
        listed = ", ".join(index[certain])
        notes.append(f"The same AUC in every resample, an interval without width: {listed}.")
    return MultilabelReport(
        overall,
        per_label,
        operating,
        pd.DataFrame({heading: samples[name] for name, heading in METRICS.items()}),
        left_out,
        len(y),
        n_units,
        confidence_level,
        tuple(note for note in notes if note and n_bootstraps),
    )


def _wide(index, headings, parts):
    columns = [f"{heading}{end}" for heading in headings for end in ("", " low", " high")]
    return pd.DataFrame(np.concatenate(parts, axis=1), index=index, columns=columns)


def _counts(scored, index):
    """Images and positives of each label, beside them the patients where they are known."""
    sets = (~np.isnan(scored.y), scored.y == 1)
    counts = pd.DataFrame(
        {name: part.sum(axis=0) for name, part in zip(_COUNTS, sets, strict=False)}, index=index
    )
    if scored.grouped:
        for name, part in zip(_COUNTS[2:], sets, strict=True):
            counts[name] = count_units(part, scored.unit, scored.n_units)
    return counts
