"""Imports point downwards, and words, data and reports need no torch."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "nast"
ROOT_FILES = "access errors files folders hashes ids layers lock naming progress ranges records"
FLOORS = [
    {*ROOT_FILES.split(), "stages", "statistics", "yaml_files", ""},
    {"facts"},
    {"language"},
    {"sources", "phantom"},
    {"items"},
    {"benchmark", "contextual"},
    {"models"},
    {"exchange"},
    {"vectors", "processes"},
    {"embedding", "tracing", "scoring", "measuring"},
    {"evaluation", "training"},
    {"phantom/pretrain"},
    {"reporting"},
    {"paper"},
    {"cli", "commands", "__main__"},
]
FLOOR = {package: floor for floor, packages in enumerate(FLOORS) for package in packages}
LIGHT = [room for floor in FLOORS[:6] for room in floor if room]
LIGHT += ["exchange", "measuring", "reporting"]


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), path


def package(module):
    """`phantom.draw` -> `phantom`; the root is ``."""
    return "phantom/pretrain" if module.startswith("phantom.pretrain") else module.split(".")[0]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
        else:
            continue
        yield from (n.removeprefix("nast").lstrip(".") for n in names if n.split(".")[0] == "nast")


def test_every_module_has_a_floor():
    assert {package(m) for m, _ in modules()} <= set(FLOOR)


def test_imports_point_downwards():
    upward = [
        f"{module} imports {name}"
        for module, path in modules()
        # The root shows names to an editor, and loads them when they are first used.
        if module
        for name in imported(path)
        if FLOOR[package(name)] > FLOOR[package(module)]
    ]
    assert not upward


def python(code):
    """The last line that a fresh interpreter prints, as JSON."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("light", [LIGHT[:-1], LIGHT[-1:]], ids=["data", "reporting"])
def test_floors_without_torch(light):
    names = [f"nast.{m}" for m, _ in modules() if package(m) in light]
    code = f"""
import importlib, json, sys
bad = None
for name in {names!r}:
    importlib.import_module(name)
    if bad is None and "torch" in sys.modules:
        bad = name
print(json.dumps(bad))"""
    assert python(code) is None, "imports torch"


HELP = """
from nast.cli import run
run(["--help"])"""


@pytest.mark.parametrize(("code", "limit"), [("import nast", 0.3), (HELP, 0.6)])
def test_starts_at_once(code, limit):
    measured = f"""
{code}
import json, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, "torch" in sys.modules]))"""
    runs = [python(measured) for _ in range(3)]
    assert not any(torch for _, torch in runs)
    assert min(seconds for seconds, _ in runs) < limit
