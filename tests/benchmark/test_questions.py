"""Questions: true to the labels, paired in three forms, equal bytes for equal seeds."""

import json

import polars as pl
import pytest

from nast.benchmark.build import build_benchmark
from nast.benchmark.questions import make_questions, option_texts
from nast.errors import InputError
from nast.facts.conditions import labelled
from nast.files import manifest_of, read_table, write_table
from nast.folders import stage
from nast.hashes import file_hash
from nast.language.read.parse import cues, facts_of
from nast.records import FACTS_SCHEMA, QUESTIONS_SCHEMA, STUDIES_SCHEMA, Fact


@pytest.fixture(scope="module")
def folder(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "out"
    build_benchmark(facts, folder, seed=1)
    return folder


@pytest.fixture(scope="module")
def questions(folder):
    return read_table(folder / "questions.parquet", QUESTIONS_SCHEMA)


def stated(conditions, values):
    return frozenset(
        Fact(n, "present" if v else "absent") for n, v in zip(conditions, values, strict=True)
    )


def test_option_texts_by_hand():
    texts = option_texts(("Cardiomegaly", "Edema"), ((1, 0), (0, 0)), "no")
    assert texts == {
        "negated": ["Cardiomegaly, no pulmonary edema.", "No cardiomegaly or pulmonary edema."],
        "affirmative": [
            "Cardiomegaly, normal pulmonary vascularity.",
            "Normal heart size and normal pulmonary vascularity.",
        ],
        "omitted": ["Cardiomegaly.", "Chest radiograph."],
    }
    with pytest.raises(ValueError, match="not a condition"):
        option_texts(("Cold",), ((1,),), "no")


def test_the_answer_holds_for_the_study_and_no_other_option_does(questions, facts):
    studies = pl.read_parquet(facts / "studies.parquet").rows_by_key(
        "study_id", named=True, unique=True
    )
    for q in questions.iter_rows(named=True):
        study = studies[q["study_id"]]
        labels = [{"present": 1, "absent": 0}[study[c]] for c in q["conditions"]]
        assert [o == labels for o in q["options"]] == [i == q["answer"] for i in range(4)]
        assert (q["subject_id"], q["split"], q["image_path"], q["view"]) == (
            study["subject_id"],
            study["split"],
            study["image_path"],
            study["view"],
        )


def test_forms_say_what_the_options_state(questions):
    for q in questions.iter_rows(named=True):
        for i, values in enumerate(q["options"]):
            facts = stated(q["conditions"], values)
            assert facts_of(q["negated"][i]) == facts_of(q["affirmative"][i]) == facts
            present = {f for f in facts if f.existence == "present"}
            assert facts_of(q["omitted"][i]) == present
            assert not cues(q["affirmative"][i]) and not cues(q["omitted"][i])
        for form in ("negated", "affirmative", "omitted"):
            assert len(set(q[form])) == 4


def test_a_group_shows_the_same_options_and_each_is_right_once(questions):
    shown = ["conditions", "options", "negated", "affirmative", "omitted", "stem", "realiser"]
    for _, group in questions.group_by("group_id"):
        assert group.select(shown).n_unique() == 1
        assert sorted(group["answer"]) == [0, 1, 2, 3]
        assert group["subject_id"].n_unique() == 4
        assert group["split"].n_unique() == 1


def test_ids_are_unique(questions):
    assert questions["question_id"].is_unique().all()
    assert set(questions["construction"]) == {"balanced"}


def test_counts(questions, folder):
    counts = manifest_of(folder)["counts"]
    assert counts["questions"] == len(questions) == 4 * counts["groups"]
    assert counts["studies that serve"] == questions["study_id"].n_unique()
    assert sum(counts["questions by split"].values()) == len(questions)
    assert sum(counts["questions by condition"].values()) == 3 * len(questions)
    assert set(counts["questions by condition"]) == set(labelled())
    assert manifest_of(folder)["phantom"] is True


def test_equal_seeds_give_equal_bytes(folder, facts, tmp_path):
    build_benchmark(facts, tmp_path / "same", seed=1)
    build_benchmark(facts, tmp_path / "other", seed=2)
    for name in ("questions.parquet", "audit.json"):
        assert file_hash(folder / name) == file_hash(tmp_path / "same" / name)
    assert file_hash(folder / "questions.parquet") != file_hash(
        tmp_path / "other" / "questions.parquet"
    )


def test_a_limit_counts_groups_per_split(facts):
    questions, counts = make_questions(pl.read_parquet(facts / "studies.parquet"), limit=3)
    assert counts["questions by split"] == {"test": 12, "train": 12, "validate": 12}
    assert len(questions) == 36


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
