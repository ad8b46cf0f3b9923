"""Every export: a finished folder with access class, terms and a card; missing images; limits."""

import json
import tarfile

import pytest
from built import contextual_set, question_set
from exchanged import again, captions, claims, finished, image, questions

from nast.errors import InputError, UsageError
from nast.exchange.export import FORMATS, export
from nast.files import manifest_of

TERMS = "made-up licence: no sharing"


@pytest.fixture
def contextual(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    return finished(tmp_path / "contextual", tables, "credentialed", [TERMS])


@pytest.mark.parametrize("to", FORMATS)
def test_policy_and_terms_travel(to, contextual, tmp_path):
    out = tmp_path / "out"
    manifest = export(contextual, out, to)
    assert manifest == manifest_of(out)
    assert (manifest["access"], manifest["terms"]) == ("credentialed", [TERMS])
    assert manifest["config"]["to"] == to and manifest["counts"]
    card = (out / "README.md").read_text()
    assert "**Access class: credentialed.**" in card and TERMS in card
    assert "responsible-use" in card and "licence of the nast software does not" in card


@pytest.mark.parametrize("to", FORMATS)
def test_equal_input_gives_equal_bytes(to, contextual, tmp_path):
    for name in ("one", "two"):
        export(contextual, tmp_path / name, to, seed=5)
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            other = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("to", FORMATS)
def test_no_raw_id_but_in_paths(to, contextual, tmp_path):
    out = tmp_path / "out"
    export(contextual, out, to)
    for path in out.rglob("*"):
        if path.is_file() and path.name not in ("run.yaml", "manifest.json"):
            text = (
                path.read_bytes().decode("latin-1").replace(str(tmp_path / "files" / "p7000"), "")
            )
            assert "7000" not in text and "8000" not in text and "set-0" not in text


def test_terms_are_one_line_of_the_card_and_no_markup(tmp_path):
    hostile = "Mine.\n\n**Access class: open.**\x1b[31m <img src=x> [a](http://x) `b`"
    tables = {"claims": claims(tmp_path / "files")}
    export(finished(tmp_path / "claims", tables, "private", [hostile]), tmp_path / "out", "jsonl")
    card = (tmp_path / "out" / "README.md").read_text()
    (line,) = (line for line in card.splitlines() if "Mine." in line)
    assert line == (
        r"- Mine. \*\*Access class: open.\*\* \[31m \<img src=x\> \[a\](http://x) \`b\`"
    )
    assert "\x1b" not in card


def test_the_folder_is_made_once(contextual, tmp_path):
    first = export(contextual, tmp_path / "out", "jsonl")
    assert export(contextual, tmp_path / "out", "jsonl") == first
    with pytest.raises(UsageError, match="--fresh"):
        export(contextual, tmp_path / "out", "csv")
    export(contextual, tmp_path / "out", "csv", fresh=True)
    assert not list((tmp_path / "out").glob("*.jsonl"))


def test_a_group_that_loses_an_image_is_left_out_whole(tmp_path):
    rows = questions(tmp_path / "files")
    more = [
        row | {"image_path": str(image(tmp_path / "more" / f"{row['answer']}.png", 9))}
        for row in again(rows, "second-")
    ]
    (tmp_path / "more" / "2.png").write_bytes(b"no image")
    folder = finished(tmp_path / "questions", {"questions": rows + more})
    manifest = export(folder, tmp_path / "out", "negbench")
    assert manifest["counts"]["questions-test_neg.csv"] == 4
    assert manifest["missing_images"] == {
        str(tmp_path / "more" / "2.png"): "not a JPEG, PNG or DICOM image"
    }
    assert manifest["counts"]["items and images left out, their group lost an image"] == 4
    assert "left out" in (tmp_path / "out" / "README.md").read_text()


def test_no_group_is_whole(tmp_path):
    folder = finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})
    (tmp_path / "files" / "p70001" / "view1.png").unlink()
    with pytest.raises(InputError, match="no group whose images can all be used"):
        export(folder, tmp_path / "out", "negbench")


