"""One decision at a time from the paper's choices to ours, on the same items."""

from itertools import pairwise

import pytest

from nast.cli import run
from nast.files import manifest_of
from nast.paper.waterfall import LITERAL, folder_of, run_waterfall, steps
from nast.training.train_config import OURS, PAPER

RECIPE = """
phantom: {patients: 60, seed: 3}
base: "hf:TINY"
questions: {limit: 4}
contextual: {groups: 4}
train: {steps: 2, captions: 8, claims: 4}
rows: {NAST: {layers: nast}}
seeds: 1
"""


def test_the_first_step_is_the_paper_and_the_last_is_ours():
    ladder = steps()
    assert ladder[0].choices == LITERAL and LITERAL.settings == PAPER
    last = ladder[-1].choices
    assert last.settings == {name: OURS[name] for name in PAPER}
    assert (last.rule, last.trace, last.contextual, last.g) == (
        "default",
        "trace",
        "contextual",
        None,
    )


def test_each_step_changes_one_decision():
    """The fields that two neighbours differ in, settings one by one."""
    ladder = steps()
    for before, after in pairwise(ladder):
        old, new = before.choices, after.choices
        moved = [n for n in old._fields if n != "settings" and getattr(old, n) != getattr(new, n)]
        moved += [n for n, v in old.settings.items() if new.settings[n] != v]
        wanted = 2 if after.rows == "7" else 1
        assert len(moved) == wanted, f"row {after.rows}: {moved}"


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_clip):
    folder = tmp_path_factory.mktemp("waterfall")
    (folder / "recipe.yaml").write_text(RECIPE.replace("TINY", str(tiny_clip)))
    assert (
        run(["paper", str(folder / "recipe.yaml"), "-o", str(folder / "out"), "--waterfall"]) == 0
    )
    return folder


def test_every_step_is_trained_as_it_says(made):
    first, *_, last = steps()
    for number, step in ((0, first), (len(steps()) - 1, last)):
        made_as = manifest_of(folder_of(made / "out", number, 0))
        assert {k: made_as["config"][k] for k in step.choices.settings} == step.choices.settings
        assert made_as["config"]["rule"] == step.choices.rule
    scored = manifest_of(made / "out" / "waterfall" / "scores")["models"]
    assert [m["name"] for m in scored] == ["base", *map(str, range(len(steps())))]
    assert all(m["g"] == 1.0 for m in scored[1:-1])


def test_the_table_has_a_row_a_step_and_both_kinds_of_items(made, capsys):
    path = run_waterfall(made / "recipe.yaml", made / "out")
    lines = path.read_text().splitlines()
    assert len([line for line in lines if line.startswith("|")]) == 2 + 1 + len(steps())
    assert "paper: negated claims" in lines[2] and "R@1 of lists" in lines[2]
    assert "| 23 | as much of the change as does no harm |" in path.read_text()


def test_a_literal_recipe_is_refused(made, tmp_path, capsys):
    recipe = tmp_path / "literal.yaml"
    recipe.write_text((made / "recipe.yaml").read_text() + "protocol: paper\n")
    assert run(["paper", str(recipe), "-o", str(tmp_path / "out"), "--waterfall"]) == 2
    assert "leave `protocol` out" in capsys.readouterr().err
