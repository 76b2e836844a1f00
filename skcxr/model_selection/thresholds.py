"""Thresholds per label, tuned on rows that the estimator was not trained on."""

from numbers import Real

from sklearn.utils.validation import check_is_fitted

from skcxr._multilabel._scores import label_proba
from skcxr._multilabel._thresholds import THRESHOLD_METRICS
from skcxr._sklearn import Interval, StrOptions
from skcxr.model_selection._out_of_fold import _OutOfFoldClassifier


class MultilabelThresholdTuner(_OutOfFoldClassifier):
    """Tune the threshold of each label on out-of-fold probabilities.

    Rare labels seldom reach a probability of 0.5; their best threshold is lower. It is found on
    predictions for patients that the estimator was not trained on; the estimator is then fitted
    on all rows. scikit-learn's ``TunedThresholdClassifierCV`` does this for one label.

    Parameters
    ----------
    estimator : estimator
        Multi-label classifier with ``predict_proba``, or a Pipeline that ends in one.
    metric : {"f1", "youden", "sensitivity", "specificity"}, default="f1"
        What each threshold maximises: F1, or sensitivity + specificity - 1. Or what it reaches:
        the highest threshold with a sensitivity of at least `target`, or the lowest with such a
        specificity.
    target : float or None, default=None
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
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted where its probability is above its threshold. 0.5, with a warning,
        where no positive (for ``"youden"`` and ``"specificity"``: no negative) is known.
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        As of :class:`~skcxr.classifiers.MultilabelNet`.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame.

    See Also
    --------
    MultilabelCalibrator : Corrects the probabilities themselves.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skcxr.classifiers import MultilabelMLP
    >>> from skcxr.model_selection import MultilabelThresholdTuner
    >>> X, y = make_multilabel_classification(n_samples=120, n_classes=3, random_state=0)
    >>> net = MultilabelMLP(max_epochs=3, random_state=0)
    >>> MultilabelThresholdTuner(net, cv=2, random_state=0).fit(X, y).thresholds_.shape
    (3,)
    """

    _parameter_constraints = {
        **_OutOfFoldClassifier._parameter_constraints,
        "metric": [StrOptions(set(THRESHOLD_METRICS))],
        "target": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self, estimator, *, metric="f1", target=None, cv=5, n_jobs=None, random_state=None
    ):
        self.estimator = estimator
        self.metric = metric
        self.target = target
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    _response = staticmethod(label_proba)

    @property
    def _goal(self):
        return self.metric, self.target

    def _learn(self, proba, Y):
        self._choose_thresholds(Y, proba)

    def _proba(self, X):
        check_is_fitted(self)
        return label_proba(self.estimator_, X, self._known_names)
