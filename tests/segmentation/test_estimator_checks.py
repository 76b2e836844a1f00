from sklearn.utils.estimator_checks import parametrize_with_checks

from skcxr.segmentation import UNetMasker

WHY = (
    "score compares masks with masks and y of this check is labels; covered by "
    "test_masker.py::test_forms_of_input_and_masks_train_the_same_network"
)
EXPECTED = {"check_fit_score_takes_y": WHY, "check_pipeline_consistency": WHY}


# Images of 1 x d pixels, at a small working size so that the real network is quick.
@parametrize_with_checks(
    [UNetMasker(side=32, image_shape=(1, -1), random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED,
    xfail_strict=True,
)
def test_sklearn_check(estimator, check):
    check(estimator)
