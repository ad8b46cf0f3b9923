"""Questions: true to the labels, paired in three forms, equal bytes for equal seeds."""

import json

import polars as pl
import pytest

from nast.benchmark.build import build_benchmark
from nast.benchmark.questions import make_questions
from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.files import manifest_of, write_table
from nast.hashes import file_hash
from nast.items.table import option_texts, read_items
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.records import FACTS_SCHEMA, STUDIES_SCHEMA, Fact
from nast.stages import stage


@pytest.fixture(scope="module")
def folder(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "out"
    build_benchmark(facts, folder, seed=1)
    return folder


@pytest.fixture(scope="module")
def questions(folder):
    return read_items(folder)


def stated(option):
    return frozenset(Fact(**fact) for fact in option)


def test_option_texts_by_hand():
    edema = Fact("Edema", "absent")
    options = [(Fact("Cardiomegaly", value), edema) for value in ("present", "absent")]
    texts = option_texts(options, "no")
    assert texts == {
        "negated": ["Cardiomegaly, no pulmonary edema.", "No cardiomegaly or pulmonary edema."],
        "affirmative": [
            "Cardiomegaly, normal pulmonary vascularity.",
            "Normal heart size and normal pulmonary vascularity.",
        ],
        "omitted": ["Cardiomegaly.", "Chest radiograph."],
    }
    assert option_texts(options, "no", ("plain",))["plain"] == texts["negated"]
    with pytest.raises(ValueError, match="no affirmative phrase"):
        option_texts([(Fact("Emphysema", "absent"),)], "no")


def test_the_answer_holds_for_the_study_and_no_other_option_does(questions, facts):
    studies = pl.read_parquet(facts / "studies.parquet").rows_by_key(
        "study_id", named=True, unique=True
    )
    for q in questions.iter_rows(named=True):
        study = studies[q["study_id"]]
        labels = [study[c] for c in q["conditions"]]
        said = [[f["existence"] for f in o] for o in q["facts"]]
        assert [o == labels for o in said] == [i == q["answer"] for i in range(4)]
        assert (q["set"], q["world"]) == ("questions", "annotated")
        assert (q["subject_id"], q["split"], q["image_path"], q["view"]) == (
            study["subject_id"],
            study["split"],
            study["image_path"],
            study["view"],
        )


def test_forms_say_what_the_options_state(questions):
    for q in questions.iter_rows(named=True):
        for text, option in zip(q["options"], q["facts"], strict=True):
            facts = stated(option)
            if q["form"] == "omitted":
                facts = {f for f in facts if f.existence == "present"}
            assert facts_of(text) == facts
            assert q["form"] == "negated" or not cues(text)
        assert len(set(q["options"])) == 4


def test_a_group_shows_the_same_options_and_each_is_right_once(questions):
    shown = ["conditions", "options", "facts", "stem", "realiser"]
    for _, group in questions.group_by("group_id", "form"):
        assert group.select(shown).n_unique() == 1
        assert sorted(group["answer"]) == [0, 1, 2, 3]
        assert group["subject_id"].n_unique() == 4
        assert group["split"].n_unique() == 1


def test_ids_are_unique(questions):
    assert questions["item_id"].is_unique().all()
    for _, pair in questions.group_by("pair_id"):
        assert sorted(pair["form"]) == ["affirmative", "negated", "omitted"]
        assert pair.select("study_id", "facts", "kinds", "answer").n_unique() == 1
    assert set(questions["construction"]) == {"balanced"}


def test_counts(questions, folder):
    counts = manifest_of(folder)["counts"]
    questions = questions.filter(form="negated")
    assert counts["questions"] == len(questions) == 4 * counts["groups"]
    assert counts["studies that serve"] == questions["study_id"].n_unique()
    assert sum(counts["questions by split"].values()) == len(questions)
    assert sum(counts["questions by condition"].values()) == 3 * len(questions)
    assert set(counts["questions by condition"]) == set(CONDITIONS.labelled())
    assert manifest_of(folder)["phantom"] is True


def test_equal_seeds_give_equal_bytes(folder, facts, tmp_path):
    build_benchmark(facts, tmp_path / "same", seed=1)
    build_benchmark(facts, tmp_path / "other", seed=2)
    for name in ("items.parquet", "audit.json"):
        assert file_hash(folder / name) == file_hash(tmp_path / "same" / name)
    assert file_hash(folder / "items.parquet") != file_hash(tmp_path / "other" / "items.parquet")


def test_a_limit_counts_groups_per_split(facts):
    questions, counts = make_questions(pl.read_parquet(facts / "studies.parquet"), limit=3)
    assert counts["questions by split"] == {"test": 12, "train": 12, "validate": 12}
    assert len(questions) == 3 * 36


def test_the_audit_is_at_chance(folder):
    audit = json.loads((folder / "audit.json").read_text())
    assert set(audit) == {"negated", "affirmative", "omitted"}
    for rows in audit.values():
        assert {r["baseline"] for r in rows} >= {"medoid", "position", "label prior"}
        for row in rows:
            assert row["accuracy"] == pytest.approx(0.25, abs=1e-9)
            assert not row["leaks"]


def test_too_few_labels_are_an_input_error(facts, tmp_path):
    studies = pl.read_parquet(facts / "studies.parquet").head(3)
    table = pl.read_parquet(facts / "facts.parquet")

    def make(out):
        write_table(out / "studies.parquet", studies, STUDIES_SCHEMA)
        write_table(out / "facts.parquet", table, FACTS_SCHEMA)
        return {"access": "open", "phantom": True, "counts": {}}

    stage(tmp_path / "few", {}, [], make)
    with pytest.raises(InputError, match="no question, expected for balanced groups"):
        build_benchmark(tmp_path / "few", tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
