"""Who can open a connection, as docs/sources.md has it: only modules that are listed here."""

import ast
from pathlib import Path

import nast

ROOT = Path(nast.__file__).parent
NETWORK = {
    "httpx",
    "huggingface_hub",
    "requests",
    "urllib3",
    "aiohttp",
    "http",
    "ftplib",
    "smtplib",
    "socket",
    "ssl",
    "xmlrpc",
    "telnetlib",
    "websockets",
    "vllm",
    "wandb",
    "openai",
}
KNOWN = {
    # The client of chat servers, and its parts.
    "language/write/llm/server.py": {"httpx"},
    "language/write/llm/retry.py": {"httpx"},
    "language/write/llm/endpoints.py": {"httpx"},
    # The hub, for what is not in the cache.
    "models/weights/model_folders.py": {"huggingface_hub"},
    # Given as Python objects only, by whoever installed them.
    "training/sinks.py": {"wandb"},
}


def imported(file):
    """The first names of all modules that a file imports, at the top or within functions."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {"urllib.request"} & names | {name.partition(".")[0] for name in names} & NETWORK


def test_only_these_modules_can_open_a_connection():
    found = {str(f.relative_to(ROOT)): imported(f) for f in sorted(ROOT.rglob("*.py"))}
    assert {file: names for file, names in found.items() if names} == KNOWN


def test_transformers_reads_local_files_only():
    """Each `from_pretrained` that is called says so; others stand in words for users."""
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "from_pretrained":
                said = {keyword.arg: keyword.value for keyword in node.keywords}
                local = said.get("local_files_only")
                spread = [ast.unparse(v) for k, v in said.items() if k is None]
                assert (isinstance(local, ast.Constant) and local.value is True) or spread, file


def test_the_page_names_them():
    page = (ROOT.parents[1] / "docs" / "sources.md").read_text("utf-8")
    told = page[page.index("**Who opens a connection.**") :]
    for words in (
        "nast benchmark build",
        "nast contextual build",
        "nast evaluate chat:URL#NAME",
        "hf:OWNER/NAME",
        "HF_HUB_OFFLINE=1",
    ):
        assert words in told
