"""AUC of each subgroup of images: by sex, age band, view, source."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._few import blank_few, count_units, note_few
from skcxr.metrics._levels import subgroups
from skcxr.metrics._result import Result, interval_columns, percent
from skcxr.metrics._statistics import rank_sums
from skcxr.metrics._tables import interval_frame
from skcxr.metrics.multilabel import warn_left_out
from skcxr.metrics.strata import read_beside


@dataclass(frozen=True, repr=False, eq=False)
class SubgroupAUC(Result):
    """What :func:`auc_by` found.

    Attributes
    ----------
    overall : DataFrame
        One row per subgroup (column, level), after one for all images: images, patients where
        groups were given, labels with both a positive and a negative, their macro AUC, and its
        difference from the macro AUC of the same labels on all images, each with low and high.
    per_label : DataFrame
        One row per subgroup and label: images with a known value, positives, positive patients
        where groups were given, AUC with low and high.
    confidence_level : float
        Of the intervals.
    n_bootstraps, n_groups : int
        Resamples, and units resampled.
    notes : tuple of str
        Subgroups' labels with too few positive or negative patients for an interval.

    Examples
    --------
    >>> from skcxr.metrics import auc_by
    >>> y, prob = [[1], [0], [1], [0]], [[0.9], [0.8], [0.2], [0.3]]
    >>> found = auc_by(y, prob, {"view": ["PA", "PA", "AP", "AP"]}, n_bootstraps=0)
    >>> found.overall["AUC"].to_dict()
    {('all', 'all'): 0.5, ('view', 'AP'): 0.0, ('view', 'PA'): 1.0}
    """

    overall: pd.DataFrame
    per_label: pd.DataFrame
    confidence_level: float
    n_bootstraps: int
    n_groups: int
    notes: tuple = ()

    def frame(self):
        """Return overall and per label in one long table.

        Returns
        -------
        DataFrame
            Columns column, level, label ("all" for the macro average), counts, AUC, low, high.
        """
        macro = self.overall.assign(label="all").set_index("label", append=True)
        return pd.concat([macro, self.per_label]).reset_index()

    def _tables(self, digits=3):
        tables = []
        for table in (self.overall, self.per_label):
            counts = table[[c for c in table if table[c].dtype.kind == "i"]]
            text = counts.join(interval_frame(interval_columns(table), digits))
            text.index = pd.Index(
                [" · ".join(map(str, key)) for key in table.index], name="subgroup"
            )
            tables.append(text)
        return tables

    def _head(self):
        return (
            f"SubgroupAUC: {percent(self.confidence_level)} intervals from {self.n_bootstraps} "
            f"resamples of {self.n_groups} units"
        )


def auc_by(
    y_true,
    y_prob=None,
    columns=None,
    *,
    bands=None,
    groups=None,
    sample_weight=None,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """AUC per label and macro AUC of every subgroup.

    Where :func:`auc_within` asks whether a model ranks well among images of the same kind, this
    asks for whom it ranks well.

    Parameters
    ----------
    y_true : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        0, 1, or NaN where unknown.
    y_prob : array-like or DataFrame of shape (n, k), or out-of-fold predictions
        Probabilities; labels and rows are matched as in :func:`multilabel_report`.
    columns : DataFrame, Series or dict of {str: array-like of shape (n,)}
        What makes subgroups, one column each: sex, age, view, source. A number with more than
        eight values is cut into bands. Images without a value form the level "missing".
    bands : dict of {str: list of float}, default=None
        Cut points of a column: ``{"age": [40, 60]}`` makes "under 40", "40 to under 60" and "60
        and over". Quartiles where a column is not named.
    groups, sample_weight, n_bootstraps, confidence_level, random_state, label_names
        As in :func:`multilabel_report`.

    Returns
    -------
    SubgroupAUC
        A subgroup's macro AUC averages the labels that have both a positive and a negative in
        it; ``difference`` compares with the same labels on all images. Labels with fewer than
        five positive (or negative) patients in a subgroup have no interval there.

    Raises
    ------
    ValueError
        Where a column holds more than 30 different values that are no numbers, or `bands` names a
        column that is not there or holds no numbers.

    References
    ----------
    Seyyed-Kalantari et al., Underdiagnosis bias of artificial intelligence algorithms applied to
    chest radiographs in under-served patient populations, Nature Medicine 2021 (why to look).

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import auc_by
    >>> rng = np.random.RandomState(0)
    >>> y, age = rng.randint(2, size=(200, 1)), rng.randint(20, 90, size=200)
    >>> prob = np.where(age[:, None] < 60, 0.5 * y, 0) + 0.5 * rng.uniform(size=y.shape)
    >>> found = auc_by(y, prob, {"age": age}, bands={"age": [60]}, n_bootstraps=100, random_state=0)
    >>> bool(found.overall.loc[("age", "60 and over"), "difference high"] < 0)
    True
    """
    if columns is not None and not isinstance(columns, pd.DataFrame):
        columns = columns.to_frame() if hasattr(columns, "to_frame") else pd.DataFrame(columns)
    scored, columns = read_beside(
        y_true, y_prob, groups, sample_weight, label_names, "columns", columns
    )
    y, names, _, _, _, unit, n_units, grouped, weight = scored
    if len(columns) != len(y):
        raise ValueError(f"columns has {len(columns)} rows but y_true has {len(y)}.")
    warn_left_out(y, names, weight)
    members = {("all", "all"): np.ones(len(y), dtype=bool)} | subgroups(columns, bands or {})
    known = ~np.isnan(y)
    parts = [[rank_sums(scored, j, rows) for j in range(len(names))] for rows in members.values()]

    def statistic(weights):
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = np.empty((len(parts), len(names), weights.shape[1]))
            for s, of_labels in enumerate(parts):
                for j, rank in enumerate(of_labels):
                    u, pairs, _ = rank(weights)
                    auc[s, j] = u / pairs
            here = ~np.isnan(auc)
            macro = np.nansum(auc, axis=1) / here.sum(axis=1)
            # All images, on the labels that the subgroup has.
            reference = np.nansum(np.where(here, auc[:1], np.nan), axis=1) / here.sum(axis=1)
        return {"auc": auc, "macro": macro, "difference": macro - reference}

    point, samples = resample(statistic, n_units, n_bootstraps, random_state)
    ends = {name: percentile_interval(samples[name], confidence_level) for name in samples}
    index = pd.MultiIndex.from_tuples(members, names=["column", "level"])
    overall = pd.DataFrame({"images": [rows.sum() for rows in members.values()]}, index=index)
    n_patients = count_units(np.stack(list(members.values()), axis=1), unit, n_units)
    if grouped:
        overall["patients"] = n_patients
    overall["labels"] = (~np.isnan(point["auc"])).sum(axis=1)
    for name, heading in (("macro", "AUC"), ("difference", "difference")):
        low, high = blank_few(*ends[name], n_patients)
        figures = {heading: point[name], f"{heading} low": low, f"{heading} high": high}
        overall = overall.assign(**figures)
    overall.loc[("all", "all"), "difference":] = np.nan
    tables, notes = [], []
    for s, (key, rows) in enumerate(members.items()):
        sets = [part & rows[:, None] for part in (known, y == 1, y == 0)]
        positive, negative = (count_units(part, unit, n_units) for part in sets[1:])
        counts = {"images": sets[0].sum(axis=0), "positives": sets[1].sum(axis=0)}
        if grouped:
            counts["positive patients"] = positive
        low, high = (end[s] for end in ends["auc"])
        low, high = blank_few(low, high, np.minimum(positive, negative))
        figures = {"AUC": point["auc"][s], "AUC low": low, "AUC high": high}
        tables.append(pd.DataFrame(counts | figures, index=pd.Index(names, name="label")))
        for what, count in (("positive", positive), ("negative", negative)):
            note = note_few(names, count, what, grouped)
            if note and n_bootstraps:
                notes.append(f"{key[0]} {key[1]}: {note}" if s else note)
    per_label = pd.concat(dict(zip(members, tables, strict=True)), names=["column", "level"])
    return SubgroupAUC(overall, per_label, confidence_level, n_bootstraps, n_units, tuple(notes))
