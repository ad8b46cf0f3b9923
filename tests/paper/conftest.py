"""Tiny models of every family, from the tests of the models."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "models"))
