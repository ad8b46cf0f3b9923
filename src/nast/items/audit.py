"""Can the words alone give the answer away? Baselines that never see an image.

Each baseline scores the options of an item; the best one is its guess, and equal scores count by
the chance of picking right among them. In balanced groups every baseline that ignores the order
of options is right exactly once in K, by construction.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl
from scipy.stats import norm

from nast.errors import NastError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import seed_of
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.records import FORMS
from nast.statistics.paired_tests import holm

FOLDS = 5
LEVEL = 0.05


class Audited(NamedTuple):
    """One multiple-choice item as a blind baseline sees it.

    Attributes:
        options: their words.
        answer: the right one.
        group: items of a group show the same options.
        labels: of each option, 1 present and 0 absent, where all options label `conditions`.
        conditions: that the labels are of.
        stated: what each option says, where it is known; it is read from the words elsewhere.
    """

    options: tuple[str, ...]
    answer: int
    group: str
    labels: tuple[tuple[int, ...], ...] = ()
    conditions: tuple[str, ...] = ()
    stated: tuple[frozenset[object], ...] = ()


Scorer = Callable[[Audited], Sequence[float]]
Fit = Callable[[Sequence[Audited]], Scorer]


def audit_table(
    items: pl.DataFrame, seed: int = 0, conditions: Conditions = CONDITIONS
) -> dict[str, list[dict[str, Any]]]:
    """The audit of a table of items, each form alone.

    Args:
        items: `ITEMS_SCHEMA`.
        seed: of the folds.
        conditions: that the items are named by.

    Returns:
        Form -> the rows of `audit_items`.

    Examples:
        >>> audit = nast.audit_table(nast.read_items("benchmark"))
        >>> list(audit)
        ['negated', 'affirmative', 'omitted']
    """
    parts = {form: items.filter(form=form) for form in FORMS}
    return {
        form: audit_items(_audited(part), seed, conditions)
        for form, part in parts.items()
        if len(part)
    }


def _audited(items: pl.DataFrame) -> list[Audited]:
    """The items of one form."""
    # Items of a group show the same options, whose facts are taken from the table once.
    shown = items.unique(["group_id", "options"], keep="first", maintain_order=True)
    kinds = {(row["group_id"], *row["options"]): _shown(row) for row in shown.iter_rows(named=True)}
    rows = items.select("group_id", "options", "answer").iter_rows()
    return [kinds[group, *options]._replace(answer=answer) for group, options, answer in rows]


def _shown(row: dict[str, Any]) -> Audited:
    facts = row["facts"] or ()
    plain = Audited(tuple(row["options"]), row["answer"], row["group_id"])
    if not all(facts) or not facts:
        return plain
    # What the omitted form leaves out it does not state.
    whole = row["form"] != "omitted"
    stated = (
        frozenset(tuple(f.values()) for f in some if whole or f["existence"] == "present")
        for some in facts
    )
    plain = plain._replace(stated=tuple(stated))
    if row["set"] != "questions":
        return plain
    labels = (tuple(int(f["existence"] == "present") for f in some) for some in facts)
    return plain._replace(labels=tuple(labels), conditions=tuple(row["conditions"]))


def audit_items(
    items: Sequence[Audited],
    seed: int = 0,
    conditions: Conditions = CONDITIONS,
    more: Mapping[str, Scorer] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Accuracy of every blind baseline, tested one-sided against chance, Holm over baselines.

    Args:
        items: all items of one file and form.
        seed: of the folds that fitted baselines use; folds are whole groups.
        conditions: that options are read with where it is not known what they say.
        more: baselines that the set has of its own.

    Returns:
        One row per baseline: `baseline, accuracy, chance, n, p, leaks`.
    """
    chance = sum(1 / len(i.options) for i in items) / len(items)
    # Items of a group show the same options: what depends on the words alone is worked out once.
    words, statements = cache(_word_set), cache(partial(_statements, conditions=conditions))
    denials = cache(lambda option: len(cues(option)))
    alike = cache(lambda options: _overlap([words(o) for o in options]))
    agreeing = cache(_overlap)
    scorers: dict[str, Scorer] = {
        "longest option": lambda i: [len(o) for o in i.options],
        "shortest option": lambda i: [-len(o) for o in i.options],
        "medoid": lambda i: alike(i.options),
        "medoid of statements": lambda i: agreeing(
            i.stated or tuple(statements(o) for o in i.options)
        ),
        "odd one out": lambda i: [-s for s in alike(i.options)],
        "most negation cues": lambda i: [denials(o) for o in i.options],
        "fewest negation cues": lambda i: [-denials(o) for o in i.options],
        **more,
    }
    accuracies = {name: _accuracy(items, scorer) for name, scorer in scorers.items()}
    fitted: dict[str, Fit] = {
        "position": _fit_position,
        "n-gram classifier": partial(_fit_ngrams, grams=cache(_grams)),
    }
    if items[0].labels:
        fitted["label prior"] = _fit_labels
    accuracies |= {name: _folded(items, fit, seed) for name, fit in fitted.items()}
    spread = math.sqrt(chance * (1 - chance) / len(items))
    p_values = [float(norm.sf((a - chance) / spread)) for a in accuracies.values()]
    return [
        {
            "baseline": name,
            "accuracy": accuracy,
            "chance": chance,
            "n": len(items),
            "p": p,
            "leaks": corrected <= LEVEL,
        }
        for (name, accuracy), p, corrected in zip(
            accuracies.items(), p_values, holm(p_values), strict=True
        )
    ]


