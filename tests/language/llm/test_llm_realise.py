"""Sets in a model's words: right ones are used, wrong ones asked again, lost ones templated."""

import re
from functools import partial
from itertools import combinations, product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import model, right

from nast.benchmark.questions import make_questions
from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, load_conditions
from nast.language.read.parse import facts_of
from nast.language.write.llm.dialogue import labelled_lines
from nast.language.write.llm.prompts import load_prompt, version_of
from nast.language.write.llm.realise import realise, set_key
from nast.language.write.templates import STEM, STYLES, WRITTEN_FORMS, sentence
from nast.records import STUDIES_SCHEMA, Fact

NAMES = ("Cardiomegaly", "Edema", "Pneumothorax")
ROWS = ((1, 1, 0), (0, 0, 0), (1, 0, 0), (1, 1, 1))
VALUES = ("absent", "present")


def options(names, rows):
    """What options say: per row, 1 for present and 0 for absent."""
    return tuple(tuple(Fact(n, VALUES[v]) for n, v in zip(names, row, strict=True)) for row in rows)


ONE = options(NAMES, ROWS)
CLAIMS = [
    (Fact("Pneumothorax", "absent"), Fact("Pleural Effusion", "present", "left", None, "mild")),
    (Fact("Pneumothorax", "present", "right"), Fact("Pleural Effusion", "absent")),
    (Fact("Consolidation", "present", "right", "lower"),),
]


def by_template(style):
    """Form -> the texts of `ONE` as a template has them."""
    return {form: [sentence(facts, style, form) for facts in ONE] for form in WRITTEN_FORMS}


def test_a_right_answer_is_used_in_three_forms():
    words, counts = realise([ONE], "options", model())
    written = words[set_key(ONE)]
    assert written.stem == "Which statement fits this chest radiograph?"
    assert written.realiser == f"llm:scripted:{version_of(['options', 'rewrite', 'again'])}"
    assert written.forms(ONE) == by_template("without")
    assert counts["sets replaced by templates"] == counts["omitted forms by template"] - 1 == 0
    assert counts["negated"]["right at once"] == 4
    # The option that denies nothing needs no rewriting.
    assert counts["affirmative"]["texts"] == 3
    assert counts["model"]["allowed_by"] == "a model in this process"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_a_model_is_understood(style):
    words, counts = realise([ONE], "options", model(lambda m: right(m, style)))
    (written,) = words.values()
    assert counts["sets replaced by templates"] == 0
    assert written.forms(ONE) == by_template(style)


def test_equal_sets_are_written_once_in_any_order():
    log = []
    sets = [ONE, ONE[::-1], [list(said) for said in ONE]]
    words, counts = realise(sets, "options", model(log=log))
    assert len(words) == counts["sets"] == 1
    assert len(log) == 2
    (written,) = words.values()
    assert written.forms(ONE[::-1])["negated"] == written.forms(ONE)["negated"][::-1]


def test_equal_answers_and_seeds_give_equal_words(tmp_path):
    path = tmp_path / "a.jsonl"
    sets = [options(names, ROWS) for names in combinations((*NAMES, "Fracture"), 3)]
    first, _ = realise(sets, "options", model(), cache=path)
    again, counts = realise(sets[::-1], "options", model(lambda _: None), cache=path)
    assert again == first
    assert counts["requests to the model"] == 0
    none, _ = realise(sets, "options", model(lambda _: None), seed=3)
    same, _ = realise(sets[::-1], "options", model(lambda _: "I cannot help."), seed=3)
    other, _ = realise(sets, "options", model(lambda _: None), seed=4)
    assert none == same != other


