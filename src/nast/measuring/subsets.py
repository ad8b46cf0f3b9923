"""Which items belong to which subset: condition, number of denials, cue, way of denying, phrases,
view.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.cues import cues
from nast.measuring.slices import denials

_PAIR_FORM = {"pair_id": pl.String, "form": pl.String}


class Described(NamedTuple):
    """What the items of one set say about themselves, whoever is scored on them.

    Attributes:
        subsets: `pair_id, subset`; an item is in many.
        conditions: those names of `subsets` that are conditions.
        equal_lengths: `pair_id, form`: items whose options have the same number of words, give or
            take one; in them the length of an option tells nothing.
        without_cues: `pair_id, form`: none of the options has a negator, as first written.
        kinds: `item_id, option, kind, pair_id`: what choosing the option gets wrong.
    """

    subsets: pl.DataFrame
    conditions: frozenset[str]
    equal_lengths: pl.DataFrame
    without_cues: pl.DataFrame
    kinds: pl.DataFrame


def described(items: pl.DataFrame, conditions: Conditions = CONDITIONS) -> Described:
    """Subsets and options of some items.

    Args:
        items: `ITEMS_SCHEMA` rows of one set.
        conditions: the table that their facts are named by.
    """
    kinds = items.select(
        "item_id",
        "pair_id",
        pl.int_ranges(pl.col("kinds").list.len()).alias("option"),
        kind="kinds",
    )
    return Described(
        subsets_of(items, conditions),
        frozenset(items["conditions"].explode().drop_nulls()),
        _equal_lengths(items),
        _without_cues(items),
        kinds.explode("option", "kind"),
    )


def subsets_of(items: pl.DataFrame, conditions: Conditions = CONDITIONS) -> pl.DataFrame:
    """The subsets that each item is in, whatever its form.

    The condition's name, for each that it is about; `negations=N`: how many absences the right
    option states; `denying`: at least one (decision 10); `truth=denies`, `affirms` or `mixed`;
    `cue=` the negators of the right option and `denial=` its constructions, in the negated form;
    `phrases=equivalent`: every denied condition's affirmative phrase says neither more nor less
    than its absence (row 11); `view=`. Imported items have words only.

    Args:
        items: `ITEMS_SCHEMA`.
        conditions: the table that their facts are named by.

    Returns:
        `pair_id, subset`.
    """
    rows: dict[tuple[str, str], None] = {}
    for item in items.iter_rows(named=True):
        names = list(item["conditions"])
        true = [f["existence"] for f in item["facts"][item["answer"]]]
        if true:
            absent = true.count("absent")
            said = "denies" if absent == len(true) else "mixed" if absent else "affirms"
            names += [f"truth={said}", f"negations={absent}", *(["denying"] if absent else [])]
            names += _phrases(item["facts"], conditions)
        if item["form"] == "negated":
            names += _cue(item["options"][item["answer"]])
        names += [f"view={item['view']}"] if item["view"] else []
        rows |= dict.fromkeys((item["pair_id"], name) for name in names)
    return pl.DataFrame(
        list(rows), schema={"pair_id": pl.String, "subset": pl.String}, orient="row"
    )


def _phrases(facts: Iterable[Sequence[Mapping[str, Any]]], conditions: Conditions) -> list[str]:
    denied = {f["condition"] for said in facts for f in said if f["existence"] == "absent"}
    classes = {conditions[n].phrase_class for n in denied if n in conditions}
    return ["phrases=equivalent"] if classes == {"equivalent"} else []


def _without_cues(items: pl.DataFrame) -> pl.DataFrame:
    """The affirmative form of an item that also has a negated one is a rewrite: not as written."""
    rows = []
    negated = set(items.filter(form="negated")["pair_id"])
    for pair, form, texts in items.select("pair_id", "form", "options").iter_rows():
        if (form == "negated" or pair not in negated) and not any(map(_has_cue, texts)):
            rows.append((pair, form))
    return pl.DataFrame(rows, schema=_PAIR_FORM, orient="row")


def _equal_lengths(items: pl.DataFrame) -> pl.DataFrame:
    words = pl.col("options").list.eval(pl.element().str.count_matches(r"\S+").cast(pl.Int64))
    equal = items.filter(words.list.max() - words.list.min() <= 1)
    return equal.select("pair_id", "form")


# Options repeat from item to item, and reading them is what takes the time.
@lru_cache(maxsize=1 << 16)
def _has_cue(text: str) -> bool:
    return bool(cues(text))


@lru_cache(maxsize=1 << 16)
def _cue(text: str) -> tuple[str, ...]:
    found = sorted(set(cues(text)))
    cue = [f"cue={' + '.join(found)}"] if found else []
    return (*cue, *(f"denial={name}" for name in denials(text)))
