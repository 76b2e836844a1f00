"""scikit-learn's own checks, run for real on every public estimator.

A failure that is expected names its reason, and the test that covers the same ground. What these
checks do for tables, test_image_checks.py does for images.
"""

import pytest
from public_estimators import public_estimators, table_estimators
from sklearn.utils.estimator_checks import parametrize_with_checks

MASKS = (
    "score compares masks with masks and y of this check is labels; covered by "
    "segmentation/test_masker.py::test_forms_of_input_and_masks_train_the_same_network"
)
CROSS_FITTED = (
    "fit_transform gives each image the features of the network that did not see it; covered by "
    "test_image_label_checks.py::test_features_are_of_a_network_that_did_not_see_the_image"
)
COLUMN_Y = {
    "check_supervised_y_2d": (
        "y of shape (n, 1) is a multi-label problem with one label here, so that the output is "
        "always (n, k): no DataConversionWarning. Covered by test_one_label_as_a_column"
    )
}
NETS = COLUMN_Y | {
    "check_do_not_raise_errors_in_init_or_set_params": (
        "skorch's names (optimizer__betas, ...) come in as **nested, and the check passes the "
        "name of that argument itself as if it were a parameter. Covered by "
        "classifiers/test_params.py::test_odd_values_do_not_raise_before_fit"
    ),
    "check_sample_weight_equivalence_on_dense_data": (
        "rows that are repeated fall into other batches than rows of weight two, and the nets are "
        "trained batch by batch. Covered by "
        "multilabel/test_loss.py::test_rows_with_weight_two_count_as_two_rows and "
        "classifiers/test_weights.py::test_a_step_on_weighted_rows_is_that_on_repeated_rows"
    ),
}
TUNED = {
    "check_classifiers_train": (
        "the check wants the class with the larger probability, and a tuned threshold is not 0.5. "
        "Covered by model_selection/test_meta.py::test_tuner_predicts_above_its_thresholds"
    ),
}
ISOTONIC = {
    "check_classifiers_multilabel_output_format_predict_proba": (
        "isotonic regression gives probabilities of exactly 0 and 1, as scikit-learn's own does. "
        "Covered by model_selection/test_meta.py::test_calibration_of_one_label_is_scikit_learns"
    ),
}
EXPECTED = {
    "AttentionCNN": NETS,
    "DeeperMLP": NETS,
    "MultilabelAverager": COLUMN_Y,
    "MultilabelCalibrator": COLUMN_Y,
    "MultilabelMLP": NETS,
    "MultilabelNet": NETS,
    "MultilabelThresholdTuner": COLUMN_Y | TUNED,
    "UNetMasker": {"check_fit_score_takes_y": MASKS, "check_pipeline_consistency": MASKS},
}


def expected_failures(estimator):
    found = EXPECTED.get(type(estimator).__name__, {})
    if getattr(estimator, "method", None) == "isotonic":
        return found | ISOTONIC
    if getattr(estimator, "cross_fit", "auto") == 2:
        names = ["check_transformer_general", "check_transformer_data_not_an_array"]
        return found | dict.fromkeys(names, CROSS_FITTED)
    return found


#: Nets that are another one with other layers, and settings that are slow.
RELATIVES = {"AttentionCNN", "DeeperMLP", "MultilabelNet", "UNetMasker"}


def is_slow(estimator):
    is_trained = getattr(estimator, "fine_tune", None) is not None
    calibrates = getattr(estimator, "method", "sigmoid") in ("isotonic", "temperature")
    return type(estimator).__name__ in RELATIVES or is_trained or calibrates


def checks_of(estimators):
    return parametrize_with_checks(
        list(estimators), expected_failed_checks=expected_failures, xfail_strict=True
    )


@checks_of(estimator for estimator in table_estimators() if not is_slow(estimator))
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@checks_of(estimator for estimator in table_estimators() if is_slow(estimator))
def test_sklearn_checks_of_relatives(estimator, check):
    check(estimator)


def test_every_public_estimator_is_checked():
    checked = {type(estimator).__name__ for estimator in table_estimators()}
    assert checked == set(public_estimators())
    assert set(EXPECTED) <= checked
