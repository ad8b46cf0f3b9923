"""Sentences of the kinds that readers of reports get wrong, in three tables.

`cases.tsv`: modelled on public reports of failures of other readers, column `source`. `kinds.tsv`:
the same kinds, written in several rounds by writers who had not seen the reader, and by others who
searched it for faults ("found faults"); each round was read once before a rule was changed for it.
Where readers may differ, the alternatives are parted by " | ".
"""

import pytest
from read_by_hand import misread, rows, score

CASES = [(row["sentence"], row["reading"]) for row in rows("cases.tsv")]
KINDS = rows("kinds.tsv")


def test_no_case_is_misheard():
    count = score(CASES)
    assert count["sentences"] == 101
    assert count["flipped"] == count["extra"] == 0
    assert count["right"] >= 97, "\n".join(misread(CASES))


@pytest.mark.parametrize("origin", sorted({row["origin"] for row in KINDS}))
def test_kinds_of_faults(origin):
    told = [(row["sentence"], row["reading"]) for row in KINDS if row["origin"] == origin]
    count = score(told)
    if origin == "found faults":
        assert count["extra"] <= 0.04 * len(told), "\n".join(misread(told))
    else:
        assert count["extra"] == 0, "\n".join(misread(told))
        assert count["right"] >= 0.7 * len(told)
