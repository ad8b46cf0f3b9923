"""docs/paper_map.md names functions and tests that exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(
    r"^\| .+? \| `([\w.]+):(\w+)` \| `(tests/[\w/.]+)` \|",
    (ROOT / "docs" / "paper_map.md").read_text(),
    re.MULTILINE,
)


def test_every_row_is_read():
    lines = (ROOT / "docs" / "paper_map.md").read_text().splitlines()
    assert len(ROWS) == sum(line.startswith("| ") for line in lines) - 1 > 20


@pytest.mark.parametrize(("module", "name", "test"), ROWS)
def test_row(module, name, test):
    assert getattr(import_module(module), name).__doc__
    assert f"import {name}" in (text := (ROOT / test).read_text()) or name in text
