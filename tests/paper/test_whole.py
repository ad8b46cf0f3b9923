"""One recipe, one command: rivals, diagnosed models, any stage alone, killed and begun again."""

import polars as pl
import pytest

from nast.cli import run
from nast.errors import UsageError
from nast.files import manifest_of
from nast.hashes import file_hash
from nast.paper import whole
from nast.paper.plan import plan_of
from nast.paper.recipe import as_folder, read_recipe
from nast.paper.whole import chosen_stages, run_paper

SMALL = """
phantom: {patients: 60, seed: 3}
base: CLIP=phantom
rivals: {Other: "hf:TINY"}
diagnose: {Third: "hf:TINY"}
questions: {limit: 4}
contextual: {groups: 4}
trace: {aggregation: scope}
train: {steps: 2, captions: 8, claims: 4}
rows:
  NAST: {layers: nast}
seeds: 1
printed: PRINTED
"""
PRINTED = "{source: A paper, table1: {Other: {Claim accuracy: 21.5}}}"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, tiny_clip):
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    printed = path.with_name("printed.yaml")
    printed.write_text(PRINTED)
    path.write_text(SMALL.replace("TINY", str(tiny_clip)).replace("PRINTED", str(printed)))
    return path


@pytest.fixture(scope="module")
def made(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("paper") / "out"
    assert run(["paper", str(recipe), "-o", str(out)]) == 0
    return out


def test_rivals_stand_in_the_tables_and_diagnosed_models_in_the_questions(made):
    first = pl.read_csv(made / "tables" / "table1.csv")["Model"].to_list()
    assert first[:4] == ["CLIP", "Other", "NAST", "NAST @1"] and "Third" not in first
    questions = pl.read_csv(made / "tables" / "questions.csv")["Model"].to_list()
    assert questions == ["CLIP", "Other", "NAST", "NAST @1", "Third"]
    assert "Third" in (made / "figures" / "figure3.svg").read_text()
    assert (made / "recipe.yaml").read_text().startswith("\nphantom:")


def test_printed_numbers_stand_beside_those_of_the_tables(made, recipe, tmp_path):
    rows = pl.read_csv(made / "tables" / "table1.csv")
    cells = dict(rows.select("Model", "Claim accuracy").iter_rows())
    assert cells["Other"].endswith(", printed 21.5") and "printed" not in cells["CLIP"]
    # A file that does not fit is refused before anything is made.
    text = recipe.read_text().replace("printed.yaml", "missing.yaml")
    (tmp_path / "other.yaml").write_text(text)
    assert run(["paper", str(tmp_path / "other.yaml"), "-o", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()


def test_a_second_call_makes_nothing_again(made, recipe):
    before = {
        p: p.stat().st_mtime_ns for p in made.rglob("manifest.json") if "report" not in str(p)
    }
    run_paper(recipe, made)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_call_that_is_killed_at_any_stage_is_ended_by_the_same_call(
    made, recipe, tmp_path, monkeypatch
):
    """Every stage dies once after its work; the tables have the same bytes in the end."""
    plain_stages = whole.STAGES

    def dying(stage, seen=[]):  # noqa: B006
        def make(at):
            stage.make(at)
            if stage.name not in seen:
                seen.append(stage.name)
                raise KeyboardInterrupt

        return stage._replace(make=make)

    monkeypatch.setattr(whole, "STAGES", [dying(stage) for stage in plain_stages])
    out = tmp_path / "out"
    for _ in plain_stages:
        with pytest.raises(KeyboardInterrupt):
            run_paper(recipe, out)
    run_paper(recipe, out)
    for path in sorted((made / "tables").iterdir()):
        assert file_hash(path) == file_hash(out / "tables" / path.name), path.name


def test_stages_are_asked_for_by_name(recipe, made, tmp_path):
    read = read_recipe(recipe)
    names = [stage.name for stage in chosen_stages(read)]
    assert names[:2] == ["models", "phantom"] and names[-1] == "report" and "diagnose" in names
    assert [s.name for s in chosen_stages(read, first="diagnose")] == ["diagnose", "report"]
    assert [s.name for s in chosen_stages(read, only="trace")] == ["trace"]
    with pytest.raises(UsageError, match="no stage of this recipe; choose models, phantom, facts"):
        chosen_stages(read, only="score")
    with pytest.raises(UsageError, match="--from or --only"):
        chosen_stages(read, "trace", "train")
    at = manifest_of(made / "trace")
    run_paper(recipe, made, only="trace", fresh=True)
    assert manifest_of(made / "trace")["config"] == at["config"]


def test_a_folder_of_others_is_refused_and_a_changed_recipe_names_the_stage(
    recipe, made, tmp_path, capsys
):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="files that no recipe made"):
        run_paper(recipe, tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text(recipe.read_text().replace("steps: 2", "steps: 3"))
    assert run(["paper", str(other), "-o", str(made)]) == 2
    assert "nast-0 belongs to another configuration" in capsys.readouterr().err
    assert "steps: 2" in (made / "recipe.yaml").read_text()


def test_the_plan_says_what_is_there_and_what_will_be_made(made, recipe, tmp_path, capsys):
    planned = plan_of(read_recipe(recipe), made)
    assert {stage.state for stage in planned[1:]} == {"finished"}
    new = plan_of(read_recipe(recipe), tmp_path / "new")
    assert {stage.state for stage in new[1:]} == {"to do"} and not (tmp_path / "new").exists()
    assert run(["paper", str(recipe), "-o", str(tmp_path / "new"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "7. train       fine-tuning" in said and "texts and" in said
    assert not (tmp_path / "new").exists()
    assert run(["paper", str(recipe), "-o", str(made), "--dry-run"]) == 0
    assert "to do" not in capsys.readouterr().out


def test_a_recipe_is_written_to_be_filled_in(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert run(["paper", str(path), "--init"]) == 0
    assert "fill it in, then: nast paper" in capsys.readouterr().out
    assert run(["paper", str(path), "--init"]) == 2
    assert run(["paper", str(path)]) == 2
    assert "--out DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "folder"),
    [("NAST (lr)", "nast-lr"), ("LoRA uniform", "lora-uniform"), ("肺", "row"), ("b 0.5", "b-0.5")],
)
def test_rows_have_plain_folders(name, folder):
    assert as_folder(name) == folder


def test_a_model_that_is_not_there_is_named_before_anything_is_made(recipe, tmp_path, capsys):
    other = tmp_path / "other.yaml"
    missing = "openclip:ViT-B-32-quickgelu:no/negclip.pth"
    other.write_text(recipe.read_text().replace("rivals: {", f'rivals: {{NegCLIP: "{missing}", '))
    assert run(["paper", str(other), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "NegCLIP: weights at no/negclip.pth" in said and "Google Drive" in said
    assert not (tmp_path / "out" / "phantom").exists()
