"""Commands end in one line, or quietly: interrupted, their reader gone, the machine refusing."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from nast.cli import run
from nast.commands.ending import interrupted, refused

LINE = "nast: interrupted; the same command goes on from here\n"
MAIN = "from nast.cli import main; main()"
DROPS = """
import time
import nast.commands.app
def call(arguments):
    print("begun", flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        {drops}
    time.sleep(60)
nast.commands.app.call = call
from nast.cli import main
main()
"""


def begin(*arguments, code=MAIN, **more):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, start_new_session=True, **(pipes | more))


def test_a_closed_pipe_stops_the_printing_and_not_the_work(tmp_path):
    with begin("models", "list") as process:
        assert process.stdout.readline().startswith("phantom ")
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
    reader, writer = os.pipe()
    os.close(reader)
    with begin("phantom", tmp_path / "tree", "--patients", "2", stdout=writer) as process:
        os.close(writer)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
        assert (tmp_path / "tree" / "manifest.json").is_file()


def test_both_streams_may_lose_their_reader(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with begin("frobnicate", stdout=writer, stderr=writer) as process:
        os.close(writer)
        assert process.wait(60) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_standard_output_on_a_full_disk():
    with open("/dev/full", "w") as full, begin("--help", stdout=full) as process:
        assert process.wait(60) == 1
        said = process.stderr.read()
    assert said.startswith("nast: what it prints: No space left on device; ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("drops", ["raise", "pass", "raise ImportError('no numpy')"])
def test_an_interruption_is_said_and_never_lost(number, drops):
    with begin(code=DROPS.format(drops=drops)) as process:
        process.stdout.readline()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (1, LINE)


@pytest.mark.parametrize("seconds", [0.3, 1.2])
def test_an_interruption_while_libraries_are_loaded(seconds):
    code = f"print(flush=True)\nimport nast.cli\n{MAIN}"
    with begin("models", "check", "phantom", code=code) as process:
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (1, LINE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_process(number, tmp_path):
    with begin("phantom", tmp_path / "t", "--patients", "2000", "--workers", "3") as process:
        while not list(tmp_path.glob("t/files/*/*/*/*.jpg")):
            assert process.poll() is None
            time.sleep(0.02)
        # Ctrl-C goes to the workers too.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        # The workers hold the pipe as long as one of them lives.
        _, said = process.communicate(timeout=60)
        assert process.returncode == (-9 if number == signal.SIGKILL else 1)
        assert said == ("" if number == signal.SIGKILL else LINE)


def test_files_that_the_machine_refuses(facts, tmp_path, capsys):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "out")
    (tmp_path / "file").write_text("mine")
    for out, said in (
        (tmp_path / "link", "File exists"),
        (tmp_path / "file" / "out", "Not a directory"),
        (tmp_path / ("n" * 300), "File name too long"),
    ):
        assert run(["benchmark", "build", str(facts), "--limit", "2", "-o", str(out)]) == 1
        line = capsys.readouterr().err
        assert line.startswith("nast: ")
        assert said in line
        assert line.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_takes_no_more(tmp_path):
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    with begin("phantom", tmp_path / "t", "--patients", "2", preexec_fn=small) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "File too large; free some, then run the same command again" in said
        assert said.count("\n") == 1


def test_errors_of_the_system_are_known_in_every_library():
    full = OSError(errno.ENOSPC, "No space left on device", "/out/scores.parquet")
    assert refused(full).startswith("/out/scores.parquet: No space left on device; free some")
    quoted = pl.exceptions.ComputeError("No space left on device (os error 28)")
    assert refused(quoted).startswith("No space left on device; ")
    from safetensors import SafetensorError

    quoted = SafetensorError("Error: No space left on device (os error 28)")
    assert refused(quoted).startswith("No space left on device; ")
    # A fault of the package is not hidden.
    assert refused(OSError("broken")) is None
    assert refused(ValueError("os error 28")) is None
    assert refused(pl.exceptions.ComputeError("no such column")) is None


def test_what_is_an_interruption():
    error = ImportError("half loaded")
    error.__context__ = KeyboardInterrupt()
    assert interrupted(error)
    assert not interrupted(ImportError("half loaded"))
    error.__context__ = error.__cause__ = None
    other = ValueError()
    error.__context__, other.__context__ = other, error
    assert not interrupted(error)
