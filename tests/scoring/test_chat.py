"""Chat models on our questions and claim sets, against a server that does what a test tells it."""

import hashlib
import re
import shutil
from base64 import b64decode
from pathlib import Path

import polars as pl
import pytest
from built import contextual_set, question_set, resealed
from made_up import one
from scripted import cut, refuses, reset, returns, says, serving, slow, status, tells
from test_thoughts import STYLES

from nast.access import Override
from nast.cli import run
from nast.errors import AccessError, InputError, ModelError, UsageError
from nast.evaluation import evaluate
from nast.facts.conditions import CONDITIONS
from nast.files import read_json, read_table
from nast.items.table import read_items
from nast.language.write.llm import server
from nast.language.write.llm.cache import AnswerCache
from nast.measuring.replies import NO_CHOICE
from nast.measuring.values import choice_values
from nast.records import REPLIES_SCHEMA, SCORES_SCHEMA
from nast.scoring.chat import ASKED_OTHERWISE, SKIPPED, chat_model, score_chat
from nast.scoring.chat_request import order_of
from nast.scoring.choice import option_rows
from nast.scoring.data import Data
from nast.scoring.letters import BY_LETTERS, BY_WORDS

NAME = "scripted (letters)"
OVERRIDE = "person: A. Person\ndate: 2025-05-01\nreason: agreed with the owner of the data\n"


@pytest.fixture
def data(facts):
    return [question_set(facts), contextual_set(facts)]


@pytest.fixture
def waits(monkeypatch):
    """Waiting takes no time."""

    async def short(seconds):
        pass

    monkeypatch.setattr(server, "pause", short)


def asked(messages):
    """What a request shows: the image's bytes and the options by letter (by place in `text`)."""
    picture, words = messages[0]["content"]
    kind, code = picture["image_url"]["url"].split(",")
    assert kind == "data:image/jpeg;base64"
    lines = re.findall(r"^(?:([A-Z])\)|-) (.*)$", words["text"], re.MULTILINE)
    return b64decode(code), [(letter or str(i), text) for i, (letter, text) in enumerate(lines)]


def knowing(data):
    """Answers right: knows the right option of each image among some options."""
    truth = {}
    for folder in data:
        for (image, _), part in option_rows(read_items(folder)).group_by("image_path", "item_id"):
            key = hashlib.sha256(Path(image).read_bytes()).hexdigest()
            truth[key, frozenset(part["text"])] = part.filter(pl.col("answer"))["text"][0]

    def answer(messages):
        image, options = asked(messages)
        right = truth[hashlib.sha256(image).hexdigest(), frozenset(t for _, t in options)]
        letter = next(letter for letter, text in options if text == right)
        return f"Answer: {letter}" if letter.isalpha() else right.upper()

    return answer


def shown_items(data, out):
    """The items behind `scores.parquet`: questions, claim sets."""
    scored = pl.read_parquet(out / "scores.parquet")["item_id"].unique().to_list()
    return [read_items(folder).filter(pl.col("item_id").is_in(scored)) for folder in data]


def metrics_of(out):
    return pl.read_parquet(out / "metrics.parquet")


def choice(metrics, name, form, statistic="accuracy", model=NAME):
    """A number on the questions or the claim sets."""
    return one(metrics, model=model, task="choice", set=name, form=form, statistic=statistic)


def chose_nothing(metrics, model=NAME):
    """Why a reply to a question chose nothing -> how often."""
    rows = metrics.filter(model=model, task="replies", set="questions")
    counts = rows.with_columns(found=pl.col("value") * pl.col("n")).group_by("statistic")
    return {k: round(n, 6) for k, n in counts.agg(pl.col("found").sum()).iter_rows()}


