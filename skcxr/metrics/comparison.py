"""The report's Table 1 for any models."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_random_state

from skcxr.metrics._check import check_labels
from skcxr.metrics._predictions import predictions_of
from skcxr.metrics._statistics import METRICS
from skcxr.metrics._tables import interval_frame, markdown_table
from skcxr.metrics.multilabel import multilabel_report, warn_left_out
from skcxr.metrics.paired import check_metric, paired_bootstrap_test

#: Table 1 of the report that skcxr implements (test part of a 5,000-image subset). The printed
#: table swaps Macro-F1 and Hamming loss in its last row (0.0482 and 0.0762); they are put right
#: here, see ``REPORT_TABLE_1.attrs["note"]``. A Macro AUC of 0.5 is chance.
REPORT_TABLE_1 = pd.DataFrame(
    [
        [0.4877, 0.0758, 0.0468, 0.4984],
        [0.4979, 0.0762, 0.0482, 0.5000],
        [0.4979, 0.0762, 0.0482, 0.5000],
        [0.4979, 0.0762, 0.0482, 0.5005],
    ],
    index=pd.Index(
        ["Base MLP", "Fine-Tuned MLP", "DeeperMLP-Shrunk", "Final Hybrid MLP"], name="model"
    ),
    columns=["Micro-F1", "Macro-F1", "Hamming Loss", "Macro AUC"],
)
REPORT_TABLE_1.attrs["note"] = (
    "The report prints Macro-F1 0.0482 and Hamming Loss 0.0762 for Final Hybrid MLP: the two "
    "columns are swapped in that row and are corrected here."
)


@dataclass(frozen=True, repr=False)
class ModelComparison:
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
        What each model gave.
    """

    table: pd.DataFrame
    intervals: pd.DataFrame
    reports: dict
    probabilities: dict
    _data: dict = field(default_factory=dict)

    def paired_test(self, a, b, *, metric="macro_auc", **kwargs):
        """Test model `a` against model `b` on the same images.

        Parameters
        ----------
        a, b : str
            Names of two of the models.
        metric : str, default="macro_auc"
            As in :func:`paired_bootstrap_test`.
        **kwargs
            Other arguments of :func:`paired_bootstrap_test`, such as `n_bootstraps`.

        Returns
        -------
        PairedTest
        """
        check_metric(metric)
        for name in (a, b):
            if name not in self.reports:
                raise ValueError(f"No model {name!r}; there are {list(self.reports)}.")
        predictions = self._data["predictions"]
        return paired_bootstrap_test(
            self._data["y"],
            self.probabilities[a],
            self.probabilities[b],
            pred_a=predictions[a],
            pred_b=predictions[b],
            thresholds_a=self._data["thresholds"][a],
            thresholds_b=self._data["thresholds"][b],
            groups=self._data["groups"],
            label_names=self._data["names"],
            metric=metric,
            **{"random_state": self._data["seed"], **kwargs},
        )

    def to_markdown(self, digits=3):
        """Return the table with its intervals as Markdown.

        Parameters
        ----------
        digits : int, default=3
            Decimals of the numbers.

        Returns
        -------
        str
        """
        return markdown_table(interval_frame(self.intervals, digits))

    def __repr__(self):
        return interval_frame(self.intervals).to_string()

    def _repr_html_(self):
        return interval_frame(self.intervals).to_html()


def compare_models(
    models,
    X,
    y,
    *,
    groups=None,
    thresholds=0.5,
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=None,
    label_names=None,
):
    """Score several models on the same images: the report's Table 1, with intervals.

    The last row of the table as printed in the report has Macro-F1 and Hamming loss swapped; here
    each column holds what its heading says. The report's own figures are in
    ``skcxr.metrics.REPORT_TABLE_1``.

    Parameters
    ----------
    models : dict of {str: estimator or array-like of shape (n, k)}
        Fitted models with ``predict_proba`` (an (n, k) array or scikit-learn's list of (n, 2)
        arrays), or probabilities that were computed before. A model decides by its own
        ``thresholds_`` or ``predict``.
    X : array-like of length n
        Images, passed to each model once. May be None when all models are arrays.
    y : array-like or DataFrame of shape (n, k)
        0, 1, or NaN where unknown.
    groups : array-like of shape (n,), default=None
        Patients, resampled whole. All models see the same resamples.
    thresholds : float, array-like of shape (k,) or dict of {str: either}, default=0.5
        For models without a decision of their own, that is for arrays.
    n_bootstraps : int, default=1000
        Resamples; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, RandomState or None, default=None
        Draws the resamples.
    label_names : sequence of str, default=None
        Names of the labels; the columns of `y` where it is a DataFrame.

    Returns
    -------
    ModelComparison
        With ``table``, ``intervals``, ``reports`` and ``paired_test``.

    Examples
    --------
    >>> from skcxr.metrics import compare_models
    >>> y = [[1, 0], [0, 1], [0, 0]]
    >>> good, bad = [[0.9, 0.2], [0.1, 0.6], [0.2, 0.3]], [[0.1, 0.2], [0.9, 0.1], [0.8, 0.3]]
    >>> result = compare_models({"good": good, "bad": bad}, None, y, n_bootstraps=0)
    >>> result.table["Macro AUC"].to_dict()
    {'good': 1.0, 'bad': 0.0}
    """
    if not isinstance(models, dict) or not models:
        raise ValueError("models must be a dict of name to fitted model, with at least one.")
    table, names = check_labels(y, label_names)
    warn_left_out(table, names)
    # One seed, so that every model is scored on the same resamples.
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    reports, probabilities, predictions, used = {}, {}, {}, {}
    for name, model in models.items():
        used[name] = thresholds.get(name, 0.5) if isinstance(thresholds, dict) else thresholds
        if hasattr(model, "predict_proba"):
            prob, pred = predictions_of(model, X)
        elif isinstance(model, BaseEstimator):
            raise ValueError(f"Model {name!r} ({type(model).__name__}) has no predict_proba.")
        else:
            prob, pred = model, None
        try:
            with warnings.catch_warnings():  # given above, once for all models
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                reports[name] = multilabel_report(
                    table,
                    prob,
                    y_pred=pred,
                    thresholds=used[name],
                    groups=groups,
                    n_bootstraps=n_bootstraps,
                    confidence_level=confidence_level,
                    random_state=seed,
                    label_names=names,
                )
        except ValueError as error:
            raise ValueError(f"Model {name!r}: {error}") from error
        probabilities[name], predictions[name] = np.asarray(prob), pred
    metrics = list(METRICS.values())
    intervals = pd.DataFrame(
        [report.overall.to_numpy().ravel() for report in reports.values()],
        index=pd.Index(reports, name="model"),
        columns=pd.MultiIndex.from_product([metrics, ["value", "low", "high"]]),
    )
    values = intervals.xs("value", axis=1, level=1)
    data = {
        "y": table,
        "groups": groups,
        "names": names,
        "predictions": predictions,
        "thresholds": used,
        "seed": seed,
    }
    return ModelComparison(values, intervals, reports, probabilities, data)
