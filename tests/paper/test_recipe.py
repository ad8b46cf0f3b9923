"""A recipe is checked before anything runs, and a mistake in it is named with its line."""

import inspect

import pytest

from nast.benchmark.construction import Construction
from nast.contextual.build import USUAL_GROUPS, USUAL_K
from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.paper.paper_stages import Whole
from nast.paper.recipe import RECIPES, ROWS, Recipe, Scores, read_recipe, write_recipe
from nast.progress import Progress
from nast.tracing.trace_config import TraceConfig
from nast.training.train_config import TrainConfig

LEAST = "phantom: {patients: 60}\nbase: phantom\n"


def read(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text)
    return read_recipe(path)


def test_the_least_recipe_has_the_rows_of_the_paper_and_all_defaults(tmp_path):
    recipe = read(tmp_path, LEAST)
    assert list(recipe.rows) == list(ROWS)
    assert [row.layers for row in recipe.rows.values()] == ["uniform", "nast", "nast"]
    assert recipe.rows["NAST (as printed)"].rule == "paper"
    assert (recipe.seeds, recipe.protocol) == (3, "default")
    assert recipe.construction == Construction()
    for row in recipe.rows.values():
        assert TrainConfig(**recipe.settings(row)).steps == TrainConfig().steps
    assert recipe.contextual.given() == recipe.trace.given() == recipe.evaluate.given() == {}


def test_options_reach_their_stage_by_their_own_names(tmp_path):
    recipe = read(
        tmp_path,
        LEAST
        + """
questions: {limit: 7, uses: 2}
contextual: {groups: 9, construction: single}
trace: {aggregation: drop, beta: 2}
train: {steps: 5, lambda: 0.25, learning_rate: 1e-2}
rows:
  Mine: {layers: front-2, steps: 6}
  NegCLIP retrained: {layers: uniform, objective: negclip}
evaluate: {controls: true, limit: 3}
writer: {override: allowed.yaml}
""",
    )
    assert recipe.construction == Construction(uses=2)
    assert recipe.contextual.given() == {"groups": 9, "construction": "single"}
    assert TraceConfig(**recipe.trace.given()).aggregation == "drop"
    mine, rival = (TrainConfig(**recipe.settings(row)) for row in recipe.rows.values())
    assert (mine.steps, mine.lambda_, mine.learning_rate) == (6, 0.25, 1e-2)
    assert (rival.steps, rival.objective) == (5, "negclip")
    assert recipe.evaluate.given() == {"controls": True, "limit": 3}
    assert recipe.writer.given()["override"].name == "allowed.yaml"


def test_what_is_given_beside_the_protocol_wins(tmp_path):
    text = LEAST + "protocol: paper\nquestions: {sampler: appendix_b}\n"
    for recipe, wanted in (
        (read(tmp_path, text), {"benchmark": "appendix_b"}),
        (
            read(tmp_path, LEAST + "protocol: paper\n"),
            {"benchmark": "two_plus_one", "benchmark-appendix-b": "appendix_b"},
        ),
    ):
        assert Whole(recipe, tmp_path, Progress(1)).questions == wanted


def test_the_protocol_of_the_paper_reaches_every_row(tmp_path):
    recipe = read(tmp_path, LEAST + "protocol: paper\nrows: {NAST: {layers: nast}}\n")
    config = TrainConfig(**recipe.settings(recipe.rows["NAST"]))
    assert (config.mode, config.targets, config.claim_scale) == ("gradient", "diagonal", 1.0)
    assert recipe.construction.sampler == "two_plus_one"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("base: phantom\n", None, "sources (your data) or phantom"),
        (LEAST + "sources: [chexpert:train.csv]\n", 3, "one of the two"),
        ("phantom: {patients: 60}\n", None, "the model that is traced"),
        (LEAST + "seed: 3\n", 3, "'seeds', perhaps"),
        (LEAST + "train: {step: 3}\n", 3, "'steps', perhaps"),
        (LEAST + "train: {seed: 3}\n", 3, "unknown key"),
        (LEAST + "train:\n  captions: 1\n", None, "captions is 1; it must be 2 or more"),
        (LEAST + "train:\n  steps: many\n", 4, "whole number"),
        (LEAST + "contextual: {k: 12}\n", 3, "k is 12"),
        (LEAST + "contextual: {lists: 3}\n", 3, "lists is 3; it must be at least 8"),
        (LEAST + "trace: {aggregation: cues}\n", 3, "choose one of cue, scope"),
        (LEAST + "questions: {sampler: appendix_b}\n", 3, "need --distractors"),
        (LEAST + "rows:\n  A:\n    rule: printed\n", 5, "default or paper"),
        (LEAST + "rivals: {a/b: phantom}\n", 3, "without colon, slash, dot"),
        (LEAST + "rivals: {chance: phantom}\n", 3, "not blind, chance or base"),
        (LEAST + "rivals: {A: phantom}\ndiagnose: {A: phantom}\n", 2, "the name 'A' twice"),
        ("phantom: {patients: 60}\nbase: B=phantom\nrivals: {B: phantom}\n", 2, "'B' twice"),
        (LEAST + "rows: {My row: {}, my-row: {}}\n", 3, "differ in more than marks"),
        (LEAST + "evaluate: {margin: 2}\n", 3, "a share below 1"),
        (LEAST + "seeds: 0\n", 3, "1 or more"),
        ("- phantom\n", None, "expected a recipe; nast paper --init writes one"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, line, said):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert said in message and "recipe.yaml" in message
    if line:
        assert f"line {line}" in message


def test_the_recipe_that_is_written_is_read_and_shows_the_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    write_recipe(path)
    recipe = read_recipe(path)
    assert recipe.base == "CLIP=hf:openai/clip-vit-base-patch32" and len(recipe.sources) == 2
    text = path.read_text()
    for key in Recipe.model_fields:
        assert f"\n{key}:" in text or f"\n# {key}:" in text, f"{key} is not explained"
    with pytest.raises(UsageError, match="is there already"):
        write_recipe(path)
    # With the marks of comment taken away the whole file is a recipe, with the defaults.
    lines = [line.removeprefix("# ") if _is_key(line) else line for line in text.splitlines()]
    whole = "\n".join(line for line in lines if not line.startswith("phantom:"))
    full = read(tmp_path, whole)
    assert {name: full.rows[name] for name in ROWS} == recipe.rows
    assert "NegCLIP" in full.rivals and "MedCLIP" in full.diagnose
    for name in ("seeds", "protocol"):
        assert getattr(full, name) == getattr(recipe, name)
    assert full.contextual.given() == {"groups": USUAL_GROUPS, "k": USUAL_K}
    assert full.trace.given() == {"aggregation": TraceConfig().aggregation}
    train = full.train.given()
    assert train == {name: getattr(TrainConfig(), name) for name in train}


def _is_key(line):
    """Whether a comment is a key that can be filled in, or a part of one."""
    head, mark, _ = line.removeprefix("# ").partition(":")
    name = head.strip()
    inner = line.startswith("#   ")
    return line.startswith("# ") and bool(mark) and (name in Recipe.model_fields or inner)


def test_the_demo_is_a_recipe_too():
    full, quick = (read_recipe(RECIPES / name) for name in ("demo.yaml", "demo-quick.yaml"))
    assert full.phantom.seed == quick.phantom.seed
    assert (full.seeds, quick.seeds) == (3, 1)


def test_the_options_of_the_evaluation_are_those_of_evaluate():
    parameters = inspect.signature(evaluate).parameters
    for name, field in Scores.model_fields.items():
        assert parameters[name].default == field.default, name
