"""Time and memory of the statistics and of retrieval.

python benchmarks/evaluation_speed.py [N]     N images and N captions, 20,000 by default
"""

import resource
import sys
import time

import numpy as np
import polars as pl
import torch

from nast.scoring.retrieval import ranked
from nast.statistics.bootstrap import clustered_mean


def peak() -> int:
    """Highest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def bootstrap() -> None:
    """10,000 resamples of 7,000 questions: each its own patient, or patients of several."""
    rng = np.random.default_rng(0)
    values = (rng.random(7000) < 0.4).astype(float)
    groups = [f"g{i // 4}" for i in range(7000)]
    for name, patients in {
        "7,000 patients": [f"p{i}" for i in range(7000)],
        "about 2,500 patients": [f"p{i}" for i in rng.integers(0, 2700, 7000)],
    }.items():
        start = time.perf_counter()
        found = clustered_mean(values, {"patients": patients, "groups": groups}, 0, 10_000)
        spent = time.perf_counter() - start
        print(f"bootstrap, {name} and 1,750 groups: {spent:.2f} s, {peak()} MB; {found.method}")


def retrieval(number: int) -> None:
    """Both directions, `unique` and `strict`, of N images with one caption each, 512 dimensions."""
    rng = np.random.default_rng(0)
    vectors = []
    for _ in range(2):
        found = rng.standard_normal((number, 512), dtype=np.float32)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        vectors.append(found)
    captions = pl.DataFrame(
        {
            "image_path": [f"{i}.png" for i in range(number)],
            "caption": [f"text {i}" for i in range(number)],
            "polarity": [("negated", "affirmative")[i % 2] for i in range(number)],
            "subject_id": [f"p{i}" for i in range(number)],
            "condition": ["Edema"] * number,
        }
    )
    start, used = time.perf_counter(), time.process_time()
    table = ranked(*vectors, captions)
    spent, used = time.perf_counter() - start, time.process_time() - used
    print(
        f"retrieval, {number:,} x {number:,}, both ways, unique and strict: {spent:.2f} s "
        f"({used:.0f} s of processor time), {peak()} MB; {len(table)} rows"
    )
    if number > 20_000:
        return
    images, texts = torch.from_numpy(vectors[0]), torch.from_numpy(vectors[1].T.copy())
    bare = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        images @ texts
        bare = min(bare, time.perf_counter() - start)
    print(f"{spent / bare:.1f} times the bare product of {bare:.2f} s")


if __name__ == "__main__":
    bootstrap()
    retrieval(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
