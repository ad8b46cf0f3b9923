"""Other conditions go from `nast facts --conditions` to the report, command by command."""

import csv
import json
import random

import polars as pl
import pytest
import yaml
from PIL import Image

from nast.cli import run
from nast.facts.conditions import TABLE, conditions_of

HEAD = {
    "Glimmer": {"term": "glimmer", "normal": "steady light"},
    "Drift": {"term": "drift", "normal": "midline in place"},
    "Infarct": {"term": "infarct", "normal": "whole brain tissue"},
    "Wide Ventricles": {"term": "wide ventricles", "plural": True, "normal": "slim ventricles"},
    "Fissure": {"term": "fissure", "counted": True, "normal": "closed skull"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A hospital's own table of head scans, its mapping, its conditions and its images."""
    folder, rng = tmp_path_factory.mktemp("site"), random.Random(3)
    table = {name: row | {"phrase_class": "equivalent"} for name, row in HEAD.items()}
    (folder / "head.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
    with open(folder / "scans.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "study", "part", "image", *HEAD])
        for number in range(96):
            part = ("train", "validate", "test")[number % 3]
            Image.new("L", (8, 8), rng.randrange(256)).save(folder / f"{number}.png")
            labels = rng.sample([1] * 2 + [0] * 3, 5)
            writer.writerow([f"p{number}", f"s{number}", part, f"{number}.png", *labels])
    mapping = {
        "layout": "wide",
        "columns": {
            "subject_id": "patient",
            "study_id": "study",
            "split": "part",
            "image_path": "image",
        },
        "images": ".",
        "terms": "made up",
        "access": "open",
        "labels": {name: name for name in HEAD},
        "values": {"present": [1], "absent": [0]},
    }
    (folder / "scans.mapping.yaml").write_text(json.dumps(mapping))
    return folder


def nast(*arguments):
    assert run([str(a) for a in arguments]) == 0, arguments


@pytest.fixture(scope="module")
def made(site, tiny_clip):
    """Every stage on the table."""
    model = f"hf:{tiny_clip}"
    facts, questions, claims = (site / name for name in ("facts", "questions", "claims"))
    nast("facts", f"table:{site / 'scans.csv'}", "--conditions", site / "head.yaml", "-o", facts)
    nast("benchmark", "build", facts, "--limit", 4, "-o", questions)
    nast("contextual", "build", facts, "--groups", 6, "-o", claims)
    small = ["--steps", 2, "--captions", 8, "--claims", 2]
    nast("train", model, facts, claims, *small, "-o", site / "run")
    run_ = f"run:{site / 'run'}"
    nast("evaluate", model, run_, questions, claims, facts, "--controls", "-o", site / "scores")
    nast("report", site / "scores", site / "run", questions, claims, facts, "-o", site / "report")
    nast("benchmark", "export", questions, "--to", "jsonl", "-o", site / "exported")
    return site


def test_every_stage_keeps_the_table(made):
    for name in ("facts", "questions", "claims"):
        assert set(conditions_of(made / name)) == set(HEAD)
        assert (made / name / TABLE).is_file()


def test_every_number_is_of_its_own_conditions(made):
    metrics = pl.read_parquet(made / "scores" / "metrics.parquet")
    assert set(metrics["condition"].drop_nulls()) == set(HEAD)
    prompts = metrics.filter(task="prompts", reading="prompt pairs", statistic="POS")
    assert set(prompts["condition"].drop_nulls()) == set(HEAD)
    assert "LoRA uniform" in set(metrics["model"])
    choice = metrics.filter(task="choice", subset="phrases=equivalent", statistic="accuracy")
    assert set(choice["set"]) == {"questions", "claims"}


def test_the_page_speaks_their_words(made):
    page = (made / "report" / "report.html").read_text()
    assert any(row["normal"] in page.lower() for row in HEAD.values())
    assert "Cardiomegaly" not in page and "Edema" not in page
