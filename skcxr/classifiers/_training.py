"""Steps of a training beside the net's own."""

import contextlib
import copy

import numpy as np
import torch
from skorch.callbacks import Callback
from skorch.history import History

from skcxr._multilabel._names import by_name


def resolve_pos_weight(pos_weight, positives, negatives, label_names):
    """Weights of the positives, (k,) float32 or None; ``"balanced"`` is negatives / positives."""
    if pos_weight is None:
        return None
    if isinstance(pos_weight, str):
        weight = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
        return np.maximum(weight, 1e-3).astype(np.float32)
    weight = by_name(pos_weight, label_names, default=1.0, what="pos_weight")
    if (weight <= 0).any():
        raise ValueError(f"pos_weight must be {len(positives)} positive numbers: {pos_weight!r}")
    return weight.astype(np.float32)


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch's generators inside, and leave them outside as they were."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        # torch.manual_seed would seed the generators of all devices, and not give them back.
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def silent(*args, **kwargs):
    """Print nothing."""


def snapshot(net):
    """Copy a skorch net as it is in the middle of its training, for prediction only."""
    # copy.deepcopy would copy the held-out data as well, copy.copy wants modules that pickle.
    copied = object.__new__(type(net))
    own = {"module_": copy.deepcopy(net.module_), "callbacks": [], "callbacks_": []}
    vars(copied).update(vars(net), **own, history_=History())
    copied.trim_for_prediction()
    return copied


class _Watcher(Callback):
    def __reduce__(self):
        # A callback of the user may pickle the net, which must not take our data with it.
        return Callback, ()


class EpochTasks(_Watcher):
    """Tell scikit-learn's callbacks of each epoch.

    It comes before the callbacks that may end the training, which would pass it over, and with
    :class:`StopIfAsked` after them, so that they have seen the last epoch too.

    Parameters
    ----------
    begin : callable
        Begins the task of an epoch, and returns what ends it.
    fitted : callable
        Of the net: the attributes that an estimator would have with the net as it is now.
    """

    def __init__(self, begin, fitted):
        # Names that end in _ are no parameters to skorch.
        self.begin_, self.fitted_ = begin, fitted
        self.end_, self.stop_ = None, False

    def on_epoch_begin(self, net, **kwargs):
        """Begin the task."""
        self.end_ = self.begin_()

    def on_epoch_end(self, net, **kwargs):
        """End the task."""
        self.stop_ = self.end_(reconstruction_attributes=lambda: self.fitted_(net))
        self.end_ = None

    def on_train_end(self, net, **kwargs):
        """End the task of an epoch that was broken off."""
        if self.end_ is not None:
            self.end_()


class StopIfAsked(_Watcher):
    """Stop the training where a callback of scikit-learn asked for it in :class:`EpochTasks`."""

    def __init__(self, tasks):
        self.tasks_ = tasks

    def on_epoch_end(self, net, **kwargs):
        """Stop in skorch's way."""
        if self.tasks_.stop_:
            raise KeyboardInterrupt
