"""What it costs that tables are read only as they were written.

A made-up table of captions is written into a finished folder and read with the check of its hash
and without; both are the least of five. `python benchmarks/integrity_cost.py [ROWS]`
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from nast.files import read_table, write_table
from nast.stages import stage

SCHEMA = {"caption_id": pl.String, "image_path": pl.String, "caption": pl.String}


def captions(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    ids = [f"{value:016x}" for value in rng.integers(0, 2**63, rows)]
    words = np.array(["no", "left", "right", "effusion", "edema", "severe", "mild", "there", "is"])
    texts = [" ".join(words[row]) for row in rng.integers(0, len(words), (rows, 7))]
    paths = [f"/data/files/p{i[:2]}/p{i[:8]}/s{i[8:]}/{i}.jpg" for i in ids]
    return pl.DataFrame({"caption_id": ids, "image_path": paths, "caption": texts})


def least(work) -> float:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    table = captions(rows)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "claims"

        def make(out: Path) -> dict:
            write_table(out / "captions.parquet", table, SCHEMA)
            return {"access": "open", "counts": {}}

        stage(folder, {"stage": "contextual"}, [], make)
        path = folder / "captions.parquet"
        size = path.stat().st_size / 1e6
        checked = least(lambda: read_table(path, SCHEMA))
        plain = least(lambda: pl.read_parquet(path, glob=False))
    print(f"{rows:,} rows, {size:.0f} MB: read in {plain:.3f} s, with the check {checked:.3f} s")


if __name__ == "__main__":
    main()