def spoiled(times, text, stage=" = "):
    """A model whose first answers in one stage have a wrong first text."""
    left = [times]

    def answer(messages):
        lines = right(messages).splitlines()
        if (stage in messages[3]["content"]) == (stage == " = ") and left[0]:
            left[0] -= 1
            place = next(i for i, line in enumerate(lines) if re.match(r"[A-Z1]: ", line))
            lines[place] = lines[place][:3] + text
        return "\n".join(lines)

    return answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No cardiomegaly, pulmonary edema, pneumothorax, or fracture.", "added"),
        ("Cardiomegaly without pulmonary edema or pneumothorax.", "polarity"),
        ("Pneumothorax cannot be excluded.", "hedge"),
        ("No cardiomegaly or pulmonary edema.", "missing"),
        ("No cardiomegaly, pulmonary edema, or pneumothorax, stable.", "words"),
    ],
)
def test_a_wrong_option_is_asked_for_again_with_the_reason(text, reason):
    log = []
    words, counts = realise([ONE], "options", model(spoiled(1, text, "configuration"), log=log))
    assert counts["negated"] == {
        "texts": 4,
        "right at once": 3,
        "right when asked again": 1,
        "never right": 0,
        "times asked again": 1,
        "rejected": {reason: 1},
    }
    again = log[1][-1]["content"]
    assert log[1][:-2] == log[0] and log[1][-2]["role"] == "assistant"
    assert "\nA " in again and "Write A again" in again and "\nB" not in again
    assert words[set_key(ONE)].realiser.startswith("llm:")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No cardiomegaly, pulmonary edema, or pneumothorax.", "cue"),
        ("Normal heart size and fully expanded lungs.", "missing"),
        (
            "Again normal heart size, normal pulmonary vascularity, and fully expanded lungs.",
            "elsewhere",
        ),
    ],
)
def test_a_wrong_rewriting_is_asked_for_again(text, reason):
    _, counts = realise([ONE], "options", model(spoiled(2, text)))
    assert counts["affirmative"]["rejected"] == {reason: 2}
    assert counts["affirmative"]["right when asked again"] == 1


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("stage", [" = ", "configuration"])
def test_a_set_that_stays_wrong_is_templated_whole(retries, stage):
    log = []
    writer = model(spoiled(99, "Possible edema.", stage), log=log)
    words, counts = realise([ONE], "options", writer, retries=retries)
    (written,) = words.values()
    style = written.realiser.removeprefix("template:")
    assert written.forms(ONE) == by_template(style)
    assert written.stem == STEM
    assert counts["sets replaced by templates"] == 1
    assert sum(counts["replaced by reason"].values()) == 1
    assert len(log) == 1 + retries + (stage == " = ")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(None, "no answer"), ("", "no answer"), ("I'm sorry, I can't help with that.", "form")],
)
def test_refusals_are_counted(answer, reason):
    _, counts = realise([ONE], "options", model(lambda _: answer), retries=1)
    assert counts["negated"]["rejected"] == {reason: 8}
    assert counts["replaced by reason"] == {reason: 1}


def test_answers_in_code_fences_lists_and_json_are_read():
    fenced = "<think>A: no</think>Sure!\n```text\n{}\n```\nDone."
    _, counts = realise([ONE], "options", model(lambda m: fenced.replace("{}", right(m))))
    assert counts["negated"]["right at once"] == 4
    answer = '**Option A:** "no edema"\n- b) Edema\n  "C": "No edema, fracture",\nSTEM. Which one?'
    texts = {"A": "No edema.", "B": "Edema.", "C": "No edema, fracture.", "Stem": "Which one?"}
    assert labelled_lines(answer, ["A", "B", "C", "Stem"]) == texts
    assert labelled_lines("Absent: A\nA normal film\n11: x\n1: y", ["A", "1"]) == {"1": "Y."}


def test_a_wrong_stem_is_replaced_and_counted():
    def answer(messages):
        return right(messages).replace("Which statement fits", "Where is the edema in")

    words, counts = realise([ONE], "options", model(answer))
    assert [w.stem for w in words.values()] == [STEM]
    assert counts["stems replaced"] == 1
    assert counts["sets replaced by templates"] == 0


def test_claims_keep_their_attributes():
    words, counts = realise([CLAIMS, CLAIMS[::-1]], "claims", model())
    (written,) = words.values()
    assert written is words[set_key(CLAIMS)]
    assert counts["sets replaced by templates"] == 0
    forms = written.forms(CLAIMS)
    assert forms.keys() == {"negated", "affirmative"}
    assert forms["negated"] == [
        "Small left pleural effusion without pneumothorax.",
        "Right pneumothorax without pleural effusion.",
        "Consolidation in the right lower zone.",
    ]
    for texts in forms.values():
        assert [facts_of(t) for t in texts] == [frozenset(c) for c in CLAIMS]
    words, _ = realise([CLAIMS], "claims", model(lambda _: None))
    (written,) = words.values()
    assert written.realiser.startswith("template:") and written.stem == ""
    assert [facts_of(t) for t in written.forms(CLAIMS)["affirmative"]] == list(
        map(frozenset, CLAIMS)
    )


CANARY = "quokka31415926"


def studies():
    """Patients with marked ids and all values of six conditions."""
    names = [*NAMES, "Fracture", "Pleural Effusion", "Support Devices"]
    rows = []
    for number, values in enumerate(product(("present", "absent"), repeat=6)):
        keys = {name: f"{CANARY}-{number}" for name in STUDIES_SCHEMA}
        labels = dict.fromkeys(CONDITIONS.labelled(), "not_mentioned") | dict(
            zip(names, values, strict=True)
        )
        rows.append({**keys, "split": "test", **labels})
    return pl.DataFrame(rows)


