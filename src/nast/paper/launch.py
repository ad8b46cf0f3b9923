"""Stages that several processes share, started by a launcher such as `torchrun`."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from nast.errors import NastError, UsageError
from nast.paper.paper_stages import STAGES, Whole
from nast.paper.recipe import read_recipe
from nast.progress import Progress

TOLD = "NAST_PAPER_STAGE"
"""Environment variable by which a launched process knows which stage it shares."""


def start_shared(launch: str, recipe: Path, out: Path, stage: str, fresh: bool) -> None:
    """Start a launcher, whose processes do their part of a stage, and wait for them.

    Args:
        launch: the launcher with its options, such as `torchrun --nproc-per-node 4`.
        recipe: see `run_paper`, as the arguments that follow.
        out: see there.
        stage: its name.
        fresh: see there.

    Raises:
        UsageError: there is no such launcher.
        NastError: a process ended badly.
    """
    words = [os.path.expandvars(word) for word in shlex.split(launch)]
    beside = str(Path(sys.executable).parent)
    found = shutil.which(words[0], path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        raise UsageError(f"launch: {words[0]!r} is no program here; name one, such as torchrun")
    # `srun torchrun ...` and `python -m torch.distributed.run ...` are torchrun, too.
    torchrun = any(Path(w).name in ("torchrun", "torch.distributed.run") for w in words)
    if torchrun and "--no-python" not in words:
        words.append("--no-python")
    options = ["--fresh"] if fresh else []
    command = [found, *words[1:], sys.executable, "-m", "nast", "paper", str(recipe)]
    command += ["--out", str(out), "--only", stage, *options]
    ended = subprocess.run(command, env=os.environ | {TOLD: stage}, check=False).returncode
    if ended:
        raise NastError(
            f"{words[0]} ended with {ended} in the stage {stage!r}; its processes say why. The "
            "same command goes on where they were"
        )


def share_stage(recipe: Path, out: Path, fresh: bool = False) -> None:
    """Do this process's part of the stage that the launcher was started for."""
    from nast.processes import joined_processes

    stage = next(s for s in STAGES if s.name == os.environ[TOLD])
    assert stage.shared
    with joined_processes() as first:
        stage.shared(Whole(read_recipe(recipe), out, Progress(1, quiet=not first), fresh))
