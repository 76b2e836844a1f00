"""An experiment judged in one call: scores, maps, data, models and checks."""

import html
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skcxr.inspection._cohort import cohort_table
from skcxr.inspection._experiment import Experiment, boxed_in_order, run_model, set_up
from skcxr.inspection._model_table import model_table
from skcxr.inspection.checks import Checks, Evidence, run_checks
from skcxr.metrics import compare_models, localization_report
from skcxr.metrics._boxes import read_boxes


@dataclass(repr=False)
class Evaluation:
    """What :func:`evaluate` found.

    Attributes
    ----------
    metrics : ModelComparison
        Every model's scores with patient intervals; ``metrics.reports`` by label.
    localization : dict of {str: LocalizationReport}
        Maps against boxes, by model and kind of map; empty without boxes.
    data : DataFrame
        Who was in the data, by part.
    models : DataFrame
        Settings, thresholds, weights with their digests, seconds and memory.
    checks : Checks
        Coded warnings about the experiment.
    experiment : Experiment
        The films, how they were divided, and what each model said of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multioutput import MultiOutputClassifier
    >>> from skcxr.inspection import evaluate
    >>> X = np.random.RandomState(0).normal(size=(40, 3))
    >>> y = (X[:, :2] > 0).astype(int)
    >>> model = MultiOutputClassifier(LogisticRegression())
    >>> found = evaluate({"linear": model}, X, y, cv=2, n_bootstraps=0)
    >>> found.best, list(found.predictions["linear"].proba.columns)
    ('linear', ['label0', 'label1'])
    """

    metrics: object
    localization: dict
    data: pd.DataFrame
    models: pd.DataFrame
    checks: Checks
    experiment: Experiment = field(repr=False)

    @property
    def predictions(self):
        """Predictions by model.

        Returns
        -------
        dict of {str: Run}
            ``y``, ``proba``, ``decisions``, ``groups`` and ``fold`` of each, as
            :func:`~skcxr.metrics.multilabel_report` takes them.
        """
        return self.experiment.runs

    @property
    def best(self):
        """Name of the model with the highest Macro AUC.

        Returns
        -------
        str
        """
        return self.metrics.table["Macro AUC"].idxmax()

    def frames(self):
        """Return the tables that others read on, such as to write them as CSV.

        Returns
        -------
        dict of {str: DataFrame}
            ``"scores"`` of the models, their scores ``"per_label"``, their ``"predictions"`` (a
            row for each model and film: fold and probabilities) and the ``"checks"``.
        """
        scores = self.metrics.intervals.copy()
        scores.columns = [f"{a} {b}".removesuffix(" value") for a, b in scores.columns]
        per_label = {name: report.per_label for name, report in self.metrics.reports.items()}
        predictions = {
            name: run.proba.assign(fold=run.fold)[["fold", *run.proba]].rename_axis("image")
            for name, run in self.predictions.items()
        }
        return {
            "scores": scores.rename_axis("model").reset_index(),
            "per_label": pd.concat(per_label, names=["model", "label"]).reset_index(),
            "predictions": pd.concat(predictions, names=["model"]).reset_index(),
            "checks": self.checks.frame().reset_index(),
        }

    def __repr__(self):
        parts = [repr(self.metrics)]
        for name, report in self.localization.items():
            control = report.best_control()
            own = control["value"] + control["difference"]
            parts.append(
                f"{name}: pointing game {own:.3f}, best control ({control['control']}) "
                f"{control['value']:.3f}"
            )
        return "\n\n".join([*parts, repr(self.checks)])

    def _repr_html_(self):
        maps = "".join(
            f"<h3>{html.escape(name)}</h3>{report._repr_html_()}"
            for name, report in self.localization.items()
        )
        return f"{self.metrics._repr_html_()}{maps}{self.checks._repr_html_()}"

    def to_html(self, path, *, title="skcxr evaluation", images=True, names=False):
        """Write everything to one HTML file that needs nothing else.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it exists.
        title : str, default="skcxr evaluation"
            Title of the page.
        images : bool, default=True
            Whether films with their maps are in it; the file is then as sensitive as the films.
        names : bool, default=False
            Whether the names of films are written, which may identify patients.

        Returns
        -------
        Path
            The file.
        """
        from skcxr.inspection._page import write_page

        return write_page(self, path, title=title, images=images, names=names)


