"""The worst and the median cases, with both outlines."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skcxr.inspection import SegmentationDisplay


def make_case(n=7, size=32):
    """True masks, and predictions shifted by more pixels from image to image."""
    true = np.zeros((n, size, size), bool)
    true[:, 8:24, 8:16] = True
    pred = np.stack([np.roll(mask, i, axis=1) for i, mask in enumerate(true)]).astype(np.float32)
    return np.full((n, size, size), 100, np.uint8), true, pred


def test_worst_and_median_cases():
    images, true, pred = make_case()
    display = SegmentationDisplay.from_predictions(images, true, pred, n_cases=3)
    assert display.axes_.shape == (2, 3)
    names = [[ax.get_xlabel() for ax in row] for row in display.axes_]
    assert names == [["6", "5", "4"], ["4", "3", "2"]]
    assert display.axes_[0, 0].get_title() == f"Dice {2 * 2 / 16:.3f}"
    assert [row[0].get_ylabel() for row in display.axes_] == ["Worst", "Median"]
    truth, prediction = (c.get_paths()[0].vertices for c in display.axes_[0, 0].collections)
    assert truth[:, 0].min() == pytest.approx(7.5)
    assert prediction[:, 0].min() == pytest.approx(13.5)


def test_from_a_masker_and_with_few_images():
    class Masker(BaseEstimator):
        image_shape = None

        def transform(self, X):
            return pred.reshape(len(X), -1)

    images, true, pred = make_case(2)
    display = SegmentationDisplay.from_estimator(
        Masker(), images.reshape(2, -1), true, names=["one", "an_extremely_long_file_name_0001.png"]
    )
    assert display.axes_.shape == (2, 2)
    assert display.report.per_image["dice"].tolist() == [1, 7 / 8]
    assert len(display.axes_[0, 0].get_xlabel()) <= 26


def test_an_empty_prediction_is_drawn_without_an_outline():
    images, true, pred = make_case(1)
    display = SegmentationDisplay.from_predictions(images, true, pred * 0)
    assert len(display.axes_[0, 0].collections) == 1
    display.figure_.canvas.draw()


def test_counts_must_agree():
    images, true, pred = make_case(2)
    with pytest.raises(ValueError, match="2 images but 1 masks"):
        SegmentationDisplay.from_predictions(images, true[:1], pred[:1])
