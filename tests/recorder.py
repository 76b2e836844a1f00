"""A callback for scikit-learn's protocol that notes what it is told."""


def path_of(context):
    """(estimator, task, number) of a task and of those around it, the outermost first."""
    above = () if context.parent is None else path_of(context.parent)
    return (*above, (context.estimator_name, context.task_name, context.task_id))


class Recorder:
    """Goes down to the estimators inside; asks to stop after the tasks whose path `stop` likes."""

    max_propagation_depth = None

    def __init__(self, stop=lambda path: False):
        self.events, self.stop = [], stop

    def setup(self, estimator, context):
        self.events.append(("setup", path_of(context)))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", path_of(context)))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", path_of(context)))
        return self.stop(path_of(context))

    def teardown(self, estimator, context):
        self.events.append(("teardown", path_of(context)))

    def tasks(self, name):
        """Paths of the tasks of a name that ended, in order; all tasks must be well nested."""
        ended, open_tasks = [], []
        for what, path in self.events:
            if what == "begin":
                open_tasks.append(path)
            elif what == "end":
                assert open_tasks.pop() == path
                ended.append(path)
        assert not open_tasks
        return [path for path in ended if path[-1][1] == name]

    def count(self, what):
        return sum(event == what for event, _ in self.events)
