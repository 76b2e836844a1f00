"""Probabilities per label that mean what they say."""

from numbers import Real

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted

from skcxr._multilabel._scores import label_scores
from skcxr._multilabel._thresholds import THRESHOLD_METRICS
from skcxr._sklearn import Interval, StrOptions
from skcxr.model_selection._out_of_fold import _OutOfFoldClassifier


class MultilabelCalibrator(_OutOfFoldClassifier):
    """Calibrate the probabilities of each label on out-of-fold predictions.

    The map from logit to probability is learnt, label by label, on predictions for patients that
    the estimator was not trained on, from the known labels only; the estimator is then fitted on
    all rows. For one label it does what ``CalibratedClassifierCV(ensemble=False)`` does.

    Parameters
    ----------
    estimator : estimator
        Multi-label classifier, or a Pipeline that ends in one. Its ``decision_function`` is
        calibrated where there is one, else the logit of its probabilities.
    method : {"sigmoid", "isotonic", "temperature"}, default="sigmoid"
        ``"sigmoid"`` is Platt's a·s + b with a > 0; ``"temperature"`` s / T, which needs the
        least data. Both keep the ranking, and so the AUC, of each label. ``"isotonic"`` is any
        rising step function, which needs the most data and makes ties.
    threshold_metric : {"f1", "youden", "sensitivity", "specificity"} or None, default=None
        Also choose the threshold of each label, on the calibrated out-of-fold predictions: at no
        further fit, as :class:`MultilabelThresholdTuner` around the calibrator would. None: 0.5.
    threshold_target : float or None, default=None
        The wanted sensitivity or specificity, between 0 and 1.
    cv : int, splitter or "prefit", default=5
        An int is the folds of :class:`MultilabelStratifiedGroupKFold`. ``"prefit"``: the
        estimator is fitted already, and fit gets other rows than it was trained on.
    n_jobs : int or None, default=None
        Folds fitted at the same time.
    random_state : int, RandomState instance or None, default=None
        Deals the folds where `cv` is an int.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all rows.
    calibrators_ : list of callable or None
        From logits (n,) to probabilities (n,), one per label; None, with a warning, where
        not both a positive and a negative are known: its probability stays the sigmoid.
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted where its calibrated probability is above its threshold.
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        As of :class:`~skcxr.classifiers.MultilabelNet`.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame.

    Notes
    -----
    ``predict`` goes by the calibrator's thresholds, whatever thresholds the estimator has.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin
    Classifiers, 61-74.
    Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On calibration of modern neural
    networks. ICML, 1321-1330.
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass
    probability estimates. KDD, 694-699.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import MultilabelCalibrator
    >>> X, y = make_multilabel_classification(n_samples=120, n_classes=3, random_state=0)
    >>> net = MultilabelMLP(max_epochs=3, random_state=0)
    >>> calibrated = MultilabelCalibrator(net, method="temperature", cv=2, random_state=0)
    >>> calibrated.fit(X, y).predict_proba(X).shape
    (120, 3)
    """

    _parameter_constraints = {
        **_OutOfFoldClassifier._parameter_constraints,
        "method": [StrOptions({"sigmoid", "isotonic", "temperature"})],
        "threshold_metric": [StrOptions(set(THRESHOLD_METRICS)), None],
        "threshold_target": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        estimator,
        *,
        method="sigmoid",
        threshold_metric=None,
        threshold_target=None,
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.threshold_metric = threshold_metric
        self.threshold_target = threshold_target
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    _response = staticmethod(label_scores)

    @property
    def _goal(self):
        return self.threshold_metric, self.threshold_target

    def _learn(self, scores, Y):
        Calibration = {"sigmoid": Sigmoid, "isotonic": Isotonic, "temperature": Temperature}
        self.calibrators_ = []
        for s, y_label in zip(scores.T, Y.T, strict=True):
            known = ~np.isnan(y_label)
            both = len(np.unique(y_label[known])) == 2
            self.calibrators_.append(
                Calibration[self.method](s[known], y_label[known].astype(float)) if both else None
            )
        undecided = np.array([calibrator is None for calibrator in self.calibrators_])
        self._warn_undecided(undecided, "their probabilities are not calibrated")
        self.thresholds_ = np.full(len(undecided), 0.5)
        if self.threshold_metric is not None:
            self._choose_thresholds(Y, self._calibrated(scores))

    def _proba(self, X):
        check_is_fitted(self)
        return self._calibrated(label_scores(self.estimator_, X, self._known_names))

    def _calibrated(self, scores):
        proba, known = np.full(scores.shape, np.nan), ~np.isnan(scores).any(axis=1)
        for j, calibrator in enumerate(self.calibrators_):
            proba[known, j] = (calibrator or expit)(scores[known, j])
        return proba


# Of Platt's slope, per standard deviation of the scores: all but flat, and still rising.
LEAST_SLOPE = 1e-4


def _log_loss(logits, target):
    """Mean cross-entropy of soft or hard targets, from logits."""
    return float(np.mean(np.logaddexp(0, logits) - target * logits))


class Sigmoid:
    """Platt scaling: expit(a·s + b), a > 0, with Platt's smoothed targets.

    Parameters
    ----------
    scores, y : ndarray of shape (n,)
        y holds 0 and 1, both.
    """

    def __init__(self, scores, y):
        n_pos = y.sum()
        n_neg = len(y) - n_pos
        target = np.where(y == 1, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        unit = scores.std()
        if unit <= 1e-12 * np.abs(scores).max():  # the same in all rows, but for rounding
            self.a, self.b = 1.0, logit(target.mean()) - scores.mean()
            return

        def loss(ab):
            error = (expit(ab[0] * scores / unit + ab[1]) - target) / len(scores)
            value = _log_loss(ab[0] * scores / unit + ab[1], target)
            return value, np.array([error @ (scores / unit), error.sum()])

        start = [1.0, np.log((n_pos + 1) / (n_neg + 1))]
        a, b = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8}).x
        if a < LEAST_SLOPE:  # scores that run against the labels: their ranking is kept
            a = LEAST_SLOPE
            b = minimize_scalar(lambda b: loss((a, b))[0], bounds=(-30, 30), method="bounded").x
        self.a, self.b = a / unit, b

    def __call__(self, scores):
        """Probabilities of scores (n,)."""
        return expit(self.a * scores + self.b)


class Temperature:
    """Temperature scaling: expit(s / T).

    Parameters
    ----------
    scores, y : ndarray of shape (n,)
        y holds 0 and 1, both.
    """

    def __init__(self, scores, y):
        found = minimize_scalar(
            lambda log_t: _log_loss(scores * np.exp(-log_t), y),
            bounds=(-10, 10),
            method="bounded",
            options={"xatol": 1e-8},
        )
        self.temperature = float(np.exp(found.x))

    def __call__(self, scores):
        """Probabilities of scores (n,)."""
        return expit(scores / self.temperature)


class Isotonic:
    """Isotonic regression of y on the scores.

    Parameters
    ----------
    scores, y : ndarray of shape (n,)
        y holds 0 and 1, both.
    """

    def __init__(self, scores, y):
        self.regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        self.regression.fit(scores, y)

    def __call__(self, scores):
        """Probabilities of scores (n,)."""
        return self.regression.predict(scores)
