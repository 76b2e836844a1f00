"""ROC curves of every label, with bands of patients drawn again."""

from skcxr.inspection._curves import roc_curve
from skcxr.inspection._label_curves import LabelCurvesDisplay


class MultilabelRocDisplay(LabelCurvesDisplay):
    """ROC curves of every label, of one model or several, with patient-bootstrap bands.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    curves : DataFrame
        Columns model, label, x (false positive rate), y (sensitivity), low, high.
    scores : DataFrame
        Columns model, label, images, positives, value (AUC), low, high.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.inspection import MultilabelRocDisplay
    >>> y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    >>> prob = np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.1], [0.3, 0.3]])
    >>> display = MultilabelRocDisplay.from_predictions(y, prob, n_bootstraps=0)
    >>> display.scores["value"].tolist()
    [1.0, 0.5]
    """

    _curve = staticmethod(roc_curve)
    _x, _y, _score = "false positive rate", "sensitivity", "AUC"
    _corner = "lower right"

    @staticmethod
    def _chance(row):
        return [0, 1], [0, 1]
