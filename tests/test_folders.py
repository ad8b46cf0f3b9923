"""Output folders: finished or not, known by what they hold, one process at a time."""

import json
import os
import shutil
import subprocess
import sys

import polars as pl
import pytest
import yaml

from nast.errors import InputError, NastError, UsageError
from nast.files import (
    MANIFEST,
    RUN,
    TEMPORARY,
    checked,
    manifest_of,
    read_table,
    write_table,
    write_text,
)
from nast.folders import NEW, access_class, identity, seal_folder, strictest_of
from nast.hashes import file_hash
from nast.lock import LOCK, locked
from nast.stages import stage


def make(out):
    write_text(out / "result.txt", "done")
    return {"access": "open", "counts": {}}


def test_a_finished_stage_is_left_alone(tmp_path):
    source = tmp_path / "in.csv"
    write_text(source, "a")
    first = stage(tmp_path / "out", {"seed": 1}, [source], make)
    again = stage(tmp_path / "out", {"seed": 1}, [source], lambda out: pytest.fail("made again"))
    assert again == first == manifest_of(tmp_path / "out")
    assert first["inputs"] == {"../in.csv": file_hash(source)}


def test_another_configuration_needs_fresh(tmp_path):
    out, source = tmp_path / "out", tmp_path / "in.csv"
    write_text(source, "a")
    stage(out, {"seed": 1}, [source], make)
    with pytest.raises(UsageError, match="--fresh"):
        stage(out, {"seed": 2}, [source], make)
    write_text(source, "b")
    with pytest.raises(UsageError, match="other inputs"):
        stage(out, {"seed": 1}, [source], make)
    assert stage(out, {"seed": 2}, [source], make, fresh=True)["config"] == {"seed": 2}


def test_an_interrupted_stage_is_not_finished(tmp_path):
    out = tmp_path / "out"

    def broken(folder):
        write_text(folder / "half.txt", "half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        stage(out, {}, [], broken)
    assert not (out / "manifest.json").exists()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        manifest_of(out)
    with pytest.raises(UsageError, match="unfinished work of another configuration"):
        stage(out, {"seed": 1}, [], make, state="half.txt")
    assert (out / "half.txt").read_text() == "half"
    assert stage(out, {"seed": 1}, [], make)["counts"] == {}
    assert not (out / "half.txt").exists(), "nothing to go on from: cleared"
    before = sorted(os.listdir(out))
    with pytest.raises(RuntimeError):
        stage(out, {}, [], broken, fresh=True)
    assert manifest_of(out)["config"] == {"seed": 1}, "stands until a new one is whole"
    assert sorted(os.listdir(out)) == before


def test_a_finished_folder_stands_while_it_is_made_anew(tmp_path):
    out = tmp_path / "out"
    stage(out, {"seed": 1}, [], make)

    def look(folder):
        assert not (folder / "manifest.json").exists()
        assert manifest_of(out)["config"] == {"seed": 1}
        write_text(folder / "new.txt", "new")
        return make(folder)

    stage(out, {"seed": 2}, [], look, fresh=True)
    assert manifest_of(out)["config"] == {"seed": 2}
    assert (out / "new.txt").is_file() and not (out / NEW).exists()
    assert stage(out, {"seed": 2}, [], make) == manifest_of(out)


@pytest.mark.parametrize("fresh", [False, True])
def test_folders_of_others_are_not_touched(tmp_path, fresh):
    write_text(tmp_path / "thesis.tex", "mine")
    with pytest.raises(UsageError, match="did not make"):
        stage(tmp_path, {}, [], make, fresh=fresh)
    with pytest.raises(UsageError, match="is a file"):
        stage(tmp_path / "thesis.tex", {}, [], make, fresh=fresh)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("text", ["{", "a: [", "\x00", ""])
def test_a_damaged_run_file_is_our_error(tmp_path, text):
    stage(tmp_path / "out", {}, [], make)
    (tmp_path / "out" / "run.yaml").write_text(text)
    with pytest.raises(NastError):
        stage(tmp_path / "out", {}, [], make)


def test_a_missing_input_is_our_error(tmp_path):
    with pytest.raises(NastError):
        stage(tmp_path / "out", {}, [tmp_path / "gone.csv"], make)


def test_policies_of_inputs_are_inherited(tmp_path):
    stage(tmp_path / "a", {}, [], lambda out: {"access": "private", "counts": {}})
    assert stage(tmp_path / "b", {}, [tmp_path / "a"], make)["access"] == "private"


ROWS = pl.DataFrame({"answer": [0, 1, 2]})
SCHEMA = {"answer": pl.Int64}


def table_stage(folder, rows=ROWS, name="items.parquet", config=None, inputs=(), **kind):
    """A stage that leaves one table."""

    def make(out):
        write_table(out / name, rows, SCHEMA)
        return {"access": "open", "counts": {"rows": len(rows)}, **kind}

    return stage(folder, config or {"stage": "benchmark"}, inputs, make)


def test_one_input_under_every_path(tmp_path, monkeypatch):
    table_stage(tmp_path / "facts")
    monkeypatch.chdir(tmp_path)
    first = stage(tmp_path / "out", {}, ["facts"], make)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "facts")
    for way in ("./facts", tmp_path / "facts", "elsewhere/../facts", "link"):
        assert stage(tmp_path / "out", {}, [way], pytest.fail) == first
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert stage("../out", {}, ["../facts"], pytest.fail) == first
    # The tree as a whole may move.
    shutil.copytree(tmp_path / "facts", tmp_path / "moved" / "facts")
    assert identity(tmp_path / "moved" / "facts") == identity(tmp_path / "facts")
    assert stage(tmp_path / "out", {}, [tmp_path / "moved" / "facts"], pytest.fail) == first


