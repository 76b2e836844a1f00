"""Checks of the models, their probabilities and their maps."""

import re

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skcxr.attention.finding import find_part
from skcxr.inspection._check_data import some
from skcxr.metrics import expected_calibration_error, paired_bootstrap_test
from skcxr.model_selection import MultilabelStratifiedGroupKFold

_CALIBRATED = 0.05  # mean expected calibration error that passes
_NIH_NAME = re.compile(r"\d{8}_\d{3}\.png")


def weights_saw_the_films(evidence):
    """CXR003: the network was trained on the data set that is scored."""
    names = [str(name) for name in evidence.experiment.names]
    data_set = evidence.data_set
    if data_set is None and all(_NIH_NAME.fullmatch(name) for name in names):
        data_set = "ChestX-ray14"
    if data_set is None:
        return "It needs data_set=, the name of the data set that is scored."
    seen, unknown = [], []
    for name, run in evidence.experiment.runs.items():
        for estimator in run.fitted[:1]:
            embedder, _ = find_part(_last_fit(estimator), _is_embedder)
            if embedder is None:
                continue
            trained_on = _trained_on(embedder)
            if trained_on is None:
                unknown.append(name)
            elif data_set in trained_on:
                seen.append(name)
    if seen:
        return True, (
            f"The weights of {some(seen)} were trained on {data_set}, which is scored here: films "
            "of the test part may have been among them."
        )
    if unknown:
        return f"Nobody knows what the weights of {some(unknown)} were trained on."
    return False, f"No network's first weights were trained on {data_set}."


def nothing_predicted(evidence):
    """CXR004: a label is never, or always, predicted."""
    found = []
    for name, run in evidence.experiment.runs.items():
        share = run.decisions.mean()
        for label in run.decisions:
            if (run.y[label] == 1).any() and share[label] in (0, 1):
                found.append(f"{label} by {name} ({'never' if share[label] == 0 else 'always'})")
    if found:
        return True, (
            f"Predicted in no film or in all: {some(found)}. F1 is that of the threshold and not "
            "of the model; choose thresholds (MultilabelThresholdTuner)."
        )
    return False, "Every label is predicted in some films and not in others."


def metadata_predicts_as_well(evidence):
    """CXR005: view, source, age and sex alone predict as well as the best model."""
    experiment = evidence.experiment
    if experiment.metadata is None:
        return "It needs metadata, such as view and source of each film."
    best = experiment.runs[evidence.best]
    metadata = experiment.metadata.iloc[experiment.scored].reset_index(drop=True)
    proba = _from_metadata(metadata, best.y, best.groups)
    test = _paired(evidence, best.proba, proba, best)
    what = (
        f"Macro AUC of {', '.join(map(str, metadata.columns))} alone {test.value_b:.3f}, of "
        f"{evidence.best} {test.value_a:.3f} (difference {test.low:.3f} to {test.high:.3f})"
    )
    if not test.low > 0:
        return True, f"{what}: the model may have learnt how films are made."
    return False, f"{what}."


def not_cross_fitted(evidence):
    """CXR008: a classifier learns from features of films that the network was trained on."""
    found = [
        name
        for name, run in evidence.experiment.runs.items()
        if run.fitted and find_part(_last_fit(run.fitted[0]), _deceives_itself)[0] is not None
    ]
    known = [name for name, run in evidence.experiment.runs.items() if run.fitted]
    if not known:
        return "It needs estimators; these are predictions."
    if found:
        return True, (
            f"{some(found)} train a classifier on features of films that the network was "
            "fine-tuned on: set cross_fit."
        )
    return False, "No classifier learns from features of a network that was tuned on its films."


def maps_no_better(evidence):
    """CXR009: a control points as well as the maps."""
    if not evidence.localization:
        return "It needs boxes, and a model that has maps."
    found, told = [], []
    for name, report in evidence.localization.items():
        control = report.best_control("pointing game")
        text = (
            f"{name}: pointing game {control['value'] + control['difference']:.3f}, "
            f"{control['control']} {control['value']:.3f}"
        )
        (told if control["low"] > 0 else found).append(text)
    if found:
        return True, f"A map that has not seen the film points as well. {some(found, 4)}."
    return False, f"Above every control. {some(told, 4)}."


