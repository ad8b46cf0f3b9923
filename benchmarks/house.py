"""How large the house is, and how much of it one fact passes on its way to Table 1.

    python benchmarks/house.py [--trace]

Lines as `ruff format` writes them, files and functions of the package, room by room. With `--trace`
a small phantom goes through `nast facts`, `nast contextual build`, `nast evaluate` (claim sets and
captions) and `nast report`, and every function of the package is counted, once, that is given facts
on the way: as a fact, as a tuple of them, as a group that chooses between them, or as a table in
which they, the texts that say them, or the scores and values of these texts are a column.
"""

import argparse
import ast
import contextlib
import io
import os
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import nast

ROOT = Path(nast.__file__).parent
WORDS = ("facts", "contextual build", "evaluate", "report")


def room_of(file: Path) -> str:
    parts = file.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else "(root)"


def sizes() -> dict[str, Counter[str]]:
    """Room -> its lines, files, functions and lines of documentation."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for file in sorted(ROOT.rglob("*.py")):
        text = file.read_text("utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        words = [
            n.end_lineno - n.lineno + 1
            for n in nodes
            if isinstance(n, ast.Expr)
            and isinstance(n.value, ast.Constant)
            and isinstance(n.value.value, str)
        ]
        functions = sum(isinstance(n, ast.FunctionDef) for n in nodes)
        found[room_of(file)] += Counter(
            lines=len(text.splitlines()), files=1, functions=functions, words=sum(words)
        )
    return found


COLUMNS = {"condition", "facts", "fact", "claims", "options", "score", "correct", "value"}
"""Columns that hold a fact, what says it, or what becomes of that."""


def holds(value: object, depth: int = 2) -> bool:
    """Whether a value is facts, or a table of what became of them."""
    if type(value).__name__ in ("Fact", "Group", "Statement"):
        return True
    if hasattr(value, "columns") and hasattr(value, "schema"):
        return bool(COLUMNS & set(value.columns))
    if depth and isinstance(value, tuple | list):
        return any(holds(part, depth - 1) for part in value[:3])
    if depth and isinstance(value, dict):
        return any(holds(part, depth - 1) for part in [*value.values()][:3])
    return False


def called(work: Path) -> tuple[set[tuple[str, str, int]], dict[str, int]]:
    """Functions of the package that are given facts on the way to Table 1, and how many a step."""
    from nast.cli import run

    seen: set[tuple[str, str, int]] = set()
    place = str(ROOT) + os.sep

    def look(frame, event, _):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(place) or code.co_name[0] == "<":
            return
        key = (code.co_filename, code.co_name, code.co_firstlineno)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if key not in seen and any(holds(frame.f_locals.get(name)) for name in names):
            seen.add(key)

    tree, facts, claims, scores = (str(work / n) for n in ("tree", "facts", "claims", "scores"))
    calls = [
        ["facts", f"mimic-cxr-jpg:{tree}", f"cad-chest:{tree}/cad_disease.json", "-o", facts],
        ["contextual", "build", facts, "--groups", "6", "-o", claims],
        ["evaluate", "phantom", claims, "-o", scores],
        ["report", scores, "-o", str(work / "report")],
    ]
    steps = {}
    with contextlib.redirect_stdout(io.StringIO()):
        if run(["phantom", tree, "--patients", "60", "--seed", "3"]):
            raise SystemExit("no phantom")
        for name, call in zip(WORDS, calls, strict=True):
            before = len(seen)
            sys.setprofile(look)
            code = run(call)
            sys.setprofile(None)
            if code:
                raise SystemExit(f"nast {name} ends with {code}")
            steps[name] = len(seen) - before
    return seen, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trace", action="store_true", help="also count what a fact's way calls")
    asked = parser.parse_args()
    found = sizes()
    for room, count in sorted(found.items(), key=lambda p: -p[1]["lines"]):
        print(f"{room:12} {count['lines']:6,} lines  {count['files']:4} files")
    total = sum(found.values(), Counter())
    print(
        f"whole: {total['lines']:,} lines ({total['words']:,} of documentation), "
        f"{total['files']} files, {total['functions']:,} functions"
    )
    if asked.trace:
        with tempfile.TemporaryDirectory() as work:
            seen, steps = called(Path(work))
        rooms = Counter(room_of(Path(file)) for file, _, _ in seen)
        files = {file for file, _, _ in seen}
        print(f"given facts on the way to Table 1: {len(seen)} functions in {len(files)} files")
        print("by step:", ", ".join(f"{name} {number}" for name, number in steps.items()))
        print("by room:", ", ".join(f"{room} {number}" for room, number in rooms.most_common()))


if __name__ == "__main__":
    main()