def test_another_version_of_the_package_takes_the_folder(tmp_path, monkeypatch):
    table_stage(tmp_path / "facts")
    stage(tmp_path / "out", {}, [tmp_path / "facts"], make)
    known = identity(tmp_path / "facts")
    monkeypatch.setattr("nast.__version__", "99.0")
    assert identity(tmp_path / "facts") == known
    with pytest.warns(UserWarning, match=r"made by nast 0\.\d"):
        stage(tmp_path / "out", {}, [tmp_path / "facts"], pytest.fail)
    for name in (MANIFEST, RUN):
        path = tmp_path / "out" / name
        path.write_text(path.read_text().replace("0.1.0", "0.0.9"))
    with pytest.warns(UserWarning, match=r"made by nast 0\.0\.9"):
        stage(tmp_path / "out", {}, [tmp_path / "facts"], pytest.fail)


def test_a_folder_of_another_format_is_named_as_one(tmp_path):
    table_stage(tmp_path / "facts")
    path = tmp_path / "facts" / MANIFEST
    old = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("format", "seal")}
    path.write_text(json.dumps(old))
    with pytest.raises(InputError, match="a folder of format 1, expected format 3"):
        manifest_of(tmp_path / "facts")


def changes():
    """Ways in which a table is no longer what its folder was finished with."""
    other = pl.DataFrame({"answer": [1, 2, 0]})
    yield "answers moved by one", lambda path: other.write_parquet(path)
    yield "removed", lambda path: path.unlink()
    yield "emptied", lambda path: path.write_bytes(b"")
    yield "cut", lambda path: path.write_bytes(path.read_bytes()[:-1])

    def older(path):
        """The same size and an older time than the manifest's."""
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        before = path.stat()
        path.write_bytes(bytes(data))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    yield "a bit flipped, the time set back", older


@pytest.mark.parametrize(("what", "change"), changes(), ids=[what for what, _ in changes()])
def test_a_changed_table_is_named_and_not_read(tmp_path, what, change):
    table_stage(tmp_path / "questions")
    stage(tmp_path / "out", {}, [tmp_path / "questions"], make)
    change(tmp_path / "questions" / "items.parquet")
    for read in (
        lambda: read_table(tmp_path / "questions" / "items.parquet", SCHEMA),
        lambda: identity(tmp_path / "questions"),
        # The old result of the table as it was is not taken for one of the table as it is.
        lambda: stage(tmp_path / "out", {}, [tmp_path / "questions"], make),
        lambda: table_stage(tmp_path / "questions"),
    ):
        with pytest.raises(InputError, match=r"items\.parquet"):
            read()
    stage(tmp_path / "questions", {"stage": "benchmark"}, [], make, fresh=True)


def test_every_flipped_bit_of_a_table_is_seen(tmp_path):
    table_stage(tmp_path / "q")
    path = tmp_path / "q" / "items.parquet"
    data = path.read_bytes()
    for place in range(0, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(flipped))
        with pytest.raises(InputError, match="changed after its folder was finished"):
            read_table(path, SCHEMA)


