"""The same inputs give the same bytes, wherever the folders lie and however many threads work."""

import os
import subprocess
import sys

import pytest
from finished import contents

from nast.reporting.trace_figures import draw_trace

WORK = """
import sys
from pathlib import Path
from nast.cli import run

for line in sys.stdin.read().splitlines():
    name, *command = line.split()
    if run([*command, "-o", str(Path(name).absolute())]):
        sys.exit(f"{line} failed")
"""
STAGES = {
    "facts": "facts mimic-cxr-jpg:{tree} cad-chest:{tree}/cad_disease.json",
    "questions": "benchmark build facts --limit 3",
    "claims": "contextual build facts --groups 6",
    "scores": "evaluate phantom questions claims --vectors vectors",
    "trace": "trace phantom facts --aggregation scope",
    "run": "train phantom facts claims --layers uniform --steps 2 --captions 8 --claims 1",
    "page": "report scores run questions claims",
    "page-of-the-trace": "report scores trace",
    "review": "benchmark review export questions",
    "to-negbench": "benchmark export questions --to negbench",
    "to-clip-benchmark": "benchmark export questions --to clip-benchmark",
    "to-open-clip": "contextual export claims --to open-clip",
    "to-lm-eval": "benchmark export questions --to lm-eval",
    "to-inspect": "benchmark export questions --to inspect",
    "to-hf-datasets": "benchmark export questions --to hf-datasets",
    "to-csv": "benchmark export questions --to csv",
    "to-jsonl": "contextual export claims --to jsonl",
}
"""Folder -> the command that makes it."""


@pytest.fixture(scope="module")
def twice(phantom, tmp_path_factory):
    """Every stage in two places, with other seeds of hashes and other numbers of threads.

    One process works after the other, each for longer than the two seconds by which an archive
    tells times apart.
    """
    root = tmp_path_factory.mktemp("twice")
    asked = "\n".join(f"{name} {line.format(tree=phantom)}" for name, line in STAGES.items())
    places = [root / "one", root / "two"]
    for place, threads, seed in zip(places, ("1", "4"), ("1", "2"), strict=True):
        place.mkdir(parents=True)
        told = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", WORK],
            input=asked,
            text=True,
            cwd=place,
            env=told,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return places


@pytest.mark.parametrize("stage", STAGES)
def test_two_folders_of_one_stage_hold_the_same_bytes(twice, stage):
    one, other = (contents(place / stage) for place in twice)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.parametrize("stage", [n for n in STAGES if n.startswith("to-")])
def test_a_readme_names_no_place_of_this_machine(twice, stage):
    for place in twice:
        text = (place / stage / "README.md").read_text()
        assert str(place.parent) not in text


def test_the_map_of_a_trace_is_the_same_whenever_it_is_drawn(twice, tmp_path):
    for number in range(3):
        draw_trace(twice[0] / "trace", tmp_path / str(number))
    assert len({(tmp_path / str(n) / "cte_map.csv").read_bytes() for n in range(3)}) == 1
