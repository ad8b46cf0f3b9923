"""A control that sees the view position and nothing else of a film.

Films of the very ill are taken in bed (AP), so that the view goes with some findings. An option
scores by how often what it says is so among training films of the same view.
"""

from math import log
from pathlib import Path

import polars as pl

import nast
from nast.scoring.score_file import ScoreFile, read_score_file
from nast.statistics.areas import auc

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


def areas(facts: list[Path], scores: Path) -> str:
    """Areas under the curve of the view alone, beside those of the first model, as a table.

    Args:
        facts: of each fold.
        scores: of all folds together; `POS` ranks films by "There is X", `NEG` by "There is no X".
    """
    rows = []
    for folder in facts:
        known = nast.read_facts(folder)
        names = known.conditions.labelled()
        shares = shares_by_view(known.studies.filter(split="train"), names)
        for study in known.studies.filter(split="test").iter_rows(named=True):
            rows += [
                (name, study[name] == "present", shares.get((study["view"], name), 0.5))
                for name in names
                if study[name] in ("present", "absent")
            ]
    metrics = pl.read_parquet(scores / "metrics.parquet").filter(
        pl.col("reference").is_null(), task="prompts", reading="prompt pairs"
    )
    first = metrics["model"][0]
    lines = [f"| finding | films with it, of | view alone | {first}, POS | {first}, NEG |"]
    lines += ["|---|---|---|---|---|"]
    table = pl.DataFrame(rows, schema=["name", "present", "share"], orient="row")
    for (name,), part in sorted(table.group_by("name")):
        present = part["present"].to_numpy()
        if not present.any() or present.all():
            continue
        cells = [
            f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            for statistic in ("POS", "NEG")
            for row in metrics.filter(model=first, condition=name, statistic=statistic).to_dicts()
        ]
        alone = f"{auc(part['share'].to_numpy(), present):.2f}"
        of = f"{present.sum()}, {len(present)}"
        lines.append("| " + " | ".join([str(name), of, alone, *cells]) + " |")
    return "\n".join(lines) + "\n"
