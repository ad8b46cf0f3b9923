"""What a report says first: whether the model hears "no", and whether the repair helps or harms.

Every sentence is computed from the metrics of one data set, and has its interval.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from nast.measuring.compare import harm
from nast.records import LISTS
from nast.reporting.harm import harm_columns
from nast.reporting.joined import Joined
from nast.reporting.numbers import Row, cell, minus, of_any_seed, pick, seed_interval, sign_of
from nast.reporting.runs import EVEN
from nast.reporting.shown import MINUS, per_cent, shown_cell
from nast.reporting.verdicts import SEEDS, is_repair

FACT = "fact"
KINDS = {"questions": "questions", "claims": "claim sets"}
"""Set -> what its items are called, the first one first."""


class Answer(NamedTuple):
    """A question that a reader has, and the sentence that answers it.

    Attributes:
        question: in plain words.
        first: the answer, with its numbers.
        rest: what a careful reader wants to know beside it.
        verdict: `good`, `bad`, `open`, or `fact` where nothing is judged.
    """

    question: str
    first: str
    rest: str
    verdict: str

    @property
    def says(self) -> str:
        """All of it."""
        return f"{self.first} {self.rest}".strip()


def answers(joined: Joined, metrics: pl.DataFrame, patients: int | None = None) -> list[Answer]:
    """The answers that the metrics of one data set allow.

    Args:
        joined: for the models, and which of them are fine-tuned.
        metrics: of one data set.
        patients: whose films were shown, where that is known.
    """
    base = next(iter(joined.models), "")
    found = [*_tested(joined, metrics, base, patients), *_hears(joined, metrics, base)]
    repair = repair_of(joined, metrics)
    if repair:
        found += [*_helps(joined, metrics, repair, base), *_harms(joined, metrics, repair, base)]
    return found


def repair_of(joined: Joined, metrics: pl.DataFrame) -> str | None:
    """The fine-tuned model that the answers are about: the paper's repair if it was scored, else
    the first one.
    """
    scored = [m for m in joined.settings if m in joined.trained]
    scored = [m for m in scored if any(_accuracy(metrics, m, name) for name in KINDS)]
    return next((m for m in scored if is_repair(joined, m)), next(iter(scored), None))


def _accuracy(metrics: pl.DataFrame, model: str, name: str, form: str = "negated") -> Row | None:
    of = {"task": "choice", "set": name, "statistic": "accuracy"}
    return next(iter(pick(metrics, model=model, form=form, **of)), None)


def _tested(
    joined: Joined, metrics: pl.DataFrame, base: str, patients: int | None
) -> Iterator[Answer]:
    sizes = {what: _accuracy(metrics, base, name) for name, what in KINDS.items()}
    items = [f"{row['n']:,} {what}" for what, row in sizes.items() if row]
    if not items:
        return
    whose = f" about the films of {patients:,} patients" if patients else ""
    said = (
        f"Each model chose the right statement in {' and '.join(items)}{whose}, with absences in "
        "denying words (“no pneumothorax”)"
    )
    if any(_accuracy(metrics, base, name, "affirmative") for name in KINDS):
        said += ", and once more in affirmative words (“fully expanded lungs”)"
    lists = _lists(joined, metrics, base)
    if lists:
        said += f", and ranked {lists['n']:,} candidate lists of denials"
    scored = set(metrics["model"].drop_nulls())
    beside = [m for m in joined.settings if m != base and m in scored]
    parts = {
        "fine-tuned by nast": [m for m in beside if m in joined.trained],
        "as others made them": [m for m in beside if m not in joined.trained],
    }
    named = [f"{', '.join(names)} ({how})" for how, names in parts.items() if names]
    own = " (fine-tuned by nast)" if base in joined.trained else ""
    others = f"The others are compared with {base}{own}: {'; '.join(named)}." if named else ""
    yield Answer("What was tested?", f"{said}.", others, FACT)


def _hears(joined: Joined, metrics: pl.DataFrame, base: str) -> Iterator[Answer]:
    for name, what in KINDS.items():
        negated = _accuracy(metrics, base, name)
        affirmative = _accuracy(metrics, base, name, "affirmative")
        gap = pick(metrics, model=base, task="choice", set=name, statistic="gap", form=None)
        if not (negated and affirmative and gap):
            continue
        said = sign_of(
            gap[0],
            "It does not hear “no” as it should.",
            "It does better with denials.",
            "That is no difference which these items can show.",
        )
        lists, beside = _lists(joined, metrics, base), ""
        if lists:
            beside = (
                f"In candidate lists, where every statement denies something, it ranks the true "
                f"one first in {per_cent(lists['value'])} % {shown_cell(cell(lists)).interval}"
                f"{_chance(lists)}."
            )
        yield Answer(
            "Does the model hear “no”?",
            f"{base} gets {per_cent(affirmative['value'])} % of the {what} right in affirmative "
            f"words and {per_cent(negated['value'])} % of the same {what} in denying words"
            f"{_chance(negated)}, a gap of {_points(gap[0])} points. {said}",
            beside,
            sign_of(gap[0], "bad", "good", "open"),
        )
        return


def _helps(joined: Joined, metrics: pl.DataFrame, repair: str, base: str) -> Iterator[Answer]:
    parts, verdicts, unsettled = [], [], []
    for what, (own, change) in _denials(joined, metrics, repair, base).items():
        parts.append(
            f"{per_cent(own['value'])} % of the {what} in denying words right"
            f"{_below(own)}, {_points(change)} points against {base}"
        )
        verdicts.append(sign_of(change, "good", "bad", "open"))
        ends = seed_interval(change)
        if verdicts[-1] != "open" and ends and not of_any_seed(change):
            low, high = (100 * end for end in ends)
            unsettled.append(f"{what} [{low:+.1f}, {high:+.1f}]".replace("-", MINUS))
    if not parts:
        return
    said = {
        frozenset({"good"}): "It helps.",
        frozenset({"bad"}): "It makes denials worse.",
        frozenset({"open"}): "No difference can be shown.",
    }.get(frozenset(verdicts), "It does not help everywhere.")
    few = _few(metrics, repair)
    if unsettled and not few:
        said += (
            f" Its seeds differ so much that another may not: over seeds {', '.join(unsettled)}."
        )
    gap = pick(metrics, model=repair, task="choice", set="questions", statistic="gap", form=None)
    rest = [f"It gets {'; '.join(parts[1:])}."] if parts[1:] else []
    if gap and gap[0]["low"] > 0:
        rest.append(f"It still mishears: of questions a gap of {_points(gap[0])} points is left.")
    if f"{repair} @1" in joined.models:
        rest.append("Taken is the part of its change that does no harm to validation patients.")
    rest.append(_beside(joined, metrics, repair))
    settled = len(set(verdicts)) == 1 and not few and not unsettled
    yield Answer(
        "Does the repair help?",
        f"{repair} gets {parts[0]}. {few or said}",
        " ".join(filter(None, rest)),
        verdicts[0] if settled else "open",
    )


def _denials(
    joined: Joined, metrics: pl.DataFrame, repair: str, base: str
) -> dict[str, tuple[Row, Row]]:
    """What is asked in denying words -> the repair's own number, and its change."""
    found = {}
    own_lists = _lists(joined, metrics, repair)
    of = {"statistic": "R@1", "form": "negated", **joined.retrieval(metrics)}
    lists = minus(metrics, repair, base, **of) if own_lists else None
    for name, what in KINDS.items():
        own, change = (
            _accuracy(metrics, repair, name),
            _change(metrics, repair, base, name, "negated"),
        )
        if own and change:
            found[what] = own, change
    if own_lists and lists:
        found["candidate lists"] = own_lists, lists
    return found