def test_always_the_first_letter_is_at_chance(data, tmp_path, capsys, caplog):
    caplog.set_level("DEBUG")
    out = tmp_path / "out"
    with serving(says("Answer: A, as the quokka says.")) as (address, script):
        call = [
            "evaluate",
            f"chat:{address}#scripted",
            *map(str, data),
            "-o",
            str(out),
            "--limit",
            "12",
        ]
        assert run(call) == 0
        assert run(call) == 0
    questions, claims = shown_items(data, out)
    assert len(questions) >= 3 * 12 and len(claims) >= 10
    assert len(script.requests) == len(questions) + len(claims), "the second call asks nothing"
    metrics = metrics_of(out)
    for form in ("negated", "affirmative"):
        assert choice(metrics, "questions", form)["value"] == 0.25
        assert choice(metrics, "claims", form)["value"] == pytest.approx(0.2)
        assert choice(metrics, "questions", form, "group accuracy")["value"] == 0
    assert chose_nothing(metrics) == dict.fromkeys(NO_CHOICE, 0)
    manifest = read_json(out / "manifest.json")
    by_words = [
        f"questions ({len(questions)} of {len(questions)} items)",
        f"contextual ({len(claims)} of {len(claims)} items)",
    ]
    skipped = ["contextual captions", "contextual candidates"]
    assert manifest["notes"][NAME] == {SKIPPED: skipped, BY_WORDS: by_words}
    assert manifest["sent"][NAME]["allowed_by"] == "open data"
    scores = read_table(out / "scores.parquet", SCORES_SCHEMA)
    assert set(scores["set"]) == {"questions", "claims"} and set(scores["score"]) == {0, 1}
    replies = read_table(out / "replies.parquet", REPLIES_SCHEMA)
    assert set(replies["item_id"]) == set(questions["item_id"]) | set(claims["item_id"])
    assert set(replies["outcome"]) == {BY_WORDS}
    raw = {*questions["subject_id"], *claims["subject_id"]}
    assert not raw & {*replies["subject"], *scores["subject"]}
    # Replies are kept beside the outputs, not in them.
    assert "quokka" in (tmp_path / "out-answers.jsonl").read_text()
    assert not any(b"quokka" in p.read_bytes() for p in out.iterdir())
    assert "quokka" not in "".join(capsys.readouterr())
    _hold_the_image_and_the_words_only(script.requests, (questions, claims), caplog.messages)
    _show_both_forms_in_one_order(script.requests, questions)


def _hold_the_image_and_the_words_only(requests, tables, logged):
    assert {r["temperature"] for r in requests} == {0.0}
    keys = {"model", "messages", "temperature", "seed", "max_tokens", "logprobs", "top_logprobs"}
    assert all(set(r) == keys for r in requests)
    said = "\n".join([r["messages"][0]["content"][1]["text"] for r in requests] + logged)
    assert "HTTP Request" in said, "the log was listened to"
    for table in tables:
        for column in ("subject_id", "study_id", "image_path", "group_id"):
            assert not any(value in said for value in table[column].unique())
        images = {Path(p).read_bytes() for p in table["image_path"]}
        assert images <= {asked(r["messages"])[0] for r in requests}


def _show_both_forms_in_one_order(requests, table):
    shown = {tuple(t for _, t in asked(r["messages"])[1]) for r in requests}
    orders = set()
    assert set(table["form"]) == {"negated", "affirmative", "omitted"}
    for group, options in table.select("group_id", "options").iter_rows():
        orders.add(tuple(order := order_of(4, 0, group)))
        assert tuple(options[place] for place in order) in shown
    assert len(orders) > 2 and orders != {tuple(order_of(4, 1, g)) for g in table["group_id"]}


def test_right_by_the_image_in_both_modes(data, tmp_path):
    out = tmp_path / "out"
    with serving(says(knowing(data))) as (address, script):
        spec = f"chat:{address}#scripted"
        models = [chat_model(spec), chat_model(spec, "text")]
        made = evaluate(models, data, out, limit=8)
        assert len(script.requests) == 2 * sum(map(len, shown_items(data, out)))
    metrics = metrics_of(out)
    for name in (NAME, "scripted (text)"):
        for task in ("questions", "claims"):
            for form in ("negated", "affirmative"):
                assert choice(metrics, task, form, model=name)["value"] == 1
            found = choice(metrics, task, "negated", "group accuracy", model=name)
            assert found["value"] == 1
        assert set(made["notes"][name]) == {SKIPPED, BY_WORDS}
        assert made["sent"][name]["access"] == "open"
    compared = metrics.drop_nulls("reference")
    assert len(compared) and set(compared["value"]) == {0}


