"""Out in a format of others and in again: the same items, under the same policy."""

import polars as pl
import pytest
from exchanged import CLAIMS, captions, claims, finished

from nast.exchange.export import export
from nast.exchange.importing import import_items


@pytest.mark.parametrize("form", ["neg", "aff"])
def test_round_trip_through_negbench(form, tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    export(folder, tmp_path / "out", "negbench")
    file = tmp_path / "out" / f"claims-test_{form}.csv"
    manifest = import_items(file, tmp_path / "in", "negbench-mcq", policy="open")
    assert manifest["policy"] == "open" and "made up" in manifest["terms"]
    rows = pl.read_parquet(tmp_path / "in" / "claims.parquet")
    word = {"neg": "negated", "aff": "affirmative"}[form]
    assert set(rows["form"]) == {word}
    right = [c[a] for c, a in rows.select("claims", "answer").iter_rows()]
    assert right == CLAIMS[word]
    assert rows["subject_id"].to_list() == [f"view{n}" for n in range(5)]


def test_round_trip_of_documents(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    folder = finished(tmp_path / "contextual", tables, "credentialed", ["strict"])
    export(folder, tmp_path / "out", "jsonl")
    for name in ("claims", "captions"):
        manifest = import_items(tmp_path / "out" / f"{name}-test.jsonl", tmp_path / name, "jsonl",
                                policy="open")  # fmt: skip
        assert manifest["policy"] == "credentialed", "the folder's policy is not lost"
        assert "strict" in manifest["terms"]
    before = pl.DataFrame(tables["claims"])
    after = pl.read_parquet(tmp_path / "claims" / "claims.parquet")
    assert set(after["form"]) == {"negated", "affirmative", "omitted"}
    for form in ("negated", "affirmative"):
        for column in ("claims", "kinds", "answer", "image_path", "split"):
            old, new = (t.filter(form=form)[column].to_list() for t in (before, after))
            assert old == new
    assert after["group_id"].n_unique() == 1 and after["subject_id"].n_unique() == 5
    shown = pl.read_parquet(tmp_path / "captions" / "captions.parquet")
    assert shown["caption"].to_list() == [r["caption"] for r in tables["captions"]]
    # And out again, in a peer's format.
    export(tmp_path / "claims", tmp_path / "again", "negbench")
