"""A language model's claims and captions: read back, once per paraphrase, replaced where wrong."""

import re
from dataclasses import replace

import pytest

from nast.contextual.build import build_contextual
from nast.contextual.by_model import paraphrasing, write_captions, write_claims
from nast.contextual.claims import find_groups
from nast.contextual.statements import sayable
from nast.facts.conditions import CONDITIONS
from nast.files import manifest_of, read_table
from nast.items.table import read_items
from nast.language.read.parse import facts_of, read
from nast.language.write.caption_forms import NEGATED_CAPTIONS
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.templates import noun_phrase, sentence
from nast.records import CAPTIONS_SCHEMA, Fact
from nast.sources.collect import read_facts

TERMS = {c.term: c for c in CONDITIONS.values()}


def facts_in(row):
    """The facts of a prompt's row: "pleural effusion present, side left; pneumonia absent"."""
    facts = []
    for part in row.split("; "):
        head, *rest = part.split(", ")
        term, existence = head.rsplit(" ", 1)
        said = dict(text.split(" ", 1) for text in rest)
        condition = TERMS[term]
        grades = {words: grade for grade, words in condition.grades.items()}
        zone = said.get("place", "").removesuffix(" zone") or None
        severity = grades.get(said.get("severity"))
        facts.append(Fact(condition.name, existence, said.get("side"), zone, severity))
    return facts


def speak(facts, style, form="negated"):
    limited = [f for f in facts if f.existence == "absent" and (f.side or f.zone or f.severity)]
    return f"No {noun_phrase(limited[0])}." if limited else sentence(facts, style, form)


def faultless(messages):
    """What a template says; another one for another wording."""
    style = "without" if "wording number" not in messages[0]["content"] else "noted, no"
    asked = messages[-1]["content"]
    rows = dict(re.findall(r"^([A-Z]): (.*)$", asked, re.MULTILINE))
    if " = " in asked:
        said = {k: [r.fact for r in read(t)] for k, t in rows.items()}
        return "\n".join(f"{k}: {speak(f, style, 'affirmative')}" for k, f in said.items())
    return "\n".join(f"{k}: {speak(facts_in(row), style)}" for k, row in rows.items())


def model(answer=faultless, log=None):
    def backend(batch):
        if log is not None:
            log.extend(batch)
        return [answer(messages) for messages in batch]

    return LanguageModel("scripted", {"temperature": 0.0}, backend)


@pytest.fixture(scope="module")
def built(facts, tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "out"
    log = []
    build_contextual(
        facts,
        out,
        groups=6,
        seed=1,
        paraphrases=2,
        model=model(log=log),
        cache=out.with_name("answers.jsonl"),
    )
    return out, log


def test_claims_are_in_the_words_of_the_model(built):
    claims = read_items(built[0])
    assert claims["realiser"].str.starts_with("llm:scripted:").all()
    for row in claims.iter_rows(named=True):
        for text, facts in zip(row["options"], row["facts"], strict=True):
            assert facts_of(text) == {Fact(**f) for f in facts}


def test_captions_are_in_the_words_of_the_model(built):
    captions = read_table(built[0] / "captions.parquet", CAPTIONS_SCHEMA)
    told = manifest_of(built[0])["counts"]["language model"]["captions"]
    # A denial alone has one wording in these two styles: a template gives the other one.
    written = captions.filter(captions["realiser"].str.starts_with("llm:"))
    assert 0.5 < len(written) / len(captions) < 1
    assert told["wording 1"]["never right"] == told["wording 2"]["never right"] == 0
    assert told["wordings replaced by templates"] > 0
    for row in captions.iter_rows(named=True):
        assert facts_of(row["caption"]) == {Fact(**row["fact"])}
    for _, group in captions.group_by("study_id", "fact"):
        assert group["caption"].n_unique() == 2


def test_each_distinct_set_is_asked_once_for_each_wording(built, facts):
    first = [messages for messages in built[1] if " = " not in messages[-1]["content"]]
    prompts = [tuple(turn["content"] for turn in messages) for messages in first]
    assert len(prompts) == len(set(prompts))


def test_no_study_or_patient_is_in_a_prompt(built, facts):
    studies, _ = read_facts(facts)
    ids = {*studies["study_id"], *studies["subject_id"]}
    for messages in built[1]:
        assert not any(i in turn["content"] for turn in messages for i in ids)


def test_the_card_tells_who_wrote(built):
    card = (built[0] / "README.md").read_text()
    assert "llm:scripted" in card
    assert "\n0 claim sets by templates" in card


def test_a_second_run_asks_nothing(built, facts, tmp_path):
    log = []
    build_contextual(
        facts,
        tmp_path / "out",
        groups=6,
        seed=1,
        paraphrases=2,
        model=model(log=log),
        cache=built[0].with_name("answers.jsonl"),
    )
    assert log == []
    for name in ("items.parquet", "captions.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (built[0] / name).read_bytes()


def test_wrong_words_are_asked_again_and_replaced(facts):
    studies, table = read_facts(facts)
    statements = sayable(studies, table).statements
    words, counts = write_captions(statements, model(lambda m: "A: No fracture."), retries=1)
    assert counts["wordings replaced by templates"] >= len(statements) - 1
    assert counts["wording 1"]["times asked again"] >= len(statements) - 1
    for place, statement in enumerate(statements):
        text = words.texts[int(words.starts[place])]
        assert facts_of(text) == {statement.fact}
    assert set(words.realisers) <= {"template", counts["realiser"]}


def test_a_group_has_one_of_the_wordings_of_its_facts(facts):
    groups = find_groups(*read_facts(facts), groups=6, seed=1)
    written, counts = write_claims(groups, model(), paraphrases=2)
    assert counts["wording 1"]["sets"] + counts["wording 2"]["sets"] <= len(groups)
    texts = [text for _, forms in written for text in forms["negated"]]
    assert any(" noted" in text for text in texts)
    assert any("without" in text for text in texts)
    # Sides of a condition without an affirmative phrase: a template writes them.
    bare = replace(groups[0], options=((Fact("Emphysema", "present"),),) * 2)
    assert write_claims([bare], model())[0] == [None]


def test_a_wording_has_its_own_place_in_the_cache():
    plain, other = (paraphrasing(model(), n) for n in (0, 1))
    assert plain.decoding != other.decoding
    statement = (Fact("Fracture", "absent"),)
    assert len(NEGATED_CAPTIONS) > 1 and facts_of("No fracture.") == set(statement)
