"""The commands print counts and where the card is, and nothing about a patient."""

import cyclopts
import pytest
from exchanged import claims, finished, image

from nast.commands.exchange import export_command, import_command
from nast.errors import UsageError

DIGITS = "31415926"


@pytest.fixture
def app():
    app = cyclopts.App()
    app.command(export_command, name="export")
    app.command(import_command, name="import")
    return app


def run(app, *arguments):
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


def test_out_and_in_again(app, tmp_path, capsys):
    rows = claims(tmp_path / "files")
    marked = image(tmp_path / "files" / f"p{DIGITS}" / f"{DIGITS}.png", 9)
    for row in rows:
        if row["pair_id"] == "set-0":
            row |= {"subject_id": DIGITS, "image_path": str(marked)}
    folder = finished(tmp_path / "claims", {"claims": rows})
    out = tmp_path / "out"
    run(app, "export", folder, "-o", out, "--to", "negbench", "--seed", 1, "--limit", 5)
    said = capsys.readouterr().out
    assert "claims-test_neg.csv: 5\n" in said
    assert said.endswith(f"{out / 'README.md'}: how to run it; access class open\n")
    run(
        app,
        "import",
        out / "claims-test_neg.csv",
        "--out",
        tmp_path / "in",
        "--source",
        "negbench-mcq",
        "--access",
        "open",
    )
    said += capsys.readouterr().out
    assert "items: 5\n" in said and "scores it; access class open" in said
    marked.unlink()
    run(
        app,
        "import",
        out / "claims-test_neg.csv",
        "--out",
        tmp_path / "in",
        "--source",
        "negbench-mcq",
        "--fresh",
    )
    said += capsys.readouterr().out
    assert "missing images: 1 (listed in manifest.json)" in said and "private" not in said
    assert DIGITS not in said


def test_several_files_and_none(app, tmp_path, capsys):
    folder = finished(tmp_path / "claims", {"claims": claims(tmp_path / "files")})
    run(app, "export", folder, "-o", tmp_path / "out", "--to", "negbench")
    files = [tmp_path / "out" / f"claims-test_{form}.csv" for form in ("neg", "aff")]
    options = ("-o", tmp_path / "in", "--source", "negbench-mcq")
    run(app, "import", *files, *options)
    assert "items: 10\n" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no file to import"):
        run(app, "import", *options)
