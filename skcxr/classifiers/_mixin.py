"""What multi-label classifiers here have in common, whatever is inside."""

import numpy as np
from sklearn.base import ClassifierMixin

from skcxr._base import _DocLinkMixin
from skcxr._multilabel._encoding import refuse_encoded_nan
from skcxr._multilabel._labels import encode_targets
from skcxr._multilabel._matching import match_labels, names_of
from skcxr._rows._usable import spread


class MultilabelMixin(_DocLinkMixin, ClassifierMixin):
    """Output shapes, score and tags.

    The class sets ``_binary`` (y was 1-D), ``classes_`` and ``label_names_`` at fit.
    """

    def _shape_proba(self, proba):
        """(n, k) as it is, or (n, 2) where y was 1-D."""
        return np.hstack([1 - proba, proba]) if self._binary else proba

    def _shape_labels(self, present):
        """(n, k) bool to 0 and 1, or to (n,) classes where y was 1-D."""
        present = present.astype(np.int64)
        return self.classes_[present[:, 0]] if self._binary else present

    def _decide(self, proba):
        """Labels by thresholds; NaN where a row has no probabilities."""
        known = ~np.isnan(proba).any(axis=1)
        labels = self._shape_labels(proba[known] > self.thresholds_)
        return labels if known.all() else spread(labels, known)

    def score(self, X, y, sample_weight=None):
        """Share of the rows whose known labels are all predicted right.

        Without NaN this is scikit-learn's ``accuracy_score`` (subset accuracy).

        Parameters
        ----------
        X : array-like of length n
        y : array-like or DataFrame of shape (n, n_labels), or (n,)
            0, 1 or NaN (counts as right). Columns with names are matched with ``label_names_``.
        sample_weight : array-like of shape (n,) or None, default=None

        Returns
        -------
        float

        Raises
        ------
        ValueError
            Where y has other labels than the classifier.
        """
        if self._binary:
            return super().score(X, y, sample_weight)
        Y = encode_targets(y, type(self).__name__).Y
        order = match_labels(names_of(y), list(self.label_names_), names=("y", "the model"))
        right = ((self.predict(X)[:, order] == Y) | np.isnan(Y)).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self):
        refuse_encoded_nan()
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags
