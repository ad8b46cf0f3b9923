"""What the tests of this folder share: the bytes of a folder, and files of scores."""

import polars as pl


def contents(folder):
    """Every file of a folder by its place in it."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def lost(before, folder):
    """Files that are gone from a folder or hold other bytes than before."""
    now = contents(folder)
    return [name for name, found in before.items() if now.get(name) != found]


def right_scores(data):
    """Rows for a file of scores in which the right option of every test item has the most."""
    items = pl.read_parquet(data / "items.parquet").filter(split="test")
    rows = items.with_columns(option=pl.int_ranges(pl.col("options").list.len())).explode("option")
    right = pl.col("option") == pl.col("answer")
    return rows.select("option", item="item_id", score=right.cast(pl.Float64))


def score_file(rows, path):
    """MODEL of a file of scores, written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(path)
    return f"scores:{path}"
