"""nast evaluate."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nast.commands.arguments import part_models
from nast.commands.options import Count, Fraction, NotNegative, Seed


def evaluate_command(
    *models_and_data: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    split: str = "test",
    seed: Seed = 0,
    limit: Count | None = None,
    max_bad: NotNegative = 0,
    vectors: Path | None = None,
    gallery: str = "unique",
    ties: str = "default",
    protocol: Literal["default", "paper"] = "default",
    controls: bool = False,
    margin: Fraction = 0.01,
    chat_mode: Literal["letters", "text"] = "letters",
    key_variable: str | None = None,
    loopback_stays: bool = False,
    override: Path | None = None,
    metrics_only: bool = False,
    fresh: bool = False,
) -> None:
    """Score models on data, measure, and print the tables.

    Parameters
    ----------
    models_and_data: str
        Models (phantom, hf:FOLDER, run:FOLDER), files of scores (scores:FILE with the columns
        item, option, score), chat models (chat:URL#NAME behind a server that speaks OpenAI's
        protocol) and folders of nast benchmark, contextual or facts (prompt pairs), in any order.
        NAME=MODEL names a model; seeds of one training setting share a name by themselves.
    out: Path
        Output folder: metrics.parquet, and the scores that it is made from.
    split: str
        train, validate, test or all.
    seed: int
        Of the bootstrap, sampled galleries, shuffled images and the order of a chat's options.
    limit: int
        At most so many items per table.
    max_bad: int
        How many images that cannot be read, and items without a single right answer, are passed
        over; manifest.json names them.
    vectors: Path
        Folder for vectors, shared between runs.
    gallery: str
        Of the retrieval among captions: unique, full or sampled:N.
    ties: str
        Whose rule for ties: default, sugar-crepe and aro count a tie for the best option as wrong;
        negbench, cc-neg and clip-benchmark as right where the right one stands first.
    protocol: Literal
        paper: runs are taken whole (g = 1), and data that were built otherwise are refused.
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
    metrics_only: bool
        Make metrics.parquet again from the scores in --out, without a model and as it was asked
        for; give data folders only where they are not where they were, and no other option.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError

    if split not in ("train", "validate", "test", "all"):
        raise UsageError(f"--split is {split!r}; choose train, validate, test or all")
    from nast.errors import visible
    from nast.evaluation import Model, evaluate, measure_again
    from nast.naming import split_name

    if metrics_only:
        asked = (split, seed, limit, max_bad, vectors, gallery, ties, controls, margin, fresh)
        usual = ("test", 0, None, 0, None, "unique", "default", False, 0.01, False)
        if asked != usual or protocol != "default":
            raise UsageError(
                "--metrics-only measures as the evaluation was asked to, which its manifest says; "
                "leave the other options out, or evaluate again"
            )
        measure_again(out, [Path(argument) for argument in models_and_data])
        _print(out)
        return
    names, data = part_models(models_and_data)
    if protocol == "paper":
        _require_literal(data)

    def model_of(argument: str) -> Model:
        name, model = split_name(argument)
        if model.startswith("chat:"):
            from nast.language.write.writer import override_of
            from nast.scoring.chat import chat_model

            asked = chat_model(
                model,
                chat_mode,
                key_variable=key_variable,
                loopback_stays=loopback_stays,
                override=override_of(override),
            )
            return replace(asked, name=name) if name else asked
        if model.startswith("scores:"):
            from nast.scoring.score_file import read_score_file

            return read_score_file(model, name)
        # Files of scores and chat models need no library of models.
        from nast.models.registry import load_model, split_share

        def whole(argument: str) -> str:
            """The paper takes no share of a change."""
            kind, _, place = re.sub("^((pad|draft):)+", "", model).partition(":")
            share = split_share(place)[1] if kind == "run" else 1.0
            if share not in (None, 1.0):
                raise UsageError(
                    f"{argument}: --protocol paper takes runs whole; leave @{share:g} out"
                )
            return argument if share else f"{argument}@1"

        return load_model(whole(argument) if protocol == "paper" else argument)

    made = evaluate(
        [model_of(name) for name in names],
        data,
        out,
        split=split,
        seed=seed,
        limit=limit,
        max_bad=max_bad,
        vectors=vectors,
        answers=out.with_name(out.name + "-answers.jsonl"),
        gallery=gallery,
        ties=ties,
        controls=controls,
        margin=margin,
        fresh=fresh,
    )
    _print(out)
    for name, notes in made["notes"].items():
        for what, items in notes.items():
            print(visible(f"{name}: {len(items)} items, {what}: {', '.join(items[:5])}"))


def _require_literal(data: Sequence[Path]) -> None:
    """Refuse items that the paper's protocol did not build.

    Raises:
        UsageError: names the folder and the command that builds it so.
    """
    from nast.errors import UsageError
    from nast.files import manifest_of

    for folder in data:
        config = manifest_of(folder)["config"]
        if config.get("protocol", "paper") != "paper":
            raise UsageError(
                f"--protocol paper: {folder} was built under the protocol {config['protocol']}; "
                f"build it with nast {config['stage']} build --protocol paper"
            )


def _print(out: Path) -> None:
    """The tables of a finished evaluation, and its areas under the curve."""
    from nast.errors import visible
    from nast.reporting.joined import join_evaluations
    from nast.reporting.numbers import ANY, cell, pick
    from nast.reporting.tables import tables_of
    from nast.reporting.written import markdown

    joined = join_evaluations([out])
    for table in tables_of(joined, {}):
        print(markdown(table))
    for row in pick(joined.metrics, task="prompts", reading="prompt pairs", condition=ANY):
        said = f"{row['model']}  {row['data']}, {row['condition']}, {row['statistic']}"
        print(visible(f"{said}: {cell(row)} n {row['n']}"))
