"""One name, one thing: no class or public function stands twice, and files keep their meaning."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "nast"
SAME_MEANING = {
    "__init__.py",
    "build.py",
    "card.py",
    "controls.py",
    "prompt_pairs.py",
    "replies.py",
}
"""Files that mean the same in each room: a stage, its card; what is scored and then measured."""


def test_no_class_or_public_function_stands_twice():
    places = defaultdict(list)
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if named and not node.name.startswith("_"):
                places[node.name].append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_file_name_stands_twice():
    places = defaultdict(list)
    for file in sorted(ROOT.rglob("*.py")):
        if file.name not in SAME_MEANING:
            places[file.name].append(str(file.parent.relative_to(ROOT)))
    commands = {name: rooms for name, rooms in places.items() if len(rooms) > 1}
    # A verb of the command line has the name of what it calls.
    found = {n: [r for r in rooms if r != "commands"] for n, rooms in commands.items()}
    assert {name: rooms for name, rooms in found.items() if len(rooms) > 1} == {}


def test_no_test_file_has_the_name_of_another():
    """Test folders are no packages: pytest stops at the second file of one name."""
    places = defaultdict(list)
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        if file.name != "conftest.py":
            places[file.name].append(str(file.parent))
    assert {name: rooms for name, rooms in places.items() if len(rooms) > 1} == {}
