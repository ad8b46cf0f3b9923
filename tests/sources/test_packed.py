"""Foreign files that would fill the memory or never end are refused in one line."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc

import polars as pl
import pytest
from small import tar, wide_mapping

from nast.errors import InputError
from nast.sources.cad_chest import read_cad_chest
from nast.sources.chexpert import read_chexpert
from nast.sources.io import label_tables as tables
from nast.sources.io import members, packed
from nast.sources.io.packed import GZIP, Unpacked
from nast.sources.iu_xray import read_iu_xray
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.own_table.guess import write_mapping
from nast.sources.own_table.read_table import read_table_file
from nast.sources.padchest import read_padchest

MIB = 2**20


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Bounds of a thousandth, so that tests need no gigabytes."""
    monkeypatch.setattr(packed, "HARMLESS", MIB)
    monkeypatch.setattr(packed, "AT_ONCE", 4 * MIB)


@pytest.fixture
def memory():
    """Asks how much memory was used at most, in MiB."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()


def refused(call):
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_holds_far_more_than_its_size_is_refused(tmp_path, pack):
    path = tmp_path / "x"
    path.write_bytes(pack(b"0" * 8 * MIB))
    with Unpacked(path) as file:
        assert file.read(MIB) == b"0" * MIB
        assert "holds more than 1 MiB" in refused(lambda: file.read(MIB))
        assert "holds more than 1 MiB" in refused(lambda: file.seek(2 * MIB))
        assert "a part of more than 4 MiB" in refused(lambda: file.read(5 * MIB))
        assert "a part of more than 4 MiB" in refused(file.read)
    # Data are not: they hold their own size a few times.
    path.write_bytes(pack(bytes(range(256)) * 64))
    with Unpacked(path) as file:
        assert len(file.read(MIB)) == 256 * 64
    path.write_bytes(b"plain")
    with Unpacked(path) as file:
        assert (file.read(3), file.tell(), file.seek(0), file.read(9)) == (b"pla", 3, 0, b"plain")


def test_only_asked_kinds_are_unpacked(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bz2.compress(b"data"))
    with Unpacked(path, (GZIP,)) as file:
        assert file.read(3) == b"BZh"


BLANKS = gzip.compress(b"\n" * 8 * MIB)
READERS = {
    "chexpert": lambda p: read_chexpert(p / "t.csv.gz"),
    "padchest": lambda p: read_padchest(p / "t.csv.gz"),
    "nih": lambda p: read_nih_cxr(p / "t.csv.gz"),
    "cad-chest": lambda p: read_cad_chest(p / "t.csv.gz"),
    "table": lambda p: read_table_file(p / "t.csv.gz"),
    "lines": lambda p: read_table_file(p / "t.jsonl.gz"),
    "guess": lambda p: write_mapping(p / "t.csv.gz"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_bomb_of_lines_is_refused_by_every_reader(tmp_path, memory, reader):
    for name in ("t.csv.gz", "t.jsonl.gz"):
        (tmp_path / name).write_bytes(BLANKS)
    if reader != "guess":
        wide_mapping(tmp_path / "t.mapping.yaml")
    assert "holds more than 1 MiB" in refused(lambda: READERS[reader](tmp_path))
    assert memory() < 30


def test_a_bomb_of_records_is_refused(tmp_path):
    record = json.dumps({"subject_id": 1, "study_id": 1}) + " " * 1000
    (tmp_path / "c.json").write_bytes(gzip.compress(b"[" + record.encode() + b" " * 8 * MIB))
    assert "holds more than" in refused(lambda: read_cad_chest(tmp_path / "c.json"))


def test_a_bomb_in_an_archive_is_refused(tmp_path):
    """Also in a member that is no report and would only be passed over."""
    for name, data in (("x.bin", b"0" * 8 * MIB), ("x.xml", b" " * 8 * MIB)):
        path = tar(tmp_path / "r.tgz", {name: data, "1.xml": b"<a/>"})
        assert "more than" in refused(lambda path=path: read_iu_xray(path))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_forged_header_does_not_fill_the_memory(tmp_path, memory, kind):
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 64 * MIB
    data = header.tobuf(tarfile.GNU_FORMAT) + bytes(64 * MIB)
    for name, content in (("r.tgz", gzip.compress(data, 1)), ("r.tar", data)):
        (tmp_path / name).write_bytes(content)
        held = memory()
        assert "a part of more than 4 MiB" in refused(lambda n=name: read_iu_xray(tmp_path / n))
        assert memory() < held + 10


def test_a_report_of_megabytes_is_refused(tmp_path):
    (tmp_path / "1.xml").write_bytes(b"<a>" + b"x" * members.LARGEST + b"</a>")
    assert "of more than 2 MiB" in refused(lambda: read_iu_xray(tmp_path))


ENTITIES = """<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><eCitation><uId id="CXR1"/>&c;</eCitation>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>
<eCitation><uId id="CXR1"/><MeSH><major>&b;</major></MeSH></eCitation>"""


@pytest.mark.parametrize("text", [ENTITIES, OUTSIDE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_entities_of_xml_are_refused(tmp_path, text, encoding):
    (tmp_path / "1.xml").write_bytes(text.encode(encoding))
    assert "no XML with a uId" in refused(lambda: read_iu_xray(tmp_path))


def test_short_rows_are_not_filled_up_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_CELLS", 10_000)
    monkeypatch.setattr("nast.sources.own_table.cells.MOST_CELLS", 10_000)
    wide_mapping(tmp_path / "t.mapping.yaml")
    names = [f"n{i}" for i in range(200)]
    (tmp_path / "t.csv").write_text(",".join(names) + "\n" + "1\n" * 100)
    assert "200 columns and 101 lines" in refused(lambda: read_table_file(tmp_path / "t.csv"))
    lines = [json.dumps(dict.fromkeys(names, "")), *["{}"] * 100]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert "200 names in 101 lines" in refused(lambda: read_table_file(tmp_path / "t.jsonl"))
    columns = dict.fromkeys(("patient", "study", "edema"), "1")
    rows = pl.DataFrame({"x": [0]}).select(*(pl.lit(v).alias(n) for n, v in columns.items()))
    pl.concat([rows] * 4000).write_parquet(tmp_path / "t.parquet")
    assert "4,000 rows of 3 columns" in refused(lambda: read_table_file(tmp_path / "t.parquet"))


def test_a_mapping_of_megabytes_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("patient,study,edema\n1,1,1\n")
    (tmp_path / "t.mapping.yaml").write_text("a: [" + "x, " * 2**19 + "]\n")
    assert "more than 1 MiB" in refused(lambda: read_table_file(tmp_path / "t.csv"))


def test_a_mapping_of_aliases_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("patient,study,edema\n1,1,1\n")
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    (tmp_path / "t.mapping.yaml").write_text("\n".join([*levels, "values: {present: *a59}"]))
    assert refused(lambda: read_table_file(tmp_path / "t.csv"))


def test_unpacked_is_a_file_for_archives(tmp_path):
    path = tar(tmp_path / "r.tgz", {"1.xml": b"<a/>"})
    with Unpacked(path) as content, tarfile.open(fileobj=content, mode="r:") as archive:
        assert archive.extractfile("1.xml").read() == b"<a/>"
    with Unpacked(path) as content:
        assert content.readable() and content.seekable()
        with pytest.raises(io.UnsupportedOperation):
            content.seek(0, io.SEEK_END)
