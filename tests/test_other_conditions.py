"""Facts of other conditions become questions, claim sets and captions in their own words."""

import random

import polars as pl
import pytest
import yaml

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.facts.conditions import CONDITIONS, TABLE, conditions_of
from nast.files import read_table, write_table
from nast.items.table import read_items
from nast.language.read.parse import facts_of
from nast.language.write.llm.backends import LanguageModel
from nast.records import CAPTIONS_SCHEMA, FACTS_SCHEMA, SEVERITIES, STUDIES_SCHEMA, Fact
from nast.sources.collect import read_facts
from nast.stages import stage
from nast.training.batches import caption_data

GRADES = {"mild": "petite", "moderate": "middling", "severe": "sweeping"}
HEAD = {
    "Glimmer": {"term": "glimmer", "sided": True, "grades": GRADES, "normal": "steady light"},
    "Drift": {"term": "drift", "normal": "midline in place"},
    "Infarct": {"term": "infarct", "sided": True, "normal": "whole brain tissue"},
    "Wide Ventricles": {"term": "wide ventricles", "plural": True, "normal": "slim ventricles"},
    "Fissure": {"term": "fissure", "counted": True, "normal": "closed skull"},
}
STUDIES = 48


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A facts folder of a made-up head scan, five conditions a study."""
    rng = random.Random(7)
    studies, facts = [], []
    for number in range(STUDIES):
        keys = {
            "subject_id": f"patient{number}",
            "study_id": f"study{number}",
            "split": ("train", "test")[number % 2],
            "image_path": f"{number}.png",
        }
        labels = dict(zip(HEAD, rng.sample(["present"] * 2 + ["absent"] * 3, 5), strict=True))
        studies.append({**keys, "view": "axial", **labels})
        for place, (name, label) in enumerate(labels.items()):
            there = label == "present"
            side = rng.choice(["left", "right"]) if there and HEAD[name].get("sided") else None
            grade = rng.choice(SEVERITIES) if there and "grades" in HEAD[name] else None
            fact = Fact(name, label, side, None, grade).as_dict()
            more = {"fact_id": f"{number}-{place}", "source": "made up", "words": None}
            facts.append(keys | fact | more)

    def make(out):
        table = {name: row | {"phrase_class": "equivalent"} for name, row in HEAD.items()}
        (out / TABLE).write_text(yaml.safe_dump(table, sort_keys=False))
        write_table(out / "studies.parquet", pl.DataFrame(studies), STUDIES_SCHEMA)
        write_table(out / "facts.parquet", pl.DataFrame(facts, FACTS_SCHEMA), FACTS_SCHEMA)
        return {"access": "open", "phantom": False, "terms": [], "sources": {}, "counts": {}}

    folder = tmp_path_factory.mktemp("head") / "facts"
    stage(folder, {"stage": "facts"}, [], make)
    return folder


@pytest.fixture(scope="module")
def sets(head):
    build_benchmark(head, head.parent / "questions")
    build_contextual(head, head.parent / "claims", groups=10)
    return head.parent / "questions", head.parent / "claims"


@pytest.mark.parametrize("place", [0, 1])
def test_items_speak_of_their_own_conditions(head, sets, place):
    items, conditions = read_items(sets[place]), conditions_of(sets[place])
    assert (sets[place] / TABLE).read_bytes() == (head / TABLE).read_bytes()
    assert set(items["conditions"].explode()) == set(HEAD)
    for row in items.filter(pl.col("form") != "omitted").iter_rows(named=True):
        for text, said in zip(row["options"], row["facts"], strict=True):
            assert facts_of(text, conditions) == {Fact(**fact) for fact in said}
    words = " ".join(items["options"].explode())
    assert "steady light" in words and "closed skull" in words
    card = (sets[place] / "README.md").read_text()
    assert "| Wide Ventricles |" in card and "Edema" not in card


def test_captions_speak_of_their_own_conditions(sets):
    captions = read_table(sets[1] / "captions.parquet", CAPTIONS_SCHEMA)
    conditions = conditions_of(sets[1])
    assert set(captions["condition"]) == set(HEAD)
    for row in captions.iter_rows(named=True):
        assert facts_of(row["caption"], conditions) == {Fact(**row["fact"])}
    assert any("sweeping left glimmer" in text.lower() for text in captions["caption"])


def test_captions_are_trained_on_with_their_own_denials(head, sets):
    class Images:
        def images(self, paths):
            return paths

    captions = read_table(sets[1] / "captions.parquet", CAPTIONS_SCHEMA).filter(split="train")
    known = read_facts(head)
    data = caption_data(Images(), captions, known.facts, conditions=known.conditions)
    for _, text, hard in data.rows:
        (said,) = facts_of(data.texts[text], known.conditions)
        (denied,) = facts_of(data.texts[hard], known.conditions)
        assert said.condition == denied.condition and said.existence != denied.existence


def test_a_language_model_that_fails_is_replaced_by_their_templates(head, tmp_path):
    asked = []

    def backend(batch):
        asked.extend(messages[-1]["content"] for messages in batch)
        return ["A: Nothing to see."] * len(batch)

    model = LanguageModel("scripted", {}, backend)
    manifest = build_benchmark(head, tmp_path / "questions", limit=2, model=model)
    assert manifest["counts"]["language model"]["sets replaced by templates"] > 0
    build_contextual(head, tmp_path / "claims", groups=2, model=model)
    told = " ".join(asked)
    assert "wide ventricles absent" in told and "severity sweeping" in told
    conditions = conditions_of(tmp_path / "claims")
    captions = read_table(tmp_path / "claims" / "captions.parquet", CAPTIONS_SCHEMA)
    for row in captions.iter_rows(named=True):
        assert facts_of(row["caption"], conditions) == {Fact(**row["fact"])}


def test_the_packages_own_table_is_as_it_was(sets):
    assert "Glimmer" not in CONDITIONS
    assert conditions_of(sets[0]) != CONDITIONS
