"""What tuner, calibrator and averager share: probabilities, and decisions by thresholds."""

from skcxr.classifiers._mixin import MultilabelMixin


class ThresholdedMixin(MultilabelMixin):
    """Predictions of a class that has ``_proba(X)``, always (n, n_labels), and ``thresholds_``."""

    def predict_proba(self, X):
        """Probabilities: (n, n_labels), or (n, 2) for 1-D y.

        Parameters
        ----------
        X : array-like, DataFrame or sequence of paths
            Whatever the estimator inside takes.

        Returns
        -------
        ndarray of shape (n, n_labels), or (n, 2) where y was 1-D
        """
        return self._shape_proba(self._proba(X))

    def predict(self, X):
        """0 or 1 for each label: whether its probability is above its threshold; NaN for NaN.

        Parameters
        ----------
        X : array-like, DataFrame or sequence of paths
            Whatever the estimator inside takes.

        Returns
        -------
        ndarray of shape (n, n_labels), or (n,) where y was 1-D
        """
        return self._decide(self._proba(X))
