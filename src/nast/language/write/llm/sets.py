"""Sets of statements that are written together: their keys, labels and place in a prompt.

All that a prompt can hold comes from here: names of the table of conditions, present or absent,
and attributes of closed vocabularies. Studies and patients are not known at this floor.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import normal_phrase
from nast.records import ZONES, Fact, Statement

Kind = Literal["options", "claims"]
OptionSetKey = tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]
ClaimSetKey = tuple[Statement, ...]
MOST = 26


def option_key(
    names: Sequence[str],
    configurations: Iterable[Sequence[int]],
    conditions: Conditions = CONDITIONS,
) -> OptionSetKey:
    """The key of a set of options: equal for equal sets, whatever the order of configurations.

    Args:
        names: of conditions, each with an affirmative phrase.
        configurations: per option, 1 for present and 0 for absent.
        conditions: the table of conditions.

    Raises:
        UsageError: a condition is unknown or has no phrase, a value is not 0 or 1, configurations
            have another length, or there are none, two equal ones or more than 26.
    """
    names = tuple(names)
    given = [tuple(row) for row in configurations]
    _check_names(names, conditions)
    if not names or any(len(row) != len(names) or not set(row) <= {0, 1} for row in given):
        raise UsageError("a configuration has a 0 or 1 for each condition")
    rows = tuple(sorted(tuple(int(v) for v in row) for row in given))
    _check_number(rows)
    return names, rows


def claim_key(claims: Iterable[Iterable[Fact]], conditions: Conditions = CONDITIONS) -> ClaimSetKey:
    """The key of a claim set: equal for equal sets, whatever the order of claims.

    Args:
        claims: each a tuple of facts.
        conditions: the table of conditions.

    Raises:
        UsageError: a condition is unknown or has no phrase, an absent fact has attributes (Table 5
            has no phrase for "no large effusion"), a grade or zone is not of the table, or there
            are no claims, two equal ones or more than 26.
    """
    rows = tuple(sorted((tuple(claim) for claim in claims), key=repr))
    _check_names({f.condition for row in rows for f in row}, conditions)
    for fact in (f for row in rows for f in row):
        condition = conditions[fact.condition]
        if fact.existence == "absent" and (fact.side or fact.zone or fact.severity):
            raise UsageError("an absent fact with attributes has no affirmative form")
        if fact.severity and fact.severity not in condition.grades:
            raise UsageError(f"{fact.condition} is not graded")
        if fact.zone and fact.zone not in (*ZONES, *condition.zones):
            raise UsageError(f"{fact.condition} is said to be in a zone that the table lacks")
    if not all(rows):
        raise UsageError("a claim states at least one fact")
    _check_number(rows)
    return rows


def _check_names(names: Iterable[str], conditions: Conditions) -> None:
    if any(name not in conditions or conditions[name].normal is None for name in names):
        raise UsageError("a condition is not in the table or has no affirmative phrase (normal)")


def _check_number(rows: Sequence[Any]) -> None:
    if not rows or len(set(rows)) != len(rows) or len(rows) > MOST:
        raise UsageError(f"a set has 1 to {MOST} different options or claims")


def statements_of(key: OptionSetKey) -> tuple[Statement, ...]:
    """The facts of each configuration."""
    names, configurations = key
    return tuple(
        tuple(
            Fact(name, "present" if value else "absent")
            for name, value in zip(names, values, strict=True)
        )
        for values in configurations
    )


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

    Args:
        statements: label -> facts, of the texts that deny something.
        negated: label -> the text.
        conditions: the table of conditions.
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
