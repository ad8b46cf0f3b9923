"""How long 2,000 phantom radiographs at 224 px take, drawn and written as JPEG.

python benchmarks/phantom_speed.py [images] [workers]
"""

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from nast.phantom.write import write_phantom


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    # A patient has 1.65 studies and 1.9 images on average.
    patients = round(wanted / 1.9)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        counts = write_phantom(Path(folder) / "phantom", patients, 1, workers)["counts"]
        seconds = time.perf_counter() - start
    rate = counts["images"] / seconds
    machine = platform.processor() or platform.machine()
    print(f"{counts['images']} images in {seconds:.1f} s, {workers} workers: {rate:.0f} images/s,")
    print(f"2,000 in {2000 / rate:.0f} s; {os.cpu_count()} cores, {machine}")


if __name__ == "__main__":
    main()