def no_better_than_baseline(evidence):
    """CXR010: the best model is not above the plain one."""
    runs = evidence.experiment.runs
    if evidence.baseline is None:
        return "It needs baseline=, the name of the plain model among the models."
    others = evidence.comparison.table["Macro AUC"].drop(evidence.baseline)
    if not len(others):
        return "It needs a model beside the baseline."
    best = others.idxmax()
    test = _paired(evidence, runs[best].proba, runs[evidence.baseline].proba, runs[best])
    what = (
        f"Macro AUC of {best} {test.value_a:.3f}, of {evidence.baseline} {test.value_b:.3f} "
        f"(difference {test.low:.3f} to {test.high:.3f})"
    )
    return not test.low > 0, f"{what}."


def cannot_be_ranked(evidence):
    """CXR011: the two best models' difference could be of either sign."""
    order = evidence.comparison.table["Macro AUC"].sort_values(ascending=False).index
    if len(order) < 2:
        return "It needs two models."
    first, second = (evidence.experiment.runs[name] for name in order[:2])
    test = _paired(evidence, first.proba, second.proba, first)
    what = f"{order[0]} minus {order[1]}: {test.difference:.3f} ({test.low:.3f} to {test.high:.3f})"
    if test.low > 0:
        return False, f"{what}."
    return True, f"{what}. The two best models cannot be told apart on these patients."


def uncalibrated(evidence):
    """CXR012: probabilities are not frequencies."""
    errors = {
        name: float(expected_calibration_error(run.y, run.proba, strategy="quantile").mean())
        for name, run in evidence.experiment.runs.items()
    }
    worst = {name: error for name, error in errors.items() if error > _CALIBRATED}
    listed = some(f"{name} {error:.3f}" for name, error in (worst or errors).items())
    if worst:
        return True, (
            f"Mean expected calibration error above {_CALIBRATED}: {listed}. Calibrate "
            "(MultilabelCalibrator) before anyone reads them as probabilities."
        )
    return False, f"Mean expected calibration error: {listed}."


def _paired(evidence, a, b, run):
    return paired_bootstrap_test(
        run.y,
        a,
        b,
        metric="macro_auc",
        groups=run.groups,
        n_bootstraps=evidence.n_bootstraps,
        confidence_level=evidence.confidence_level,
        random_state=evidence.seed,
    )


def _from_metadata(metadata, y, groups):
    """Out-of-fold probabilities of a logistic regression on metadata, (n, k)."""
    numbers = metadata.select_dtypes("number").columns
    others = [c for c in metadata if c not in set(numbers)]
    table = metadata.copy()
    table[others] = table[others].astype(object).where(table[others].notna(), "unknown").astype(str)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), list(numbers)),
        (OneHotEncoder(handle_unknown="ignore"), others),
    )
    proba = pd.DataFrame(np.nan, y.index, y.columns)
    cv = MultilabelStratifiedGroupKFold(5, shuffle=True, random_state=0)
    for train, test in cv.split(table, y.to_numpy(), groups):
        features = columns.fit(table.iloc[train])
        inside, outside = (features.transform(table.iloc[rows]) for rows in (train, test))
        for j, label in enumerate(y):
            target = y[label].to_numpy()[train]
            known = ~np.isnan(target)
            if len(np.unique(target[known])) < 2:
                proba.iloc[test, j] = target[known].mean() if known.any() else 0.5
                continue
            model = LogisticRegression(max_iter=1000).fit(inside[known], target[known])
            proba.iloc[test, j] = model.predict_proba(outside)[:, 1]
    return proba


def _last_fit(estimator):
    return getattr(estimator, "best_estimator_", estimator)


def _is_embedder(part):
    return hasattr(part, "trunk_") or hasattr(getattr(part, "embedder_", None), "trunk_")


def _trained_on(part):
    embedder = getattr(part, "embedder_", part)
    for holder in (embedder, embedder.trunk_):
        for name in ("trained_on_", "trained_on"):
            if getattr(holder, name, None) is not None:
                return tuple(getattr(holder, name))
    return None


def _deceives_itself(part):
    """Whether a fitted part was tuned on labels and its features were not cross-fitted."""
    embedder = getattr(part, "embedder_", part)
    tuned = hasattr(embedder, "trunk_") and getattr(embedder, "fine_tune", None) is not None
    return tuned and len(getattr(embedder, "head_coefs_", [])) < 2
