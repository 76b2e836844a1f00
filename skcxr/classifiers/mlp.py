"""Multi-layer perceptrons on hybrid features."""

from numbers import Real

from skcxr._sklearn import Interval
from skcxr.classifiers._modules import MLP
from skcxr.classifiers.net import MultilabelNet

_SHARE = [Interval(Real, 0, 1, closed="left")]


class MultilabelMLP(MultilabelNet):
    """One hidden layer with dropout and batch normalisation: the MLP of Das 2025.

    Scale the features first (:class:`sklearn.preprocessing.StandardScaler`).

    Parameters
    ----------
    module__hidden : sequence of int, default=(256,)
        Units of each hidden layer.
    module__dropout : float, default=0.4
        Share of hidden units dropped in training.
    module__input_dropout : float, default=0.0
        Share of features dropped in training.
    module__batch_norm : bool, default=True
        Batch normalisation after each hidden layer.
    module__skip : bool, default=False
        Whether the last features, one per label in the labels' order, are logits of another model
        that the layers only correct, such as those of a cross-fitted
        :class:`~skcxr.features.CNNEmbedder`. They begin at half the slope of a linear discriminant.
    module__correction : float, default=1.0
        With ``module__skip``: share of what the layers learnt that predictions use.
    optimizer, optimizer__weight_decay, lr, max_epochs, batch_size, loss, pos_weight, sampling, \
soft_labels, thresholds, threshold_metric, threshold_target, early_stopping, patience, \
validation_fraction, n_nets, nan_rows, callbacks, device, random_state, verbose
        As in :class:`MultilabelNet`, which also describes the fitted attributes.
    **settings : dict
        ``optimizer__<name>`` and ``loss__<name>``.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skcxr.classifiers import MultilabelMLP
    >>> X, y = make_multilabel_classification(n_samples=200, n_classes=3, random_state=0)
    >>> X = StandardScaler().fit_transform(X)
    >>> MultilabelMLP(random_state=0).fit(X, y).predict_proba(X).shape
    (200, 3)
    """

    _parameter_constraints = {
        **MultilabelNet._parameter_constraints,
        "module__hidden": ["array-like"],
        "module__dropout": _SHARE,
        "module__input_dropout": _SHARE,
        "module__batch_norm": ["boolean"],
        "module__skip": ["boolean"],
        "module__correction": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        module__hidden=(256,),
        module__dropout=0.4,
        module__input_dropout=0.0,
        module__batch_norm=True,
        module__skip=False,
        module__correction=1.0,
        **settings,
    ):
        super().__init__(
            MLP,
            module__hidden=module__hidden,
            module__dropout=module__dropout,
            module__input_dropout=module__input_dropout,
            module__batch_norm=module__batch_norm,
            module__skip=module__skip,
            module__correction=module__correction,
            **settings,
        )


class DeeperMLP(MultilabelMLP):
    """Three hidden layers that shrink, 512, 256, 128: the DeeperMLP of Das 2025.

    Parameters
    ----------
    module__hidden : sequence of int, default=(512, 256, 128)
        Units of each hidden layer.
    module__dropout, module__input_dropout, module__batch_norm, module__skip, module__correction
        As in :class:`MultilabelMLP`.
    optimizer, optimizer__weight_decay, lr, max_epochs, batch_size, loss, pos_weight, sampling, \
soft_labels, thresholds, threshold_metric, threshold_target, early_stopping, patience, \
validation_fraction, n_nets, nan_rows, callbacks, device, random_state, verbose
        As in :class:`MultilabelNet`, which also describes the fitted attributes.
    **settings : dict
        ``optimizer__<name>`` and ``loss__<name>``.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skcxr.classifiers import DeeperMLP
    >>> X, y = make_multilabel_classification(n_samples=80, n_classes=3, random_state=0)
    >>> DeeperMLP(max_epochs=2, random_state=0).fit(X, y).predict(X).shape
    (80, 3)
    """

    def __init__(self, *, module__hidden=(512, 256, 128), **settings):
        super().__init__(module__hidden=module__hidden, **settings)
