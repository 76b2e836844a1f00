"""Precision and recall of every label, with bands of patients drawn again."""

from skcxr.inspection._curves import precision_recall_curve
from skcxr.inspection._label_curves import LabelCurvesDisplay


class MultilabelPrecisionRecallDisplay(LabelCurvesDisplay):
    """Precision-recall curves of every label, with patient-bootstrap bands.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    curves : DataFrame
        Columns model, label, x (recall), y (precision), low, high.
    scores : DataFrame
        Columns model, label, images, positives, value (average precision), low, high.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.inspection import MultilabelPrecisionRecallDisplay
    >>> y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    >>> prob = np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.1], [0.3, 0.3]])
    >>> display = MultilabelPrecisionRecallDisplay.from_predictions(y, prob, n_bootstraps=0)
    >>> display.scores["value"].tolist()
    [1.0, 0.75]
    """

    _curve = staticmethod(precision_recall_curve)
    _x, _y, _score = "recall", "precision", "AP"
    _corner = "upper right"

    @staticmethod
    def _chance(row):
        return [0, 1], [row["positives"] / row["images"]] * 2
