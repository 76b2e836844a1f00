"""Probabilities per label that mean what they say."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit
from sklearn.base import _fit_context
from sklearn.isotonic import IsotonicRegression
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skcxr.model_selection._out_of_fold import _OutOfFoldClassifier, label_scores


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
        ``"sigmoid"`` is Platt's a·s + b; ``"temperature"`` s / T, which keeps the ranking and
        needs the least data; ``"isotonic"`` any rising step function, which needs the most.
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
    classes_ : list of ndarray, or ndarray of shape (2,)
        As of :class:`~skcxr.classifiers.MultilabelNet`.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame.

    Notes
    -----
    ``predict`` is probability above 0.5, whatever thresholds the estimator has; put the
    calibrator into a :class:`MultilabelThresholdTuner` for thresholds on calibrated
    probabilities.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin
    Classifiers, 61-74.
    Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On calibration of modern neural
    networks. ICML, 1321-1330.
    Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate multiclass
    probability estimates. KDD, 694-699.
    """

    _parameter_constraints = {
        **_OutOfFoldClassifier._parameter_constraints,
        "method": [StrOptions({"sigmoid", "isotonic", "temperature"})],
    }

    def __init__(self, estimator, *, method="sigmoid", cv=5, n_jobs=None, random_state=None):
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **params):
        """Learn the calibration, then fit the estimator on all rows.

        Parameters
        ----------
        X : indexable of length n
            What the estimator takes: paths, a DataFrame, an array.
        y : array-like or DataFrame of shape (n, n_labels), or (n,) with two classes
            0, 1 or NaN (left out).
        **params : dict
            ``groups`` (patients) go to the splitter, and to the estimator where its fit has such
            an argument. The rest goes to the estimator's fit, arrays of length n fold by fold:
            for a Pipeline ``classify__groups=groups``. With metadata routing, as requested.

        Returns
        -------
        self : MultilabelCalibrator
        """
        scores, Y = self._fit_out_of_fold(X, y, params, label_scores)
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
        return self

    def predict_proba(self, X):
        """Calibrated probabilities: (n, n_labels), or (n, 2) for 1-D y.

        Parameters
        ----------
        X : array-like, DataFrame or sequence of paths
            Whatever the estimator takes.

        Returns
        -------
        ndarray of shape (n, n_labels), or (n, 2) where y was 1-D
        """
        return self._shape_proba(self._proba(X))

    def predict(self, X):
        """0 or 1 for each label: whether its calibrated probability is above 0.5.

        Parameters
        ----------
        X : array-like, DataFrame or sequence of paths
            Whatever the estimator takes.

        Returns
        -------
        ndarray of shape (n, n_labels), or (n,) where y was 1-D
        """
        return self._shape_labels(self._proba(X) > 0.5)

    def _proba(self, X):
        check_is_fitted(self)
        scores = label_scores(self.estimator_, X, self._binary)
        columns = [
            (calibrator or expit)(s)
            for calibrator, s in zip(self.calibrators_, scores.T, strict=True)
        ]
        return np.column_stack(columns)


def _log_loss(logits, target):
    """Mean cross-entropy of soft or hard targets, from logits."""
    return float(np.mean(np.logaddexp(0, logits) - target * logits))


class Sigmoid:
    """Platt scaling: expit(a·s + b) with Platt's smoothed targets.

    Parameters
    ----------
    scores, y : ndarray of shape (n,)
        y holds 0 and 1, both.
    """

    def __init__(self, scores, y):
        n_pos = y.sum()
        n_neg = len(y) - n_pos
        target = np.where(y == 1, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        unit = max(scores.std(), np.finfo(float).tiny)

        def loss(ab):
            error = (expit(ab[0] * scores / unit + ab[1]) - target) / len(scores)
            value = _log_loss(ab[0] * scores / unit + ab[1], target)
            return value, np.array([error @ (scores / unit), error.sum()])

        start = [1.0, np.log((n_pos + 1) / (n_neg + 1))]
        a, self.b = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8}).x
        self.a = a / unit

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
