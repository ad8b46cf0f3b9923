"""The paper's filter and balanced groups, on labels made by hand."""

from itertools import product

import polars as pl
import pytest

from nast.benchmark.configurations import balanced_groups, consistent, eligible
from nast.facts.conditions import CONDITIONS

NAMES = CONDITIONS.labelled()
WORDS = {"+": "present", "-": "absent", "?": "uncertain", ".": "not_mentioned"}


def studies(*labels, subjects=None, split="test", **columns):
    """One study per text of marks; marks stand for the conditions in order, then blanks."""
    rows = []
    for number, marks in enumerate(labels):
        values = [WORDS[m] for m in marks.ljust(len(NAMES), ".")]
        subject = subjects[number] if subjects else f"p{number}"
        rows.append(
            {
                "subject_id": subject,
                "study_id": f"s{number}",
                "split": split,
                **dict(zip(NAMES, values, strict=True)),
            }
        )
    return pl.DataFrame(rows).with_columns(pl.Series(n, v) for n, v in columns.items())


@pytest.mark.parametrize(
    ("marks", "passes"),
    [
        ("++---", True),
        ("+----", False),
        ("++--?", False),
        ("++--.", False),
        ("+++++", False),
        ("+?---", False),
        ("++---????", True),
        ("-" * 11 + "++", True),
        ("." * 13, False),
    ],
)
def test_two_present_and_three_absent(marks, passes):
    assert len(eligible(studies(marks))) == passes


def test_no_finding_is_left_out():
    table = studies("++---", "++---", "++---", **{"No Finding": ["present", "uncertain", None]})
    assert eligible(table)["study_id"].to_list() == ["s1", "s2"]


def test_hierarchy_contradictions_are_left_out():
    place = {name: i for i, name in enumerate(NAMES)}
    marks = ["."] * 13
    marks[place["Edema"]], marks[place["Lung Opacity"]] = "+", "-"
    assert consistent(studies("".join(marks), "+" * 13))["study_id"].to_list() == ["s1"]
    assert len(consistent(studies("+" * 13).head(0))) == 0


CONFIGURATIONS = ["".join(c) for c in product("+-", repeat=3)]
FREE = [NAMES.index(n) for n in ("Fracture", "Pleural Effusion", "Support Devices")]


def spread(three):
    marks = ["."] * 13
    for place, mark in zip(FREE, three, strict=True):
        marks[place] = mark
    return "".join(marks)


ALL = [spread(c) for c in CONFIGURATIONS]


def check(groups, table, uses=4):
    served = {}
    for group in groups:
        rows = [table.row(by_predicate=pl.col("study_id") == s, named=True) for s in group.studies]
        assert len({r["subject_id"] for r in rows}) == 4
        assert len(set(group.options)) == 4
        for row, (_, place) in zip(rows, group.members, strict=True):
            labels = {name: row[name] for name in group.conditions}
            assert labels == {f.condition: f.existence for f in group.options[place]}
            assert row["split"] == group.split
            assert not CONDITIONS.contradicts_hierarchy(labels)
            served[row["study_id"]] = served.get(row["study_id"], 0) + 1
    assert max(served.values(), default=0) <= uses


@pytest.mark.parametrize("uses", [1, 3])
def test_eight_studies_of_one_triple(uses):
    table = studies(*ALL)
    groups = balanced_groups(table, seed=0, uses=uses)
    # Eight studies, each used `uses` times, four to a group.
    assert len(groups) == 2 * uses
    assert {tuple(g.conditions) for g in groups} == {tuple(NAMES[i] for i in FREE)}
    check(groups, table, uses)


def test_no_group_without_four_configurations_or_patients():
    assert balanced_groups(studies(*ALL[:3], *ALL[:3]), 0) == []
    assert balanced_groups(studies(*ALL[:4], subjects=["a", "a", "b", "c"]), 0) == []
    assert len(balanced_groups(studies(*ALL[:4]), 0, uses=1)) == 1
    assert balanced_groups(studies(*[m.replace("-", "?") for m in ALL]), 0) == []


def test_groups_stay_within_a_split():
    table = pl.concat([studies(*ALL[:4], split="test"), studies(*ALL[4:], split="train")])
    table = table.with_columns(
        subject_id=pl.Series([f"p{i}" for i in range(8)]),
        study_id=pl.Series([f"s{i}" for i in range(8)]),
    )
    groups = balanced_groups(table, 0, uses=1)
    assert sorted(g.split for g in groups) == ["test", "train"]
    check(groups, table)


def test_seeds():
    table = studies(*ALL * 4)
    assert balanced_groups(table, 1) == balanced_groups(table, 1)
    assert balanced_groups(table, 1) != balanced_groups(table, 2)


def test_phantom_groups(facts):
    table = consistent(eligible(pl.read_parquet(facts / "studies.parquet")))
    groups = balanced_groups(table, 0)
    check(groups, table)
    assert len(groups) > 30
    assert len({tuple(g.conditions) for g in groups}) > 20


def test_the_study_with_the_fewest_labels_serves_first():
    """Two patients hold "+++"; the one with a fourth label could serve elsewhere as well."""
    other = FREE[0] + 1 if FREE[0] + 1 not in FREE else FREE[0] + 2
    richer = ALL[0][:other] + "-" + ALL[0][other + 1 :]
    for labels in ([richer, *ALL[:4]], [*ALL[:4], richer]):
        table = studies(*labels)
        (group,) = balanced_groups(table, seed=0, uses=1)
        assert f"s{labels.index(richer)}" not in group.studies


def test_configurations_that_most_studies_hold_are_used_first():
    """Sizes 3, 2, 2, 1, 1, 1 allow two groups; beginning with the rare ones leaves one."""
    sizes = (3, 2, 2, 1, 1, 1)
    table = studies(*[ALL[i] for i, n in enumerate(sizes) for _ in range(n)])
    for seed in range(5):
        assert len(balanced_groups(table, seed, uses=1)) == 2
