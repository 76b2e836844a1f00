import io

import pytest

from skcxr._progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def test_silent_unless_asked(capsys):
    with Progress(10) as progress:
        for _ in range(10):
            progress.update(1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("stream", "every"), [(Terminal(), 0.5), (io.StringIO(), 10)])
def test_a_few_lines_only(clock, stream, every):
    with Progress(2000, "Feature maps", 1, stream) as progress:
        for _ in range(2000):
            clock.now += 0.1
            progress.update(1)
    lines = stream.getvalue().replace("\r", "\n").strip("\n").split("\n")
    assert 0.8 * 200 / every <= sum(map(bool, lines)) <= 200 / every + 2
    assert lines[-1].strip() == "Feature maps: 2000/2000 images, 10.0/s, 3:20 in all"


def test_what_is_left_follows_from_what_was_computed(clock):
    progress = Progress(1000, "Masks", 1)
    clock.now += 10
    progress.update(500, stored=400)
    assert progress.line(clock.now) == (
        "Masks: 500/1000 images (400 from the store), 10.0/s, 0:50 left"
    )
    progress.stored = 500
    assert progress.line(clock.now).endswith("50.0/s, 0:10 left")


def test_a_short_pass_says_nothing(clock, capsys):
    with Progress(5, verbose=1) as progress:
        progress.update(5)
    assert capsys.readouterr().err == ""
