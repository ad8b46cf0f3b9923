"""The public names are typed, come from where they are defined, and have examples that run."""

import ast
import doctest
import inspect
import shutil
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
from built import contextual_set, question_set

import nast
from nast.reporting.joined import join_evaluations

pytestmark = pytest.mark.filterwarnings("ignore:no part of this run's change")
"""A few steps repair nothing without harm, and training says so."""
CALLED = sorted(
    name
    for name in nast._PUBLIC
    if not (isinstance(getattr(nast, name), type) and issubclass(getattr(nast, name), Exception))
)
"""Public names with an example: all but the errors."""


def test_all_lists_every_public_name_once():
    assert sorted(nast.__all__) == sorted({"__version__", *nast._PUBLIC}) == dir(nast)


def test_an_editor_sees_the_same_names():
    tree = ast.parse(Path(nast.__file__).read_text("utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    typed = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == nast._PUBLIC
    assert (Path(nast.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", sorted(nast._PUBLIC))
def test_name_is_the_object_of_its_module(name):
    module = import_module(nast._PUBLIC[name])
    found = getattr(nast, name)
    assert found is vars(module)[name]
    home = getattr(found, "__module__", module.__name__)
    assert home == module.__name__, "a name is exported from where it is defined"


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'adapter'"):
        _ = nast.adapter


@pytest.fixture(scope="module")
def workplace(facts, tmp_path_factory):
    """The folders that examples name: `facts`, `benchmark` and `contextual`."""
    folder = tmp_path_factory.mktemp("examples")
    made = {"facts": facts, "benchmark": question_set(facts), "contextual": contextual_set(facts)}
    for name, place in made.items():
        shutil.copytree(place, folder / name)
    return folder


@pytest.mark.parametrize("name", CALLED)
def test_the_example_of_a_public_name_runs(name, workplace, monkeypatch, tmp_path):
    found = getattr(nast, name)
    text = inspect.getdoc(found if callable(found) else type(found)) or ""
    assert ">>>" in text, f"nast.{name} has no example"
    monkeypatch.chdir(workplace)
    names = {"nast": nast, "tmp": tmp_path}
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    said = []
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=options).run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)


def test_a_model_shows_itself_in_three_lines():
    assert len(repr(nast.load_model("phantom")).splitlines()) == 3


def test_the_words_of_the_readme_in_python(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    model = nast.load_model("phantom")
    trace = nast.trace(model, nast.read_facts("facts"))
    weights = nast.layer_weights(trace.profile("scope"), beta=0.5)
    run = nast.train(model, "facts", "contextual", weights=weights, steps=2, captions=8, claims=2)
    scored = nast.score([model, run.model], "benchmark")
    table = nast.metrics(scored)
    assert table["model"].drop_nulls().unique(maintain_order=True).to_list() == [
        model.name,
        run.model.name,
    ]
    negated = table.filter(pl.col("reference") == model.name, form="negated", statistic="accuracy")
    assert negated["p_holm"].null_count() == 0


def test_a_run_in_memory_is_known_for_a_run(workplace, monkeypatch, tmp_path):
    """Its verdicts are those of a run from a folder: none below three seeds."""
    monkeypatch.chdir(workplace)
    model = nast.load_model("phantom")
    run = nast.train(model, "facts", "contextual", steps=1, captions=8, claims=2, seed=5)
    made = nast.evaluate([model, run.model], [Path("benchmark")], tmp_path / "scores")
    assert "run" not in made["models"][0]
    record = made["models"][1]["run"]
    assert (record["objective"], record["layers"], record["seed"]) == ("nast", "uniform", 5)
    assert "identity" not in record
    joined = join_evaluations([tmp_path / "scores"])
    assert set(joined.trained) == {"LoRA uniform"} and not joined.runs


def test_vectors_are_kept_under_the_access_class_of_a_model_too(workplace, monkeypatch):
    """What a model was trained on may be stricter than what it is scored on."""
    monkeypatch.chdir(workplace)
    model, asked = nast.load_model("phantom"), []
    model.made_from = [Path("contextual")]
    monkeypatch.setattr("nast.evaluation.strictest_of", lambda given: asked.extend(given) or "open")
    nast.score([model], "benchmark", limit=1)
    assert asked == [Path("benchmark"), Path("contextual")]
