"""Items, scores and hits that tests make up, in the shapes that are measured."""

import polars as pl

from nast.measuring.measure import Scored
from nast.records import HITS_SCHEMA, ITEMS_SCHEMA, SCORE_TABLES, SCORES_SCHEMA
from nast.reporting.numbers import pick

FORMS = ("negated", "affirmative")


def item(pair, form="negated", name="questions", answer=0, options=("w", "x", "y", "z"), **more):
    """A row of `items.parquet` with `data`, of a patient and a group of its own."""
    return {
        "item_id": f"{pair}-{form}",
        "set": name,
        "pair_id": pair,
        "group_id": f"g-{pair}",
        "form": form,
        "subject_id": f"p-{pair}",
        "conditions": [],
        "options": list(options),
        "facts": [[] for _ in options],
        "kinds": ["truth" if place == answer else "existence" for place in range(len(options))],
        "answer": answer,
        "data": "d",
        **more,
    }


def items_of(rows):
    """Items with `data`, as they are measured."""
    return pl.DataFrame(rows, schema={**ITEMS_SCHEMA, "data": pl.String})


def choices(items, picks, model="m", seed=None):
    """Scores in which each item chooses one option.

    Args:
        items: of `items_of`.
        picks: item id -> the option, or None for a tie of the first two; other items have none.
        model: name of the setting.
        seed: its seed.
    """
    rows = []
    for row in items.iter_rows(named=True):
        if row["item_id"] not in picks:
            continue
        pick_ = picks[row["item_id"]]
        for option in range(len(row["options"])):
            best = option < 2 if pick_ is None else option == pick_
            rows.append(
                {
                    **{name: row[name] for name in ("item_id", "data", "set", "form", "group_id")},
                    "model": model,
                    "seed": seed,
                    "subject": row["subject_id"],
                    "option": option,
                    "score": float(best),
                    "answer": option == row["answer"],
                    "tie": pick_ is None,
                    "truncated": False,
                }
            )
    return pl.DataFrame(rows, schema=SCORES_SCHEMA)


def answered(right, model="m", seed=None, name="claims", k=4, data="d"):
    """Items in two forms, and scores of them.

    Args:
        right: of each item whether it is right when negated, and when affirmative.
        model: name of the setting.
        seed: its seed.
        name: of the set.
        k: number of options; the first is right.
        data: name of the data set.

    Returns:
        Items of groups of two, and the scores.
    """
    items = items_of(
        item(
            f"c{number}",
            form,
            name,
            options=[f"option {i}" for i in range(k)],
            group_id=f"g{number // 2}",
            subject_id=f"p{number}",
            data=data,
        )
        for number in range(len(right))
        for form in FORMS
    )
    picks = {
        f"c{number}-{form}": 0 if good else 1
        for number, both in enumerate(right)
        for form, good in zip(FORMS, both, strict=True)
    }
    return items, choices(items, picks, model, seed)


def hits_of(found, model="m", seed=None, direction="image to text", reading="unique", data="d"):
    """Retrieval in which each query finds a right candidate first or ninth.

    Args:
        found: (query, polarity) -> whether it is first.
        model: name of the setting.
        seed: its seed.
        direction: of the queries.
        reading: what counts as right.
        data: name of the data set.
    """
    rows = [
        {
            "query_id": query,
            "model": model,
            "seed": seed,
            "data": data,
            "reading": reading,
            "direction": direction,
            "polarity": polarity,
            "subject": f"p-{query}",
            "rank": 1 if first else 9,
            "ties": 1,
            "right_tied": 1,
            "right": 1,
            "size": 9,
        }
        for (query, polarity), first in found.items()
    ]
    return pl.DataFrame(rows, schema=HITS_SCHEMA)


def scored(items=None, scores=None, models=None, **more):
    """What was scored; tables that are not given are empty."""
    tables = {name: pl.DataFrame(schema=schema) for name, schema in SCORE_TABLES.items()}
    tables |= {"scores": tables["scores"] if scores is None else scores}
    tables |= {name: more.pop(name) for name in SCORE_TABLES if name in more}
    named = [t["model"].drop_nulls() for name, t in tables.items() if name != "controls"]
    known = pl.concat(named).unique(maintain_order=True).to_list()
    rest = {"g": {}, "protocols": {}, "conditions": {}} | more
    return Scored(
        **tables, items=items_of([]) if items is None else items, models=models or known, **rest
    )


def one(metrics, **columns):
    """The row of a metrics table that has these values and no others."""
    (found,) = pick(metrics, **columns)
    return found