def test_no_id_of_a_study_enters_a_prompt():
    log = []
    answers = iter(range(10**6))
    # Every other answer is spoiled, so that prompts of all kinds are seen.
    spoiled = model(lambda m: right(m) if next(answers) % 2 else "A: Edema.", log=log)
    _, counts = make_questions(studies(), writer=lambda sets: realise(sets, "options", spoiled))
    counts = counts["language model"]
    assert counts["negated"]["times asked again"] > 0
    assert len({len(messages) for messages in log}) > 1
    said = [turn["content"] for messages in log for turn in messages]
    assert not any(CANARY in text for text in said)
    known = " ".join(w for n in ("options", "rewrite", "again") for _, w in load_prompt(n).turns)
    known += " ".join(f"{CONDITIONS[n].term} {CONDITIONS[n].normal}" for n in CONDITIONS.labelled())
    known += " not does state that is has no line starts with says the opposite of Stem fits"
    asked = " ".join(messages[3]["content"] for messages in log)
    words = [set(re.findall(r"[a-z]+", text.lower())) for text in (asked, known)]
    assert words[0] <= words[1]


@pytest.mark.parametrize(
    "one",
    [
        options((CANARY, "Edema"), [(0, 1)]),
        options(("Emphysema", "Edema"), [(0, 1)]),
        options(("Fracture", "Edema"), [(0, 1)]) + options(("Fracture",), [(0,)]),
        options(("Fracture", "Edema"), [(0, 1), (0, 1)]),
        (),
        ((),),
    ],
)
def test_sets_that_are_refused(one):
    with pytest.raises(UsageError) as error:
        realise([one], "options", model())
    assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    "claims",
    [
        [(Fact(CANARY, "present"),)],
        [(Fact("Edema", "absent", severity="severe"),)],
        [(Fact("Fracture", "present", severity="severe"),)],
        [(Fact("Consolidation", "present", zone=CANARY),)],
        [()],
        [],
    ],
)
def test_claims_that_are_refused(claims):
    with pytest.raises(UsageError) as error:
        realise([claims], "claims", model())
    assert CANARY not in str(error.value)


def test_a_table_of_another_part_of_the_body(tmp_path):
    table = tmp_path / "knee.yaml"
    table.write_text(
        "Meniscal Tear: {term: meniscal tear, counted: yes, normal: intact menisci,"
        " phrase_class: equivalent, sided: yes, zones: [anterior]}\n"
        "Joint Effusion: {term: joint effusion, counted: yes, normal: dry joint space,"
        " phrase_class: equivalent}\n"
        "Fracture: {term: fracture, counted: yes, normal: intact bones,"
        " phrase_class: equivalent}\n"
    )
    names = ("Meniscal Tear", "Joint Effusion", "Fracture")
    known = load_conditions(table)
    said = options(names, ROWS)
    words, counts = realise(
        [said], "options", model(partial(right, conditions=known)), conditions=known
    )
    assert counts["sets replaced by templates"] == 0
    (written,) = words.values()
    assert "dry joint space" in " ".join(written.forms(said)["affirmative"])


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            [
                "A:",
                "B:",
                "Stem:",
                "no",
                "pulmonary edema",
                "fracture",
                "\n",
                "with",
                "and",
                "?",
                "```",
            ]
        ),
        max_size=30,
    ).map(" ".join)
)
def test_any_answer_leads_to_right_words(answer):
    one = options(("Fracture", "Edema"), [(0, 1), (1, 1)])
    words, counts = realise([one], "options", model(lambda _: answer), retries=1)
    (written,) = words.values()
    for form in ("negated", "affirmative"):
        assert [facts_of(t) for t in written.forms(one)[form]] == list(map(frozenset, one))
    assert counts["sets"] == 1


def test_prompts_are_versioned_by_their_words(tmp_path, monkeypatch):
    from nast.language.write.llm import prompts

    before = {n: load_prompt(n).version for n in ("options", "rewrite", "claims", "again")}
    assert len(set(before.values())) == 4
    for name in before:
        text = (prompts.PROMPTS / f"{name}.txt").read_text()
        (tmp_path / f"{name}.txt").write_text(text.replace("Write", "Please write"))
    monkeypatch.setattr(prompts, "PROMPTS", tmp_path)
    changed = {n for n, version in before.items() if load_prompt(n).version != version}
    assert changed == {"again"}
    assert load_prompt("again").messages(faults="x", labels="A")[0]["content"].endswith("else.")
    with pytest.raises(KeyError):
        load_prompt("again").messages(faults="x")
