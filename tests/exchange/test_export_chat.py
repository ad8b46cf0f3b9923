"""lm-evaluation-harness and Inspect read our tasks; the plain tables hold everything."""

import csv
import importlib.util
import json
import sys
import types

import pytest
from built import resealed
from exchanged import CLAIMS, WORDS, again, captions, claims, fact, finished, image, questions
from jinja2 import BaseLoader, Environment, StrictUndefined
from peers import LM_EVAL_FIELDS, inspect_sample, lm_eval_regex, lm_eval_yaml

from nast.errors import UsageError
from nast.exchange.export import export
from nast.exchange.importing import import_items

FORMS = ("negated", "affirmative", "omitted")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def asked(tmp_path):
    return finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})


@pytest.fixture
def task(asked, tmp_path):
    export(asked, tmp_path / "out", "lm-eval")
    return tmp_path / "out"


def test_fields_of_lm_eval(task):
    for form in FORMS:
        fields = lm_eval_yaml(task / f"nast_questions_{form}.yaml")
        assert set(fields) <= LM_EVAL_FIELDS
        assert fields["task"] == f"nast_questions_{form}"
        assert fields["output_type"] == "generate_until", "no likelihoods with images"
        assert fields["dataset_path"] == "json"
        assert fields["test_split"] in fields["dataset_kwargs"]["data_files"]
        assert (task / fields["dataset_kwargs"]["data_files"]["test"]).is_file()
        assert fields["doc_to_image"] == ("function", "utils.doc_to_image")
        assert "until" in fields["generation_kwargs"] and fields["metadata"]["version"] == 1.0
        assert [m["metric"] for m in fields["metric_list"]] == ["exact_match"]


def test_the_prompt_of_lm_eval(task):
    environment = Environment(
        loader=BaseLoader, undefined=StrictUndefined, keep_trailing_newline=True
    )
    fields = lm_eval_yaml(task / "nast_questions_negated.yaml")
    document = lines(task / "questions-test.jsonl")[2]
    text = environment.from_string(fields["doc_to_text"]).render(**document)
    assert text == (
        "<image>\nWhat is seen?\n\nA) Edema and fracture.\nB) Edema, no fracture.\n"
        "C) Fracture, no edema.\nD) No edema or fracture.\n\n"
        "The last line of your answer must be 'ANSWER: LETTER', where LETTER is one of A, B, C, D."
    )
    assert document[fields["doc_to_target"]] == "C"


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("ANSWER: C", "C"),
        ("It could be A.\nAnswer: **b**", "b"),
        ("ANSWER: (D).", "D"),
        ("ANSWER: A\nNo:\nANSWER: B", "B"),
        ("A small effusion", "[invalid]"),
        ("ANSWER: None", "[invalid]"),
    ],
)
def test_the_letter_of_a_reply(task, reply, letter):
    fields = lm_eval_yaml(task / "nast_questions_negated.yaml")
    regex, first = fields["filter_list"][0]["filter"]
    assert first == {"function": "take_first"}
    assert lm_eval_regex(regex["regex_pattern"], reply, regex["group_select"]) == letter


def test_the_image_of_lm_eval(task):
    document = lines(task / "questions-test.jsonl")[1]
    (opened,) = module(task / "utils.py", "small_utils").doc_to_image(document)
    assert opened.mode == "RGB" and opened.getpixel((0, 0)) == (40, 40, 40)


def test_documents_carry_stem_and_omitted_form(task):
    for n, document in enumerate(lines(task / "questions-test.jsonl")):
        assert document["stem"] == "What is seen?"
        assert {form: document[form] for form in FORMS} == WORDS
        assert document["answer"] == n and document["kinds"][n] == "truth"


