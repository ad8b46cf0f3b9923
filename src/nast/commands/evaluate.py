"""nast evaluate."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nast.commands.arguments import part_models
from nast.commands.options import Count, Fraction, NotNegative, Seed


def evaluate(
    *models_and_data: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    split: str = "test",
    seed: Seed = 0,
    limit: Count | None = None,
    max_bad: NotNegative = 0,
    store: Path | None = None,
    gallery: str = "unique",
    protocol: str = "default",
    controls: bool = False,
    margin: Fraction = 0.01,
    chat_mode: Literal["letters", "text"] = "letters",
    key_variable: str | None = None,
    loopback_stays: bool = False,
    override: Path | None = None,
    fresh: bool = False,
) -> None:
    """Score models on data and print the tables.

    A finished result of the same data and settings is added to: only new models are scored.

    Parameters
    ----------
    models_and_data: str
        Models (phantom, hf:FOLDER, run:FOLDER), files of scores (scores:FILE with the columns
        item, option, score), chat models (chat:URL#NAME behind a server that speaks OpenAI's
        protocol) and folders of nast benchmark, contextual or facts (prompt pairs), in any order.
    out: Path
        Output folder: scores.parquet, metrics.json, comparisons.json.
    split: str
        train, validate, test or all.
    seed: int
        Of the bootstrap.
    limit: int
        At most so many items per table.
    max_bad: int
        How many images that cannot be read, and items without a single right answer, are passed
        over; manifest.json names them.
    store: Path
        Folder for vectors, shared between runs.
    gallery: str
        Of the headline retrieval: unique, full, sampled:N or candidates.
    protocol: str
        Whose rule for ties: default, sugar-crepe and aro count a tie for the best option as wrong;
        negbench, cc-neg and clip-benchmark as right where the right one stands first.
    controls: bool
        Also score without the image, with another patient's, and without the negators.
    margin: float
        Largest loss of accuracy, recall or AUC that counts as no harm.
    chat_mode: Literal
        What a chat model replies: letters, or the text of an option.
    key_variable: str
        Name of the environment variable with the key of a chat model's server.
    loopback_stays: bool
        State that nothing behind a loopback address passes data on to another machine.
    override: Path
        YAML file with the person, date and reason that let private data leave.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError

    if split not in ("train", "validate", "test", "all"):
        raise UsageError(f"--split is {split!r}; choose train, validate, test or all")
    names, data = part_models(models_and_data)
    from nast.commands.words import override_of
    from nast.evaluation import Model
    from nast.evaluation import evaluate as score
    from nast.files import read_json, read_table
    from nast.measuring.metrics import in_order
    from nast.records import SCORES_SCHEMA
    from nast.reporting.tables import cell, markdown, tables_of
    from nast.scoring.chat import PREFIX as CHAT
    from nast.scoring.chat import chat_model
    from nast.scoring.datasets import split_label
    from nast.scoring.score_file import PREFIX, read_score_file

    def model_of(name: str) -> Model:
        if name.startswith(CHAT):
            return chat_model(
                name,
                chat_mode,
                key_variable=key_variable,
                loopback_stays=loopback_stays,
                override=override_of(override),
            )
        if name.startswith(PREFIX):
            return read_score_file(name)
        # Files of scores and chat models need no library of models.
        from nast.models.registry import load_model

        return load_model(name)

    models = [model_of(name) for name in names]
    made = score(
        models,
        data,
        out,
        split=split,
        seed=seed,
        limit=limit,
        max_bad=max_bad,
        store=store,
        answers=out.with_name(out.name + "-answers.jsonl"),
        gallery=gallery,
        protocol=protocol,
        controls=controls,
        margin=margin,
        fresh=fresh,
    )
    scores = read_table(out / "scores.parquet", SCORES_SCHEMA)
    metrics = in_order(read_json(out / "metrics.json"), scores)
    for table in tables_of(metrics, {}):
        print(markdown(table))
    for name, figures in metrics.items():
        for figure, value in figures.items():
            if split_label(figure)[1].startswith("prompt pairs"):
                print(f"{name}  {figure}: {cell(value)} n {value['n']}")
    for name, notes in made["notes"].items():
        for what, items in notes.items():
            print(f"{name}: {len(items)} items, {what}: {', '.join(items[:5])}")
