"""A table of sentences with readings written by hand, from the meaning and not from the reader.

`sentences.tsv` takes the cue lists of NegEx, ConText, CheXpert and RadText, Table 5, and wordings
of reports. A reading names each fact once ("absent Edema; present Pleural Effusion: left, mild"),
or is "nothing" where a sentence leaves all open. The mark `known` stands for what the reader gets
wrong; a test tells when one is mended. The held-out sentences were written before the rules that
they test ("first") and after them ("second"), and read once before any rule was changed for them.
"""

from collections import Counter

from read_by_hand import reading, rows

from nast.facts.conditions import CONDITIONS
from nast.language.read.parse import facts_of

ROWS = rows("sentences.tsv")
ORIGINS = {"NegEx", "ConText", "CheXpert", "RadText", "Table 5", "reports", "own"}


def misread(told):
    return [
        f"{row['sentence']} -> {facts_of(row['sentence'])}, not {row['reading']}"
        for row in told
        if facts_of(row["sentence"]) != reading(row["reading"])
    ]


def test_the_table_has_its_shape():
    assert len(ROWS) >= 600
    assert all(set(row) == {"category", "origin", "mark", "sentence", "reading"} for row in ROWS)
    assert {row["origin"] for row in ROWS} == ORIGINS
    assert {row["mark"] for row in ROWS} == {"", "known"}
    assert len({row["sentence"].casefold() for row in ROWS}) == len(ROWS)
    assert {f.condition for row in ROWS for f in reading(row["reading"])} == set(CONDITIONS)
    sizes = Counter(row["category"] for row in ROWS)
    assert min(sizes.values()) >= 15
    assert sum(sizes[c] for c in sizes if c.startswith("held-out")) >= 100


def test_every_sentence_reads_as_its_meaning():
    wrong = misread(row for row in ROWS if not row["mark"])
    assert not wrong, "\n".join(wrong)


def test_known_faults_are_few_and_still_there():
    known = [row for row in ROWS if row["mark"]]
    assert len(known) <= 0.03 * len(ROWS)
    assert len(misread(known)) == len(known), "one is mended: take its mark away"


def test_capitals_and_spaces_do_not_matter():
    for row in ROWS:
        said = facts_of(row["sentence"])
        assert facts_of(row["sentence"].upper()) == said, row["sentence"]
        assert facts_of(row["sentence"].replace(", ", " , ")) == said, row["sentence"]


def test_a_sentence_before_or_after_changes_nothing():
    for row in ROWS:
        said = facts_of(row["sentence"])
        end = "" if row["sentence"][-1] in ".!?" else "."
        around = f"No change. {row['sentence']}{end} The trachea is midline."
        assert facts_of(around) == said, around
