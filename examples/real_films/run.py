"""Real radiographs through the whole line, from labels to a report, in five folds of patients.

    python run.py NIH OUT

NIH is a folder of ChestX-ray14 (`Data_Entry_2017*.csv` and images; other tables if there). In each
fold the head, the trace and the repair are made on four parts of the patients, and scored on the
fifth, so that every film is tested once. `OUT/report/report.html` is the result.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import features
import polars as pl
import pool
import view_alone
import yaml

import nast
from nast.evaluation import model_record
from nast.hashes import seed_of
from nast.layers import uniform
from nast.models.contract import DualEncoder
from nast.models.families.minilm import minilm_folder
from nast.sources.nih_cxr import read_nih_cxr
from nast.training.image_head import fit_image_head

FOLDS = 5
HIDDEN = 256
TRAINING = {"steps": 100, "captions": 12, "claims": 8, "learning_rate": 5e-4}
"""Small batches, as the validation patients wanted them of the same text tower on drawn films."""
CLOSED = ["questions", "claims", "facts"]
"""The folders of a fold in which silence counts as absence."""
ROWS = {"LoRA uniform": "uniform", "NAST (lr)": "scope"}


def main(nih: Path, out: Path) -> None:
    """Everything, into a folder; what is there already is not made again."""
    films = out / "films"
    nast.build_facts([f"nih-cxr:{nih}"], films, world="closed")
    if not (out / "films.parquet").is_file():
        print("vectors of the films", flush=True)
        features.main(films, out / "films.parquet")
    (out / "films.yaml").write_text(yaml.safe_dump(specification(), sort_keys=False))
    closed, adjudicated = [], []
    for number, root in enumerate(fold_folders(nih, out), 1):
        print(f"fold {number} of {FOLDS}", flush=True)
        models = one_fold(root, out / "films.yaml")
        view = view_alone.score_file(root / "facts", [root / "questions", root / "claims"])
        closed.append(scored(root, [*models, view], CLOSED))
        if (root / "adjudicated").is_dir():
            adjudicated.append(scored(root, models, ["adjudicated"]))
    first = closed[0].folder
    beside = [first / "trace", *(first / "runs" / as_name(name) for name in ROWS)]
    pooled = pool.pool_folds(closed, CLOSED, out / "pooled")
    items = [folder for folder in pooled if folder.name != "facts"]
    nast.build_report([*items, *beside], out / "report", fresh=True)
    if adjudicated:
        judged = pool.pool_folds(adjudicated, ["adjudicated"], out / "pooled-adjudicated")
        nast.build_report(judged[:1], out / "report-adjudicated", fresh=True)
    areas = view_alone.areas([fold.folder / "facts" for fold in closed], out / "pooled" / "scores")
    (out / "areas.md").write_text(areas)
    print(out / "report" / "report.html")


def scored(root: Path, models: list[Any], names: list[str]) -> pool.ScoredFold:
    """The scores of a fold's models on some of its folders."""
    found = nast.score(models, [root / name for name in names])
    return pool.ScoredFold(root, found, [model_record(model) for model in models])


def specification() -> dict[str, object]:
    """all-MiniLM-L6-v2 as it is, and the vectors of the films, which have no head yet."""
    text = str(minilm_folder())
    return {
        "name": "MiniLM and EfficientNet-Lite0",
        "licence": "Apache-2.0",
        "scale": 20,
        "ignore": ["pooler.*", "embeddings.position_ids"],
        "text": {
            "tokenizer": text,
            "weights": text,
            "config": text,
            "pooling": "mean_masked",
            "max_tokens": 128,
            "head": [],
        },
        "image": {"vectors": "films.parquet", "key": "dicom_id"},
    }


def fold_folders(nih: Path, out: Path) -> Iterator[Path]:
    """The same data set once for each fold, with the fold's patients as its published test list."""
    rows = read_nih_cxr(nih).studies.select("subject_id", "study_id")
    fold = pl.Series([seed_of("fold", patient) % FOLDS for patient in rows["subject_id"]])
    for number in range(FOLDS):
        root = out / f"fold-{number + 1}" / "nih"
        root.mkdir(parents=True, exist_ok=True)
        for table in nih.glob("*.csv"):
            shutil.copyfile(table, root / table.name)
        for folder in nih.iterdir():
            link = root / folder.name
            if folder.is_dir() and not link.exists():
                link.symlink_to(folder.resolve())
        names = rows.filter(fold == number)["study_id"]
        (root / "test_list.txt").write_text("".join(f"{name}.png\n" for name in names))
        if any(root.glob("google2019*")):
            only_adjudicated(root, root.with_name("nih-adjudicated"))
        yield root.parent


def only_adjudicated(root: Path, target: Path) -> None:
    """The part of a fold's data set that radiologists have looked at again."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root, target, symlinks=True)
    judged = {line.partition(",")[0] for line in next(root.glob("google2019*")).open()}
    for table in target.glob("Data_Entry_2017*"):
        head, *lines = table.read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.partition(",")[0] in judged]
        table.write_text("".join([head, *kept]))


def one_fold(root: Path, spec: Path) -> list[DualEncoder]:
    """Facts, items, head, trace and repair of one fold; returns its models."""
    source = [f"nih-cxr:{root / 'nih'}"]
    facts, questions, claims = (root / name for name in ("facts", "questions", "claims"))
    nast.build_facts(source, facts, world="closed")
    # Of the adjudicated films what was denied or seen there, and nothing that is only silent.
    if (root / "nih-adjudicated").is_dir():
        nast.build_facts([f"nih-cxr:{root / 'nih-adjudicated'}"], root / "adjudicated")
    nast.build_benchmark(facts, questions)
    nast.build_contextual(facts, claims)
    fit_image_head(spec, facts, claims, root / "head", hidden=HIDDEN)
    base = f"MiniLM=two-tower:{root / 'head' / 'model.yaml'}"
    model = nast.load_model(base)
    trace = root / "trace"
    nast.build_trace(model, facts, trace, nast.TraceConfig(aggregation="scope"))
    models = [model]
    for name, layers in ROWS.items():
        run = root / "runs" / as_name(name)
        chosen = (
            uniform(model.text.n_layers)
            if layers == "uniform"
            else nast.choose_layers(layers, model.text.n_layers, trace)
        )
        config = nast.TrainConfig(**TRAINING)
        follows = None if layers == "uniform" else trace
        nast.build_run(
            nast.load_model(base),
            base,
            facts,
            claims,
            run,
            chosen,
            config,
            benchmark=questions,
            trace=follows,
        )
        models += [nast.load_model(f"{name}=run:{run}"), nast.load_model(f"{name} @1=run:{run}@1")]
    return models


def as_name(row: str) -> str:
    """A row's name as a folder's."""
    return row.lower().replace(" ", "-").strip("()").replace("(", "")


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:3]))