def _lists(joined: Joined, metrics: pl.DataFrame, model: str) -> Row | None:
    """R@1 of a model in candidate lists of denials."""
    of = {"statistic": "R@1", "form": "negated", **joined.retrieval(metrics)}
    found = pick(metrics, model=model, **of) if of["reading"] == LISTS else []
    return next(iter(found), None)


def _below(row: Row) -> str:
    """That a number is no better than guessing, where it is."""
    chance = row["chance"]
    return "" if chance is None or row["low"] > chance else f" (chance is {per_cent(chance)} %)"


def _beside(joined: Joined, metrics: pl.DataFrame, repair: str) -> str:
    """How the repair compares to the same training with equal steps, where both were scored."""
    even = next(
        (
            name
            for name in joined.settings
            if (run := joined.trained.get(name)) and (run["objective"], run["layers"]) == EVEN
        ),
        None,
    )
    if not even or even == repair:
        return ""
    changes = {
        what: change
        for name, what in KINDS.items()
        if (change := _change(metrics, repair, even, name, "negated"))
    }
    if not changes:
        return ""
    signs = {sign_of(c, "better", "worse", "neither") for c in changes.values()}
    apart = any(c["low"] > 0 or c["high"] < 0 for c in changes.values())
    nothing = "no difference can be shown"
    if apart:
        nothing = "no difference that holds once it is corrected for all comparisons"
    said = {
        frozenset({"better"}): "better",
        frozenset({"worse"}): "worse",
        frozenset({"neither"}): nothing,
    }.get(frozenset(signs), "not the same everywhere")
    parts = [f"{_points(change)} points of {what}" for what, change in changes.items()]
    has = " and ".join(parts)
    return f"Against {even}, the same training with equal steps, it has {has}: {said}."


