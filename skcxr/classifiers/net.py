"""The base of the classifiers: a skorch net behind scikit-learn's multi-label conventions."""

from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skcxr._callbacks import CallbackSupportMixin, begin_task
from skcxr._multilabel._fit_inputs import check_row_order, check_sample_weight
from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import encode_targets
from skcxr._multilabel._thresholds import THRESHOLD_METRICS, check_target, resolve_thresholds
from skcxr._sklearn import Interval, StrOptions, _fit_context
from skcxr._torch import resolve_device
from skcxr.classifiers._batches import Rows
from skcxr.classifiers._losses import LOSSES
from skcxr.classifiers._mixin import MultilabelMixin
from skcxr.classifiers._modules import MLP
from skcxr.classifiers._nan_rows import NanRowsMixin
from skcxr.classifiers._nested import NestedParams
from skcxr.classifiers._reach import check_features_fit_float32, check_logits_finite
from skcxr.classifiers._skorch_net import EpochTasks, snapshot
from skcxr.classifiers._stream import RandomStream
from skcxr.classifiers._training import (
    choose_thresholds,
    hold_out,
    mask_constant_labels,
    train_net,
)


class MultilabelNet(
    NestedParams, NanRowsMixin, MultilabelMixin, CallbackSupportMixin, BaseEstimator
):
    """Multi-label classifier around a :class:`skorch.NeuralNet`, for any ``nn.Module``.

    The net is trained on logits, one per label; unknown labels (NaN) take no part. A held-out
    part of the training data, whole patients where `groups` are given, stops the training early.
    The fitted skorch net is ``net_``.

    Parameters
    ----------
    module : callable, default=MLP
        An ``nn.Module`` class from (m, n_features) float32 to (m, n_labels) logits. Of
        ``n_features``, ``n_labels`` and ``map_shape`` it is given those that its signature names.
    optimizer : callable, default=torch.optim.AdamW
        A ``torch.optim`` class.
    optimizer__weight_decay, lr : float, default=0.01 and 1e-3
    max_epochs : int, default=50
        Passes over the training data, at most.
    batch_size : int, default=64
        Rows per step.
    loss : {"bce", "focal", "asymmetric"}, default="bce"
        Binary cross-entropy; the focal loss [2]_, in which easy rows count for less
        (``loss__gamma=2.0``); or the asymmetric loss [3]_, in which easy negatives do
        (``loss__gamma_pos=0.0``, ``loss__gamma_neg=4.0``, ``loss__margin=0.05``). With the last
        two, and with `pos_weight` or `sampling`, the outputs are no longer probabilities:
        calibrate them (:class:`skcxr.model_selection.MultilabelCalibrator`).
    pos_weight : "balanced", None, array-like of shape (n_labels,), dict or Series, default=None
        Weight of the positives in the loss. ``"balanced"`` is negatives / positives of each
        label; a dict or Series goes by label name, 1 for those left out.
    sampling : {"balanced"} or None, default=None
        ``"balanced"`` draws as many rows per epoch with replacement, those of rare labels more
        often: by the inverse effective number [4]_ of the rarest label that a row is positive
        for.
    soft_labels : bool, default=False
        Whether y may hold values between 0 and 1, which the loss then takes as they are.
        Thresholds and `sampling` count a row as positive from 0.5.
    thresholds : "auto", float, array-like of shape (n_labels,), dict or Series, default=0.5
        A label is predicted where its probability is above its threshold. ``"auto"`` takes the
        one that `threshold_metric` finds best on the held-out part. A dict or Series goes by
        label name, 0.5 for those left out.
    threshold_metric : {"f1", "youden", "sensitivity", "specificity"}, default="f1"
        For ``thresholds="auto"``: the best F1, the best sensitivity + specificity - 1, or the
        sensitivity or specificity wanted by `threshold_target`, between 0 and 1.
    threshold_target : float or None, default=None
    early_stopping, patience : bool, default=True, and int, default=8
        Stop when the held-out loss has not improved for `patience` epochs, and take the weights
        of the best epoch.
    validation_fraction : float, default=0.15
        Share of the training data held out, where `early_stopping` or ``thresholds="auto"``
        needs it. Labels are balanced between the parts. Where fewer than 10 rows would be held
        out, or `groups` are a single one, nothing is: the training runs for `max_epochs`.
    n_nets : int, default=1
        Nets to train, each from its own random start and with its own held-out part; their
        logits are averaged. Several (5, say) are steadier and rank better than one [1]_.
    nan_rows : {"raise", "skip"}, default="raise"
        ``"skip"``: rows with a NaN feature, as of films that could not be read, take no part in
        anything, and their probabilities and decisions are NaN, never 0.
    callbacks : list of skorch callbacks or None, default=None
        More callbacks, as in skorch, which take part in the training of each net;
        ``set_callbacks`` of scikit-learn 1.9 takes scikit-learn's, which watch over the whole fit.
    device : str, default="auto"
        As torch names it; ``"auto"`` takes a GPU where there is one. Looked up at fit.
    random_state : int, RandomState instance or None, default=None
        Weights, dropout, order and the held-out part. All come from a stream of the net's own,
        in threads too; no global generator is touched, except that None draws one number from
        numpy's.
    verbose : int, default=0
        1 prints skorch's line per epoch.
    **nested : dict
        More arguments of the module, the optimizer or the loss, under skorch's names
        (``module__<name>``, ``optimizer__<name>``, ``loss__<name>``).

    Attributes
    ----------
    nets_ : list of skorch.NeuralNet
        The trained nets, trimmed for prediction.
    net_ : skorch.NeuralNet
        The first of them; ``net_.module_`` is the ``nn.Module``.
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        ``[0, 1]`` for each label, as scikit-learn's scorers and ``cross_val_predict`` expect of
        multi-label classifiers; the two classes for 1-D y.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame, else ``label0``, ``label1``, ...
    thresholds_ : ndarray of shape (n_labels,)
        Thresholds in use.
    history_ : list of dict
        ``net``, ``epoch``, ``train_loss`` and, with a held-out part, ``valid_loss`` of each epoch.
    n_iter_ : int
    validation_indices_ : ndarray of int
        Rows of the training data that were held out, by any net.
    device_ : str
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        As in scikit-learn.

    Notes
    -----
    *Ctrl-C* ends the training. A callback stops it by raising KeyboardInterrupt itself, as in
    skorch, and what was trained is kept.

    *Groups.* In a search or in cross_validate, ``groups=`` goes to the splitter only. Add
    ``classify__groups=groups`` for the net (in cross_validate ``params={"classify__groups":
    groups}``), or route it: ``sklearn.set_config(enable_metadata_routing=True)``,
    ``net.set_fit_request(groups=True)``. skcxr's own functions hand it on.

    *Unknown labels.* scikit-learn's own splitters and metrics refuse NaN in y: pass a splitter
    object as `cv` and skcxr's scorers. Its ``cross_val_predict`` would make a class of NaN, which
    is refused: :func:`skcxr.model_selection.out_of_fold_predict` knows NaN.

    *Labels without a positive or a negative*, which a warning names, are not trained: their
    probability is (positives + 1) / (known + 2).

    *Progress.* ``set_callbacks`` shows each net and epoch as a task; its estimator predicts with
    the weights of that epoch, averaged with the nets before, and ``thresholds="auto"`` as 0.5.

    *score*, the share of rows whose known labels are all right, is harsh: give a search a
    `scoring`.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell. "Simple and scalable predictive
       uncertainty estimation using deep ensembles". NeurIPS, 2017.
    .. [2] T.-Y. Lin et al. "Focal loss for dense object detection". ICCV, 2017.
    .. [3] T. Ridnik et al. "Asymmetric loss for multi-label classification". ICCV, 2021.
    .. [4] Y. Cui et al. "Class-balanced loss based on effective number of samples". CVPR, 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from skcxr.classifiers import MultilabelNet
    >>> X, y = make_multilabel_classification(n_samples=80, n_classes=3, random_state=0)
    >>> net = MultilabelNet(
    ...     torch.nn.Linear, module__in_features=20, module__out_features=3, max_epochs=2
    ... )
    >>> net.fit(X, y).predict_proba(X).shape
    (80, 3)
    """

    _gives_logits = True  # by its decision_function

    _parameter_constraints = {
        "module": [callable],
        "optimizer": [callable],
        "optimizer__weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "loss": [StrOptions(set(LOSSES))],
        "pos_weight": [StrOptions({"balanced"}), None, dict, "array-like"],
        "sampling": [StrOptions({"balanced"}), None],
        "soft_labels": ["boolean"],
        "thresholds": [StrOptions({"auto"}), Real, dict, "array-like"],
        "threshold_metric": [StrOptions(set(THRESHOLD_METRICS))],
        "threshold_target": [Interval(Real, 0, 1, closed="both"), None],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_nets": [Interval(Integral, 1, None, closed="left")],
        "nan_rows": [StrOptions({"raise", "skip"})],
        "callbacks": [list, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        module=MLP,
        *,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=0.01,
        lr=1e-3,
        max_epochs=50,
        batch_size=64,
        loss="bce",
        pos_weight=None,
        sampling=None,
        soft_labels=False,
        thresholds=0.5,
        threshold_metric="f1",
        threshold_target=None,
        early_stopping=True,
        patience=8,
        validation_fraction=0.15,
        n_nets=1,
        nan_rows="raise",
        callbacks=None,
        device="auto",
        random_state=None,
        verbose=0,
        **nested,
    ):
        self.module = module
        self.optimizer = optimizer
        self.optimizer__weight_decay = optimizer__weight_decay
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.loss = loss
        self.pos_weight = pos_weight
        self.sampling = sampling
        self.soft_labels = soft_labels
        self.thresholds = thresholds
        self.threshold_metric = threshold_metric
        self.threshold_target = threshold_target
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.n_nets = n_nets
        self.nan_rows = nan_rows
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self._check_nested(nested)
        vars(self).update(nested)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None, sample_weight=None):
        """Train the net.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Float32 and float64 arrays and memory maps are read batch by batch, never copied.
        y : array-like or DataFrame of shape (n, n_labels), or array-like of shape (n,)
            0, 1 or NaN (unknown) per label, or 0 to 1 with `soft_labels`. One-dimensional y with
            two classes is a binary problem with scikit-learn's usual output shapes.
        groups : array-like of shape (n,) or None, default=None
            Patient of each row: the held-out part takes whole patients.
        sample_weight : array-like of shape (n,) or None, default=None
            Weight of each row in the loss, of the held-out part too. Rows of weight 0 take no
            part in anything.

        Returns
        -------
        self : MultilabelNet

        Raises
        ------
        ValueError
            Where an argument is not as above, or the training ended in weights that are not finite.
        """
        given = {"estimator": self, "X": X, "y": y}
        context = self._init_callback_context(max_subtasks=self.n_nets)
        context.call_on_fit_task_begin(**given)
        check_row_order(X=X, y=y, groups=groups, sample_weight=sample_weight)
        X = self._validate_rows(X, reset=True)
        check_target(self.threshold_metric, self.threshold_target)
        targets = encode_targets(y, type(self).__name__, soft=self.soft_labels)
        check_consistent_length(X, targets.Y)
        check_groups(groups, len(X))
        weight = check_sample_weight(sample_weight, len(X))
        if weight is not None:
            targets.Y[weight == 0] = np.nan
            if targets.binary and len(np.unique(targets.Y[weight > 0])) < 2:
                raise ValueError("Classifier needs two classes among the rows of weight above 0")
        rng = check_random_state(self.random_state)
        self.classes_, self.label_names_ = targets.classes, targets.label_names
        self._binary = targets.binary
        Y, self._constant_logits = mask_constant_labels(targets.Y, self.label_names_)
        device = resolve_device(self.device)
        self.device_ = str(device)
        self.nets_, self.history_ = [], []
        # By nets that were not trained on a row.
        logits, n_judges = np.zeros(Y.shape), np.zeros((len(Y), 1))
        for _ in range(self.n_nets):
            stream = RandomStream(int(rng.randint(np.iinfo(np.int32).max)), device)
            train, held_out = hold_out(self, targets.Y, groups, rng)
            task = context.subcontext(task_name="net", max_subtasks=self.max_epochs)
            task.call_on_fit_task_begin(**given)
            epochs = EpochTasks(partial(begin_task, task, "epoch", given), self._fitted_so_far)
            net, history = train_net(
                self,
                Rows(X, Y, train, weight),
                Rows(X, Y, held_out, weight) if len(held_out) else None,
                stream,
                epochs,
            )
            self.nets_.append(net)
            self.history_ += history
            if len(held_out):
                logits[held_out] += self._logits(Rows(X, None, held_out), [net])
                n_judges[held_out] += 1
            if task.call_on_fit_task_end(**given, reconstruction_attributes=self._fitted_so_far):
                break
        self.net_ = self.nets_[0]
        self.n_iter_ = max(row["epoch"] for row in self.history_)
        self.validation_indices_ = held_out = np.flatnonzero(n_judges)
        self.thresholds_ = choose_thresholds(
            self, targets.Y[held_out], expit(logits[held_out] / n_judges[held_out])
        )
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return self

    def _fitted_so_far(self, net=None):
        """Attributes to predict with before the end of fit, perhaps with a net in training."""
        nets = self.nets_ + ([] if net is None else [snapshot(net)])
        thresholds = 0.5 if isinstance(self.thresholds, str) else self.thresholds
        thresholds = resolve_thresholds(thresholds, self.label_names_)
        return {"nets_": nets, "net_": nets[0], "thresholds_": thresholds}

    def _validate_rows(self, X, reset):
        """X as (n, d) float32 or float64, checked against the fit."""
        X = validate_data(
            self, X, reset=reset, dtype=[np.float32, np.float64], ensure_min_samples=1 + reset
        )
        check_features_fit_float32(X)
        return X

    def _logits(self, rows, nets):
        """(n, k) float64 logits of a :class:`Rows`, the mean of those of `nets`."""
        logits = np.mean(
            [net.forward(rows)[: len(rows)].numpy().astype(np.float64) for net in nets], axis=0
        )
        constant = ~np.isnan(self._constant_logits)
        logits[:, constant] = self._constant_logits[constant]
        check_logits_finite(logits, rows)
        return logits

    def _all_logits(self, X):
        check_is_fitted(self)
        return self._logits(Rows(self._validate_rows(X, reset=False)), self.nets_)

    def decision_function(self, X):
        """Logits.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_labels), or (n,) where y was 1-D
        """
        logits = self._all_logits(X)
        return logits[:, 0] if self._binary else logits

    def predict_proba(self, X):
        """Probability of each label.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_labels), or (n, 2) where y was 1-D
        """
        return self._shape_proba(expit(self._all_logits(X)))

    def predict(self, X):
        """0 or 1 for each label: whether its probability is above its threshold.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_labels) of int, or (n,) of classes where y was 1-D
        """
        return self._decide(expit(self._all_logits(X)))
