"""Sentences in which nothing is found or denied: fine-tuning should leave their vectors alone.

`neutral.txt` holds fixed sentences without a finding or a negation, in two groups: what else stands
in a chest radiograph's report (technique, views, comparison, devices), and everyday language.
"""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import polars as pl

from nast.records import NEUTRAL_SCHEMA

if TYPE_CHECKING:
    from nast.vectors import Vectors


@cache
def neutral_sentences() -> dict[str, tuple[str, ...]]:
    """Group -> its sentences."""
    found: dict[str, list[str]] = {}
    for line in files("nast.scoring").joinpath("neutral.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            group = found.setdefault(line[2:], [])
        elif line:
            group.append(line)
    return {name: tuple(lines) for name, lines in found.items()}


def neutral_vectors(vectors: "Vectors") -> pl.DataFrame:
    """`NEUTRAL_SCHEMA` rows of one model."""
    rows = [(group, text) for group, texts in neutral_sentences().items() for text in texts]
    found = vectors.texts([text for _, text in rows]).float().numpy()
    model = vectors.model
    return pl.DataFrame(
        [(model.name, model.seed, *row, v.tolist()) for row, v in zip(rows, found, strict=True)],
        schema=NEUTRAL_SCHEMA,
        orient="row",
    )