def leaks_of(audit: dict[str, Any]) -> list[str]:
    """What words alone solve above chance: "FORM: BASELINE ACCURACY", one text each."""
    return [
        f"{form}: {row['baseline']} {row['accuracy']:.3f}, chance {row['chance']:.3f}"
        for form, rows in audit.items()
        for row in rows
        if row["leaks"]
    ]


def raise_on_leak(audit: dict[str, Any], folder: Path) -> None:
    """Refuse a set that a blind baseline solves above chance.

    Raises:
        NastError: names the form, the baseline and its accuracy.
    """
    found = leaks_of(audit)
    if found:
        raise NastError(
            f"{folder}: words alone solve items without an image ({found[0]}; {len(found)} such "
            "baselines in audit.json). --allow-leaks keeps the set and says so in its card"
        )


def _accuracy(items: Sequence[Audited], scorer: Scorer) -> float:
    return sum(_expected(i, scorer) for i in items) / len(items)


def _expected(item: Audited, scorer: Scorer) -> float:
    scores = scorer(item)
    best = max(scores)
    near = max(1e-12, 1e-9 * abs(best))
    ties = [k for k, s in enumerate(scores) if best - s <= near]
    return (item.answer in ties) / len(ties)


def _folded(
    items: Sequence[Audited], fit: Callable[[Sequence[Audited]], Scorer], seed: int
) -> float:
    """Accuracy of a fitted baseline, each fold of groups scored by a fit on the others."""
    groups = sorted({i.group for i in items})
    few = len(groups) <= FOLDS
    fold = {g: n if few else seed_of(seed, "fold", g) % FOLDS for n, g in enumerate(groups)}
    total = 0.0
    for number in range(FOLDS):
        inside = [i for i in items if fold[i.group] == number]
        outside = [i for i in items if fold[i.group] != number]
        if inside:
            scorer = fit(outside or inside)
            total += sum(_expected(i, scorer) for i in inside)
    return total / len(items)


def _word_set(text: str) -> Set[object]:
    return frozenset(_words(text))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z-]+", text.lower())


def _statements(text: str, conditions: Conditions) -> frozenset[object]:
    """The facts that an option states; its words where none can be read."""
    return frozenset(facts_of(text, conditions) or _word_set(text))


def _overlap(bags: Sequence[Set[object]]) -> list[float]:
    """How much each option shares with the others (Jaccard index, summed)."""
    return [
        sum(len(a & b) / max(1, len(a | b)) for k, b in enumerate(bags) if k != n)
        for n, a in enumerate(bags)
    ]


def _fit_position(items: Sequence[Audited]) -> Scorer:
    share = Counter(i.answer for i in items)
    return lambda item: [share[k] for k in range(len(item.options))]


def _fit_labels(items: Sequence[Audited]) -> Scorer:
    """How often each condition is present in right options."""
    counts: dict[str, list[int]] = defaultdict(lambda: [1, 1])
    for item in items:
        for name, value in zip(item.conditions, item.labels[item.answer], strict=True):
            counts[name][value] += 1

    def score(item: Audited) -> list[float]:
        return [
            sum(
                math.log(counts[n][v] / sum(counts[n]))
                for n, v in zip(item.conditions, values, strict=True)
            )
            for values in item.labels
        ]

    return score


def _fit_ngrams(items: Sequence[Audited], grams: Callable[[str], Sequence[str]]) -> Scorer:
    """Naive Bayes over one and two words: right options against wrong ones."""
    counts = (Counter[str](), Counter[str]())
    for item in items:
        for k, option in enumerate(item.options):
            counts[k == item.answer].update(grams(option))
    size = len(counts[0] | counts[1]) + 1
    totals = [sum(c.values()) + size for c in counts]

    @cache
    def weight(gram: str) -> float:
        right, wrong = (math.log((counts[k][gram] + 1) / totals[k]) for k in (1, 0))
        return right - wrong

    @cache
    def score(option: str) -> float:
        return round(sum(map(weight, grams(option))), 9)

    return lambda item: [score(option) for option in item.options]


def _grams(text: str) -> list[str]:
    words = _words(text)
    return sorted({*words, *(" ".join(pair) for pair in pairwise(words))})