def test_log_probabilities_of_the_letters_in_a_whole_run(data, tmp_path):
    near = {"A": 0.5, "(A": 0.1, " B": 0.2, "C": 0.1, "D": 0.05, "E": 0.01, "F": 0.01}
    out = tmp_path / "out"
    with serving(tells("(A)", ("(", {"(": 0.9, "B": 0.1}), ("A", near))) as (address, script):
        spec = f"chat:{address}#scripted"
        made = evaluate([chat_model(spec), chat_model(spec, "text")], data, out, limit=8)
    asked_for = {r["messages"][0]["content"][1]["text"].split()[-1]: r for r in script.requests}
    assert "logprobs" not in asked_for["else."] and "logprobs" in asked_for["right."]
    questions, claims = (len(t) for t in shown_items(data, out))
    assert made["notes"][NAME][BY_LETTERS] == [
        f"questions ({questions} of {questions} items)",
        f"contextual ({claims} of {claims} items)",
    ]
    scores = pl.read_parquet(out / "scores.parquet").filter(model=NAME, form="negated")
    assert scores["score"].is_finite().all() and scores["score"].max() < 0
    best = scores.group_by("item_id").agg(pl.col("score").max())["score"]
    assert set(best.exp().round(6)) == {0.6}
    assert choice(metrics_of(out), "questions", "negated")["value"] == 0.25


THOUGHT = "The answer is A? Answer: A. No, an edge is visible.\nFinal answer: A"


@pytest.mark.parametrize("mode", ["letters", "text"])
@pytest.mark.parametrize("style", STYLES)
def test_an_oracle_that_thinks_aloud_is_right(data, style, mode):
    """Whatever marks its thoughts, a model that knows all answers has accuracy 1."""
    knows = knowing(data)
    table = read_items(data[0]).filter(split="test").head(12)

    def thinks(messages):
        return STYLES[style].format(THOUGHT) + knows(messages)

    with serving(says(thinks)) as (address, _):
        found = scored(address, table, mode=mode)
    assert right(found.scores, table) == {1}
    assert set(found.notes) == {BY_WORDS}


def test_replies_that_reach_the_limit_are_counted_apart(data, tmp_path):
    cut_off = {"choices": [{"message": {"content": "A"}, "finish_reason": "length"}]}
    filtered = {"choices": [{"message": {"content": "A"}, "finish_reason": "content_filter"}]}
    out = tmp_path / "out"
    for _ in range(2):
        with serving(*[returns(cut_off)] * 3, returns(filtered), says("A")) as (address, script):
            model = chat_model(f"chat:{address}#scripted")
            answers = tmp_path / "answers.jsonl"
            made = evaluate([model], data[:1], out, answers=answers, limit=8, fresh=True)
    assert not script.requests, "what was cut off would be cut off again"
    notes = made["notes"][NAME]
    counts = {kind: len(notes.get(f"{kind}, counted as wrong", ())) for kind in NO_CHOICE}
    assert counts == {"refused": 1, "cut off": 3, "unparsed": 0, "unanswered": 0}
    assert chose_nothing(metrics_of(out)) == counts


@pytest.mark.parametrize("code", [400, 422, 501])
def test_what_a_server_refuses_stands_in_the_result(data, tmp_path, code):
    answer = refuses(["max_tokens", "seed", "logprobs"], says("A"), code)
    out, answers = tmp_path / "out", tmp_path / "answers.jsonl"
    with serving(answer) as (address, script):
        for _ in range(2):
            made = evaluate(
                [chat_model(f"chat:{address}#scripted")],
                data[:1],
                out,
                answers=answers,
                limit=8,
                fresh=True,
            )
            items = "questions (24 of 24 items)"
            assert made["notes"][NAME][ASKED_OTHERWISE] == [
                f"logprobs left out: {items}",
                f"max_tokens sent as max_completion_tokens: {items}",
                f"seed left out: {items}",
                f"top_logprobs left out: {items}",
            ]
    taken = [r for r in script.requests if not {"max_tokens", "seed", "logprobs"} & r.keys()]
    assert len(taken) == 24, "the second run asks nothing, and says the same"
    assert all(r["max_completion_tokens"] == 1024 and r["temperature"] == 0 for r in taken)


def scored(address, table, seed=0, mode="letters"):
    model = chat_model(f"chat:{address}#scripted", mode)
    data = Data("d", "items", Path(), table, CONDITIONS)
    return score_chat(model, model.server("open"), data, seed, AnswerCache())


