"""scikit-learn's callbacks where it has them (1.9 and later), else stand-ins that do nothing."""

from contextlib import nullcontext
from functools import partial

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class _NoContext:
        def subcontext(self, **settings):
            return self

        def call_on_fit_task_begin(self, **given):
            return self

        def call_on_fit_task_end(self, **given):
            return False

        def propagate_callback_context(self, estimator):
            return nullcontext()

    class CallbackSupportMixin:
        """Without ``set_callbacks``, by which one tells that callbacks are not supported."""

        def _init_callback_context(self, **settings):
            return _NoContext()


def begin_task(context, name, given):
    """Begin a subtask that has none itself, with `given` for the hooks.

    Returns what ends it: a callable that takes ``reconstruction_attributes`` and says whether a
    callback asks to stop.
    """
    task = context.subcontext(task_name=name).call_on_fit_task_begin(**given)
    return partial(task.call_on_fit_task_end, **given)
