"""What was found, in sentences, and who is better than whom."""

from collections.abc import Iterator

import polars as pl

from nast.reporting.joined import Joined
from nast.reporting.numbers import CLAIMS, Row, cell, corrected, minus, pick, sign_of
from nast.reporting.runs import EVEN
from nast.reporting.tables import Table
from nast.reporting.verdicts import FEW, SEEDS, said_of

COMPARED = (
    ("claims", "negated"),
    ("claims", "affirmative"),
    ("questions", "negated"),
    ("questions", "affirmative"),
    ("questions", "omitted"),
)
NONE = "no difference that this data can show"


def findings(joined: Joined, metrics: pl.DataFrame) -> list[str]:
    """What the metrics of one data set show; a verdict is given only where an interval and the
    corrected p exclude 0.
    """
    base = next(iter(joined.models), "")
    said = [*_bias(metrics, base)]
    for model, reference in compared_pairs(joined):
        parts = [*_changes(joined, metrics, model, reference)]
        said += [f"{model} minus {reference}: {'; '.join(parts)}."] if parts else []
    return said


def _bias(metrics: pl.DataFrame, base: str) -> Iterator[str]:
    for name, what in (("claims", "claim sets"), ("questions", "questions")):
        of = {"model": base, "task": "choice", "set": name}
        gap = pick(metrics, **of, statistic="gap", form=None)
        sides = [
            pick(metrics, **of, statistic="accuracy", form=f) for f in ("affirmative", "negated")
        ]
        if gap and all(sides):
            affirmative, negated = (side[0] for side in sides)
            verdict = sign_of(
                gap[0],
                "an affirmative bias",
                "the opposite of an affirmative bias",
                "no clear bias",
            )
            yield (
                f"{base}, {what}: {affirmative['value']:.3f} right in affirmative words and "
                f"{negated['value']:.3f} with negations (chance {negated['chance']:.3f}), gap "
                f"{cell(gap[0], sign=True)}: {verdict}."
            )


def _changes(joined: Joined, metrics: pl.DataFrame, model: str, reference: str) -> Iterator[str]:
    for form in ("negated", "affirmative"):
        change = _change(metrics, model, reference, "claims", form)
        if change:
            few = any(
                name in joined.trained and _seeds(metrics, name, form) < SEEDS
                for name in (model, reference)
            )
            verdict = FEW if few else sign_of(change, "better", "worse", NONE)
            yield f"{form} claims {said_of(change)}: {verdict}"


def _change(metrics: pl.DataFrame, model: str, reference: str, name: str, form: str) -> Row | None:
    return minus(
        metrics, model, reference, task="choice", set=name, statistic="accuracy", form=form
    )


def _seeds(metrics: pl.DataFrame, model: str, form: str) -> int:
    """How many seeds of a setting were scored on claim sets in a form."""
    own = pick(metrics, model=model, form=form, **CLAIMS)
    return own[0]["seeds"] if own else 0


def compared_pairs(joined: Joined) -> list[tuple[str, str]]:
    """Every model against the first, and every other fine-tuned one against uniform steps."""
    base, *others = joined.models or [""]
    even = [
        name for name, run in joined.trained.items() if (run["objective"], run["layers"]) == EVEN
    ]
    pairs = [(name, base) for name in others]
    return pairs + [
        (name, uniform)
        for uniform in even
        for name in others
        if name != uniform and name in joined.trained
    ]


def comparison_table(joined: Joined, metrics: pl.DataFrame) -> Table:
    """Differences of accuracy with their corrected p."""
    rows = []
    for model, reference in compared_pairs(joined):
        found = [_change(metrics, model, reference, *what) for what in COMPARED]
        if any(found):
            rows.append((f"{model} minus {reference}", *map(_difference, found)))
    header = ("Difference", *(f"{name}, {form}" for name, form in COMPARED))
    caption = "Differences of accuracy, paired by item; p corrected over all pairs (Holm)"
    return Table("comparison", caption, header, rows)


def _difference(row: Row | None) -> str:
    return f"{cell(row, sign=True)}, {corrected(row)}" if row else "-"
