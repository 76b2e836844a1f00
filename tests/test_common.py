"""scikit-learn's own checks, run for real on the public image estimators: no failure is expected.

The masker's are in tests/segmentation, the classifiers' in tests/classifiers. The checks' tables
are taken as flat rows, each a picture of one line (``image_shape=(1, -1)``). What they do for
tables, test_image_checks.py does for images.
"""

from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny_networks import ThresholdMasker, tiny_network

from skcxr.attention import GradCAMFuser
from skcxr.features import LBPHOGExtractor, ResNetEmbedder
from skcxr.preprocessing import HistEqualizer, ImageLoader

ROWS = {"image_shape": (1, -1)}


def embedder(**settings):
    return ResNetEmbedder(
        tiny_network(), weights=None, precision="float32", device="cpu", random_state=0, **settings
    )


ESTIMATORS = [
    ImageLoader(size=4, **ROWS),
    HistEqualizer(**ROWS),
    LBPHOGExtractor(hog=False, **ROWS),
    LBPHOGExtractor(pixels_per_cell=(1, 1), cells_per_block=(1, 1), **ROWS),
    embedder(**ROWS),
    embedder(fine_tune="layer4", epochs=1, **ROWS),
    GradCAMFuser(embedder(), ThresholdMasker(-1), **ROWS),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: {}, xfail_strict=True)
def test_sklearn_checks(estimator, check):
    check(estimator)