def _harms(joined: Joined, metrics: pl.DataFrame, repair: str, base: str) -> Iterator[Answer]:
    found: dict[str, Row] = {}
    tested = metrics.filter(pl.col("margin").is_not_null())
    for title, columns in harm_columns(joined, metrics).items():
        rows = pick(tested, model=repair, reference=base, **columns)
        if rows:
            found[title] = rows[0]
    if not found:
        return
    margin = f"{100 * joined.margin:g}"
    fine = [title for title, row in found.items() if _unharmed(row)]
    lost = [title for title, row in found.items() if harm(row) == "inferior"]
    rest = [t for t in found if t not in fine and t not in lost]
    said = (
        f"Of {len(found)} things that {repair} should leave as they were, a loss of more than "
        f"{margin} {'point' if margin == '1' else 'points'} is ruled out for {len(fine)}"
    )
    said += f" ({'; '.join(fine)})" if fine else ""
    said += f", and shown for {'; '.join(lost)}" if lost else ""
    parts = [f"{title}, a change of {_points(found[title])}" for title in rest]
    unsettled = f"Not settled: {'; '.join(parts)}." if parts else ""
    few = _few(metrics, repair)
    verdict = "bad" if lost else "good" if not rest and not few else "open"
    more = " ".join(filter(None, (unsettled, few)))
    yield Answer("Does it harm anything else?", f"{said}.", more, verdict)


def _unharmed(row: Row) -> bool:
    """Whether a loss beyond the margin is ruled out, for a seed that was not trained too."""
    ends = seed_interval(row)
    return harm(row) == "not inferior" and (ends is None or ends[0] > -row["margin"])


def _change(metrics: pl.DataFrame, model: str, other: str, name: str, form: str) -> Row | None:
    return minus(metrics, model, other, task="choice", set=name, statistic="accuracy", form=form)


def _few(metrics: pl.DataFrame, model: str) -> str:
    """What is said of a fine-tuned model with too few seeds for a verdict."""
    own = next((row for n in KINDS if (row := _accuracy(metrics, model, n))), None)
    seeds = own["seeds"] if own else 0
    return "" if seeds >= SEEDS else f"That is {seeds} of the {SEEDS} seeds that a verdict needs."


def _chance(row: Row) -> str:
    return "" if row["chance"] is None else f" (chance {per_cent(row['chance'])} %)"


def _points(row: Row) -> str:
    """A difference in points of per cent, with its interval."""
    shown = shown_cell(cell(row, sign=True))
    return f"{shown.text} {shown.interval}"
