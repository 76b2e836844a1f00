from sklearn.utils.estimator_checks import parametrize_with_checks

from skcxr.segmentation import UNetMasker


# Images of 1 x d pixels, at a small working size so that the real network is quick.
@parametrize_with_checks([UNetMasker(side=32, image_shape=(1, -1), random_state=0)])
def test_sklearn_check(estimator, check):
    check(estimator)
