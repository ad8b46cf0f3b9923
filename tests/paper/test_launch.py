"""Stages of a recipe that a launcher's processes share give the tables of one process."""

import polars as pl
import pytest

from nast.cli import run
from nast.errors import NastError, UsageError
from nast.paper import whole
from nast.paper.launch import start_shared
from nast.paper.paper_stages import PaperStage

SMALL = """
phantom: {patients: 60, seed: 3}
base: CLIP=phantom
questions: {limit: 4}
contextual: {groups: 4}
trace: {aggregation: scope}
train: {steps: 2, captions: 8, claims: 4}
rows:
  NAST: {layers: nast}
seeds: 1
"""


@pytest.mark.slow
def test_two_processes_give_the_tables_of_one(tmp_path, capfd):
    for name, launch in (
        ("one", ""),
        ("two", "launch: torchrun --standalone --nproc-per-node 2\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(SMALL + launch)
        assert run(["paper", str(tmp_path / f"{name}.yaml"), "-o", str(tmp_path / name)]) == 0
    for table in ("table1", "table3", "questions", "verdicts"):
        one, two = (pl.read_csv(tmp_path / n / "tables" / f"{table}.csv") for n in ("one", "two"))
        assert one.equals(two), table
    capfd.readouterr()
    # Finished stages are found again by the launched processes, too.
    assert run(["paper", str(tmp_path / "two.yaml"), "-o", str(tmp_path / "two")]) == 0


def test_a_launcher_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="'turchrun' is no program here"):
        start_shared("turchrun --nproc-per-node 2", tmp_path / "r.yaml", tmp_path, "trace", False)


def test_a_launcher_that_fails_ends_the_paper(tmp_path):
    with pytest.raises(NastError, match="false ended with 1 in the stage 'trace'"):
        start_shared("false", tmp_path / "r.yaml", tmp_path, "trace", False)


@pytest.mark.parametrize(
    "launch",
    [
        "srun torchrun --nnodes $NODES",
        "torchrun --nnodes 2",
        "srun python -m torch.distributed.run",
    ],
)
def test_every_way_to_call_torchrun_is_told_that_a_program_follows(launch, tmp_path, monkeypatch):
    for name in ("srun", "torchrun"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("NODES", "2")
    start_shared(launch, tmp_path / "r.yaml", tmp_path, "trace", True)
    said = (tmp_path / "said").read_text()
    before, _, after = said.partition("--no-python ")
    assert after.startswith(str(tmp_path / "python")) and "--only trace --fresh" in after
    assert "--nnodes 2" in before or "torch.distributed.run" in before


@pytest.mark.parametrize("shared_too", [True, False])
def test_what_was_launched_anew_is_not_made_once_more(shared_too, tmp_path, monkeypatch):
    """`--fresh` is the launched processes' where they make the stage, else this one's."""
    seen = []

    def make(at):
        seen.append(at.fresh)

    shared = make if shared_too else lambda at: None
    stage = PaperStage("trace", "tracing", make, lambda at: [], shared=shared)
    monkeypatch.setattr(whole, "STAGES", [stage])
    monkeypatch.setattr(whole, "start_shared", lambda *said: seen.append(said[-2:]))
    (tmp_path / "r.yaml").write_text(SMALL + "launch: torchrun\n")
    whole.run_paper(tmp_path / "r.yaml", tmp_path / "out", fresh=True)
    assert seen == [("trace", True), not shared_too]