def right(scores, table, ties="never"):
    """What the items of a table are worth."""
    return set(choice_values(scores, table.with_columns(data=pl.lit("d")), ties)["value"])


def test_options_of_imported_items_are_drawn_one_by_one(data):
    table = read_items(data[1]).filter(split="test").head(10)
    foreign = table.with_columns(set=pl.lit("imported"), group_id=pl.lit("g"))
    with serving(says("I cannot.")) as (address, script):
        found = scored(address, foreign)
        drawn = [tuple(t for _, t in asked(r["messages"])[1]) for r in script.requests]
    options = {frozenset(o): tuple(o) for o in table["options"]}
    orders = {tuple(options[frozenset(d)].index(t) for t in d) for d in drawn}
    assert len(orders) > 3
    refused = found.notes["refused, counted as wrong"]
    assert len(refused) == len(table), "named by a hash"
    assert not any(i in name for i in table["pair_id"] for name in refused)
    assert set(found.replies["outcome"]) == {"refused"} and len(found.replies) == len(table)
    assert right(found.scores, foreign, "first") == {0}


def test_the_forms_of_an_imported_item_show_one_order(data):
    table = read_items(data[0]).filter(split="test").head(12)
    foreign = table.with_columns(set=pl.lit("imported"))
    with serving(says("A")) as (address, script):
        scored(address, foreign)
        drawn = {tuple(t for _, t in asked(r["messages"])[1]) for r in script.requests}
    for pair, options in foreign.select("pair_id", "options").iter_rows():
        assert tuple(options[place] for place in order_of(4, 0, pair)) in drawn


def test_equal_options_tie(data):
    same = ["Chest radiograph."] * 2 + ["Edema present.", "Fracture present."]
    table = read_items(data[0]).filter(form="omitted").head(1)
    table = table.with_columns(options=pl.Series([same]))

    def first_of_them(messages):
        _, options = asked(messages)
        return next((k for k, text in options if text == same[0]), "A")

    with serving(says(first_of_them)) as (address, _):
        found = scored(address, table).scores
    assert found["score"].to_list() == [1, 1, 0, 0]
    assert found["tie"].to_list() == [True, True, False, False]


def test_faults_pass_and_what_chooses_nothing_is_counted(data, tmp_path, waits):
    faults = [
        status(429),
        status(500),
        cut,
        reset,
        returns(b"<html>"),
        returns({"error": "x"}),
        slow(0.3, says("A")),
    ]
    replies = [says(t) for t in ["I'm sorry, I can't help with that."] * 3 + ["A and C"] * 2 + [""]]
    out = tmp_path / "out"
    with serving(*faults, *replies, says("A")) as (address, script):
        made = evaluate([chat_model(f"chat:{address}#scripted")], data[:1], out, limit=8)
        assert len(script.requests) == 8 * 3 + len(faults) - 1
    notes = made["notes"][NAME]
    failed = ("refused", "unparsed", "unanswered")
    counts = {kind: len(notes[f"{kind}, counted as wrong"]) for kind in failed}
    assert counts == {"refused": 3, "unparsed": 2, "unanswered": 1}
    scores = pl.read_parquet(out / "scores.parquet")
    empty = scores.filter(pl.col("score").is_null())
    named = {name for kind in failed for name in notes[f"{kind}, counted as wrong"]}
    assert named == set(empty["item_id"])
    assert len(empty) == 4 * len(named)
    assert chose_nothing(metrics_of(out)) == counts | {"cut off": 0}
    replies = pl.read_parquet(out / "replies.parquet")
    by_way = dict(replies.group_by("outcome").len().iter_rows())
    assert by_way == counts | {BY_WORDS: 8 * 3 - 6}


def test_a_killed_run_asks_for_what_is_missing_only(data, tmp_path):
    out, answers = tmp_path / "out", tmp_path / "answers.jsonl"
    total = 16 * 3
    with (
        serving(*[says("A")] * 40, status(401)) as (address, _),
        pytest.raises(ModelError, match="refuses the key"),
    ):
        evaluate([chat_model(f"chat:{address}#scripted")], data[:1], out, answers=answers, limit=16)
    assert not (out / "manifest.json").exists()
    kept = len(answers.read_text().splitlines())
    assert 0 < kept < total
    with serving(says("A")) as (address, script):
        for folder in (out, tmp_path / "again"):
            evaluate(
                [chat_model(f"chat:{address}#scripted")],
                data[:1],
                folder,
                answers=answers,
                limit=16,
            )
            assert len(script.requests) == total - kept
    again = tmp_path / "again"
    assert (out / "scores.parquet").read_bytes() == (again / "scores.parquet").read_bytes()


