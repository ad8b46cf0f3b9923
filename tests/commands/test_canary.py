"""Nothing about a patient reaches a terminal or a log: a marked id and a marked sentence go through
every command, whole and broken, and are looked for in all that is printed, warned or logged.
"""

import csv
import json
import logging
import shutil
import warnings

import polars as pl
import pytest

from nast.cli import run
from nast.files import manifest_of
from nast.phantom.write import write_mark

SENTENCE = "quokka shadow behind the zebra clip"
DIGITS = "31415926"


@pytest.fixture
def said(capsys, caplog):
    """Run a command; returns its exit code and everything that it printed, warned or logged."""

    def _said(*arguments):
        caplog.clear()
        with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
            warnings.simplefilter("always")
            code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        noise = [str(w.message) for w in caught] + [r.getMessage() for r in caplog.records]
        return code, "\n".join([out, err, *noise])

    return _said


@pytest.fixture(scope="module")
def marked(phantom, tmp_path_factory):
    """A phantom tree in which one patient has the marked id and every report name is marked."""
    tree = tmp_path_factory.mktemp("canary") / "tree"
    shutil.copytree(phantom, tree)
    records = json.loads((tree / "cad_disease.json").read_text())
    old = records[0]["subject_id"]
    for record in records:
        for entity in record["entity"].values():
            entity["report_name"] = SENTENCE
    text = json.dumps(records).replace(f'"{old}"', f'"{DIGITS}"')
    (tree / "cad_disease.json").write_text(text)
    for name in ("chexpert", "metadata", "split"):
        path = next(tree.glob(f"mimic-cxr-2.0.0-{name}.csv*"))
        rows = pl.read_csv(path, infer_schema=False)
        rows = rows.with_columns(pl.col("subject_id").replace(old, DIGITS))
        path.unlink()
        rows.write_csv(tree / f"mimic-cxr-2.0.0-{name}.csv")
    old_folder = tree / "files" / f"p{old[:2]}" / f"p{old}"
    new_folder = tree / "files" / f"p{DIGITS[:2]}" / f"p{DIGITS}"
    new_folder.parent.mkdir(exist_ok=True)
    old_folder.rename(new_folder)
    write_mark(tree)
    return tree


def sources(tree):
    return f"mimic-cxr-jpg:{tree}", f"cad-chest:{tree / 'cad_disease.json'}"


def secrets(facts):
    """Every id and every word of a report in a facts folder."""
    studies = pl.read_parquet(facts / "studies.parquet")
    dicoms = {path.rsplit("/", 1)[-1].split(".")[0] for path in studies["image_path"]}
    ids = {*studies["subject_id"], *studies["study_id"], *dicoms}
    assert DIGITS in ids
    return [*sorted(ids), "quokka", "zebra"]


def assert_silent(text, words):
    for word in words:
        assert word not in text, f"a patient's data in the output: {word}"


def test_every_command_is_silent(said, marked, tiny_clip, tmp_path):
    facts, questions, claims = (tmp_path / n for n in ("facts", "questions", "claims"))
    trace, lora, scores = (tmp_path / n for n in ("trace", "lora", "scores"))
    model = f"hf:{tiny_clip}"
    commands = [
        ("facts", *sources(marked), "-o", facts),
        ("facts", "--check", facts),
        ("benchmark", "build", facts, "-o", questions),
        ("benchmark", "audit", questions),
        ("contextual", "build", facts, "-o", claims, "--groups", 4),
        ("contextual", "audit", claims),
        ("benchmark", "export", questions, "-o", tmp_path / "negbench", "--to", "negbench"),
        ("benchmark", "export", questions, "-o", tmp_path / "jsonl", "--to", "jsonl"),
        ("contextual", "export", claims, "-o", tmp_path / "tsv", "--to", "open-clip"),
        ("models", "check", model),
        ("trace", model, facts, "-o", trace),
        ("train", model, facts, claims, "-o", lora, "--steps", 2),
        ("evaluate", model, questions, claims, facts, "-o", scores, "--limit", 4),
        ("report", scores, questions, claims, trace, lora, "-o", tmp_path / "report"),
    ]
    for command in commands:
        code, text = said(*command)
        assert code == 0, text
        assert_silent(text, secrets(facts))
    for name in ("report.html", *(f"tables/table{i}.md" for i in (1, 2, 3, 4))):
        assert_silent((tmp_path / "report" / name).read_text(), secrets(facts))
    for name in ("losses.csv", "README.md", "run.json", "updates.json", "lora/README.md"):
        assert_silent((lora / name).read_text(), secrets(facts))
    tables = [*scores.glob("*.parquet"), tmp_path / "report" / "metrics.parquet"]
    assert {t.stem for t in tables} >= {"scores", "hits", "pairs", "neutral", "metrics"}
    for table in tables:
        assert_silent(pl.read_parquet(table).write_json(), secrets(facts))
    assert SENTENCE in pl.read_parquet(facts / "facts.parquet")["words"].to_list()


