"""A trace whose caption pairs are shared out among processes is the trace of one."""

import os
import socket
import subprocess
import sys

import polars as pl

from nast.cli import run
from nast.files import manifest_of, read_json

CODE = "import sys; from nast.cli import main; main(sys.argv[1:])"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def together(number, command):
    """Exit codes and output of so many processes of one launcher."""
    common = {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, *map(str, command)],
            env=os.environ | common | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(number)
    ]
    said = [process.communicate(timeout=300)[0] for process in running]
    return [process.returncode for process in running], said


def test_three_processes_make_the_trace_of_one(facts, tmp_path):
    command = ["trace", "phantom", facts, "--aggregation", "scope", "-o"]
    assert run([*map(str, command), str(tmp_path / "one")]) == 0
    codes, said = together(3, [*command, tmp_path / "three"])
    assert codes == [0, 0, 0]
    # The first process alone says what came out.
    assert "samples above the filter" in said[0] and said[1:] == ["", ""]
    for name in ("trace", "layer_scores", "attention"):
        one, three = (pl.read_parquet(tmp_path / n / f"{name}.parquet") for n in ("one", "three"))
        assert one.select(pl.exclude(pl.Float64)).equals(three.select(pl.exclude(pl.Float64)))
        for column in one.select(pl.col(pl.Float64)).columns:
            difference = (one[column] - three[column]).abs().max()
            assert difference is None or difference < 1e-6
    scale = [read_json(tmp_path / n / "layer_weights.json")["scale"] for n in ("one", "three")]
    assert max(abs(a - b) for a, b in zip(*scale, strict=True)) < 1e-6
    # Finished, it is found again by any number of processes.
    assert together(2, [*command, tmp_path / "three"])[0] == [0, 0]
    assert manifest_of(tmp_path / "three")["config"]["stage"] == "trace"


def test_what_the_first_process_refuses_ends_all(facts, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("somebody's")
    codes, _ = together(2, ["trace", "phantom", facts, "-o", tmp_path / "other"])
    assert 0 not in codes
