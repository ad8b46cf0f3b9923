"""The folder for Hugging Face `datasets`, read back as the library reads it."""

import fnmatch

import polars as pl
import pytest
import yaml
from exchanged import captions, claims, finished, questions

from nast.exchange.export import export


def load(folder, config, split):
    """What `load_dataset(folder, config, split=split)` reads: front matter, patterns, Parquet."""
    _, head, card = (folder / "README.md").read_text().split("---\n", 2)
    assert card.lstrip().startswith("# ")
    meta = yaml.safe_load(head)
    (found,) = (c for c in meta["configs"] if c["config_name"] == config)
    (files,) = (f for f in found["data_files"] if f["split"] == split)
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.parquet"))
    matched = [n for n in names if fnmatch.fnmatch(n, files["path"])]
    # The library refuses shards of one split with different columns.
    return pl.concat([pl.read_parquet(folder / n) for n in matched], how="vertical"), meta


@pytest.fixture
def folder(tmp_path):
    tables = {
        "captions": [*captions(tmp_path, "test"), *captions(tmp_path, "train")],
        "claims": claims(tmp_path),
        "questions": questions(tmp_path),
    }
    for number, row in enumerate(tables["captions"]):
        row["caption_id"] += f"-{number}"
    return finished(tmp_path / "in", tables, access="credentialed", terms=("terms of a source",))


def test_tables_are_configurations_and_splits_have_the_librarys_names(folder, tmp_path):
    manifest = export(folder, tmp_path / "out", "hf-datasets")
    table, meta = load(tmp_path / "out", "captions", "train")
    assert len(table) == 15 == manifest["counts"]["captions, train"]
    assert set(table["polarity"]) == {"negated", "affirmative"}
    assert {c["config_name"] for c in meta["configs"]} == {"captions", "claims", "questions"}
    assert meta["license"] == "other"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "credentialed" in card and "terms of a source" in card and "load_dataset" in card


def test_items_keep_their_forms_and_answers(folder, tmp_path):
    export(folder, tmp_path / "out", "hf-datasets")
    table, _ = load(tmp_path / "out", "claims", "test")
    assert sorted(table["answer"]) == [0, 1, 2, 3, 4]
    assert table["negated"].list.len().to_list() == [5] * 5
    assert table["kinds"][0].to_list().count("truth") == 1
    asked, _ = load(tmp_path / "out", "questions", "test")
    assert asked["omitted"].list.len().to_list() == [4] * 4


def test_ids_are_hashed_and_bytes_repeat(folder, tmp_path):
    for out in ("one", "two"):
        export(folder, tmp_path / out, "hf-datasets")
    table, _ = load(tmp_path / "one", "captions", "test")
    assert not any(i.startswith(("7000", "8000")) for i in table["subject_id"])
    for path in sorted((tmp_path / "one").rglob("*.parquet")):
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == twin.read_bytes()


def test_the_library_loads_it(folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    export(folder, tmp_path / "out", "hf-datasets")
    loaded = datasets.load_dataset(str(tmp_path / "out"), "captions", cache_dir=str(tmp_path))
    assert {"train", "test"} == set(loaded)
