"""scikit-learn's own checks, run for real; what cannot hold is named with its reason."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skcxr.classifiers import AttentionCNN, DeeperMLP, MultilabelMLP, MultilabelNet

EXPECTED_FAILURES = {
    "check_supervised_y_2d": (
        "y of shape (n, 1) is a multi-label problem with one label here, so that the output is "
        "always (n, k): no DataConversionWarning. Covered by "
        "test_net.py::test_one_label_as_a_column"
    ),
    "check_do_not_raise_errors_in_init_or_set_params": (
        "skorch's names (optimizer__betas, ...) come in as **nested, and the check passes the "
        "name of that argument itself as if it were a parameter. Covered by "
        "test_params.py::test_odd_values_do_not_raise_before_fit"
    ),
    "check_sample_weight_equivalence_on_dense_data": (
        "rows that are repeated fall into other batches than rows of weight two, and the nets are "
        "trained batch by batch. Covered by "
        "tests/multilabel/test_loss.py::test_rows_with_weight_two_count_as_two_rows and "
        "test_weights.py::test_a_step_on_weighted_rows_is_that_on_repeated_rows"
    ),
}


QUICK = {"max_epochs": 8, "lr": 0.01}


@parametrize_with_checks(
    [
        MultilabelNet(**QUICK),
        MultilabelMLP(module__hidden=(16,), **QUICK),
        DeeperMLP(module__hidden=(32, 16), **QUICK),
        AttentionCNN(map_shape=(1, 1, -1), module__channels=(8, 16), **QUICK),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_sklearn_checks(estimator, check):
    check(estimator)
