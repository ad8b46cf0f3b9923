"""Figure 3 from the metrics, with names as they are."""

from html import escape

import pytest
from made_up import answered, scored

from nast.measuring.measure import measure
from nast.reporting.figures import figure3, literal
from nast.reporting.joined import Joined


def joined(name, set_name="questions"):
    items, scores = answered([(0, 1), (1, 1)], name, name=set_name)
    return Joined(measure(scored(items, scores)), "unique", 0.01, {}, {}, "")


@pytest.mark.parametrize("name", [r"a $\frac{$ b", "a_b^c", "$x$", "<b>"])
def test_a_name_is_drawn_as_it_is(name, tmp_path):
    found = joined(name)
    path = figure3(found, found.metrics, tmp_path)
    # Letters are drawn as glyphs; a comment before them holds the text.
    assert f"<!-- {escape(name)} -->" in path.read_text()
    assert path.name == "figure3.svg" and (tmp_path / "figure3.png").is_file()


def test_what_drives_a_terminal_is_not_drawn():
    assert literal("a\x1b$") == r"a?\$"


def test_one_picture_for_each_data_set(tmp_path):
    found = joined("m")
    assert figure3(found, found.metrics, tmp_path, "d").name == "figure3-d.svg"


def test_no_questions_no_figure(tmp_path):
    found = joined("m", "claims")
    assert figure3(found, found.metrics, tmp_path) is None
    assert not list(tmp_path.iterdir())
