"""The parts of a net's fit: what it is trained on, the training, what is read off the rest."""

import copy
import inspect

import numpy as np
import torch
from scipy.special import logit
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split

from skcxr._base import warn_at_user
from skcxr._multilabel._groups import check_groups, complaint_of_lost_groups
from skcxr._multilabel._prior import prior_logits, start_at_prior
from skcxr._multilabel._stratify import assign_parts
from skcxr._multilabel._thresholds import (
    best_thresholds,
    complaint_of_thresholds,
    resolve_thresholds,
)
from skcxr.classifiers._batches import Batches
from skcxr.classifiers._emphasis import class_balanced_chances, count_labels, resolve_pos_weight
from skcxr.classifiers._losses import LOSSES
from skcxr.classifiers._nested import DATA_ARGUMENTS
from skcxr.classifiers._skorch_net import SeededNet, StopIfAsked, silent

# With fewer rows to watch, early stopping and thresholds would follow noise.
MIN_HELD_OUT = 10
# Rows per forward pass without gradients.
PREDICT_BATCH = 256


def mask_constant_labels(Y, label_names):
    """Take labels with one known value out of the training; give their logit instead.

    Parameters
    ----------
    Y : ndarray of shape (n, k)
        0 to 1, or NaN.
    label_names : ndarray of k names

    Returns
    -------
    Y : ndarray of shape (n, k)
        With the columns of these labels NaN.
    logits : ndarray of shape (k,)
        The logit of their smoothed share of positives; NaN for the others.
    """
    positives, known = np.nansum(Y, axis=0), (~np.isnan(Y)).sum(axis=0)
    constant = (positives == 0) | (positives == known)
    logits = np.where(constant, logit((positives + 1) / (known + 2)), np.nan)
    if not constant.any():
        return Y, logits
    names = ", ".join(map(str, label_names[constant]))
    warn_at_user(
        f"y has no positive or no negative for {names}: "
        "their probability will be the smoothed share of positives, the same for all rows."
    )
    return np.where(constant, np.float32(np.nan), Y), logits


def hold_out(estimator, Y, groups, rng):
    """Find the rows to train on and those to hold out: none where there are too few."""
    everything = np.arange(len(Y))
    if not (estimator.early_stopping or isinstance(estimator.thresholds, str)):
        return everything, everything[:0]
    share = estimator.validation_fraction
    if share * len(Y) < MIN_HELD_OUT or check_groups(groups, len(Y))[1] < 2:
        return everything, everything[:0]
    complaint = complaint_of_lost_groups(estimator) if groups is None else None
    if complaint:
        warn_at_user(complaint)
    part = assign_parts(Y, groups, [1 - share, share], rng)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def train_net(estimator, train, held_out, stream, epochs):
    """Build a skorch net and train it.

    Parameters
    ----------
    estimator : MultilabelNet
        Whose parameters, ``device_`` and ``label_names_`` hold.
    train : Rows
    held_out : Rows or None
    stream : RandomStream
    epochs : EpochTasks

    Returns
    -------
    net : SeededNet
        Trimmed for prediction.
    history : list of dict
    """
    Y = train.Y[train.index]
    weight = None if train.weight is None else train.weight[train.index]
    chances = class_balanced_chances(Y) if estimator.sampling == "balanced" else None
    positives, negatives = count_labels(Y, weight, chances)
    pos_weight = resolve_pos_weight(
        estimator.pos_weight, positives, negatives, estimator.label_names_
    )
    stop = []
    if estimator.early_stopping and held_out is not None:
        sink = print if estimator.verbose else silent
        stop = [EarlyStopping(patience=estimator.patience, load_best=True, sink=sink)]
    own = copy.deepcopy(estimator.callbacks or [])
    net = SeededNet(
        estimator.module,
        criterion=LOSSES[estimator.loss],
        criterion__pos_weight=None if pos_weight is None else torch.from_numpy(pos_weight),
        optimizer=estimator.optimizer,
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        batch_size=estimator.batch_size,
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        iterator_valid__batch_size=PREDICT_BATCH,
        train_split=None if held_out is None else predefined_split(held_out),
        callbacks=[epochs, *own, *stop, StopIfAsked(epochs)],
        device=estimator.device_,
        verbose=estimator.verbose,
        **_net_arguments(estimator, train.X.shape[1], train.Y.shape[1]),
    )
    net.stream_, net.chances_ = stream, chances
    output = getattr(net.initialize().module_, "output", None)
    if isinstance(output, torch.nn.Linear):
        prior = prior_logits(positives, negatives, 1 if pos_weight is None else pos_weight)
        start_at_prior(output, prior)
    if getattr(net.module_, "gain", None) is not None:
        net.module_.start_skip(train.X[:, -Y.shape[1] :][train.index], Y)
    net.partial_fit(train)
    if not all(torch.isfinite(value).all() for value in net.module_.state_dict().values()):
        raise ValueError(
            f"the training left weights that are not finite after {len(net.history)} epochs: "
            f"lower lr={estimator.lr}, or scale the features"
        )
    number, keys = len(estimator.nets_), ("epoch", "train_loss", "valid_loss")
    history = [{"net": number} | {k: row[k] for k in keys if k in row} for row in net.history]
    # The net would pickle the held-out data with it.
    net.trim_for_prediction()
    return net, history


def _net_arguments(estimator, n_features, n_labels):
    """Arguments under skorch's names: the user's, and what the module wants of the data."""
    shape = getattr(estimator, "map_shape_", (n_features,))
    data = dict(zip(DATA_ARGUMENTS, (n_features, n_labels, shape), strict=True))
    wanted = inspect.signature(estimator.module).parameters
    arguments = {f"module__{k}": v for k, v in data.items() if k in wanted}
    if estimator.optimizer in (torch.optim.Adam, torch.optim.AdamW) and estimator.device_ != "mps":
        arguments["optimizer__fused"] = True  # a step in one pass over the weights
    given = {k: v for k, v in estimator.get_params(deep=False).items() if "__" in k}
    return arguments | {k.replace("loss__", "criterion__"): v for k, v in given.items()}


def choose_thresholds(estimator, Y, prob):
    """Resolve the thresholds; `Y` and `prob` are those of held-out rows."""
    names = estimator.label_names_
    if not isinstance(estimator.thresholds, str):
        return resolve_thresholds(estimator.thresholds, names)
    if not len(Y):
        undecided, thresholds = np.ones(len(names), dtype=bool), np.full(len(names), 0.5)
    else:
        Y = np.where(np.isnan(Y), np.nan, Y >= 0.5)  # soft labels
        metric, target = estimator.threshold_metric, estimator.threshold_target
        thresholds, undecided = best_thresholds(Y, prob, metric, target)
        told = ~undecided
        complaint = complaint_of_thresholds(
            Y[:, told], prob[:, told], thresholds[told], names[told]
        )
        if complaint:
            warn_at_user(complaint)
    if undecided.any():
        which = "negative" if estimator.threshold_metric == "specificity" else "positive"
        warn_at_user(
            f"thresholds='auto' found no {which} in the held-out part for "
            f"{', '.join(map(str, names[undecided]))}: 0.5 is used there; "
            "raise validation_fraction or use MultilabelThresholdTuner."
        )
    return thresholds
