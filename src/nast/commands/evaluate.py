"""nast evaluate."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def evaluate(
    *models_and_data: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    split: str = "test",
    seed: int = 0,
    limit: int | None = None,
    max_bad: int = 0,
    store: Path | None = None,
    fresh: bool = False,
) -> None:
    """Score models on data and print the tables.

    Parameters
    ----------
    models_and_data: str
        Models (phantom, hf:FOLDER, run:FOLDER) and folders of nast benchmark, contextual or facts
        (prompt pairs), in any order.
    out: Path
        Output folder: scores.parquet, metrics.json.
    split: str
        train, validate, test or all.
    seed: int
        Of the bootstrap.
    limit: int
        At most so many items per table.
    max_bad: int
        How many images that cannot be read are passed over.
    store: Path
        Folder for vectors, shared between runs.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError

    if split not in ("train", "validate", "test", "all"):
        raise UsageError(f"--split is {split!r}; choose train, validate, test or all")
    data = [Path(a) for a in models_and_data if Path(a).is_dir()]
    names = [a for a in models_and_data if Path(a) not in data]
    if not data or not names:
        raise UsageError("give at least one model and one finished data folder, for example: "
                         "nast evaluate phantom questions -o scores")  # fmt: skip
    import polars as pl

    from nast.evaluation.evaluate import evaluate as score
    from nast.evaluation.metrics import in_order
    from nast.models.registry import load_model
    from nast.reporting.tables import cell, markdown, tables_of
    from nast.store import read_json

    score([load_model(n) for n in names], data, out, split=split, seed=seed, limit=limit,
          max_bad=max_bad, store=store, fresh=fresh)  # fmt: skip
    metrics = in_order(read_json(out / "metrics.json"), pl.read_parquet(out / "scores.parquet"))
    for table in tables_of(metrics, {}):
        print(markdown(table))
    for name, figures in metrics.items():
        for figure, value in figures.items():
            if figure.startswith("prompt pairs"):
                print(f"{name}  {figure}: {cell(value)} n {value['n']}")
