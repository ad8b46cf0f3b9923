"""Sets of statements that are written together: their keys, labels and place in a prompt.

All that a prompt can hold comes from here: names of the table of conditions, present or absent,
and attributes of closed vocabularies. Studies and patients are not known at this floor.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import normal_phrase
from nast.records import ZONES, Fact, Statement

Kind = Literal["options", "claims"]
MOST = 26


def set_key(
    statements: Iterable[Iterable[Fact]], conditions: Conditions = CONDITIONS
) -> tuple[Statement, ...]:
    """The key of a set of options or claims: equal for equal sets, whatever their order.

    Args:
        statements: each a tuple of facts.
        conditions: the table of conditions.

    Raises:
        UsageError: a condition is unknown or has no phrase, an absent fact has attributes (Table 5
            has no phrase for "no large effusion"), a grade or zone is not of the table, or there
            are no statements, an empty one, two equal ones or more than 26.
    """
    rows = tuple(sorted((tuple(facts) for facts in statements), key=repr))
    for fact in (f for row in rows for f in row):
        condition = conditions.get(fact.condition)
        if condition is None or condition.normal is None:
            raise UsageError("a condition is not in the table or has no affirmative phrase")
        if fact.existence == "absent" and (fact.side or fact.zone or fact.severity):
            raise UsageError("an absent fact with attributes has no affirmative form")
        if fact.severity and fact.severity not in condition.grades:
            raise UsageError(f"{fact.condition} is not graded")
        if fact.zone and fact.zone not in (*ZONES, *condition.zones):
            raise UsageError(f"{fact.condition} is said to be in a zone that the table lacks")
    if not all(rows) or not rows or len(set(rows)) != len(rows) or len(rows) > MOST:
        raise UsageError(f"a set has 1 to {MOST} different options or claims, each with a fact")
    return rows


def labels_of(number: int) -> list[str]:
    """The labels of a set's texts: A, B, ..."""
    return [chr(ord("A") + i) for i in range(number)]


def fields_of(
    kind: Kind, statements: Sequence[Statement], conditions: Conditions = CONDITIONS
) -> dict[str, str]:
    """The fields of the first prompt of a set."""
    labels = labels_of(len(statements))
    if kind == "claims":
        rows = ("; ".join(_words(f, conditions) for f in facts) for facts in statements)
        return {"facts": _rows(labels, rows)}
    names = ", ".join(conditions[f.condition].term for f in statements[0])
    rows = (", ".join(_words(f, conditions) for f in facts) for facts in statements)
    return {"findings": names, "configurations": _rows(labels, rows)}


def rewriting(
    statements: Mapping[str, Statement],
    negated: Mapping[str, str],
    conditions: Conditions = CONDITIONS,
) -> str:
    """The field of the second prompt: each text to be rewritten, with the phrases of its denials.

    Statements and texts are found by their labels; each of the statements denies something.
    """
    rows = []
    for label, facts in statements.items():
        rows.append(f"{label}: {negated[label]}")
        rows += [
            f"   {conditions[f.condition].term} absent = {normal_phrase(f.condition, conditions)}"
            for f in facts
            if f.existence == "absent"
        ]
    return "\n".join(rows)


def _rows(labels: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join(f"{label}: {row}" for label, row in zip(labels, rows, strict=True))


def _words(fact: Fact, conditions: Conditions) -> str:
    """A fact as the prompts have it: "pleural effusion present, side left, severity small"."""
    condition = conditions[fact.condition]
    words = [f"{condition.term} {fact.existence}"]
    words += [f"side {fact.side}"] if fact.side else []
    words += [f"place {fact.zone} zone"] if fact.zone else []
    words += [f"severity {condition.grades[fact.severity]}"] if fact.severity else []
    return ", ".join(words)
