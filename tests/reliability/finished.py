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
    rows = []
    if (data / "questions.parquet").is_file():
        for row in pl.read_parquet(data / "questions.parquet").filter(split="test").to_dicts():
            for form in ("negated", "affirmative", "omitted"):
                rows += _options(f"{row['question_id']}-{form}", row[form], row["answer"])
    if (data / "claims.parquet").is_file():
        for row in pl.read_parquet(data / "claims.parquet").filter(split="test").to_dicts():
            rows += _options(row["set_id"], row["claims"], row["answer"])
    return pl.DataFrame(rows, schema=["item", "option", "score"], orient="row")


def _options(item, texts, answer):
    return [(item, number, float(number == answer)) for number in range(len(texts))]


def score_file(rows, path):
    """MODEL of a file of scores, written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(path)
    return f"scores:{path}"