def test_missing_images_are_counted_not_named(said, marked, tiny_clip, tmp_path):
    tree, facts = tmp_path / "tree", tmp_path / "facts"
    shutil.copytree(marked, tree)
    for image in (tree / "files").rglob("*.jpg"):
        if DIGITS in str(image):
            image.write_bytes(b"no image")
    code, refused = said("facts", *sources(tree), "-o", facts)
    assert code == 1
    code, text = said("facts", *sources(tree), "-o", facts, "--max-bad", 9)
    assert code == 0
    assert_silent(refused + text, secrets(facts))
    assert any(DIGITS in path for path in manifest_of(facts)["bad_images"])
    (tmp_path / "q").mkdir()
    for command in (
        ("evaluate", f"hf:{tiny_clip}", facts, "--split", "all", "-o", tmp_path / "s"),
        ("trace", f"hf:{tiny_clip}", facts, "-o", tmp_path / "t"),
    ):
        _, text = said(*command)
        assert_silent(text, secrets(facts))


TABLES = ("chexpert", "metadata", "split")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("mark", [f"{SENTENCE} {DIGITS}", f"{DIGITS}.5"])
def test_a_mark_in_any_cell_is_not_shown(said, marked, table, mark, tmp_path):
    """A shifted column puts ids and texts where labels, views and splits should stand."""
    path = marked / f"mimic-cxr-2.0.0-{table}.csv"
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    for column in range(len(rows[0])):
        for row in (0, 1):
            tree = tmp_path / f"{column}-{row}"
            tree.mkdir()
            for name in TABLES:
                (tree / f"mimic-cxr-2.0.0-{name}.csv").symlink_to(
                    marked / f"mimic-cxr-2.0.0-{name}.csv"
                )
            broken = [list(r) for r in rows]
            broken[row][column] = mark
            (tree / path.name).unlink()
            with open(tree / path.name, "w", newline="") as file:
                csv.writer(file).writerows(broken)
            _, text = said("facts", f"mimic-cxr-jpg:{tree}", "-o", tree / "out")
            assert_silent(text, [DIGITS, "quokka"])


@pytest.mark.parametrize("mark", [f"{SENTENCE} {DIGITS}", [{SENTENCE: DIGITS}]])
def test_a_mark_in_any_field_of_cad_chest_is_not_shown(said, marked, mark, tmp_path):
    records = json.loads((marked / "cad_disease.json").read_text())
    record = next(r for r in records if r["entity"])
    name, entity = next(iter(record["entity"].items()))
    broken = [record | {key: mark} for key in record]
    broken += [record | {"entity": {name: entity | {key: mark}}} for key in entity]
    broken += [record | {"entity": {name: mark}}, record | {"entity": {SENTENCE: entity}}]
    others = [r for r in records if r is not record]
    for number, bad in enumerate(broken):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps([bad, *others]))
        _, text = said(
            "facts", f"mimic-cxr-jpg:{marked}", f"cad-chest:{file}", "-o", tmp_path / f"out{number}"
        )
        assert_silent(text, [DIGITS, "quokka"])
    # A file cut in the middle of a report.
    whole = (marked / "cad_disease.json").read_text()
    file = tmp_path / "cut.json"
    file.write_text(whole[: whole.index("quokka") + 3])
    code, text = said("facts", f"mimic-cxr-jpg:{marked}", f"cad-chest:{file}", "-o", tmp_path / "o")
    assert code == 1
    assert_silent(text, [DIGITS, "quokka", "quo"])