def evaluate(
    models,
    X,
    y,
    *,
    groups=None,
    cv=None,
    boxes=None,
    metadata=None,
    names=None,
    data_set=None,
    baseline=None,
    mute=(),
    n_bootstraps=1000,
    confidence_level=0.95,
    random_state=0,
):
    """Judge one model or several on the same films.

    Parameters
    ----------
    models : estimator, or dict of {str: estimator}
        Fitted where `cv` is None; else cloned and fitted in each fold. Predictions as
        ``out_of_fold_predict`` returns them go in as they are, without maps.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The films.
    y : DataFrame or array-like of shape (n, k)
        0, 1, or NaN where unknown.
    groups : array-like of shape (n,), default=None
        Patient of each film: kept whole in the folds, and resampled whole.
    cv : int, splitter, iterable of (train, test) or None, default=None
        How films are divided; None scores fitted models on all of X. An int is a number of
        :class:`~skcxr.model_selection.MultilabelStratifiedGroupKFold`.
    boxes : DataFrame, default=None
        Lesions, as in :func:`~skcxr.metrics.localization_report`; ``image`` is a film's name. Each
        film's maps come from a fold that did not train on it.
    metadata : DataFrame of n rows, default=None
        What else is known of the films: age, sex, view, source.
    names : sequence of n, default=None
        Names of the films: file names where X is made of paths, else positions.
    data_set : str, default=None
        What the data set is called, for CXR003; ``"ChestX-ray14"`` where the names look so.
    baseline : str, default=None
        Name of the plain model among `models`, for CXR010: logistic regression on frozen features.
    mute : sequence of str, default=()
        Codes of checks that are not run.
    n_bootstraps : int, default=1000
        Resamples of patients; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the percentile intervals.
    random_state : int, default=0
        Divides the films where `cv` is an int, and draws resamples and controls.

    Returns
    -------
    Evaluation
        With ``metrics``, ``localization``, ``data``, ``models``, ``checks`` and ``to_html``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skcxr.inspection import evaluate
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(60, 4))
    >>> y = (X[:, :2] + rng.normal(size=(60, 2)) > 0).astype(int)
    >>> found = evaluate(
    ...     RandomForestClassifier(5, random_state=0), X, y, groups=np.arange(60) // 2, cv=3,
    ...     n_bootstraps=20,
    ... )
    >>> found.checks.table.loc["CXR001", "status"]
    'passes'
    """
    models = models if isinstance(models, dict) else {"model": models}
    if not models:
        raise ValueError("models must hold at least one model.")
    if baseline is not None and baseline not in models:
        raise ValueError(f"baseline must be one of {list(models)}; got {baseline!r}.")
    experiment = set_up(X, y, groups, cv, boxes, metadata, names, random_state)
    wanted = _boxed_labels(experiment)
    for name, model in models.items():
        experiment.runs[name] = run_model(experiment, model, wanted)
    sampling = {
        "n_bootstraps": n_bootstraps,
        "confidence_level": confidence_level,
        "random_state": random_state,
    }
    first = next(iter(experiment.runs.values()))
    metrics = compare_models(experiment.runs, None, first.y, groups=first.groups, **sampling)
    localization = _localize(experiment, wanted, sampling) if wanted else {}
    evidence = Evidence(
        experiment, metrics, localization, data_set, baseline, random_state, n_bootstraps,
        confidence_level,
    )  # fmt: skip
    parts = {"all films": np.arange(len(experiment.y))}
    if cv is not None:
        parts |= {f"fold {i}": test for i, (_, test) in enumerate(experiment.folds)}
    return Evaluation(
        metrics=metrics,
        localization=localization,
        data=cohort_table(experiment.y, experiment.groups, experiment.metadata, parts),
        models=model_table(models, experiment.runs),
        checks=run_checks(evidence, mute),
        experiment=experiment,
    )


def _boxed_labels(experiment):
    """Labels of the boxes that the models know, in the order of y."""
    if experiment.boxes is None:
        return []
    in_boxes = set(read_boxes(experiment.boxes)[1])
    return [name for name in experiment.y if name in in_boxes]


def _localize(experiment, labels, sampling):
    """Localisation of every model's Grad-CAM and fused maps, films in the order of the folds."""
    rows = boxed_in_order(experiment)
    named = pd.Index(experiment.names)
    if not named.isin(experiment.boxes["image"]).any():
        named = experiment.y.index
    boxes = experiment.boxes
    here = boxes["image"].isin(named[rows]) & boxes["label"].astype(str).isin(labels)
    groups = None if experiment.groups is None else experiment.groups[rows]
    reports = {}
    for name, run in experiment.runs.items():
        for kind, maps in run.maps.items():
            reports[f"{name}, {'Grad-CAM' if kind == 'cam' else kind}"] = localization_report(
                np.clip(maps, 0, None),
                boxes[here],
                images=named[rows],
                label_names=labels,
                groups=groups,
                masks=np.clip(run.masks, 0, None),
                **sampling,
            )
    return reports
