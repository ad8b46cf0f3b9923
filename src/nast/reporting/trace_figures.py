"""Figures of a trace: the CTE map, the layer profiles, Figure 5 (attention); numbers as CSV."""

from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.files import atomic, read_table
from nast.reporting.figures import save
from nast.reporting.tables import Table
from nast.tracing.plots import (
    attention_cells,
    cte_cells,
    plot_attention,
    plot_cte,
    plot_profiles,
)

CAPTIONS = {
    "cte_map": (
        "Causal tracing effect",
        "Share of the difference between a true caption and its foil that one patched state "
        "carries, by token role: mean over positions, caption pairs and subsets. In the residual "
        "stream it is 1 at the cue of the embedding by construction, and after the last block "
        "only what is read can carry anything.",
    ),
    "profiles": (
        "Layer profiles",
        "Ways to turn a trace into one score per block, with 95 % intervals over resampled "
        "conditions; alpha comes from one of them. Solid: shares of the whole effect. Dashed: no "
        "effects, so each is drawn over its largest value.",
    ),
    "figure5": (
        "Figure 5",
        "How much more each head looks at “no” than at the word in its place, and the mean over "
        "heads of each block with its 95 % interval over conditions.",
    ),
}
"""Name of the file -> title and text."""
DRAWN: dict[str, dict[str, Any]] = {
    "trace": dict.fromkeys(("site", "role", "subset", "condition"), pl.String)
    | {"layer": pl.Int64, "cte_mean": pl.Float64},
    "layer_scores": dict.fromkeys(("aggregation", "condition", "subset"), pl.String)
    | {"layer": pl.Int64, "score": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    "attention": {"layer": pl.Int64, "head": pl.Int64, "selectivity": pl.Float64},
}
"""Tables of a trace, and those of their columns that are drawn."""
COUNTED: dict[str, Any] = dict.fromkeys(("pair_id", "subset", "condition"), pl.String) | {
    "n": pl.Int64,
    "n_all": pl.Int64,
}


def draw_trace(folder: Path, out: Path) -> dict[str, Path]:
    """All figures of a folder of `nast trace`, each as SVG, PNG and CSV of its numbers.

    Args:
        folder: a finished folder.
        out: gets the files.

    Returns:
        Names, in the order of `CAPTIONS`, and the SVG of each.

    Raises:
        InputError: a table is missing, damaged or of something else.
    """
    sites, scores, attention = (
        _filled(folder / f"{name}.parquet", columns) for name, columns in DRAWN.items()
    )
    merged = scores.filter(condition="all", subset="both").sort("aggregation", "layer")
    means = merged.filter(aggregation="attention")
    layer_means = means.select("layer", layer_mean="score", low="low", high="high")
    _write_csv(cte_cells(sites), out, "cte_map")
    _write_csv(merged, out, "profiles")
    _write_csv(attention_cells(attention).join(layer_means, on="layer"), out, "figure5")
    return {
        "cte_map": save(plot_cte(sites), out, "cte_map"),
        "profiles": save(plot_profiles(merged), out, "profiles"),
        "figure5": save(plot_attention(attention, means), out, "figure5"),
    }


def trace_counts(folder: Path) -> Table:
    """How many samples a trace has: both subsets of Appendix D apart, and merged.

    A sample is an image whose caption and foil are told apart with their states exchanged; those
    above the filter on the difference d count (decision 4).

    Args:
        folder: of `nast trace`.
    """
    rows = _filled(folder / "trace.parquet", COUNTED)
    pairs = rows.group_by("subset", "condition", "pair_id", maintain_order=True).agg(
        pl.col("n", "n_all").max()
    )
    parts = [(str(name), part) for (name,), part in pairs.group_by("subset", maintain_order=True)]
    parts += [("both", pairs)] if len(parts) > 1 else []
    body: list[tuple[str, ...]] = [
        (
            name,
            str(part["condition"].n_unique()),
            str(len(part)),
            f"{part['n_all'].sum():,}",
            f"{part['n'].sum():,}",
        )
        for name, part in parts
    ]
    header = ("Subset", "Findings", "Caption pairs", "Samples", "Above the filter")
    return Table("trace", "Samples of the causal trace (Appendix D)", header, body)


def _filled(path: Path, columns: dict[str, Any]) -> pl.DataFrame:
    rows = read_table(path, columns)
    if not len(rows):
        raise InputError(path, found="no row", expected="a table of nast trace")
    return rows


def _write_csv(rows: pl.DataFrame, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / f"{name}.csv") as temporary:
        rows.write_csv(temporary)
