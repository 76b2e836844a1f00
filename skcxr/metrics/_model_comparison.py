"""What compare_models found, and the tests between its models."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from skcxr.metrics._bootstrap import percentile_interval
from skcxr.metrics._result import Result
from skcxr.metrics._statistics import METRICS
from skcxr.metrics._tables import interval_frame
from skcxr.metrics.paired import bootstrap_pair, check_metric, holm, two_sided
from skcxr.metrics.paired_labels import bootstrap_labels


@dataclass(frozen=True, repr=False, eq=False)
class ModelComparison(Result):
    """What :func:`compare_models` found.

    Attributes
    ----------
    table : DataFrame
        One row per model; columns Micro-F1, Macro-F1, Hamming Loss, Macro AUC, Macro AP.
    intervals : DataFrame
        The same with value, low and high below each metric (two column levels).
    reports : dict of {str: MultilabelReport}
        The full report of each model.
    probabilities : dict of {str: ndarray of shape (n, k)}
        What each model gave, images and labels in the order of y.
    notes : tuple of str
        Labels with too few positive or negative patients for an interval of their own.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.metrics import compare_models
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(2, size=(100, 2))
    >>> models = {f"{w:.0%}": w * y + (1 - w) * rng.uniform(size=y.shape) for w in (0.0, 0.3, 0.6)}
    >>> result = compare_models(models, None, y, n_bootstraps=99, random_state=0)
    >>> result.pairwise()["p (Holm)"].tolist()
    [0.06, 0.06, 0.06]
    """

    table: pd.DataFrame
    intervals: pd.DataFrame
    reports: dict
    probabilities: dict
    _scored: dict
    _seed: int

    @property
    def notes(self):
        """Labels with too few patients for an interval: the same for every model."""
        return next(iter(self.reports.values())).notes

    def paired_test(
        self,
        a,
        b,
        *,
        metric="macro_auc",
        n_bootstraps=1000,
        confidence_level=0.95,
        random_state=None,
    ):
        """Test model `a` against model `b` on the same images.

        Parameters
        ----------
        a, b : str
            Names of two of the models.
        metric, n_bootstraps, confidence_level
            As in :func:`paired_bootstrap_test`.
        random_state : int, RandomState or None, default=None
            Draws the resamples; those of the comparison when None.

        Returns
        -------
        PairedTest
        """
        pair, seed = self._pair(a, b), self._seed if random_state is None else random_state
        return bootstrap_pair(pair, metric, n_bootstraps, confidence_level, seed)

    def label_tests(
        self,
        a,
        b,
        *,
        metric="auc",
        n_bootstraps=1000,
        confidence_level=0.95,
        random_state=None,
    ):
        """Test model `a` against model `b` on each label.

        Parameters
        ----------
        a, b, random_state
            As in :meth:`paired_test`.
        metric, n_bootstraps, confidence_level
            As in :func:`paired_label_tests`.

        Returns
        -------
        PairedLabelTests
        """
        pair, seed = self._pair(a, b), self._seed if random_state is None else random_state
        return bootstrap_labels(pair, metric, n_bootstraps, confidence_level, seed)

    def pairwise(self, metric="macro_auc"):
        """Test every model against every other, with a correction for the number of tests.

        Uses the resamples that the comparison drew, the same patients for all models.

        Parameters
        ----------
        metric : {"macro_auc", "macro_ap", "micro_f1", "macro_f1", "hamming_loss"}
            What is compared. Of a loss, a negative difference favours model a.

        Returns
        -------
        DataFrame
            One row per pair (a, b): value a, value b, difference (a minus b) with low and high,
            p as of :func:`paired_bootstrap_test`, and p adjusted by Holm's method.
        """
        check_metric(metric)
        heading = METRICS[metric]
        reports = self.reports
        first = next(iter(reports.values()))
        pairs = list(combinations(reports, 2))
        if not pairs or not len(first.resamples):
            raise ValueError(
                f"Pairs need two models and resamples; there are {len(reports)} models and "
                f"{len(first.resamples)} resamples (n_bootstraps of compare_models)."
            )
        differences = np.array(
            [reports[a].resamples[heading] - reports[b].resamples[heading] for a, b in pairs]
        )
        low, high = percentile_interval(differences, first.confidence_level)
        values = np.array([[self.table.loc[name, heading] for name in pair] for pair in pairs])
        p = two_sided(differences)
        return pd.DataFrame(
            {
                "value a": values[:, 0],
                "value b": values[:, 1],
                "difference": values[:, 0] - values[:, 1],
                "low": low,
                "high": high,
                "p": p,
                "p (Holm)": holm(p),
            },
            index=pd.MultiIndex.from_tuples(pairs, names=["a", "b"]),
        )

    def frame(self):
        """Return every figure of every model in one long table.

        Returns
        -------
        DataFrame
            The column model, and those of :meth:`MultilabelReport.frame`.
        """
        parts = {name: report.frame() for name, report in self.reports.items()}
        long = pd.concat(parts, names=["model"])
        return long.reset_index(level="model").reset_index(drop=True)

    def _pair(self, a, b):
        for name in (a, b):
            if name not in self.reports:
                raise ValueError(f"No model {name!r}; there are {list(self.reports)}.")
        return {"a": self._scored[a], "b": self._scored[b]}

    def _tables(self, digits=3):
        return [interval_frame(self.intervals, digits)]