@pytest.fixture
def credentialed(data, tmp_path):
    folder = tmp_path / "questions"
    shutil.copytree(data[0], folder)
    return resealed(folder, access="credentialed")


def test_credentialed_data_stay(credentialed, tmp_path, monkeypatch, capsys):
    async def leak(*_):
        raise AssertionError("a request was made")

    monkeypatch.setattr(server, "_post", leak)
    out = tmp_path / "out"
    for address in (
        "https://chat.example.org/v1",
        "http://10.0.0.7:8000/v1",
        "http://127.0.0.1:9/v1",
    ):
        call = ["evaluate", f"chat:{address}#scripted", str(credentialed), "-o", str(out)]
        assert run(call) == 1
        assert "Credentialed Health Data Use Agreement" in capsys.readouterr().err
    assert not out.exists() and not (tmp_path / "out-answers.jsonl").exists()
    with pytest.raises(AccessError):
        evaluate([chat_model("chat:https://chat.example.org/v1#x")], [credentialed], out)


def test_what_lets_credentialed_data_go(credentialed, tmp_path):
    file = tmp_path / "override.yaml"
    file.write_text(OVERRIDE)
    with serving(says("A")) as (address, _):
        call = ["evaluate", f"chat:{address}#scripted", str(credentialed), "--limit", "4"]
        assert run([*call, "--loopback-stays", "-o", str(tmp_path / "stays")]) == 0
        assert run([*call, "--override", str(file), "-o", str(tmp_path / "named")]) == 0
    stays, named = (read_json(tmp_path / n / "manifest.json") for n in ("stays", "named"))
    assert stays["sent"][NAME]["allowed_by"] == "loopback"
    assert named["sent"][NAME]["person"] == "A. Person"
    assert stays["access"] == named["access"] == "credentialed"
    remote = chat_model(
        "chat:https://chat.example.org/v1#x", override=Override("A. Person", "2025-05-01", "agreed")
    )
    assert remote.server("credentialed").allowed["allowed_by"] == "override"


def test_an_unreadable_image_leaves_with_its_group(data, tmp_path):
    folder = tmp_path / "questions"
    shutil.copytree(data[0], folder)
    table = pl.read_parquet(folder / "items.parquet")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    path = table.filter(split="test")["image_path"][0]
    table = table.with_columns(pl.col("image_path").replace({path: str(bad)}))
    table.write_parquet(folder / "items.parquet")
    resealed(folder)
    with serving(says("A")) as (address, _):
        made = evaluate(
            [chat_model(f"chat:{address}#scripted")], [folder], tmp_path / "out", max_bad=1
        )
    lost = set(table.filter(image_path=str(bad))["group_id"])
    assert made["bad_images"] == 1
    assert not lost & set(pl.read_parquet(tmp_path / "out" / "scores.parquet")["group_id"])


def test_data_without_items_are_refused_and_nothing_is_asked(data, facts, tmp_path):
    captions = tmp_path / "captions"
    captions.mkdir()
    shutil.copy(data[1] / "captions.parquet", captions)
    model = chat_model("chat:http://127.0.0.1:9/v1#x")
    for folder in (facts, resealed(captions)):
        with pytest.raises(InputError, match="nothing that these models score"):
            evaluate([model], [folder], tmp_path / "out")


def test_strings_that_are_no_chat_model():
    for spec in ("chat:", "chat:http://127.0.0.1/v1", "chat:#name"):
        with pytest.raises(UsageError, match="chat:URL#NAME"):
            chat_model(spec)
    with pytest.raises(UsageError, match="choose letters or text"):
        chat_model("chat:http://127.0.0.1/v1#x", "words")
    with pytest.raises(UsageError, match="must be a URL"):
        chat_model("chat:127.0.0.1#x")
    keys = {chat_model("chat:http://127.0.0.1/v1#x", m).key for m in ("letters", "text")}
    assert len(keys) == 2
