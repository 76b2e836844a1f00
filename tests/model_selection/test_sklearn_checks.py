"""scikit-learn's own checks on the meta-estimators, run for real."""

from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcxr.model_selection import (
    MultilabelAverager,
    MultilabelCalibrator,
    MultilabelThresholdTuner,
)

COLUMN_Y = {
    "check_supervised_y_2d": (
        "y of shape (n, 1) is a multi-label problem with one label here, so that the output is "
        "always (n, k): no DataConversionWarning. Covered by "
        "test_meta.py::test_one_label_as_a_column"
    ),
}
TUNED = {
    "check_classifiers_train": (
        "the check wants the class with the larger probability, and a tuned threshold is not 0.5. "
        "Covered by test_meta.py::test_tuner_predicts_above_its_thresholds"
    ),
}
ISOTONIC = {
    "check_classifiers_multilabel_output_format_predict_proba": (
        "isotonic regression gives probabilities of exactly 0 and 1, as scikit-learn's own does. "
        "Covered by test_meta.py::test_calibration_of_one_label_is_scikit_learns"
    ),
}


def expected_failures(estimator):
    if isinstance(estimator, MultilabelThresholdTuner):
        return COLUMN_Y | TUNED
    if isinstance(estimator, MultilabelAverager):
        return COLUMN_Y
    return COLUMN_Y | (ISOTONIC if estimator.method == "isotonic" else {})


CLASSIFIER = OneVsRestClassifier(LogisticRegression())


@parametrize_with_checks(
    [
        MultilabelAverager([("a", CLASSIFIER), ("b", CLASSIFIER)]),
        MultilabelThresholdTuner(CLASSIFIER, cv=2),
        MultilabelCalibrator(CLASSIFIER, cv=2),
        MultilabelCalibrator(CLASSIFIER, cv=2, method="temperature"),
        MultilabelCalibrator(CLASSIFIER, cv=2, method="isotonic"),
    ],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
)
def test_sklearn_checks(estimator, check):
    check(estimator)
