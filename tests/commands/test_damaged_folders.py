"""Folders of ours and files of others, cut, flipped and foreign: one line, whatever reads them.

Each is tried twice: as it is damaged, which the hashes of a manifest find, and finished again with
the damage in it, so that the readers behind the hashes are reached too.
"""

import shutil

import polars as pl
import pytest
from built import contextual_set, question_set, resealed

from nast.cli import run
from nast.files import MANIFEST, write_json
from nast.items.review.round_trip import export_review
from nast.items.table import read_items
from nast.reporting.runs import MEASURES
from nast.stages import stage

pytestmark = pytest.mark.filterwarnings("ignore")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FOREIGN = {
    ".json": [b"[3]", b"null", b'{"parameters": 3}', b'["data"]'],
    ".csv": [b"step,block\n1,x\n", b"\xff\xfe\x00", b'step,"block\n'],
    ".xlsx": [b"PK\x05\x06" + bytes(18)],
    ".jsonl": [b"[1]\n", b"{\n", b'{"item": [1], "option": {}, "score": []}\n'],
    ".parquet": [],
}
"""What a file of each kind might hold instead, beside a picture and nothing at all."""


def damages(path):
    """The bytes of a file, damaged; whether they can still be what the format promises."""
    data = path.read_bytes()
    flips = [len(data) * part // 7 for part in range(1, 7)]
    flipped = [data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :] for i in flips]
    foreign = [b"", PICTURE, data[: len(data) // 2], *FOREIGN[path.suffix]]
    if path.suffix == ".parquet":
        other = path.with_name(".other.parquet")
        pl.DataFrame({"item": [1, 2]}).write_parquet(other)
        foreign.append(other.read_bytes())
        other.unlink()
    return [(d, False) for d in foreign] + [(d, True) for d in flipped]


@pytest.fixture
def refused(tmp_path, capsys):
    """Damages a file of a copy of a folder again and again; every call ends in one line."""

    def try_all(folder, name, call):
        work = tmp_path / "work"
        shutil.copytree(folder, work, dirs_exist_ok=True)
        path, seal = work / name, work / MANIFEST
        whole = path.read_bytes()
        for data, may_serve in damages(path):
            for sealed in (True, False) if seal.is_file() and path != seal else (True,):
                # Behind the seal a bit can be another word or number, and is taken for one.
                if not sealed and may_serve:
                    continue
                before = seal.read_bytes() if seal.is_file() else b""
                path.write_bytes(data)
                if not sealed:
                    resealed(work)
                code = run([str(a) for a in (*call(work), "-o", tmp_path / "out")])
                lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("nast: ")]
                assert len(lines) == (code != 0), lines
                assert code or (may_serve and not before), "damage was taken for data"
                assert code == 0 or not (tmp_path / "out" / MANIFEST).exists()
                shutil.rmtree(tmp_path / "out", ignore_errors=True)
                path.write_bytes(whole)
                if before:
                    seal.write_bytes(before)
        shutil.rmtree(work)

    return try_all


@pytest.fixture(scope="module")
def scored(facts, tmp_path_factory):
    """An evaluation of questions by a file of scores."""
    folder = tmp_path_factory.mktemp("scored")
    items = read_items(question_set(facts)).filter(pl.col("form") != "omitted")
    rows = [
        {"item": item, "option": o, "score": float(o)}
        for item in items["item_id"]
        for o in range(4)
    ]
    pl.DataFrame(rows).write_csv(folder / "m.csv")
    call = ["evaluate", f"scores:{folder / 'm.csv'}", question_set(facts), "--split", "all"]
    assert run([str(a) for a in (*call, "-o", folder / "scores")]) == 0
    return folder / "scores"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder, as far as a report reads it."""
    folder = tmp_path_factory.mktemp("runs") / "even"

    def make(out):
        write_json(out / "updates.json", {name: [0.5, 0.5] for name in MEASURES})
        (out / "updates.csv").write_text("step,block,parameters\n1,1,1\n1,2,1\n")
        return {}

    stage(folder, {"stage": "train", "objective": "nast", "layers": "uniform"}, [], make)
    return folder


@pytest.fixture(scope="module")
def traced(facts, tmp_path_factory):
    from nast.models.registry import load_model
    from nast.tracing.build import build_trace

    folder = tmp_path_factory.mktemp("traced") / "trace"
    build_trace(load_model("phantom"), facts, folder)
    return folder


@pytest.mark.parametrize("name", [MANIFEST, "metrics.parquet", "scores.parquet"])
def test_report_of_a_damaged_evaluation(name, scored, refused):
    refused(scored, name, lambda work: ["report", work])


@pytest.mark.parametrize("name", [MANIFEST, "updates.json", "updates.csv"])
def test_report_of_a_damaged_run(name, scored, trained, refused):
    refused(trained, name, lambda work: ["report", scored, work])


@pytest.mark.parametrize(
    "name", ["trace.parquet", "layer_scores.parquet", "attention.parquet", "layer_weights.json"]
)
def test_report_of_a_damaged_trace(name, scored, traced, refused):
    refused(traced, name, lambda work: ["report", scored, work])


@pytest.mark.parametrize("name", [MANIFEST, "audit.json"])
def test_report_of_damaged_questions(name, scored, facts, refused):
    refused(question_set(facts), name, lambda work: ["report", scored, work])


@pytest.mark.parametrize("name", [MANIFEST, "items.parquet"])
def test_export_and_evaluation_of_damaged_questions(name, scored, facts, refused):
    folder = question_set(facts)
    refused(folder, name, lambda work: ["benchmark", "export", work, "--to", "csv"])
    model = f"scores:{scored.parent / 'm.csv'}"
    refused(folder, name, lambda work: ["evaluate", model, work, "--split", "all"])


@pytest.mark.parametrize("name", [MANIFEST, "items.parquet", "captions.parquet"])
def test_export_of_damaged_claims(name, facts, refused):
    call = ["contextual", "export", "{}", "--to", "jsonl"]
    refused(contextual_set(facts), name, lambda work: [work if a == "{}" else a for a in call])


@pytest.mark.parametrize("name", ["candidates.parquet", "captions.parquet", "items.parquet"])
def test_evaluation_of_damaged_claims(name, facts, tiny_clip, tmp_path, refused):
    call = ["evaluate", f"hf:{tiny_clip}", "{}", "--split", "all", "-o", tmp_path / "out"]
    refused(contextual_set(facts), name, lambda work: [work if a == "{}" else a for a in call])


@pytest.mark.parametrize("name", ["layer_weights.json", "layer_scores.parquet"])
def test_training_by_a_damaged_trace(name, traced, facts, tiny_clip, tmp_path, refused):
    call = ["train", f"hf:{tiny_clip}", facts, tmp_path / "none", "--layers", "scope", "--trace"]
    refused(traced, name, lambda work: [*call, work])


def test_import_of_a_damaged_review(facts, tmp_path, refused):
    folder = question_set(facts)
    export_review(folder, tmp_path / "review", number=4)
    (tmp_path / "filled").mkdir()
    shutil.copy(tmp_path / "review" / "review.xlsx", tmp_path / "filled" / "a.xlsx")
    call = ["benchmark", "review", "import", folder]
    refused(tmp_path / "filled", "a.xlsx", lambda work: [*call, work / "a.xlsx"])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_damaged_scores(suffix, facts, tmp_path, refused):
    (tmp_path / "given").mkdir()
    rows = pl.DataFrame({"item": ["a-negated"], "option": [0], "score": [1.0]})
    write = {"csv": rows.write_csv, "jsonl": rows.write_ndjson, "parquet": rows.write_parquet}
    name = f"m.{suffix}"
    write[suffix](tmp_path / "given" / name)
    call = ["evaluate", question_set(facts), "--split", "all"]
    refused(tmp_path / "given", name, lambda work: [*call, f"scores:{work / name}"])
