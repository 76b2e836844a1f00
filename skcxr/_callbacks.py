"""Tasks that scikit-learn's callbacks see."""

from functools import partial

from sklearn.callback import CallbackSupportMixin

__all__ = ["CallbackSupportMixin", "begin_task"]


def begin_task(context, name, given):
    """Begin a subtask that has none itself, with `given` for the hooks.

    Returns what ends it: a callable that takes ``reconstruction_attributes`` and says whether a
    callback asks to stop.
    """
    task = context.subcontext(task_name=name).call_on_fit_task_begin(**given)
    return partial(task.call_on_fit_task_end, **given)
