"""Out in a format of others and in again: the same items, under the same access class."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from exchanged import CLAIMS, again, captions, claims, finished

from nast.access import ACCESS_CLASSES
from nast.errors import UsageError
from nast.exchange.export import export
from nast.exchange.importing import import_items


@pytest.mark.parametrize("form", ["neg", "aff"])
def test_round_trip_through_negbench(form, tmp_path):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    export(folder, tmp_path / "out", "negbench")
    file = tmp_path / "out" / f"claims-test_{form}.csv"
    manifest = import_items(file, tmp_path / "in", "negbench-mcq", access="open")
    assert manifest["access"] == "open" and "made up" in manifest["terms"]
    rows = pl.read_parquet(tmp_path / "in" / "items.parquet")
    word = {"neg": "negated", "aff": "affirmative"}[form]
    assert set(rows["form"]) == {word}
    right = [c[a] for c, a in rows.select("options", "answer").iter_rows()]
    assert right == CLAIMS[word]
    assert rows["subject_id"].to_list() == [f"view{n}" for n in range(5)]


def test_round_trip_of_documents(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    folder = finished(tmp_path / "contextual", tables, "credentialed", ["strict"])
    export(folder, tmp_path / "out", "jsonl")
    for name in ("claims", "captions"):
        manifest = import_items(tmp_path / "out" / f"{name}-test.jsonl", tmp_path / name, "jsonl")
        assert manifest["access"] == "credentialed", "the folder's access class is not lost"
        assert "strict" in manifest["terms"]
    before = pl.DataFrame(tables["claims"])
    after = pl.read_parquet(tmp_path / "claims" / "items.parquet")
    assert set(after["form"]) == {"negated", "affirmative", "omitted"}
    for form in ("negated", "affirmative"):
        for column in ("options", "kinds", "answer", "image_path", "split"):
            old, new = (t.filter(form=form)[column].to_list() for t in (before, after))
            assert old == new
    assert after["group_id"].n_unique() == 1 and after["subject_id"].n_unique() == 5
    shown = pl.read_parquet(tmp_path / "captions" / "captions.parquet")
    assert shown["caption"].to_list() == [r["caption"] for r in tables["captions"]]
    # And out again, in a peer's format.
    export(tmp_path / "claims", tmp_path / "again", "negbench")


def test_all_files_of_an_export_at_once(tmp_path):
    tables = {"claims": claims(tmp_path / "files"), "captions": captions(tmp_path / "files")}
    plain = [row for row in tables["claims"] if row["form"] == "negated"]
    tables["claims"] += again(plain, "train-", split="train", form="plain", item_id="")
    for row in tables["claims"]:
        row["item_id"] = f"{row['pair_id']}-{row['form']}"
    folder = finished(tmp_path / "contextual", tables, "credentialed", ["strict"])
    export(folder, tmp_path / "out", "jsonl")
    files = sorted((tmp_path / "out").glob("*.jsonl"))
    assert [f.stem for f in files] == ["captions-test", "claims-test", "claims-train"]
    manifest = import_items(files, tmp_path / "in", "jsonl")
    assert manifest["access"] == "credentialed" and "strict" in manifest["terms"]
    after = pl.read_parquet(tmp_path / "in" / "items.parquet")
    assert after["item_id"].is_unique().all()
    assert all(after["pair_id"].str.starts_with("claims-" + after["split"]))
    before = pl.DataFrame(tables["claims"])
    for form in ("negated", "affirmative", "plain"):
        for column in ("options", "kinds", "answer", "image_path", "split"):
            old, new = (t.filter(form=form)[column].to_list() for t in (before, after))
            assert old == new
    shown = pl.read_parquet(tmp_path / "in" / "captions.parquet")
    assert shown["caption"].to_list() == [r["caption"] for r in tables["captions"]]


@pytest.mark.parametrize("strict", ["first", "second"])
def test_the_strictest_of_several_files_holds(strict, tmp_path):
    files = []
    for name in ("first", "second"):
        access = "private" if name == strict else "open"
        folder = finished(tmp_path / name, {"claims": claims(tmp_path / "files")}, access)
        export(folder, tmp_path / f"out-{name}", "jsonl")
        file = tmp_path / f"out-{name}" / "claims-test.jsonl"
        (tmp_path / f"{name}.jsonl").symlink_to(file)
        files.append(tmp_path / f"{name}.jsonl")
    assert import_items(files, tmp_path / "in", "jsonl")["access"] == "private"
    with pytest.raises(UsageError, match=rf"out-{strict} records private data"):
        import_items(files, tmp_path / "milder", "jsonl", access="open")


@pytest.fixture
def exported(tmp_path):
    """Makes an export of claims with some access class, as JSON Lines."""

    def make(access):
        folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")}, access)
        export(folder, tmp_path / "out", "jsonl")
        return tmp_path / "out" / "claims-test.jsonl"

    return make


@pytest.mark.parametrize("access", ACCESS_CLASSES)
def test_an_import_of_our_own_export_has_the_policy_recorded_beside_it(access, exported, tmp_path):
    file = exported(access)
    assert import_items(file, tmp_path / "a", "jsonl")["access"] == access
    (tmp_path / "link.jsonl").symlink_to(file)
    assert import_items(tmp_path / "link.jsonl", tmp_path / "b", "jsonl")["access"] == access
    # The card goes with the files where they are copied, and says it too.
    (tmp_path / "copy").mkdir()
    for name in (file.name, "README.md"):
        shutil.copy(file.parent / name, tmp_path / "copy")
    made = import_items(tmp_path / "copy" / file.name, tmp_path / "c", "jsonl")
    assert made["access"] == access


def test_the_recorded_policy_can_only_be_made_stricter(exported, tmp_path):
    file = exported("private")
    with pytest.raises(UsageError, match=r"--access open: .*out records private data") as said:
        import_items(file, tmp_path / "in", "jsonl", access="open")
    assert "\n" not in str(said.value)
    assert not (tmp_path / "in").exists()
    for access in ("private", "credentialed"):
        made = import_items(file, tmp_path / access, "jsonl", access=access)
        assert made["access"] == access


def test_the_stricter_of_manifest_and_card_holds(exported, tmp_path):
    file = exported("open")
    card = file.parent / "README.md"
    card.write_text(card.read_text().replace("class: open.", "class: credentialed."))
    assert import_items(file, tmp_path / "in", "jsonl")["access"] == "credentialed"


def test_files_of_others_are_private(exported, tmp_path):
    (tmp_path / "theirs").mkdir()
    file = Path(shutil.copy(exported("open"), tmp_path / "theirs"))
    (tmp_path / "theirs" / "README.md").write_text("**Access class: open.** Says who?\n")
    assert import_items(file, tmp_path / "in", "jsonl")["access"] == "private"
    assert import_items(file, tmp_path / "as", "jsonl", access="open")["access"] == "open"
