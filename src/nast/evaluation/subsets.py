"""Which items belong to which subset: condition, number of negations, cue, truth, phrases, view.

A subset's figures have its name at the end: `questions/accuracy/negated/condition=Edema`,
`claims/accuracy/gap/phrases=equivalent`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from nast.facts.conditions import CONDITIONS
from nast.language.parse import cues

SCHEMA = {"pair": pl.String, "subset": pl.String}


def question_subsets(questions: pl.DataFrame) -> pl.DataFrame:
    """Subsets of `QUESTIONS_SCHEMA` rows.

    `condition=` each of the three; `negations=` how many the right option denies; `denying`: at
    least one (design row 10); `cue=` the negators of the right option; `phrases=equivalent`: every
    condition's affirmative phrase says neither more nor less than its absence (row 11); `view=`.

    Returns:
        `pair` (the question's id), `subset`; an item is in many subsets.
    """
    rows = []
    for q in questions.iter_rows(named=True):
        denied = [
            name for name, *values in zip(q["conditions"], *q["options"], strict=True)
            if 0 in values
        ]  # fmt: skip
        absent = q["options"][q["answer"]].count(0)
        names = [*(f"condition={c}" for c in q["conditions"]), f"negations={absent}"]
        names += ["denying"] if absent else []
        names += _cue(q["negated"][q["answer"]]) + _phrases(denied) + _view(q)
        rows += [(q["question_id"], name) for name in names]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def claim_subsets(claims: pl.DataFrame) -> pl.DataFrame:
    """Subsets of `CLAIMS_SCHEMA` rows; those of imported items have words only.

    `condition=`; `truth=denies`, `affirms` or `mixed`: what the true claim says; `negations=` how
    many absences it states; `cue=` its negators in the negated form; `phrases=equivalent`; `view=`
    where the table has a column of that name.

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
        if (form == "negated" or pair not in negated) and not any(map(cues, texts)):
            rows.append((pair, form))
    return pl.DataFrame(rows, schema={"pair": pl.String, "form": pl.String}, orient="row")


def _cue(text: str) -> list[str]:
    return [f"cue={' + '.join(sorted(set(cues(text))))}"] if cues(text) else []


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
    names = {frozenset(): "truth", frozenset([1]): "missed denial",
             frozenset([-1]): "missed presence"}  # fmt: skip
    return names.get(frozenset(steps), "both")
