"""Which items belong to which subset: condition, number of negations, cue, construction of the
denial, truth, phrases, view.

A subset's figures have its name at the end: `questions/accuracy/negated/condition=Edema`,
`claims/accuracy/gap/phrases=equivalent`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from nast.facts.conditions import CONDITIONS
from nast.language.read.parse import cues
from nast.language.write.templates import FORMS
from nast.measuring.metrics import pair_of
from nast.measuring.slices import denials

SCHEMA = {"pair": pl.String, "subset": pl.String}
KINDS = {"item_id": pl.String, "option": pl.Int64, "kind": pl.String}


class Described(NamedTuple):
    """What the items of one table say about themselves, whoever is scored on them.

    Attributes:
        subsets: `pair, subset`, as of `question_subsets` and `claim_subsets`.
        equal_lengths: `pair, form`, as of `equal_lengths`.
        without_cues: `pair, form`, as of `without_cues`; of questions none.
        kinds: `item_id, option, kind`, as of `option_kinds`.
    """

    subsets: pl.DataFrame
    equal_lengths: pl.DataFrame
    without_cues: pl.DataFrame
    kinds: pl.DataFrame


def described(kind: str, table: pl.DataFrame) -> Described:
    """Subsets and options of the items of a table.

    Args:
        kind: `questions` or `claims`.
        table: of that kind.
    """
    claims = kind == "claims"
    plain = pl.DataFrame(schema={"pair": pl.String, "form": pl.String})
    return Described(
        claim_subsets(table) if claims else question_subsets(table),
        equal_lengths(kind, table),
        without_cues(table) if claims else plain,
        pl.DataFrame(option_kinds(kind, table), orient="row", schema=KINDS),
    )


def question_subsets(questions: pl.DataFrame) -> pl.DataFrame:
    """Subsets of `QUESTIONS_SCHEMA` rows.

    `condition=` each of the three; `negations=` how many the right option denies; `denying`: at
    least one (design row 10); `cue=` the negators of the right option, `denial=` its constructions
    (`slices.denials`); `phrases=equivalent`: every condition's affirmative phrase says neither
    more nor less than its absence (row 11); `view=`.

    Returns:
        `pair` (the question's id), `subset`; an item is in many subsets.
    """
    rows = []
    for q in questions.iter_rows(named=True):
        denied = [
            name
            for name, *values in zip(q["conditions"], *q["options"], strict=True)
            if 0 in values
        ]
        absent = q["options"][q["answer"]].count(0)
        names = [*(f"condition={c}" for c in q["conditions"]), f"negations={absent}"]
        names += ["denying"] if absent else []
        names += [*_cue(q["negated"][q["answer"]]), *_phrases(denied), *_view(q)]
        rows += [(q["question_id"], name) for name in names]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def claim_subsets(claims: pl.DataFrame) -> pl.DataFrame:
    """Subsets of `CLAIMS_SCHEMA` rows; those of imported items have words only.

    `condition=`; `truth=denies`, `affirms` or `mixed`: what the true claim says; `negations=` how
    many absences it states; `cue=` its negators and `denial=` its constructions in the negated
    form; `phrases=equivalent`; `view=` where the table has a column of that name.

    Returns:
        `pair` (the set's id without its form), `subset`.
    """
    rows = []
    for c in claims.sort(pl.col("form") != "negated", maintain_order=True).iter_rows(named=True):
        names = [f"condition={n}" for n in c["conditions"]]
        true = [f["existence"] for f in c["facts"][c["answer"]]]
        if true:
            absent = true.count("absent")
            said = "denies" if absent == len(true) else "mixed" if absent else "affirms"
            names += [f"truth={said}", f"negations={absent}"]
            denied = {f["condition"] for fs in c["facts"] for f in fs if f["existence"] == "absent"}
            names += _phrases(sorted(denied))
        if c["form"] == "negated":
            names += _cue(c["claims"][c["answer"]])
        names += _view(c)
        pair = c["set_id"].removesuffix(f"-{c['form']}")
        rows += [(pair, name) for name in names]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").unique(maintain_order=True)


def without_cues(claims: pl.DataFrame) -> pl.DataFrame:
    """Sets none of whose claims has a negator, as they were first written (row 18, `filter`).

    The affirmative form of a set that also has a negated one is a rewrite and does not count.

    Returns:
        `pair`, `form`.
    """
    rows = []
    negated = {i.removesuffix("-negated") for i in claims.filter(form="negated")["set_id"]}
    for set_id, form, texts in claims.select("set_id", "form", "claims").iter_rows():
        pair = set_id.removesuffix(f"-{form}")
        if (form == "negated" or pair not in negated) and not any(map(_has_cue, texts)):
            rows.append((pair, form))
    return pl.DataFrame(rows, schema={"pair": pl.String, "form": pl.String}, orient="row")


def equal_lengths(kind: str, table: pl.DataFrame) -> pl.DataFrame:
    """Items whose options have the same number of words, give or take one.

    In them the length of an option tells nothing. The forms of an item differ in length, so each
    stands for itself.

    Returns:
        `pair`, `form`.
    """
    if kind == "questions":
        forms = [table.select(item_id="question_id", form=pl.lit(f), texts=f) for f in FORMS]
    else:
        forms = [table.select(item_id="set_id", form="form", texts="claims")]
    words = pl.col("texts").list.eval(pl.element().str.count_matches(r"\S+").cast(pl.Int64))
    equal = pl.concat(forms).filter(words.list.max() - words.list.min() <= 1)
    return equal.select(pair_of().alias("pair"), "form")


# Options repeat from item to item, and reading them is what takes the time.
@lru_cache(maxsize=1 << 16)
def _has_cue(text: str) -> bool:
    return bool(cues(text))


@lru_cache(maxsize=1 << 16)
def _cue(text: str) -> tuple[str, ...]:
    found = sorted(set(cues(text)))
    cue = [f"cue={' + '.join(found)}"] if found else []
    return (*cue, *(f"denial={name}" for name in denials(text)))


def _phrases(denied: Sequence[str]) -> list[str]:
    classes = {CONDITIONS[n].phrase_class for n in denied if n in CONDITIONS}
    return ["phrases=equivalent"] if classes == {"equivalent"} else []


def _view(row: Mapping[str, Any]) -> list[str]:
    return [f"view={row['view']}"] if row.get("view") else []


def option_kinds(kind: str, table: pl.DataFrame) -> Iterator[tuple[str, int, str]]:
    """(item, option, what choosing it gets wrong) of every option of a table.

    Of a question's option: `missed denial` states a finding that is absent, `missed presence`
    denies one that is present, `both` does both. Of claims their `kinds`: existence, location,
    severity, or what an imported file calls them.

    Args:
        kind: `questions` or `claims`.
        table: of that kind.
    """
    if kind == "claims":
        for item, kinds in table.select("set_id", "kinds").iter_rows():
            yield from ((item, option, name) for option, name in enumerate(kinds))
        return
    for item, options, answer in table.select("question_id", "options", "answer").iter_rows():
        for option, values in enumerate(options):
            yield item, option, _wrong(values, options[answer])


def _wrong(stated: Sequence[int], true: Sequence[int]) -> str:
    steps = {s - t for s, t in zip(stated, true, strict=True)} - {0}
    names = {
        frozenset(): "truth",
        frozenset([1]): "missed denial",
        frozenset([-1]): "missed presence",
    }
    return names.get(frozenset(steps), "both")
