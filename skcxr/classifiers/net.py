"""The base of the classifiers: a skorch net behind scikit-learn's multi-label conventions."""

import copy
import inspect
import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split

from skcxr._callbacks import CallbackSupportMixin, begin_task
from skcxr._multilabel._groups import check_groups
from skcxr._multilabel._labels import encode_targets
from skcxr._multilabel._loss import MaskedBCEWithLogits
from skcxr._multilabel._prior import prior_logits, start_at_prior
from skcxr._multilabel._stratify import assign_parts
from skcxr._multilabel._thresholds import best_thresholds, resolve_thresholds
from skcxr._torch import resolve_device
from skcxr.classifiers._batches import Batches, Rows
from skcxr.classifiers._mixin import MultilabelMixin
from skcxr.classifiers._modules import MLP
from skcxr.classifiers._nested import DATA_ARGUMENTS, NestedParams
from skcxr.classifiers._training import (
    EpochTasks,
    StopIfAsked,
    resolve_pos_weight,
    seeded,
    silent,
    snapshot,
)

# With fewer rows to watch, early stopping and thresholds would follow noise.
MIN_HELD_OUT = 10
# Rows per forward pass without gradients.
PREDICT_BATCH = 256


class MultilabelNet(NestedParams, MultilabelMixin, CallbackSupportMixin, BaseEstimator):
    """Multi-label classifier around a :class:`skorch.NeuralNet`, for any ``nn.Module``.

    The net is trained with binary cross-entropy on logits, one per label; unknown labels (NaN)
    take no part. A held-out part of the training data, whole patients where `groups` are given,
    stops the training early. The fitted skorch net is ``net_``.

    Parameters
    ----------
    module : callable, default=MLP
        An ``nn.Module`` class from (m, n_features) float32 to (m, n_labels) logits. Of
        ``n_features``, ``n_labels`` and ``map_shape`` it is given those that its signature names.
    optimizer : callable, default=torch.optim.AdamW
        A ``torch.optim`` class.
    optimizer__weight_decay : float, default=0.01
        Weight decay.
    lr : float, default=1e-3
        Learning rate.
    max_epochs : int, default=50
        Passes over the training data, at most.
    batch_size : int, default=64
        Rows per step.
    pos_weight : "balanced", None, array-like of shape (n_labels,) or dict, default=None
        Weight of the positives in the loss. ``"balanced"`` is negatives / positives of each
        label; a dict goes by label name, 1 for those left out. With weights the outputs are no
        longer probabilities: calibrate them (:class:`skcxr.model_selection.MultilabelCalibrator`).
    thresholds : "auto", float, array-like of shape (n_labels,) or dict, default=0.5
        A label is predicted where its probability is above its threshold. ``"auto"`` takes the
        one with the best F1 on the held-out part. A dict goes by label name, 0.5 for those left
        out.
    early_stopping : bool, default=True
        Stop when the held-out loss has not improved for `patience` epochs, and take the weights
        of the best epoch.
    patience : int, default=8
        Epochs without improvement before the training stops.
    validation_fraction : float, default=0.15
        Share of the training data held out, where `early_stopping` or ``thresholds="auto"``
        needs it. Labels are balanced between the parts. Where fewer than 10 rows would be held
        out, or `groups` are a single one, nothing is: the training runs for `max_epochs`.
    n_nets : int, default=1
        Nets to train, each from its own random start and with its own held-out part; their
        logits are averaged. Several (5, say) are steadier and rank better than one [1]_.
    callbacks : list of skorch callbacks or None, default=None
        More callbacks, as in skorch, which take part in the training of each net;
        ``set_callbacks`` of scikit-learn 1.9 takes scikit-learn's, which watch over the whole fit.
    device : str, default="auto"
        As torch names it; ``"auto"`` takes a GPU where there is one. Looked up at fit.
    random_state : int, RandomState instance or None, default=None
        Weights, dropout, order and the held-out part. No global generator is touched, except
        that None draws one number from numpy's.
    verbose : int, default=0
        1 prints skorch's line per epoch.
    **nested : dict
        More arguments of the module or the optimizer, under skorch's names
        (``module__<name>``, ``optimizer__<name>``).

    Attributes
    ----------
    nets_ : list of skorch.NeuralNet
        The trained nets, trimmed for prediction.
    net_ : skorch.NeuralNet
        The first of them; ``net_.module_`` is the ``nn.Module``.
    classes_ : list of ndarray, or ndarray of shape (2,)
        ``[0, 1]`` for each label, as scikit-learn's scorers expect of multi-label classifiers;
        the two classes for 1-D y.
    label_names_ : ndarray of shape (n_labels,)
        Columns of y where it is a DataFrame, else ``label0``, ``label1``, ...
    thresholds_ : ndarray of shape (n_labels,)
        Thresholds in use.
    history_ : list of dict
        ``net``, ``epoch``, ``train_loss`` and, with a held-out part, ``valid_loss`` of each epoch.
    n_iter_ : int
        Epochs trained, by the net that took most.
    validation_indices_ : ndarray of int
        Rows of the training data that were held out, by any net; empty where none.
    device_ : str
        Where the net was trained.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X has string column names.

    Notes
    -----
    *Groups.* ``fit(X, y, groups=groups)`` keeps patients whole in the held-out part. In a search
    or in cross_validate, ``groups=`` goes to the splitter only. Give it to the net as well with
    ``search.fit(X, y, groups=groups, classify__groups=groups)`` (``params={"classify__groups":
    groups}`` in cross_validate), or once and for all with metadata routing:
    ``sklearn.set_config(enable_metadata_routing=True)`` and
    ``MultilabelMLP().set_fit_request(groups=True)``.

    *Unknown labels.* scikit-learn's own splitters and metrics refuse NaN in y: pass a splitter
    object as `cv` (not a number) and skcxr's scorers.

    *Labels without a positive or a negative* are not trained; one warning names them, and their
    probability is the smoothed share of positives, (positives + 1) / (known + 2).

    *Progress.* With scikit-learn 1.9, ``set_callbacks`` shows each net and each epoch as a task.
    The estimator that a callback is given after an epoch predicts with the net's weights at that
    epoch, averaged with the nets before; ``thresholds="auto"`` is 0.5 in it. X and y are what fit
    was given, the held-out part included.

    ``score`` is scikit-learn's: the share of rows whose labels are all right; NaN count as right.
    It is a harsh measure for many labels; give a search a `scoring`.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell. "Simple and scalable predictive
       uncertainty estimation using deep ensembles". NeurIPS, 2017.
    """

    _parameter_constraints = {
        "module": [callable],
        "optimizer": [callable],
        "optimizer__weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "pos_weight": [StrOptions({"balanced"}), None, dict, "array-like"],
        "thresholds": [StrOptions({"auto"}), Real, dict, "array-like"],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_nets": [Interval(Integral, 1, None, closed="left")],
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
        pos_weight=None,
        thresholds=0.5,
        early_stopping=True,
        patience=8,
        validation_fraction=0.15,
        n_nets=1,
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
        self.pos_weight = pos_weight
        self.thresholds = thresholds
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.n_nets = n_nets
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self._check_nested(nested)
        vars(self).update(nested)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags

    # -- training -----------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Train the net.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Float32 and float64 arrays and memory maps are read batch by batch, never copied.
        y : array-like or DataFrame of shape (n, n_labels), or array-like of shape (n,)
            0, 1 or NaN (unknown) per label. One-dimensional y with two classes is a binary
            problem with scikit-learn's usual output shapes.
        groups : array-like of shape (n,) or None, default=None
            Patient of each row: the held-out part takes whole patients.

        Returns
        -------
        self : MultilabelNet

        Raises
        ------
        ValueError
            Where X or y is not as above, or 1-D y has not exactly two classes.
        """
        given = {"estimator": self, "X": X, "y": y}
        context = self._init_callback_context(max_subtasks=self.n_nets)
        context.call_on_fit_task_begin(**given)
        X = self._validate_rows(X, reset=True)
        targets = encode_targets(y, type(self).__name__)
        check_consistent_length(X, targets.Y)
        check_groups(groups, len(X))
        rng = check_random_state(self.random_state)
        self.classes_, self.label_names_ = targets.classes, targets.label_names
        self._binary = targets.binary
        Y = self._mask_constant_labels(targets.Y)
        device = resolve_device(self.device)
        self.device_ = str(device)
        self.nets_, self.history_ = [], []
        # What each net says of rows that it was not trained on.
        logits, n_judges = np.zeros(Y.shape), np.zeros((len(Y), 1))
        for _ in range(self.n_nets):
            seed = int(rng.randint(np.iinfo(np.int32).max))
            train, held_out = self._hold_out(targets.Y, groups, rng)
            task = context.subcontext(task_name="net", max_subtasks=self.max_epochs)
            task.call_on_fit_task_begin(**given)
            epochs = EpochTasks(partial(begin_task, task, "epoch", given), self._fitted_so_far)
            with seeded(seed, device):
                net = self._train(
                    Rows(X, Y, train), Rows(X, Y, held_out) if len(held_out) else None, epochs
                )
            self._keep(net)
            if len(held_out):
                logits[held_out] += self._logits(Rows(X, None, held_out), [net])
                n_judges[held_out] += 1
            if task.call_on_fit_task_end(**given, reconstruction_attributes=self._fitted_so_far):
                break
        self.net_ = self.nets_[0]
        self.n_iter_ = max(row["epoch"] for row in self.history_)
        self.validation_indices_ = held_out = np.flatnonzero(n_judges)
        self.thresholds_ = self._choose_thresholds(
            targets.Y[held_out], expit(logits[held_out] / n_judges[held_out])
        )
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return self

    def _fitted_so_far(self, net=None):
        """Attributes to predict with before the end of fit, perhaps with a net in training."""
        nets = self.nets_ + ([] if net is None else [snapshot(net)])
        thresholds = 0.5 if self._auto_thresholds else self.thresholds
        return {
            "nets_": nets,
            "net_": nets[0],
            "thresholds_": resolve_thresholds(thresholds, self.label_names_),
        }

    def _keep(self, net):
        keys = ("epoch", "train_loss", "valid_loss")
        number = len(self.nets_)
        self.history_ += [
            {"net": number} | {k: row[k] for k in keys if k in row} for row in net.history
        ]
        # The net would pickle the held-out data with it.
        net.trim_for_prediction()
        self.nets_.append(net)

    def _validate_rows(self, X, reset):
        """X as (n, d) float32 or float64, checked against the fit."""
        return validate_data(
            self, X, reset=reset, dtype=[np.float32, np.float64], ensure_min_samples=1 + reset
        )

    def _hold_out(self, Y, groups, rng):
        """Find the rows to train on and those to hold out: none where there are too few."""
        everything = np.arange(len(Y))
        if not (self.early_stopping or self._auto_thresholds):
            return everything, everything[:0]
        share = self.validation_fraction
        if share * len(Y) < MIN_HELD_OUT or check_groups(groups, len(Y))[1] < 2:
            return everything, everything[:0]
        part = assign_parts(Y, groups, [1 - share, share], rng)
        return np.flatnonzero(part == 0), np.flatnonzero(part == 1)

    @property
    def _auto_thresholds(self):
        return isinstance(self.thresholds, str)

    def _mask_constant_labels(self, Y):
        """Take labels with one known value out of the training; remember their logit instead."""
        positives, known = np.nansum(Y, axis=0), (~np.isnan(Y)).sum(axis=0)
        constant = (positives == 0) | (positives == known)
        prior = (positives + 1) / (known + 2)
        self._constant_logits = np.where(constant, logit(prior), np.nan)
        if not constant.any():
            return Y
        names = ", ".join(map(str, self.label_names_[constant]))
        warnings.warn(
            f"y has no positive or no negative for {names}: "
            "their probability will be the smoothed share of positives, the same for all rows.",
            UserWarning,
            stacklevel=4,
        )
        return np.where(constant, np.float32(np.nan), Y)

    def _train(self, train, held_out, epochs):
        """Build a skorch net and train it; `epochs` is an :class:`EpochTasks`."""
        positives = np.nansum(train.Y[train.index], axis=0)
        negatives = (train.Y[train.index] == 0).sum(axis=0)
        weight = resolve_pos_weight(self.pos_weight, positives, negatives, self.label_names_)
        stop = []
        if self.early_stopping and held_out is not None:
            sink = print if self.verbose else silent
            stop = [EarlyStopping(patience=self.patience, load_best=True, sink=sink)]
        net = NeuralNet(
            self.module,
            criterion=MaskedBCEWithLogits,
            criterion__pos_weight=None if weight is None else torch.from_numpy(weight),
            optimizer=self.optimizer,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            iterator_valid__batch_size=PREDICT_BATCH,
            train_split=None if held_out is None else predefined_split(held_out),
            callbacks=[epochs, *copy.deepcopy(self.callbacks or []), *stop, StopIfAsked(epochs)],
            device=self.device_,
            verbose=self.verbose,
            **self._net_arguments(train.X.shape[1], train.Y.shape[1]),
        ).initialize()
        output = getattr(net.module_, "output", None)
        if isinstance(output, torch.nn.Linear):
            prior = prior_logits(positives, negatives, 1 if weight is None else weight)
            start_at_prior(output, prior)
        return net.partial_fit(train)

    def _net_arguments(self, n_features, n_labels):
        """Arguments under skorch's names: the user's, and what the module wants of the data."""
        shape = getattr(self, "map_shape_", (n_features,))
        data = dict(zip(DATA_ARGUMENTS, (n_features, n_labels, shape), strict=True))
        wanted = inspect.signature(self.module).parameters
        arguments = {f"module__{k}": v for k, v in data.items() if k in wanted}
        if self.optimizer in (torch.optim.Adam, torch.optim.AdamW) and self.device_ != "mps":
            arguments["optimizer__fused"] = True  # a step in one pass over the weights
        return arguments | {k: v for k, v in self.get_params(deep=False).items() if "__" in k}

    def _choose_thresholds(self, Y, prob):
        """Resolve the thresholds; `Y` and `prob` are those of held-out rows."""
        if not self._auto_thresholds:
            return resolve_thresholds(self.thresholds, self.label_names_)
        if not len(Y):
            undecided = np.ones(Y.shape[1], dtype=bool)
            thresholds = np.full(Y.shape[1], 0.5)
        else:
            thresholds, undecided = best_thresholds(Y, prob)
        if undecided.any():
            warnings.warn(
                "thresholds='auto' found no positive in the held-out part for "
                f"{', '.join(map(str, self.label_names_[undecided]))}: 0.5 is used there; "
                "raise validation_fraction or use MultilabelThresholdTuner.",
                UserWarning,
                stacklevel=4,
            )
        return thresholds

    # -- prediction ---------------------------------------------------------------------------

    def _logits(self, rows, nets):
        """(n, k) float64 logits of a :class:`Rows`, the mean of those of `nets`."""
        logits = np.mean(
            [net.forward(rows)[: len(rows)].numpy().astype(np.float64) for net in nets], axis=0
        )
        constant = ~np.isnan(self._constant_logits)
        logits[:, constant] = self._constant_logits[constant]
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
        return self._shape_labels(expit(self._all_logits(X)) > self.thresholds_)
