"""NegBench's evaluator reads our CSVs unchanged; its accuracy differs from ours in ties only."""

import subprocess
import sys

import polars as pl
import pytest
from exchanged import CLAIMS, WORDS, again, captions, claims, finished, questions
from peers import negbench_mcq, negbench_retrieval, negbench_score, pandas_rows

from nast.errors import InputError, UsageError
from nast.exchange.export import export
from nast.exchange.material import gather
from nast.exchange.negbench import slots
from nast.exchange.peer_files import check_cell, clip_tokens
from nast.files import read_json
from nast.measuring.ties import TIES
from nast.measuring.values import choice_values


@pytest.fixture
def asked(tmp_path):
    folder = finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})
    export(folder, tmp_path / "out", "negbench")
    return tmp_path / "out"


def test_questions(asked):
    rows = list(negbench_mcq(asked / "questions-test_neg.csv"))
    assert [answer for _, _, answer, _ in rows] == [0] * 4
    assert [c[0] for _, c, _, _ in rows] == WORDS["negated"]
    assert [kind for *_, kind in rows] == ["positive", "hybrid", "hybrid", "negative"]
    # Wrong answers in the places that the evaluator calls hybrid, positive, negative.
    assert [c[1:] for _, c, _, _ in rows if c[0] == "Edema, no fracture."] == [
        ["Fracture, no edema.", "Edema and fracture.", "No edema or fracture."]
    ]
    for _, options, _, _ in rows:
        assert set(options) == set(WORDS["negated"])


def test_two_files_with_equal_rows(asked):
    first, second = (pandas_rows(asked / f"questions-test_{f}.csv") for f in ("neg", "aff"))
    shared = ("image_path", "item_id", "group_id", "option_order", "correct_answer_template")
    assert [[r[n] for n in shared] for r in first] == [[r[n] for n in shared] for r in second]
    for a, b in zip(first, second, strict=True):
        for column in (f"caption_{i}" for i in range(4)):
            place = WORDS["negated"].index(a[column])
            assert WORDS["affirmative"][place] == b[column]


def test_no_raw_id(asked):
    text = (asked / "questions-test_neg.csv").read_text()
    cells = {
        cell
        for row in pandas_rows(asked / "questions-test_neg.csv")
        for name, cell in row.items()
        if name != "image_path"
    }
    assert not cells & {"group", *(f"group-{n}" for n in range(4))}
    assert not any(cell.startswith(("7000", "8000")) for cell in cells)
    assert text.startswith(
        "image_path,correct_answer,caption_0,caption_1,caption_2,caption_3,"
        "correct_answer_template,item_id,"
    )


def test_the_peer_counts_a_tie_as_right_and_we_do_not(asked):
    items = list(negbench_mcq(asked / "questions-test_neg.csv"))
    scores = [[0.9, 0.1, 0.1, 0.1], [0.5, 0.5, 0.1, 0.1], [0.1, 0.2, 0.9, 0.2], [0.3] * 4]
    theirs, wrong = negbench_score(items, scores)
    assert (theirs, wrong) == (0.75, ["positive"])
    rows = [
        (f"{n}", option, score, option == 0)
        for n, row in enumerate(scores)
        for option, score in enumerate(row)
    ]
    table = pl.DataFrame(rows, schema=["item_id", "option", "score", "answer"], orient="row")
    same = dict.fromkeys(["model", "data", "set", "form", "group_id", "subject"], pl.lit("x"))
    table = table.with_columns(seed=pl.lit(None, pl.Int64), **same)
    known = table.select("item_id", "data", pair_id="item_id", world=pl.lit("x")).unique()
    ours = choice_values(table, known, TIES["default"]).sort("pair_id")
    assert ours["value"].to_list() == [1.0, 0.0, 0.0, 0.0]
    as_they = choice_values(table, known, TIES["negbench"]).sort("pair_id")
    assert as_they["value"].mean() == theirs


def test_an_answer_elsewhere_ends_the_peer():
    items = [("image", ["a", "b", "c", "d"], 2, "hybrid")]
    with pytest.raises(KeyError):
        negbench_score(items, [[0.9, 0.1, 0.1, 0.1]])


