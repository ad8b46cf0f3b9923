"""A control that sees the view position and nothing else of a film.

Films of the very ill are taken in bed (AP), so that the view goes with some findings. An option
scores by how often what it says is so among training films of the same view.
"""

from math import log
from pathlib import Path

import polars as pl

import nast
from nast.scoring.score_file import ScoreFile, read_score_file

NAME = "view alone"


def score_file(facts: Path, folders: list[Path]) -> ScoreFile:
    """Scores of the test items in some folders, as another program would bring them.

    Args:
        facts: whose training films say how often a condition is present, by view.
        folders: of questions and claim sets.
    """
    known = nast.read_facts(facts)
    shares = shares_by_view(known.studies.filter(split="train"), known.conditions.labelled())
    rows = []
    for folder in folders:
        for item in nast.read_items(folder).filter(split="test").iter_rows(named=True):
            for option, said in enumerate(item["facts"]):
                score = sum(
                    log(share if fact["existence"] == "present" else 1 - share)
                    for fact in said
                    if (share := shares.get((item["view"], fact["condition"]))) is not None
                )
                rows.append((item["item_id"], option, score))
    table = pl.DataFrame(rows, schema=["item", "option", "score"], orient="row")
    out = facts.parent / "view.csv"
    table.unique(["item", "option"]).sort("item", "option").write_csv(out)
    return read_score_file(str(out), NAME)


def shares_by_view(studies: pl.DataFrame, conditions: list[str]) -> dict[tuple[str, str], float]:
    """(view, condition) -> share of the studies that show it, with one more of each kind."""
    labels = studies.unpivot(conditions, index="view", variable_name="condition")
    counted = labels.filter(pl.col("value").is_in(["present", "absent"])).group_by(
        "view", "condition"
    )
    found = counted.agg(share=((pl.col("value") == "present").sum() + 1) / (pl.len() + 2))
    return {(view, condition): share for view, condition, share in found.iter_rows()}
