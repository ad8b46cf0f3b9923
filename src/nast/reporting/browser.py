"""Items to look at one by one: the film, both wordings, and what each model chose."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.models.images import film
from nast.reporting.choices import shown_choices

MOST = 120
"""How many items a page holds; a film costs about 6 kB."""
SIDE, QUALITY = 176, 70
"""Of the films: pixels of the longer side, and of JPEG."""
FORMS = ("negated", "affirmative")


def browsed_items(
    evaluations: Sequence[Path],
    folders: Mapping[str, Sequence[Path]],
    models: Sequence[str],
    model: str | None = None,
    with_images: bool = False,
) -> dict[str, Any] | None:
    """What the page's browser shows, of data that may be shown.

    The items are those in which models differ most: first those that the reference gets wrong in
    denying words and others get right, and those that it gets right and others wrong.

    Args:
        evaluations: folders of `nast evaluate`.
        folders: stage -> folders of items.
        models: in the order of the tables; the first is the reference.
        model: that stands beside the reference at first; the last one if not given.
        with_images: the user's word that data which are not open may be shown.

    Returns:
        `models`, `model`, `films` (JPEG as base64) and `items`, all plain values; None where no
        such item was scored in both wordings.
    """
    known = [f for stage in ("benchmark", "contextual") for f in folders.get(stage, ())]
    parts = [
        _paired(items, chosen, models)
        for items, chosen in shown_choices(evaluations, known, models, with_images)
    ]
    if not parts:
        return None
    rows = pl.concat(parts)
    if not len(rows):
        return None
    rows = rows.sort("differ", "pair_id", descending=[True, False]).head(MOST)
    films: dict[str, str] = {}
    items = []
    for row in rows.iter_rows(named=True):
        place = row["image_path"]
        if place not in films:
            films[place] = film(Path(place), SIDE, QUALITY)
        items.append(_shown(row, list(films).index(place)))
    return {
        "models": list(models),
        "model": model or models[-1],
        "films": list(films.values()),
        "items": items,
    }


def _paired(items: pl.DataFrame, chosen: pl.DataFrame, models: Sequence[str]) -> pl.DataFrame:
    """A row for each pair of wordings, with the choices of all models."""
    columns = ["pair_id", "set", "image_path", "conditions"]
    made = None
    for form in FORMS:
        part = items.filter(form=form).join(chosen, on="item_id")
        choices = part.group_by("pair_id", maintain_order=True).agg(
            *(pl.col(name).first() for name in columns[1:]),
            pl.col("options").first().alias(f"{form} options"),
            pl.col("answer").first().alias(f"{form} answer"),
            pl.struct("model", "option", "margin").alias(f"{form} choices"),
            (pl.col("option") == pl.col("answer"))
            .filter(pl.col("model") == models[0])
            .first()
            .alias(f"{form} base"),
            (pl.col("option") == pl.col("answer")).fill_null(False).mean().alias(f"{form} right"),
        )
        made = (
            choices
            if made is None
            else made.join(choices.drop(columns[1:]), on="pair_id", maintain_order="left")
        )
    assert made is not None
    base = pl.col("negated base").fill_null(False).cast(pl.Float64)
    return made.with_columns(differ=(pl.col("negated right") - base).abs())


def _shown(row: Mapping[str, Any], place: int) -> dict[str, Any]:
    """An item as plain values."""
    forms = {
        form: {
            "options": row[f"{form} options"],
            "answer": row[f"{form} answer"],
            "chosen": {
                choice["model"]: [choice["option"], round(choice["margin"] or 0.0, 3)]
                for choice in row[f"{form} choices"]
            },
        }
        for form in FORMS
    }
    return {"set": row["set"], "conditions": row["conditions"], "film": place, "forms": forms}