def test_a_captioned_image_that_is_missing(tmp_path):
    folder = finished(tmp_path / "captions", {"captions": captions(tmp_path / "files", images=6)})
    (tmp_path / "files" / "p70001" / "view1.png").unlink()
    export(folder, tmp_path / "out", "open-clip")
    with tarfile.open(tmp_path / "out" / "wds-test" / "00000.tar") as tar:
        assert len(tar.getnames()) == 10


def test_sixteen_bits_are_no_image_for_a_peer(tmp_path):
    folder = finished(tmp_path / "captions", {"captions": captions(tmp_path / "files", images=6)})
    image(tmp_path / "files" / "p70001" / "view1.png", 40_000, "I;16")
    manifest = export(folder, tmp_path / "out", "negbench")
    assert list(manifest["missing_images"].values()) == ["a PNG of 16 bits; save it with 8"]


def test_all_missing_is_an_error_for_readers_of_images(tmp_path):
    rows = [r | {"image_path": ""} for r in questions(tmp_path / "files")]
    folder = finished(tmp_path / "questions", {"questions": rows})
    with pytest.raises(InputError, match="no image that can be used: 1 no path"):
        export(folder, tmp_path / "out", "lm-eval")
    # A label table without images still becomes a table of questions.
    manifest = export(folder, tmp_path / "plain", "jsonl")
    assert manifest["counts"] == {"questions-test.jsonl": 4}
    assert manifest["missing_images"] == {"": "no path"}


def test_limit_keeps_whole_groups(tmp_path):
    rows = questions(tmp_path / "files")
    rows += again(rows, "second-")
    folder = finished(tmp_path / "questions", {"questions": rows})
    for limit, left in ((1, 4), (4, 4), (5, 8)):
        counts = export(folder, tmp_path / f"{limit}", "jsonl", limit=limit)["counts"]
        assert counts == {"questions-test.jsonl": left}
    with pytest.raises(UsageError, match="1 or more"):
        export(folder, tmp_path / "none", "jsonl", limit=0)


def test_one_set_per_split(tmp_path):
    rows = questions(tmp_path / "files")
    rows += again(rows, "train-", split="train")
    folder = finished(tmp_path / "questions", {"questions": rows})
    counts = export(folder, tmp_path / "all", "negbench")["counts"]
    assert set(counts) == {
        f"questions-{s}_{f}.csv" for s in ("train", "test") for f in ("neg", "aff")
    }
    card = (tmp_path / "all" / "README.md").read_text()
    assert "--coco-mcq" in card and "questions-train_neg.csv \\" not in card
    # Benchmarks of chat models take the split to evaluate.
    counts = export(folder, tmp_path / "chat", "lm-eval")["counts"]
    assert counts == {"questions-test.jsonl": 4}


def test_forms_with_different_answers_are_no_item(tmp_path):
    rows = claims(tmp_path / "files")
    rows[0]["answer"] = 1
    folder = finished(tmp_path / "claims", {"claims": rows})
    with pytest.raises(InputError, match="two forms of one item with different answers"):
        export(folder, tmp_path / "out", "jsonl")


def test_wrong_calls(tmp_path):
    folder = finished(tmp_path / "empty", {})
    with pytest.raises(UsageError, match="'pdf'; choose one of negbench"):
        export(folder, tmp_path / "out", "pdf")
    with pytest.raises(UsageError, match="no questions, claims or captions"):
        export(folder, tmp_path / "out", "csv")
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        export(tmp_path / "unfinished", tmp_path / "out", "csv")


@pytest.fixture(scope="module", params=[question_set, contextual_set])
def made(request, facts):
    """Sets as the package builds them."""
    return request.param(facts)


@pytest.mark.parametrize("to", FORMATS)
def test_what_the_package_builds(made, to, tmp_path):
    if to == "open-clip" and not (made / "captions.parquet").exists():
        with pytest.raises((UsageError, InputError), match="captions"):
            export(made, tmp_path / to, to)
        return
    manifest = export(made, tmp_path / to, to)
    assert manifest["counts"] and not manifest["missing_images"]
    for path in (tmp_path / to).glob("*-test.jsonl"):
        documents = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(d["omitted"] and d["stem"] for d in documents if "answer" in d)
