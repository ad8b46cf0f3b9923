"""Names of folders and files are names: no pattern, no home folder, no address."""

import shutil

import polars as pl
import pytest
from built import question_set, resealed
from made_up import one

from nast.cli import run
from nast.files import manifest_of

NAMES = {
    "q[12]": ["q1", "q2"],
    "a*b": ["ab", "axb"],
    "x?": ["xy"],
    "{c,d}": ["c", "d"],
    "with space": ["with"],
    "h#h": ["h"],
    "p%20q": ["p q"],
    "split=test": ["split"],
    "Größe": ["Grosse"],
    "~": [],
}
"""A name, and those of folders that it would mean to a reader of patterns."""


@pytest.fixture
def place(facts, tmp_path, monkeypatch):
    """Makes a working folder with questions under a name, and others that it could be taken for."""

    def make(name, root=""):
        home = tmp_path / "home"
        for folder in (*NAMES[name], "home"):
            shutil.copytree(question_set(facts), tmp_path / folder)
            less = pl.read_parquet(tmp_path / folder / "items.parquet").head(4)
            less.write_parquet(tmp_path / folder / "items.parquet")
            resealed(tmp_path / folder)
        shutil.copytree(question_set(facts), tmp_path / name)
        resealed(tmp_path / name, access="credentialed")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(home))
        return str(tmp_path / name) if root else name

    return make


@pytest.mark.parametrize(
    ("name", "absolute"),
    [(n, "absolute") for n in NAMES] + [(n, "") for n in NAMES],
)
def test_what_is_exported_is_what_was_named(name, absolute, place, tmp_path):
    folder = place(name, absolute)
    before = manifest_of(tmp_path / name)
    assert run(["benchmark", "export", folder, "--to", "jsonl", "-o", "out"]) == 0
    made = manifest_of(tmp_path / "out")
    assert made["access"] == "credentialed"
    assert sum(made["counts"].values()) == before["counts"]["questions"] > 4
    # And out into a folder of such a name, and in again from there.
    assert run(["benchmark", "export", folder, "--to", "csv", "-o", f"{folder}/../o{name}"]) == 0
    assert manifest_of(tmp_path / f"o{name}")["counts"]
    file = next((tmp_path / "out").glob("*.jsonl"))
    (tmp_path / f"in{name}").mkdir()
    shutil.copy(file, tmp_path / f"in{name}" / "a.jsonl")
    call = ["benchmark", "import", f"in{name}/a.jsonl", "--source", "jsonl", "-o", f"i{name}"]
    assert run(call) == 0
    assert (tmp_path / f"i{name}" / "items.parquet").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_scored_and_reported_is_what_was_named(name, place, tmp_path):
    folder = place(name)
    items = pl.read_parquet(tmp_path / name / "items.parquet", glob=False)
    rows = [
        {"item": item, "option": option, "score": float(option == answer)}
        for item, answer in items.select("item_id", "answer").iter_rows()
        for option in range(4)
    ]
    scored = tmp_path / name / ".." / f"s{name}"
    scored.mkdir()
    for suffix, write in (
        ("csv", pl.DataFrame.write_csv),
        ("jsonl", pl.DataFrame.write_ndjson),
        ("parquet", pl.DataFrame.write_parquet),
    ):
        write(pl.DataFrame(rows), scored / f"m{name}.{suffix}")
        out = f"e{name}/{suffix}" if name != "~" else f"~/{suffix}"
        model = f"scores:s{name}/m{name}.{suffix}"
        call = ["evaluate", model, f"./{folder}", "--split", "all", "-o", out]
        assert run(call) == 0
        metrics = pl.read_parquet(tmp_path / out / "metrics.parquet", glob=False)
        found = one(metrics, model=f"m{name}", form="negated", statistic="accuracy")
        assert found["n"] == len(items.filter(form="negated"))
    assert run(["report", out, f"./{folder}", "-o", f"r{name}"]) == 0
    page = (tmp_path / f"r{name}" / "report.html").read_text()
    assert "Best blind baseline" in page and "Left out" not in page
    assert not list((tmp_path / "home").glob("*/**/scores.parquet"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_encoded_is_what_was_named(name, place, tiny_clip, tmp_path, capsys):
    folder = place(name)
    call = ["embed", f"hf:{tiny_clip}", folder, "--vectors", f"{name}-vectors"]
    call[-1] = "~/vectors" if name == "~" else call[-1]
    items = pl.read_parquet(tmp_path / name / "items.parquet", glob=False)
    texts = set(items["options"].explode())
    assert run(call) == 0
    assert f"texts {len(texts)}, texts encoded {len(texts)}, " in capsys.readouterr().out
    assert run(call) == 0
    assert f"texts {len(texts)}, texts encoded 0, " in capsys.readouterr().out
    assert (tmp_path / call[-1]).is_dir()


@pytest.mark.parametrize("command", ["phantom {}", "facts mimic-cxr-jpg:x -o {}", "report x -o {}"])
def test_a_name_that_is_no_text_is_refused_in_one_line(command, tmp_path, capsys):
    """Tables and cards hold names as text; such a one cannot stand in them."""
    assert run([a.format(f"{tmp_path}/f\udcff") for a in command.split()]) == 2
    told = capsys.readouterr().err
    assert "is no text" in told and "LC_ALL" in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
