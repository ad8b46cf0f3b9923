"""Progress is for people at a terminal: silent elsewhere, and never in the way of the work."""

import pytest

from nast import progress
from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.progress import Progress, counted, note
from nast.sources.collect import build_facts


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


def test_a_note_is_for_a_terminal_and_goes_away(capsys, monkeypatch):
    note("reading mimic-cxr-jpg")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "LIVE", True)
    note("reading \x1b[2J" + "x" * 100)
    note("")
    first, second, rest = capsys.readouterr().err.split("\r")
    assert "\x1b" not in first and len(first) == 79 and second.strip() == rest == ""


def test_building_says_what_goes_on(phantom, tmp_path, capsys, monkeypatch):
    """Every stage of the data speaks to a terminal, and leaves it clean."""
    monkeypatch.setattr(progress, "LIVE", True)
    build_facts([f"mimic-cxr-jpg:{phantom}"], tmp_path / "facts")
    build_benchmark(tmp_path / "facts", tmp_path / "questions", limit=2)
    build_contextual(tmp_path / "facts", tmp_path / "claims", groups=2, lists=8, allow_leaks=True)
    lines = [line.strip() for line in capsys.readouterr().err.split("\r")]
    for said in ("reading mimic-cxr-jpg", "groups of questions", "captions", "candidate lists"):
        assert any(line.startswith(said) for line in lines)
    assert lines[-1] == lines[-2] == ""