def test_the_omitted_form_of_claims_comes_from_their_facts(tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    export(folder, tmp_path / "out", "jsonl")
    document = lines(tmp_path / "out" / "claims-test.jsonl")[0]
    assert document["omitted"] == [
        "Left pneumothorax.",
        "Right pneumothorax.",
        "Pulmonary edema and left pneumothorax.",
        "Pulmonary edema.",
        "Chest radiograph.",
    ]
    assert document["stem"] == "Which of the following best describes this chest radiograph?"


def test_the_omitted_form_is_in_the_words_of_the_folders_own_conditions(tmp_path):
    said = [
        [fact("Quokka", "present"), fact("Zebra", "absent")],
        [fact("Quokka", "absent"), fact("Zebra", "absent")],
    ]
    rows = [
        row | {"facts": said, "options": row["options"][:2], "kinds": row["kinds"][:2]}
        for row in claims(tmp_path / "files")
        if row["answer"] < 2
    ]
    folder = finished(tmp_path / "claims", {"claims": rows})
    (folder / "conditions.yaml").write_text(
        "Quokka: {term: quokka sign, normal: calm fur, phrase_class: equivalent}\n"
        "Zebra: {term: zebra stripe, normal: even fur, phrase_class: equivalent}\n"
    )
    export(resealed(folder), tmp_path / "out", "jsonl")
    document = lines(tmp_path / "out" / "claims-test.jsonl")[0]
    assert document["omitted"] == ["Quokka sign.", "Chest radiograph."]


def test_samples_of_inspect(asked, tmp_path):
    out = tmp_path / "out"
    export(asked, out, "inspect")
    for form in FORMS:
        for n, record in enumerate(lines(out / f"questions-test-{form}.jsonl")):
            content, choices, right = inspect_sample(record)
            assert content["text"] == "What is seen?"
            assert content["image"].endswith(f"view{n}.png") and content["image"].startswith("/")
            assert choices == WORDS[form] and right == WORDS[form][n]
            assert record["metadata"]["omitted"] == WORDS["omitted"]
            assert record["metadata"]["access"] == "open"


def test_the_task_file_of_inspect(asked, tmp_path, monkeypatch):
    """Run against stand-ins for the four names that it imports."""
    out = tmp_path / "out"
    export(asked, out, "inspect")
    parts = {
        "inspect_ai": {"Task": lambda **given: given, "task": lambda function: function},
        "inspect_ai.dataset": {"json_dataset": lambda path: path},
        "inspect_ai.scorer": {"choice": lambda: "choice"},
        "inspect_ai.solver": {"multiple_choice": lambda cot: "solver"},
    }
    for name, values in parts.items():
        stand_in = types.ModuleType(name)
        vars(stand_in).update(values)
        monkeypatch.setitem(sys.modules, name, stand_in)
    tasks = module(out / "nast_tasks.py", "small_tasks")
    for form in FORMS:
        made = getattr(tasks, f"questions_{form}")()
        assert made["dataset"] == str(out / f"questions-test-{form}.jsonl")
        assert made["solver"] == "solver" and made["scorer"] == "choice"


@pytest.mark.parametrize("to", ["lm-eval", "inspect"])
def test_captions_are_nothing_to_ask(to, tmp_path):
    folder = finished(tmp_path / "captions", {"captions": captions(tmp_path / "files")})
    with pytest.raises(UsageError, match="captions only"):
        export(folder, tmp_path / "out", to)


def test_imported_options_are_put_in_a_drawn_order(tmp_path):
    rows = [
        row
        | {
            "set": "imported",
            "construction": "imported:small",
            "answer": 0,
            "kinds": ["truth", *"abcd"],
            "facts": [[]] * 5,
            "realiser": "imported",
        }
        for row in claims(tmp_path / "files")
    ]
    folder = finished(tmp_path / "claims", {"claims": rows})
    export(folder, tmp_path / "chat", "lm-eval")
    documents = lines(tmp_path / "chat" / "imported-test.jsonl")
    assert len({d["answer"] for d in documents}) > 1
    for document in documents:
        assert document["omitted"] is None
        for form in ("negated", "affirmative"):
            assert document[form][document["answer"]] == CLAIMS[form][0]
        assert document["kinds"][document["answer"]] == "truth"
        assert document["target"] == "ABCDE"[document["answer"]]
    assert not (tmp_path / "chat" / "nast_imported_omitted.yaml").exists()
    export(folder, tmp_path / "plain", "jsonl")
    assert {d["answer"] for d in lines(tmp_path / "plain" / "imported-test.jsonl")} == {0}


@pytest.fixture
def with_plain(tmp_path):
    """Five claim sets in two forms, and one that denies nothing."""
    rows = claims(tmp_path / "files")
    present = [[said[0] | {"existence": "present"}] for said in rows[0]["facts"]]
    (other,) = again(rows[:1], "other-", form="plain", facts=present, options=[*"abcde"])
    other["item_id"] = f"{other['pair_id']}-plain"
    return finished(tmp_path / "claims", {"claims": [*rows, other]})


def test_items_that_deny_nothing_are_tasks_of_their_own(with_plain, tmp_path):
    counts = export(with_plain, tmp_path / "lm", "lm-eval")["counts"]
    assert counts == {"claims-test.jsonl": 5, "claims-test-plain.jsonl": 1}
    names = sorted(path.stem for path in (tmp_path / "lm").glob("nast_*.yaml"))
    assert names == [f"nast_claims_{form}" for form in sorted([*FORMS, "plain"])]
    fields = lm_eval_yaml(tmp_path / "lm" / "nast_claims_plain.yaml")
    assert fields["dataset_kwargs"]["data_files"]["test"] == "claims-test-plain.jsonl"
    (document,) = lines(tmp_path / "lm" / "claims-test-plain.jsonl")
    assert document["plain"] == [*"abcde"] and document["negated"] is None
    counts = export(with_plain, tmp_path / "inspect", "inspect")["counts"]
    assert counts == {f"claims-test-{form}.jsonl": 5 for form in FORMS} | {
        "claims-test-plain.jsonl": 1
    }


def test_imported_items_of_two_files_are_asked_in_the_form_of_each(tmp_path):
    shown = {"image": str(image(tmp_path / "a.png", 1)), "answer": 0}
    files = []
    for form, options in (("negated", ["no a", "no b"]), ("affirmative", ["a", "b"])):
        files.append(tmp_path / f"{form}.jsonl")
        files[-1].write_text(json.dumps(shown | {"options": options}))
    import_items(files, tmp_path / "in", "jsonl")
    counts = export(tmp_path / "in", tmp_path / "lm", "lm-eval")["counts"]
    assert counts == {"imported-test-negated.jsonl": 1, "imported-test-affirmative.jsonl": 1}
    assert (tmp_path / "lm" / "nast_imported_negated.yaml").exists()
    counts = export(tmp_path / "in", tmp_path / "inspect", "inspect")["counts"]
    assert counts == {"imported-test-negated.jsonl": 1, "imported-test-affirmative.jsonl": 1}


def test_only_plain_items_name_that_form(with_plain, tmp_path):
    export(with_plain, tmp_path / "out", "jsonl")
    documents = lines(tmp_path / "out" / "claims-test.jsonl")
    assert ["plain" in document for document in documents] == [False] * 5 + [True]


def test_kinds_of_questions_are_ours_in_our_tables_and_one_word_elsewhere(asked, task, tmp_path):
    export(asked, tmp_path / "ours", "jsonl")
    ours = lines(tmp_path / "ours" / "questions-test.jsonl")[1]["kinds"]
    assert ours == ["missed denial", "truth", "both", "missed presence"]
    theirs = lines(task / "questions-test.jsonl")[1]["kinds"]
    assert theirs == ["existence", "truth", "existence", "existence"]


def test_csv_is_flat(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    folder = finished(tmp_path / "contextual", tables)
    export(folder, tmp_path / "out", "csv")
    with open(tmp_path / "out" / "claims-test.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["negated_0"] for r in rows] == [CLAIMS["negated"][0]] * 5
    assert [r["answer"] for r in rows] == list("01234")
    assert [rows[1][f"kinds_{i}"] for i in range(3)] == ["location", "truth", "existence+location"]
    with open(tmp_path / "out" / "captions-test.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 15


@pytest.mark.parametrize("text", ["=1+1", " +1", "-1", "@SUM(1)"])
def test_a_text_of_csv_is_no_formula(text, tmp_path):
    rows = [row | {"caption": text} for row in captions(tmp_path / "files")]
    folder = finished(tmp_path / "captions", {"captions": rows})
    export(folder, tmp_path / "out", "csv")
    with open(tmp_path / "out" / "captions-test.csv", newline="") as file:
        assert {row["caption"] for row in csv.DictReader(file)} == {f"'{text}"}
