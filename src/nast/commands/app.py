"""The tree of commands: one subcommand per file of this folder, loaded when it is called."""

import os
from pathlib import Path
from typing import Any

import cyclopts

from nast import __version__
from nast.errors import UsageError

app = cyclopts.App(
    name="nast",
    version=__version__,
    # The default loads a Markdown renderer, which takes longer than the rest of --help.
    help_format="plaintext",
    # The default ends on Ctrl-C without a word.
    suppress_keyboard_interrupt=False,
    help="Finds, explains and repairs the way vision-language models misread negation in "
    "radiology. Start with: nast demo",
)
benchmark = cyclopts.App(name="benchmark", help="MedNega-CXR questions.")
review = cyclopts.App(name="review", help="Review of questions by experts.")
contextual = cyclopts.App(name="contextual", help="Claim sets and captions.")
models = cyclopts.App(name="models", help="Models that nast can load.")
app.command("nast.commands.demo:demo", name="demo", help="The whole paper on phantom data.")
app.command(
    "nast.commands.paper:paper", name="paper", help="The whole paper on your data and models."
)
app.command("nast.commands.phantom:phantom", name="phantom", help="Draw phantom patients.")
app.command(
    "nast.commands.phantom:phantom_pretrain",
    name="phantom-pretrain",
    help="Train the phantom model again.",
)
app.command("nast.commands.facts:facts", name="facts", help="Sources to studies and facts.")
app.command(benchmark)
app.command(contextual)
app.command(models)
benchmark.command("nast.commands.build:benchmark_build", name="build", help="Facts to questions.")
benchmark.command("nast.commands.build:audit", name="audit", help="What words alone can solve.")
contextual.command(
    "nast.commands.build:contextual_build", name="build", help="Facts to claim sets and captions."
)
contextual.command("nast.commands.build:audit", name="audit", help="What words alone can solve.")
benchmark.command(
    "nast.commands.exchange:export_command", name="export", help="Questions in others' formats."
)
benchmark.command(
    "nast.commands.exchange:import_command", name="import", help="Others' items into a folder."
)
benchmark.command(review)
review.command(
    "nast.commands.review:export_review_command", name="export", help="A file to fill in."
)
review.command(
    "nast.commands.review:import_review_command", name="import", help="Filled in, applied."
)
contextual.command(
    "nast.commands.exchange:export_command", name="export", help="Claims in others' formats."
)
models.command("nast.commands.models:list_models", name="list", help="Kinds of MODEL.")
models.command("nast.commands.models:check_command", name="check", help="Load a model and test it.")
models.command(
    "nast.commands.models:export_model_command",
    name="export",
    help="For transformers, open_clip or peft.",
)
models.command(
    "nast.commands.models:fit_head_command",
    name="fit-head",
    help="Train a head from ready image vectors to a text tower.",
)
app.command(
    "nast.commands.embed:embed_command", name="embed", help="Encode texts and images ahead."
)
app.command(
    "nast.commands.evaluate:evaluate_command", name="evaluate", help="Score models on data."
)
app.command(
    "nast.commands.trace:trace_command", name="trace", help="Trace negation, weigh the layers."
)
app.command("nast.commands.train:train_command", name="train", help="Fine-tune with LoRA by layer.")
app.command("nast.commands.report:report", name="report", help="Tables, figures and a page.")


def call(arguments: list[str]) -> None:
    """Run one command.

    Raises:
        UsageError, cyclopts.CycloptsError: the call was wrong.
        Exception: whatever the command raises.
    """
    _refuse_bytes(arguments)
    app(
        _with_config(arguments),
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )


def _refuse_bytes(arguments: list[str]) -> None:
    """Refuse names that are no text here: tables, cards and records could not hold them."""
    for name in (*arguments, os.path.abspath(os.curdir)):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{name!a} is no text in the encoding of this system; rename it, or set a "
                "locale of UTF-8 (export LC_ALL=C.UTF-8)"
            ) from None


def _with_config(arguments: list[str]) -> list[str]:
    """Take `--config FILE.yaml` out of the arguments; its keys are defaults of the options."""
    app.config = ()
    parts = [a.split("=", 1) if a.startswith("--config=") else [a] for a in arguments]
    arguments = [part for some in parts for part in some]
    if "--config" not in arguments:
        return arguments
    place = arguments.index("--config")
    if place + 1 >= len(arguments) or not Path(arguments[place + 1]).is_file():
        raise UsageError("--config needs a YAML file that exists")
    path = arguments[place + 1]
    defaults = cyclopts.config.Dict(_read_config(Path(path)), source=path)
    defaults.use_commands_as_keys = False
    app.config = (defaults,)
    return arguments[:place] + arguments[place + 2 :]


def _read_config(file: Path) -> dict[str, Any]:
    """The options of a `--config` file; tags in it build nothing.

    Raises:
        UsageError: it is no YAML mapping of option names to plain values.
    """
    import yaml

    hint = "expected one option a line, for example 'seed: 1'"
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        problem = " ".join((error.problem or error.context or "no YAML").split())
        raise UsageError(f"--config {file}{place}: {problem}; {hint}") from None
    except (ValueError, OSError, RecursionError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no YAML text"
        raise UsageError(f"--config {file}: {reason}; {hint}") from None
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise UsageError(f"--config {file}: no mapping of names to values; {hint}")
    return given
