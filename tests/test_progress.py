"""Progress is for people at a terminal: silent elsewhere, and never in the way of the work."""

import pytest

from nast import progress
from nast.progress import Progress, counted


class Clock:
    """A clock that each look moves on by a second."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(progress, "time", Clock())


def test_a_library_is_silent(capsys, clock):
    assert list(counted(range(5), "texts")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_how_much_is_left(capsys, clock, monkeypatch):
    monkeypatch.setattr(progress, "LIVE", True)
    assert list(counted(range(4), "base: texts", 256)) == [0, 1, 2, 3]
    out, said = capsys.readouterr()
    assert not out
    lines = said.split("\r")
    # The clock is looked at once a step: one second each, and three steps are left after the first.
    assert lines[0].strip() == "base: texts: 256 of 1,024, about 6 s left"
    assert "base: texts: 768 of 1,024" in said
    assert all(len(line) <= 79 for line in lines) and not lines[-2].strip()


def test_names_cannot_drive_the_terminal(capsys, clock, monkeypatch):
    monkeypatch.setattr(progress, "LIVE", True)
    list(counted(range(4), "\x1b[2Jmodel"))
    assert "\x1b" not in capsys.readouterr().err


def test_a_loop_that_ends_early_leaves_no_line_behind(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LIVE", True)
    for step in counted(range(1000), "quick"):
        if step == 3:
            break
    assert capsys.readouterr().err == ""


def test_a_stage_learns_how_many_steps_it_has(capsys):
    told = Progress(1)
    told.step("fine-tuning")
    told.expect(12)
    for _ in range(12):
        told.advance()
    assert told.count == told.total == 12