@pytest.mark.parametrize("name", ["layer_weights.json", "controls/uniform.json"])
def test_other_files_are_checked_where_they_are_read(tmp_path, name):
    def both(out):
        write_text(out / name, "{}")
        write_text(out / "README.md", "a card")
        return make(out)

    stage(tmp_path / "trace", {}, [], both)
    (tmp_path / "trace" / "README.md").write_text("my notes")
    assert identity(tmp_path / "trace"), "a card may be edited"
    (tmp_path / "trace" / name).write_text("{ }")
    with pytest.raises(InputError, match=name):
        checked(tmp_path / "trace" / name)
    with pytest.raises(InputError, match="edit copies only"):
        identity(tmp_path / "trace")
    shutil.copyfile(tmp_path / "trace" / name, tmp_path / "mine.json")
    assert checked(tmp_path / "mine.json") == tmp_path / "mine.json"


def test_a_file_that_was_put_into_a_finished_folder_is_not_taken_for_its_own(tmp_path):
    table_stage(tmp_path / "q")
    shutil.copyfile(tmp_path / "q" / "items.parquet", tmp_path / "q" / "captions.parquet")
    with pytest.raises(InputError, match="put there after the folder was finished"):
        read_table(tmp_path / "q" / "captions.parquet", SCHEMA)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 9999, b'{"format": 2}'])
def test_a_manifest_that_is_none_is_our_error(tmp_path, data):
    table_stage(tmp_path / "q")
    (tmp_path / "q" / MANIFEST).write_bytes(data)
    for read in (manifest_of, identity, access_class, lambda folder: table_stage(folder)):
        with pytest.raises(InputError, match=r"manifest\.json"):
            read(tmp_path / "q")


def test_floats_are_no_part_of_what_a_folder_is(tmp_path):
    """Two processors differ in the last digit of a score, and in nothing else."""
    for name, score in (("here", 0.1), ("there", 0.1 + 2**-55)):
        scored = pl.DataFrame({"answer": [0], "score": [score]})
        table_stage(tmp_path / name, scored, "scores.parquet", {"stage": "evaluate"})
    assert identity(tmp_path / "here") == identity(tmp_path / "there")
    here, there = (manifest_of(tmp_path / name)["files"] for name in ("here", "there"))
    assert here["scores.parquet"] != there["scores.parquet"]
    table_stage(tmp_path / "other", ROWS, config={"stage": "evaluate"})
    assert identity(tmp_path / "other") != identity(tmp_path / "here")


def test_an_edited_class_opens_nothing(tmp_path):
    table_stage(tmp_path / "facts", access="credentialed")
    table_stage(tmp_path / "questions", inputs=[tmp_path / "facts"])
    path = tmp_path / "questions" / MANIFEST
    made = json.loads(path.read_text())
    assert made["access"] == "credentialed"
    path.write_text(json.dumps(made | {"access": "open"}))
    with pytest.raises(InputError, match="a manifest that was changed"):
        strictest_of([tmp_path / "questions"])
    # Sealed again, it is still asked what it was made from.
    seal_folder(tmp_path / "questions", made | {"access": "open"})
    assert manifest_of(tmp_path / "questions")["access"] == "open"
    assert strictest_of([tmp_path / "questions"]) == "credentialed"
    assert (
        table_stage(tmp_path / "out", inputs=[tmp_path / "questions"])["access"] == "credentialed"
    )


def test_emptying_that_is_interrupted_leaves_no_result(tmp_path, monkeypatch):
    out = tmp_path / "out"
    table_stage(out)

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("nast.folders.Path.iterdir", killed)
    with pytest.raises(KeyboardInterrupt):
        stage(out, {"seed": 2}, [], make, fresh=True)
    monkeypatch.undo()
    # Whatever is asked for next is made whole, and nothing old is left.
    assert stage(out, {"seed": 3}, [], make)["config"] == {"seed": 3}
    assert sorted(os.listdir(out)) == [MANIFEST, "result.txt", RUN]


