"""What one processor makes another one takes: its folders, its vectors, its unfinished runs."""

import os
import shutil
import subprocess
import sys

import polars as pl
import pytest

from nast.files import manifest_of
from nast.folders import EXACT

KERNELS = {
    "plain": {
        "ATEN_CPU_CAPABILITY": "default",
        "OPENBLAS_CORETYPE": "Nehalem",
        "MKL_CBWR": "COMPATIBLE",
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
    },
    "own": {"OMP_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2"},
}
"""Kernels without the newer instructions on one thread, and those of this processor on two."""
COMMANDS = [
    "phantom tree --patients 60 --seed 3",
    "facts mimic-cxr-jpg:tree cad-chest:tree/cad_disease.json -o facts",
    "benchmark build facts -o questions --limit 5",
    "contextual build facts -o claims --groups 8",
    "embed {model} questions --vectors vectors",
    "trace {model} facts -o trace --aggregation module --beta 0.7",
    "train {model} facts claims -o run --trace trace --layers module --beta 0.3 --steps 4 "
    "--captions 8 --claims 4",
    "evaluate {model} run:run questions claims -o scores --vectors vectors",
    "report scores trace run -o report",
]
RUN = """
import sys
import nast.training.trainer as trainer
from nast.cli import run

trainer.SAVE_SECONDS = 0.0
for number, command in enumerate(sys.argv[2:]):
    if command.startswith("train") and sys.argv[1] == "stop":
        step = trainer._step

        def stopping(*arguments):
            if len(arguments[-1].history) == 2:
                raise KeyboardInterrupt
            return step(*arguments)

        trainer._step = stopping
        run(command.split())
        sys.exit()
    code = run(command.split())
    if code:
        sys.exit(f"{command}: {code}")
"""


def run(folder, kernels, tiny_clip, commands, how="whole"):
    """Commands in a folder under some kernels; what they say of errors."""
    features = dispatched() if kernels == "plain" else []
    env = os.environ | KERNELS[kernels] | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    calls = [c.format(model=f"hf:{tiny_clip}") for c in commands]
    done = subprocess.run(
        [sys.executable, "-c", RUN, how, *calls],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def dispatched():
    """The kernels beyond its baseline that numpy has for this processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("plain", "own"), ("own", "plain")])
def test_another_processor_goes_on(first, second, tiny_clip, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    training = next(i for i, c in enumerate(COMMANDS) if c.startswith("train"))
    run(here, first, tiny_clip, COMMANDS[: training + 1], "stop")
    assert (here / "run" / "state.safetensors").is_file()
    vectors = sorted(p.name for p in (here / "vectors").rglob("*"))
    before = {n: (here / n / "manifest.json").stat().st_mtime_ns for n in ("facts", "trace")}
    # Nothing is refused, and nothing that is finished is made again.
    run(here, second, tiny_clip, COMMANDS)
    after = {n: (here / n / "manifest.json").stat().st_mtime_ns for n in ("facts", "trace")}
    assert before == after
    assert set(vectors) <= {p.name for p in (here / "vectors").rglob("*")}
    assert len(pl.read_csv(here / "run" / "losses.csv")) == 4
    finished = {p.parent.name: p.stat().st_mtime_ns for p in here.glob("*/manifest.json")}
    run(here, first, tiny_clip, COMMANDS)
    assert finished == {p.parent.name: p.stat().st_mtime_ns for p in here.glob("*/manifest.json")}


@pytest.mark.slow
def test_films_and_tables_of_words_are_equal_everywhere(tiny_clip, tmp_path):
    """In one place, for image paths are a part of the tables."""
    found = []
    for kernels in KERNELS:
        (tmp_path / "here").mkdir()
        run(tmp_path / "here", kernels, tiny_clip, COMMANDS[:4])
        folders = ("tree", "facts", "questions", "claims")
        found.append({f: manifest_of(tmp_path / "here" / f)["files"] for f in folders})
        shutil.move(tmp_path / "here", tmp_path / kernels)
    assert found[0] == found[1]
    assert set(EXACT) - {"conditions.yaml"} <= {n for files in found[0].values() for n in files}
