"""nast benchmark build --realiser llm, from the command line to a server on loopback."""

import json
import shutil

import polars as pl
import pytest
from built import resealed
from scripted import refuses, right, says, serving
from test_thoughts import STYLES

from nast.cli import run
from nast.files import manifest_of
from nast.language.read.parse import facts_of
from nast.records import Fact


def build(facts, out, address, *more):
    arguments = [
        "benchmark",
        "build",
        facts,
        "-o",
        out,
        "--limit",
        3,
        "--realiser",
        "llm",
        "--endpoint",
        f"{address}#small",
        *more,
    ]
    return run([str(a) for a in arguments])


def test_a_model_writes_and_every_text_is_read_back(facts, tmp_path):
    with serving(says(right)) as (address, script):
        assert build(facts, tmp_path / "out", address) == 0
        asked = len(script.requests)
        # The answers are kept beside the folder: a fresh build asks nothing again.
        assert build(facts, tmp_path / "out", address, "--fresh") == 0
        assert len(script.requests) == asked > 0
    items = pl.read_parquet(tmp_path / "out" / "items.parquet")
    assert items["realiser"].str.starts_with("llm:small:").all()
    for row in items.filter(pl.col("form") != "omitted").iter_rows(named=True):
        for text, said in zip(row["options"], row["facts"], strict=True):
            assert facts_of(text) == {Fact(**fact) for fact in said}
    counts = manifest_of(tmp_path / "out")["counts"]["language model"]
    assert counts["sets replaced by templates"] == 0
    assert manifest_of(tmp_path / "out")["config"]["model"] == "small"
    ids = pl.read_parquet(facts / "studies.parquet").select("subject_id", "study_id")
    sent = json.dumps(script.requests)
    assert not any(i in sent for row in ids.rows() for i in row)


@pytest.mark.parametrize("style", STYLES)
def test_a_model_may_think_aloud(facts, tmp_path, style):
    """Its thoughts are neither read as texts nor sent back to it."""

    def thinks(messages):
        return STYLES[style].format("A: No quokka.\nB: No quokka.") + right(messages)

    with serving(says(thinks)) as (address, script):
        assert build(facts, tmp_path / "out", address) == 0
    counts = manifest_of(tmp_path / "out")["counts"]["language model"]
    assert counts["sets replaced by templates"] == 0
    assert counts["negated"]["times asked again"] == 0
    assert "quokka" not in json.dumps(script.requests)


def test_a_model_that_thinks_to_the_end_writes_nothing(facts, tmp_path):
    with serving(says(lambda messages: "<think>" + right(messages))) as (address, script):
        assert build(facts, tmp_path / "out", address) == 0
    counts = manifest_of(tmp_path / "out")["counts"]["language model"]
    assert counts["sets replaced by templates"] == counts["sets"]
    assert set(counts["negated"]["rejected"]) == {"no answer"}
    assert "<think>" not in json.dumps(script.requests)


def test_what_a_server_refuses_stands_in_the_manifest(facts, tmp_path):
    with serving(refuses(["seed", "max_tokens"], says(right))) as (address, script):
        for _ in range(2):
            assert build(facts, tmp_path / "out", address, "--fresh") == 0
            counts = manifest_of(tmp_path / "out")["counts"]["language model"]
            told = {k: v for k, v in counts.items() if k.startswith("answers: ")}
            asked = len({json.dumps(r["messages"]) for r in script.requests})
            assert told == {
                "answers: seed left out": asked,
                "answers: max_tokens sent as max_completion_tokens": asked,
            }


def test_what_a_model_fails_is_written_by_templates(facts, tmp_path):
    with serving(says("I cannot help with that.")) as (address, _):
        assert build(facts, tmp_path / "out", address) == 0
    items = pl.read_parquet(tmp_path / "out" / "items.parquet")
    assert items["realiser"].str.starts_with("template:").all()
    counts = manifest_of(tmp_path / "out")["counts"]["language model"]
    assert counts["sets replaced by templates"] == counts["sets"] > 0


@pytest.fixture
def private(facts, tmp_path):
    """The phantom's facts, as if they were credentialed."""
    folder = tmp_path / "private"
    shutil.copytree(facts, folder)
    return resealed(folder, access="credentialed")


def test_credentialed_data_need_a_statement_or_an_override(private, tmp_path, capsys):
    with serving(says(right)) as (address, script):
        assert build(private, tmp_path / "no", address) == 1
        assert "credentialed data" in capsys.readouterr().err
        assert script.requests == []
        assert build(private, tmp_path / "yes", address, "--loopback-stays") == 0
        assert manifest_of(tmp_path / "yes")["config"]["allowed_by"] == "loopback"
        names = tmp_path / "override.yaml"
        names.write_text("person: Ada\ndate: 2026-01-31\nreason: agreed with the data owner\n")
        assert build(private, tmp_path / "named", address, "--override", names) == 0
    config = manifest_of(tmp_path / "named")["config"]
    assert (config["person"], config["date"]) == ("Ada", "2026-01-31")
    assert manifest_of(tmp_path / "named")["access"] == "credentialed"


@pytest.mark.parametrize("text", ["", "person: Ada", "- a", "person: Ada\ndate: no\nreason: x"])
def test_a_half_override_is_refused(private, tmp_path, text, capsys):
    (tmp_path / "o.yaml").write_text(text)
    code = build(
        private, tmp_path / "out", "http://127.0.0.1:9/v1", "--override", tmp_path / "o.yaml"
    )
    assert code in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("endpoint", ["gpt-9", "http://127.0.0.1:9/v1", "#x"])
def test_an_endpoint_has_an_address_and_a_name(facts, tmp_path, endpoint, capsys):
    arguments = [
        "benchmark",
        "build",
        facts,
        "-o",
        tmp_path / "o",
        "--realiser",
        "llm",
        "--endpoint",
        endpoint,
    ]
    assert run([str(a) for a in arguments]) == 2
    assert "URL" in capsys.readouterr().err