def test_leftovers_of_a_killed_stage_are_not_of_the_next(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{RUN}.0a1b2c3d.part").write_text("half")
    (out / LOCK).write_text("process 1 on a machine that is off")
    made = stage(out, {}, [], make)
    assert sorted(os.listdir(out)) == [MANIFEST, "result.txt", RUN]
    assert list(made["files"]) == ["result.txt"]
    (out / MANIFEST).unlink()
    write_text(out / "old.txt", "of the killed one")
    assert list(stage(out, {}, [], make)["files"]) == ["result.txt"]


def test_files_have_the_permissions_that_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        made = stage(tmp_path / "out", {}, [], make)
    finally:
        os.umask(before)
    names = [*made["files"], MANIFEST, RUN]
    assert {(tmp_path / "out" / n).stat().st_mode & 0o777 for n in names} == {0o640}


WORKER = """
import sys, time
from pathlib import Path
from nast.stages import stage

def make(out):
    print("working", flush=True)
    sys.stdin.readline()
    (out / "result.txt").write_text(sys.argv[2])
    return {"access class": "open", "counts": {}}

stage(Path(sys.argv[1]), {"seed": sys.argv[2]}, [], make, fresh=True)
"""


def start(folder, seed):
    command = [sys.executable, "-c", WORKER, str(folder), seed]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, text=True, **pipes)


def test_one_process_at_a_time_works_in_a_folder(tmp_path):
    first = start(tmp_path / "out", "1")
    assert first.stdout.readline() == "working\n"
    with pytest.raises(UsageError, match=f"process {first.pid} on .* is working in it"):
        stage(tmp_path / "out", {"seed": "2"}, [], make, fresh=True)
    first.communicate("\n")
    assert first.returncode == 0
    assert (tmp_path / "out" / "result.txt").read_text() == "1"
    assert LOCK not in os.listdir(tmp_path / "out")
    # A process that was killed holds nothing.
    second = start(tmp_path / "out", "2")
    assert second.stdout.readline() == "working\n"
    second.kill()
    second.communicate()
    assert (tmp_path / "out" / "result.txt").read_text() == "1", "what was there stands"
    assert stage(tmp_path / "out", {"seed": "1"}, [], make)["config"] == {"seed": "1"}
    assert not (tmp_path / "out" / NEW).exists()
    assert stage(tmp_path / "out", {"seed": "3"}, [], make, fresh=True)["counts"] == {}


@pytest.mark.parametrize("instead", ["nothing", "another"])
def test_a_folder_that_goes_while_it_is_written_is_no_success(tmp_path, instead):
    def goes(out):
        shutil.rmtree(out)
        if instead == "another":
            out.mkdir()
        write_text(out / "result.txt", "done")
        return {"access": "open", "counts": {}}

    with pytest.raises(NastError, match="removed or replaced while it was written"):
        stage(tmp_path / "out", {}, [], goes)
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def unable(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("nast.lock.fcntl.flock", unable)
    with locked(tmp_path), locked(tmp_path):
        pass
    assert stage(tmp_path / "out", {}, [], make)["counts"] == {}


def test_run_yaml_says_what_was_asked(tmp_path):
    table_stage(tmp_path / "facts")
    stage(tmp_path / "out", {"seed": 1}, [tmp_path / "facts"], make)
    run = yaml.safe_load((tmp_path / "out" / RUN).read_text())
    assert run["config"] == {"seed": 1} and run["format"] == 3
    assert run["inputs"] == {"../facts": identity(tmp_path / "facts")}


def test_starting_over_removes_no_folder_of_another_command(tmp_path):
    stage(tmp_path / "facts", {"stage": "x"}, [], make)
    stage(tmp_path / "facts" / "run", {"stage": "y"}, [], make)
    with pytest.raises(UsageError, match=r"run is a folder of another .* move it out"):
        stage(tmp_path / "facts", {"stage": "x", "seed": 1}, [], make, fresh=True)
    assert manifest_of(tmp_path / "facts") and manifest_of(tmp_path / "facts" / "run")


def test_a_finished_folder_that_cannot_be_written_is_taken_with_leftovers(tmp_path, monkeypatch):
    made = stage(tmp_path, {"stage": "x"}, [], make)
    (tmp_path / f".a.json.1234abcd{TEMPORARY}").write_text("")

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("nast.stages.locked", refuse)
    assert stage(tmp_path, {"stage": "x"}, [], make) == made


def test_a_manifest_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    stage(tmp_path, {"stage": "x"}, [], make)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(InputError, match="found permission denied"):
        manifest_of(tmp_path)
