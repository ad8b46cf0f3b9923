"""The scripted chat server of the language tests serves chat models here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "language" / "llm"))