def test_five_claims_become_four(tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    manifest = export(folder, tmp_path / "out", "negbench", seed=3)
    assert manifest["counts"] == {"claims-test_neg.csv": 5, "claims-test_aff.csv": 5}
    rows = [c for _, c, _, _ in negbench_mcq(tmp_path / "out" / "claims-test_neg.csv")]
    assert [c[0] for c in rows] == CLAIMS["negated"]
    # Seen four times, right once, each of them: frequency tells nothing.
    shown = [text for c in rows for text in c]
    assert {shown.count(text) for text in CLAIMS["negated"]} == {4}
    assert all(len(set(c)) == 4 for c in rows)
    types = [
        r["correct_answer_template"] for r in pandas_rows(tmp_path / "out" / "claims-test_neg.csv")
    ]
    assert types == ["hybrid", "hybrid", "positive", "hybrid", "negative"]
    audit = read_json(tmp_path / "out" / "audit.json")["claims-test"]
    assert set(audit) == {"negated", "affirmative"}
    assert all(row["chance"] == 0.25 for row in audit["negated"])


def test_a_leak_of_the_four_stands_on_the_card(tmp_path):
    """Thirty items whose right option is always the shortest."""
    rows = []
    for n in range(30):
        options = ["Short.", *(f"A longer text {i}." for i in range(4))]
        rows += again(claims(tmp_path / "files")[:1], f"{n}", options=options)
    folder = finished(tmp_path / "claims", {"claims": rows})
    export(folder, tmp_path / "out", "negbench")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "LEAK: shortest option solves the four chosen options of claims-test" in card


def test_the_choice_depends_on_the_seed_only(tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    items = gather(folder).items["claims-test"]
    assert len({str([slots(i, seed) for i in items]) for seed in range(5)}) > 1
    for name in ("a", "b"):
        export(folder, tmp_path / name, "negbench", seed=1)
    for file in ("claims-test_neg.csv", "claims-test_aff.csv", "audit.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_pairs_of_two_are_binary(tmp_path):
    rows = [r for r in claims(tmp_path / "files", k=2) if r["form"] == "affirmative"]
    folder = finished(tmp_path / "claims", {"claims": rows})
    manifest = export(folder, tmp_path / "out", "negbench")
    assert manifest["counts"] == {"claims-test_aff_binary.csv": 2}
    path = tmp_path / "out" / "claims-test_aff_binary.csv"
    assert [(c, a) for _, c, a, _ in negbench_mcq(path, 2)] == [
        (CLAIMS["affirmative"][:2], 0),
        (CLAIMS["affirmative"][:2], 1),
    ]
    card = (tmp_path / "out" / "README.md").read_text()
    assert '--cxr-dataset --chexpert-mcq ""' in card


def test_training_sets_have_the_answer_anywhere(tmp_path):
    one = claims(tmp_path / "files")
    rows = [row for n in range(12) for row in again(one, f"{n}", split="train")]
    folder = finished(tmp_path / "claims", {"claims": rows})
    export(folder, tmp_path / "out", "negbench", seed=3)
    tables = [pandas_rows(tmp_path / "out" / f"claims-train_{f}.csv") for f in ("neg", "aff")]
    answers = [int(row["correct_answer"]) for row in tables[0]]
    assert answers == [int(row["correct_answer"]) for row in tables[1]]
    # Sixty items, four places: fewer than five in one of them has a chance of 1 in 10,000.
    assert all(answers.count(place) >= 5 for place in range(4))
    right = {row["item_id"]: row[f"caption_{row['correct_answer']}"] for row in tables[0]}
    assert set(right.values()) == set(CLAIMS["negated"])
    for row in tables[0]:
        place = row["option_order"].split()[int(row["correct_answer"])]
        assert CLAIMS["negated"][int(place)] == row[f"caption_{row['correct_answer']}"]
    assert "or the training split only" in (tmp_path / "out" / "README.md").read_text()


def test_an_item_in_one_form_has_no_second_row(tmp_path):
    rows = claims(tmp_path / "files")
    rows += again(rows[:1], "alone-")
    folder = finished(tmp_path / "claims", {"claims": rows})
    counts = export(folder, tmp_path / "out", "negbench")["counts"]
    assert counts == {
        "claims-test_neg.csv": 5,
        "claims-test_aff.csv": 5,
        "claims-test: items in one form only, left out": 1,
    }


def test_three_options_fit_neither_file(tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files", k=3)})
    with pytest.raises(UsageError, match="no item with two"):
        export(folder, tmp_path / "out", "negbench")


def test_retrieval(tmp_path):
    folder = finished(tmp_path / "captions", {"captions": captions(tmp_path / "files")})
    manifest = export(folder, tmp_path / "out", "negbench")
    assert set(manifest["counts"].values()) == {5}
    negated = dict(negbench_retrieval(tmp_path / "out" / "captions-test_neg_retrieval.csv"))
    assert len(negated) == 5, "one row per image file, and at least five"
    assert list(negated.values())[2] == ["No fracture.", "No effusion, it's 2."]
    affirmative = list(negbench_retrieval(tmp_path / "out" / "captions-test_aff_retrieval.csv"))
    assert affirmative[4][1] == ['Edema, "grade" 4.']
    assert "--coco-negated-retrieval" in (tmp_path / "out" / "README.md").read_text()


def test_four_images_cannot_be_run(tmp_path):
    folder = finished(tmp_path / "captions", {"captions": captions(tmp_path / "files", images=4)})
    export(folder, tmp_path / "out", "negbench")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "--coco-retrieval" not in card and "too few images" in card


@pytest.mark.parametrize("text", ["None", "NA", "nan", "", "two\nlines", "a\ttab", "a b " * 40])
def test_a_text_that_would_be_changed_is_refused(text, tmp_path):
    rows = questions(tmp_path / "files")
    for row in rows:
        if row["form"] == "negated":
            row["options"] = [text, *WORDS["negated"][1:]]
    folder = finished(tmp_path / "questions", {"questions": rows})
    with pytest.raises(InputError, match="row 1, column 'caption_0'") as error:
        export(folder, tmp_path / "out", "negbench")
    assert not text.strip() or text not in str(error.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_tokens_are_counted_as_clip_counts_them():
    # begin, no, pneu, mo, thor, ax, ., end
    assert clip_tokens("No pneumothorax.") == 2 + 5 + 1
    assert clip_tokens("T8, 2.5  cm") == 2 + 1 + 1 + 1 + 1 + 1 + 1 + 1
    long = "no " * 75
    assert check_cell(long, "file", 1, "caption") == long
    with pytest.raises(InputError, match="found a text of 78 tokens, expected at most 77"):
        check_cell(long + "no", "file", 1, "caption")
    # A sentence of long words, which half a token a letter would count as 97.
    words = "Redemonstration of extensive bilateral interstitial thickening, " * 4
    assert clip_tokens(words) < 77 and check_cell(words, "file", 1, "caption") == words


def test_counting_needs_no_torch():
    code = (
        "import sys; from nast.exchange.peer_files import clip_tokens; clip_tokens('no edema'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
