"""Kills every stage at every file event and compares what the next run leaves.

    python -m tests.crash [--points N] [--seconds S] [STAGE ...]

A stage is run once to count its file events (a file opened for writing, renamed, linked or
removed, a folder made or removed), and once more for each of them, to be killed there with
SIGKILL. The command is then given again, and must leave the same bytes as if nothing had happened.

Three starts: `new`, where there is no folder; `fresh`, over its own finished folder with --fresh,
after which the plain command is given; and `other`, over the folder of another configuration.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

STARTS = ("new", "fresh", "other")
CONFIGURED = "manifest.json", "run.yaml"


class Stage(NamedTuple):
    """A command without its output folder, and options of another configuration, if it has any."""

    call: list[str]
    other: list[str] | None
    out: str = "-o"


def stages(root: Path) -> dict[str, Stage]:
    """The stages, on inputs below `root` that `prepare` has made."""
    facts, questions, claims = (str(root / n) for n in ("facts", "questions", "claims"))
    tree, tiny, run = root / "tree", f"hf:{root / 'tiny'}", f"run:{root / 'run'}"
    sources = [f"mimic-cxr-jpg:{tree}", f"cad-chest:{tree / 'cad_disease.json'}"]
    train = ["train", tiny, facts, claims, "--captions", "8", "--claims", "4"]
    seed = ["--seed", "5"]
    return {
        "phantom": Stage(["phantom", "--patients", "3"], seed, ""),
        "facts": Stage(["facts", *sources], ["--cut", "2"]),
        "questions": Stage(["benchmark", "build", facts, "--limit", "4"], seed),
        "claims": Stage(["contextual", "build", facts, "--groups", "6"], seed),
        "trace": Stage(["trace", tiny, facts, "--aggregation", "module"], ["--beta", "2"]),
        "train": Stage([*train, "--steps", "3"], seed),
        # What is varied stands in its file alone.
        "grid": Stage([*train[:4], "--grid", str(root / "grid.yaml")], None),
        "evaluate": Stage(["evaluate", tiny, run, questions, claims], seed),
        "report": Stage(
            ["report", str(root / "scores"), str(root / "trace"), str(root / "run")], [questions]
        ),
        "export": Stage(["contextual", "export", claims, "--to", "jsonl"], seed),
        "shards": Stage(["contextual", "export", claims, "--to", "open-clip"], seed),
        "import": Stage(
            ["benchmark", "import", str(root / "exported" / IMPORTED), "--source", "jsonl"],
            ["--access", "credentialed"],
        ),
        "review": Stage(["benchmark", "review", "export", questions], seed),
        "weights": Stage(["models", "export", run, "--to", "hf"], None),
    }


IMPORTED = "claims-test.jsonl"
GRID = "seed: [0, 1]\nsteps: 2\ncaptions: 8\nclaims: 4\n"


def prepare(root: Path) -> None:
    """What the stages read: a phantom, its facts, sets, a model, a run, scores and exports."""
    from built import validated, write_tiny_clip

    made = stages(root)
    write_tiny_clip(root / "tiny")
    (root / "grid.yaml").write_text(GRID)
    nast("phantom", str(root / "tree"), "--patients", "60", "--seed", "3")
    for name, stage in (
        ("facts", "facts"),
        ("questions", "questions"),
        ("claims", "claims"),
        ("run", "train"),
        ("trace", "trace"),
        ("scores", "evaluate"),
        ("exported", "export"),
    ):
        nast(*made[stage].call, "-o", str(root / name))
        if name == "claims":
            validated(root / name)


def nast(*call: str) -> None:
    """Run a command of nast in this process; any other end than success is a failure."""
    from nast.cli import run

    code = run(list(call))
    if code:
        raise SystemExit(f"{' '.join(call)}: exit code {code}")


def in_child(work: Callable[[], Any], log: Path) -> int:
    """Do something in a forked process; its exit code, negative for the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with open(log, "a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        work()
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(root: Path, kill_at: int, count: Path) -> None:
    """Count this process's file events below `root`; SIGKILL itself before number `kill_at`."""
    main, seen, place = os.getpid(), 0, str(root)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS and not (event == "open" and arguments[2] & WRITING):
            return
        path = arguments[0]
        if not isinstance(path, (str, os.PathLike)) or os.getpid() != main:
            return
        if not os.path.abspath(path).startswith(place):
            return
        seen += 1
        if seen == kill_at:
            os.kill(main, signal.SIGKILL)
        os.write(counter, b".")

    counter = os.open(count, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.addaudithook(hook)


def digests(folder: Path) -> dict[str, str]:
    """Relative path -> hash of every file below a folder."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def known_by(folder: Path, moving: set[str]) -> dict[str, Any]:
    """What must be equal: every file but those of `moving`, and the manifests without these."""
    found: dict[str, Any] = {}
    for name, value in digests(folder).items():
        if name in moving:
            found[name] = "there"
        elif Path(name).name == "manifest.json" and moving:
            made = json.loads((folder / name).read_bytes())
            found[name] = {n: h for n, h in made["files"].items() if n not in moving}
        else:
            found[name] = value
    return found


class Bench:
    """The stages on one set of inputs, and what they leave when nobody kills them."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log.txt"
        self.stages = stages(root / "in")
        self.place = root / "work"
        if in_child(lambda: prepare(root / "in"), self.log):
            raise SystemExit(f"the inputs cannot be made:\n{self.log.read_text()[-2000:]}")

    def call(self, name: str, *more: str) -> list[str]:
        """The command of a stage with its output folder."""
        stage, out = self.stages[name], str(self.place / "out")
        return [*stage.call, *([stage.out] if stage.out else []), out, *more]

    def run(self, call: list[str], kill_at: int = 0) -> int:
        """Run a command, killed at an event; its exit code."""

        def work() -> None:
            import nast.training.trainer as trainer

            trainer.SAVE_SECONDS = 0.0
            watch(self.place, kill_at, self.root / "count")
            nast(*call)

        return in_child(work, self.log)

    def start(self, name: str, start: str) -> None:
        """The state of the disk before the command that is killed."""
        import shutil

        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        if start != "new":
            more = self.stages[name].other if start == "other" else []
            self.succeed(self.call(name, *(more or [])))

    def succeed(self, call: list[str]) -> None:
        """Run a command that must succeed."""
        if self.run(call):
            raise SystemExit(f"{' '.join(call)} fails:\n{self.log.read_text()[-2000:]}")

    def wanted(self, name: str) -> tuple[dict[str, Any], set[str]]:
        """What a stage leaves, and its files that differ from run to run."""
        found = []
        for _ in range(2):
            self.start(name, "new")
            self.succeed(self.call(name))
            found.append(digests(self.place))
        moving = {n for n in found[0] if found[0][n] != found[1].get(n)}
        moving = {n for n in moving if Path(n).name not in CONFIGURED}
        return known_by(self.place, moving), moving

    def points(self, name: str, start: str) -> int:
        """How many file events the killed command has."""
        self.start(name, start)
        self.succeed(self.call(name, *([] if start == "new" else ["--fresh"])))
        return len((self.root / "count").read_bytes())

    def kill(
        self, name: str, start: str, point: int, wanted: dict[str, Any], moving: set[str]
    ) -> str:
        """Kill a stage at a point and run it again: `equal`, or what went wrong."""
        self.start(name, start)
        code = self.run(self.call(name, *([] if start == "new" else ["--fresh"])), point)
        if code != -signal.SIGKILL:
            return f"was not killed (exit code {code})"
        code = self.run(self.call(name, *(["--fresh"] if start == "other" else [])))
        if code:
            return f"refused: {self.log.read_text().strip().splitlines()[-2][:200]}"
        found = known_by(self.place, moving)
        differ = sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n))
        return f"differs in {', '.join(differ[:5])}" if differ else "equal"


