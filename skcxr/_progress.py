"""A line of progress for long passes over images: how many, how fast, how much longer."""

import sys
import time

_INTERVAL = 0.5  # seconds between two lines at most; a log file gets one line in 10 s


class Progress:
    """Report a long pass on standard error.

    On a terminal one line is rewritten at most twice a second; elsewhere (a log file) a line is
    written every ten seconds. Nothing at all is written with ``verbose=0``.

    Parameters
    ----------
    total : int
        Number of images of the whole pass.
    desc : str, default=None
        What is being done, the first words of the line.
    verbose : int, default=0
        0 is silent.
    stream : file object, default=None
        Where to write; None is ``sys.stderr`` as it is when a line is written.
    """

    def __init__(self, total, desc=None, verbose=0, stream=None):
        self.total = total
        self.desc = desc or "images"
        self.verbose = verbose
        self.stream = stream
        self.done = self.stored = 0
        self._begun = time.monotonic()
        self._written = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, *_):
        if self.verbose and self._written is not None:
            self._write(time.monotonic(), last=True)

    def update(self, n, stored=0):
        """Count ``n`` more images as done, ``stored`` of which were not computed but read."""
        self.done += n
        self.stored += stored
        if not self.verbose:
            return
        now = time.monotonic()
        since = self._begun if self._written is None else self._written
        if now - since >= (_INTERVAL if self._on_terminal() else 20 * _INTERVAL):
            self._write(now)

    def _on_terminal(self):
        return (self.stream or sys.stderr).isatty()

    def line(self, now):
        """Return the line as it would be written at the time ``now`` (monotonic seconds)."""
        spent = max(now - self._begun, 1e-9)
        # What was read from the store says nothing about how long the rest will take to compute.
        computed = self.done - self.stored
        rate = computed / spent if computed else self.done / spent
        text = f"{self.desc}: {self.done}/{self.total} images"
        if self.stored:
            text += f" ({self.stored} from the store)"
        text += f", {rate:.1f}/s"
        if self.done < self.total:
            left = (self.total - self.done) / rate if rate else float("inf")
            return f"{text}, {_clock(left)} left"
        return f"{text}, {_clock(spent)} in all"

    def _write(self, now, last=False):
        stream = self.stream or sys.stderr
        line = self.line(now)
        if self._on_terminal():
            line = f"\r{line:<78}" + ("\n" if last else "")
        else:
            line += "\n"
        stream.write(line)
        stream.flush()
        self._written = now


def _clock(seconds):
    if seconds == float("inf"):
        return "unknown time"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
