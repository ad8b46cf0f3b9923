"""Some kills of the quickest stages; `python -m tests.crash` is the whole campaign."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_stage_that_is_killed_leaves_no_trace():
    command = [sys.executable, "-m", "tests.crash", "phantom", "facts", "questions"]
    # A process of its own, because it forks, and a fork of busy threads may wait for ever.
    done = subprocess.run(
        [*command, "--points", "4"],
        cwd=Path(__file__).parent.parent,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 10 and lines[-1].startswith("36 kills"), done.stdout
