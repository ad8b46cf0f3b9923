"""Wall time and peak memory of `nast demo`, with and without --quick, and of starting the program.

python benchmarks/demo_cost.py [--quick-only]
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAST = Path(sys.executable).with_name("nast")


def cost(command: list[str], folder: str) -> tuple[float, float, float]:
    """Seconds of wall time, of processor time, and the largest process's memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def main() -> None:
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        starts = {
            "import nast": [sys.executable, "-c", "import nast"],
            "nast --help": [str(NAST), "--help"],
        }
        for name, command in starts.items():
            best = min(cost(command, folder)[1] for _ in range(5))
            print(f"{name}: {best:.2f} s of processor time")
        demos = {"nast demo --quick": ["--quick"], "nast demo": []}
        if "--quick-only" in sys.argv:
            del demos["nast demo"]
        for name, options in demos.items():
            out = name.replace(" ", "")
            wall, cpu, memory = cost([str(NAST), "demo", *options, "--out", out], folder)
            print(f"{name}: {wall:.0f} s wall, {cpu:.0f} s processor, {memory:.0f} MB peak")


if __name__ == "__main__":
    main()
