"""Tar shards, pairs and TSVs as CLIP_benchmark and open_clip read them."""

import json
import tarfile

import pytest
from exchanged import CLAIMS, captions, claims, finished, image, questions
from peers import (
    clip_benchmark_retrieval,
    open_clip_caption,
    pandas_rows,
    sugar_crepe,
    webdataset,
)

from nast.errors import UsageError
from nast.exchange.export import export
from nast.exchange.peer_files import write_shards


@pytest.fixture
def contextual(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    return finished(tmp_path / "contextual", tables)


def test_retrieval_of_clip_benchmark(contextual, tmp_path):
    out = tmp_path / "out"
    manifest = export(contextual, out, "clip-benchmark")
    assert manifest["counts"]["retrieval-negated: images"] == 5
    negated = list(clip_benchmark_retrieval(out / "retrieval-negated", "test"))
    assert negated[3] == ((120, 120, 120), ["No fracture.", "No effusion, it's 3."])
    affirmative = list(clip_benchmark_retrieval(out / "retrieval-affirmative", "test"))
    assert affirmative[1] == ((40, 40, 40), ['Edema, "grade" 1.'])
    assert "--recall_k 1 5 --num_workers 1" in (out / "README.md").read_text()


def test_pairs_of_sugar_crepe(contextual, tmp_path):
    out = tmp_path / "out"
    counts = export(contextual, out, "clip-benchmark")["counts"]
    pairs = list(sugar_crepe(out / "pairs-negated", "replace_rel"))
    first, second = CLAIMS["negated"][:2]
    assert pairs == [((0, 0, 0), [first, second]), ((40, 40, 40), [second, first])]
    pairs = list(sugar_crepe(out / "pairs-affirmative", "replace_obj"))
    assert len(pairs) == 16 == counts["pairs-affirmative: replace_obj"]
    # Five sets of four wrong claims: 16 of existence, 2 of location, 2 of both.
    assert counts["pairs-negated: wrong claims of several kinds, left out"] == 2
    right = [p[1][0] for p in pairs]
    wrong = [p[1][1] for p in pairs]
    assert all(right.count(t) == wrong.count(t) for t in CLAIMS["affirmative"])


def test_questions_are_pairs_too(tmp_path):
    folder = finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})
    counts = export(folder, tmp_path / "out", "clip-benchmark")["counts"]
    assert counts == {"pairs-negated: replace_obj": 12, "pairs-affirmative: replace_obj": 12}


def test_tsv_of_open_clip(contextual, tmp_path):
    out = tmp_path / "out"
    export(contextual, out, "open-clip")
    rows = pandas_rows(out / "captions-test.tsv", "\t")
    assert list(rows[0])[:2] == ["filepath", "title"]
    assert len(rows) == 15, "one caption a row"
    assert rows[2]["title"] == 'Edema, "grade" 0.'
    assert rows[0]["filepath"] == rows[1]["filepath"] == rows[2]["filepath"]


def test_shards_of_open_clip(contextual, tmp_path):
    out = tmp_path / "out"
    export(contextual, out, "open-clip")
    sizes = json.loads((out / "wds-test" / "sizes.json").read_text())
    assert sizes == {"00000.tar": 5}
    samples = list(webdataset(out / "wds-test" / "00000.tar"))
    assert [set(s) for s in samples] == [{"__key__", "png", "json"}] * 5, "image bytes once"
    assert len({s["__key__"] for s in samples}) == 5
    assert open_clip_caption(samples[1]["json"], "affirmative_1;negated_1") == 'Edema, "grade" 1.'
    assert open_clip_caption(samples[1]["json"], "negated_2") == "No effusion, it's 1."
    assert open_clip_caption(samples[1]["json"], "caption") == "No fracture."
    card = (out / "README.md").read_text()
    assert "--json-text-key 'affirmative_1;negated_1;negated_2' --json-text-key-probs 1 1 1" in card


def test_open_clip_needs_captions(tmp_path):
    folder = finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})
    with pytest.raises(UsageError, match="takes captions"):
        export(folder, tmp_path / "out", "open-clip")


def test_shards_are_numbered_and_equal(tmp_path):
    paths = [str(image(tmp_path / f"a.b.{n}.png", n)) for n in range(5)]
    samples = [(path, "txt", b"words") for path in paths]
    counts = write_shards(tmp_path / "one", samples, "{:05d}.tar", 2)
    assert counts == {"00000.tar": 2, "00001.tar": 2, "00002.tar": 1}
    write_shards(tmp_path / "two", samples, "{:05d}.tar", 2)
    names = []
    for name in counts:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        with tarfile.open(tmp_path / "one" / name) as tar:
            names += tar.getnames()
    assert names[:4] == ["s0000000.png", "s0000000.txt", "s0000001.png", "s0000001.txt"]
    assert all(name.count(".") == 1 for name in names)


def test_the_extension_is_that_of_the_content(tmp_path):
    png = image(tmp_path / "image.png", 9)
    lying = png.rename(tmp_path / "image.jpg")
    write_shards(tmp_path, [(str(lying), "txt", b"words")], "{}.tar", 9)
    assert "png" in next(webdataset(tmp_path / "0.tar"))
