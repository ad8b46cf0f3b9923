"""The command line: one subcommand per file of `nast.commands`, loaded when it is called.

Exit codes: 0 done, 1 the work failed, 2 the call was wrong.
"""

import sys
from pathlib import Path

import cyclopts

from nast import __version__
from nast.errors import NastError, UsageError

app = cyclopts.App(
    name="nast",
    version=__version__,
    # The default loads a Markdown renderer, which takes longer than the rest of --help.
    help_format="plaintext",
    help="Finds, explains and repairs the way vision-language models misread negation in "
    "radiology. Start with: nast demo",
)
benchmark = cyclopts.App(name="benchmark", help="MedNega-CXR questions.")
review = cyclopts.App(name="review", help="Review of questions by experts, in a spreadsheet.")
contextual = cyclopts.App(name="contextual", help="Claim sets and captions.")
models = cyclopts.App(name="models", help="Models that nast can load.")
app.command("nast.commands.run_demo:demo", name="demo", help="The whole paper on phantom data.")
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
    "nast.commands.review:export_review_command", name="export", help="A spreadsheet to fill in."
)
review.command(
    "nast.commands.review:import_review_command", name="import", help="Filled in, applied."
)
contextual.command(
    "nast.commands.exchange:export_command", name="export", help="Claims in others' formats."
)
models.command("nast.commands.models:list_models", name="list", help="Kinds of MODEL.")
models.command("nast.commands.models:check", name="check", help="Load a model and test it.")
models.command(
    "nast.commands.models:export", name="export", help="For transformers, open_clip or peft."
)
app.command("nast.commands.embed:embed", name="embed", help="Encode texts and images ahead.")
app.command("nast.commands.evaluate:evaluate", name="evaluate", help="Score models on data.")
app.command("nast.commands.trace:trace", name="trace", help="Trace negation, weigh the layers.")
app.command("nast.commands.train:train", name="train", help="Fine-tune with LoRA by layer.")
app.command("nast.commands.report:report", name="report", help="Tables, figures and a page.")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0, 1 or 2."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code and never shows a traceback for the user's mistake."""
    try:
        app(
            _with_config(arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except (UsageError, cyclopts.CycloptsError) as error:
        print(f"nast: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except NastError as error:
        print(f"nast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nast: interrupted; the same command goes on from here", file=sys.stderr)
        return 1
    return 0


def _with_config(arguments: list[str]) -> list[str]:
    """Take `--config FILE.yaml` out of the arguments; its keys are defaults of the options."""
    app.config = ()
    arguments = [part for a in arguments
                 for part in (a.split("=", 1) if a.startswith("--config=") else [a])]  # fmt: skip
    if "--config" not in arguments:
        return arguments
    place = arguments.index("--config")
    if place + 1 >= len(arguments) or not Path(arguments[place + 1]).is_file():
        raise UsageError("--config needs a YAML file that exists")
    path = arguments[place + 1]
    app.config = (cyclopts.config.Yaml(path, must_exist=True, use_commands_as_keys=False),)
    return arguments[:place] + arguments[place + 2 :]
