"""The skorch net inside: random numbers of its own, and Ctrl-C that ends the program."""

import contextlib
import copy
import signal
import threading

from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, PassthroughScoring, PrintLog
from skorch.history import History


class SeededNet(NeuralNet):
    """A :class:`skorch.NeuralNet` that draws from a stream of its own.

    ``stream_`` is a :class:`~skcxr.classifiers._stream.RandomStream` during the training, None
    otherwise: torch's default generator then. ``chances_`` are those of
    :class:`~skcxr.classifiers._batches.Batches`.

    A callback stops the training by raising KeyboardInterrupt, as in skorch. One that comes from
    Ctrl-C, or from anything but a callback, is raised again after ``on_train_end``.
    """

    stream_ = None
    chances_ = None

    def initialize(self):
        """Make module, loss and optimizer."""
        with self._drawing():
            return super().initialize()

    def infer(self, x, **fit_params):
        """Output of the module; dropout draws from the stream."""
        with self._drawing() if self.module_.training else contextlib.nullcontext():
            return super().infer(x, **fit_params)

    def get_iterator(self, dataset, training=False):
        """Batches; their order is drawn from the stream."""
        batches = super().get_iterator(dataset, training=training)
        batches.drawing = self._drawing
        batches.chances = self.chances_ if training else None
        return batches

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks; those of users draw from the stream too."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            with contextlib.nullcontext() if isinstance(callback, _QUIET) else self._drawing():
                try:
                    getattr(callback, method_name)(self, **cb_kwargs)
                except KeyboardInterrupt as error:
                    self.stop_asked_ = error
                    raise

    def fit_loop(self, *args, **kwargs):
        """Train; note a KeyboardInterrupt, which skorch takes for a wish to stop."""
        try:
            return super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt as error:
            self.interrupt_ = error
            raise

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train on; raise KeyboardInterrupt again where it was not a callback's wish to stop."""
        self.stop_asked_ = self.interrupt_ = None
        with _noting_ctrl_c() as pressed:
            super().partial_fit(X, y, classes=classes, **fit_params)
        interrupt, asked = self.interrupt_, self.stop_asked_
        self.stop_asked_ = self.interrupt_ = None  # their tracebacks hold the data
        if interrupt is not None and (interrupt is not asked or interrupt in pressed):
            raise interrupt
        return self

    def trim_for_prediction(self):
        """Drop all that prediction has no need of."""
        self.stream_ = self.chances_ = None
        super().trim_for_prediction()

    def _drawing(self):
        return contextlib.nullcontext() if self.stream_ is None else self.stream_.drawing()


@contextlib.contextmanager
def _noting_ctrl_c():
    """Context that yields a list, to which each KeyboardInterrupt of Ctrl-C inside is added."""
    pressed = []
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield pressed  # Ctrl-C is the main thread's
        return

    def note(number, frame):
        try:
            return usual(number, frame)
        except KeyboardInterrupt as error:
            pressed.append(error)
            raise

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, usual)


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


class Watcher(Callback):
    """A callback of ours: draws no random numbers, and does not go into a pickle of the net."""

    def __reduce__(self):
        # A callback of the user may pickle the net, which must not take our data with it.
        return Callback, ()


class EpochTasks(Watcher):
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


class StopIfAsked(Watcher):
    """Stop the training where a callback of scikit-learn asked for it in :class:`EpochTasks`."""

    def __init__(self, tasks):
        self.tasks_ = tasks

    def on_epoch_end(self, net, **kwargs):
        """Stop in skorch's way."""
        if self.tasks_.stop_:
            raise KeyboardInterrupt


_QUIET = (EarlyStopping, EpochTimer, PassthroughScoring, PrintLog, Watcher)