def campaign(bench: Bench, names: list[str], points: int, seconds: float) -> list[dict[str, Any]]:
    """Kill stages; one row for each stage and start.

    Args:
        bench: see `Bench`.
        names: of stages; all if empty.
        points: at most so many a stage and start, evenly spread; 0 for all.
        seconds: after so many no further stage is begun; 0 for no limit.
    """
    begun, rows = time.monotonic(), []
    for name in names or list(bench.stages):
        wanted, moving = bench.wanted(name)
        for start in STARTS:
            if start == "other" and bench.stages[name].other is None:
                continue
            if seconds and time.monotonic() - begun > seconds:
                return rows
            every = range(1, bench.points(name, start) + 1)
            chosen = every if not points else every[:: max(1, len(every) // points)][:points]
            ends = {p: bench.kill(name, start, p, wanted, moving) for p in chosen}
            bad = {p: end for p, end in ends.items() if end != "equal"}
            rows.append(
                {
                    "stage": name,
                    "start": start,
                    "events": len(every),
                    "killed": len(ends),
                    "equal": len(ends) - len(bad),
                    "bad": bad,
                    "moving": sorted(moving),
                }
            )
            print(
                f"{name:10} {start:6} events {len(every):4}  killed {len(ends):4}  equal "
                f"{len(ends) - len(bad):4}  {bad or ''}",
                flush=True,
            )
    return rows


def load() -> None:
    """Import what the stages import: every forked process then starts at once."""
    import nast.commands.train
    import nast.evaluation
    import nast.exchange.export
    import nast.exchange.importing
    import nast.models.model_export
    import nast.models.registry
    import nast.reporting.report
    import nast.training.grid  # noqa: F401


def main(arguments: list[str] | None = None) -> int:
    """The campaign as a command; its exit code is 1 where a point does not end equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*")
    parser.add_argument("--points", type=int, default=0, help="a stage and start; all by default")
    parser.add_argument("--seconds", type=float, default=0, help="begin no stage after so many")
    asked = parser.parse_args(arguments)
    os.environ |= {"OMP_NUM_THREADS": "1", "NAST_DEVICE": "cpu"}
    sys.path.insert(0, str(Path(__file__).parent))
    load()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAST_KEY_FILE"] = f"{folder}/id.key"
        begun = time.monotonic()
        rows = campaign(Bench(Path(folder)), asked.stages, asked.points, asked.seconds)
        took = time.monotonic() - begun
    killed, equal = (sum(row[n] for row in rows) for n in ("killed", "equal"))
    print(f"{killed} kills in {took:.0f} s, {equal} of them without a trace")
    for row in rows:
        if row["moving"] and row["start"] == "new":
            print(f"{row['stage']}: differs from run to run: {', '.join(row['moving'])}")
    return int(killed != equal)


if __name__ == "__main__":
    sys.exit(main())
