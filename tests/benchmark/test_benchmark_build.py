"""A benchmark folder: the same bytes on any number of threads."""

import hashlib
import os
import subprocess
import sys

CODE = """
import sys
from pathlib import Path
from nast.benchmark.build import build_benchmark
build_benchmark(Path(sys.argv[1]), Path(sys.argv[2]), limit=20)
"""


def test_the_same_bytes_on_one_thread_and_on_eight(facts, tmp_path):
    found = []
    for threads in ("1", "8"):
        out = tmp_path / threads
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads}
        subprocess.run([sys.executable, "-c", CODE, facts, out], env=environment, check=True)
        found.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.iterdir()})
    assert {"items.parquet", "audit.json", "README.md", "manifest.json"} <= set(found[0])
    assert found[0] == found[1]
