"""nast train."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nast.commands.arguments import loadable
from nast.commands.options import NotNegativeNumber
from nast.errors import UsageError
from nast.progress import Progress
from nast.training.train_config import TrainConfig

if TYPE_CHECKING:
    from nast.layers import LayerWeights


DEFAULT = TrainConfig()


def train_command(
    model: str,
    facts: Path,
    contextual: Path,
    benchmark: Path | None = None,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    config: Annotated[TrainConfig, Parameter(name="*")] = DEFAULT,
    layers: str | None = None,
    trace: Path | None = None,
    beta: NotNegativeNumber | None = None,
    grid: Path | None = None,
    vectors: Path | None = None,
    log: str | None = None,
    fresh: bool = False,
) -> None:
    """Fine-tune a model's text tower with LoRA, block by block.

    Killed, the same command goes on where it was. Under torchrun the texts of a step are shared
    out, and the result is that of one process.

    Parameters
    ----------
    model: str
        A MODEL; see nast models list.
    facts: Path
        Folder of nast facts.
    contextual: Path
        Folder of nast contextual build on the same facts.
    benchmark: Path
        Folder of nast benchmark build on the same facts: its validation questions count when it
        is chosen how much of the change is taken.
    out: Path
        Run folder; load it as run:OUT.
    layers: str
        uniform; nast (the trace's choice) or another profile of the same trace: cue, scope, drop,
        input, module, attention, gradnorm; reversed, random, front-K, top-K; a layer_weights.json.
    trace: Path
        Folder of nast trace, for the layers that follow one.
    beta: float
        Sharpness of the layers that follow a trace; the trace's own if not given.
    grid: Path
        YAML file of settings, each one value or a list; every combination is trained.
    vectors: Path
        Folder for vectors, shared between runs.
    log: str
        tensorboard, wandb or trackio, where installed: numbers only.
    fresh: bool
        Start over in a folder of another configuration.
    """
    loadable(model)
    if grid and (config != DEFAULT or layers or beta is not None or log):
        raise UsageError("with --grid all settings stand in its file, and there is no --log")
    if config.protocol == "paper" and not (trace or layers):
        raise UsageError("--protocol paper follows a trace; say --trace FOLDER of nast trace")
    from nast.processes import joined_processes

    with joined_processes() as first:
        if grid:
            data = (facts, contextual, benchmark)
            _train_grid(model, data, grid, out, trace, vectors, fresh, first)
            return
        from nast.models.registry import load_model
        from nast.tracing.choose import choose_layers
        from nast.training.run import build_run

        base = load_model(model)
        weights = choose_layers(
            layers or ("nast" if trace else "uniform"),
            base.text.n_layers,
            trace,
            beta=beta,
            protocol=config.protocol,
            seed=config.seed,
            model=base,
        )
        if first:
            _say(weights, config)
            print(f"on {base.device}, {base.precision}")
        progress, report = _reporter(config.steps, log if first else None, out, first)
        made = build_run(
            base,
            model,
            facts,
            contextual,
            out,
            weights,
            config,
            benchmark=benchmark,
            trace=trace,
            vectors=vectors,
            fresh=fresh,
            report=report,
        )
        progress.done()
        if first:
            _say_result(out, made)


def _say(weights: "LayerWeights", config: TrainConfig) -> None:
    """The table block -> alpha -> learning rate, before the first step."""
    printed = config.mode == "gradient"
    for block, (alpha, scale) in enumerate(zip(weights.alpha, weights.scale, strict=True), 1):
        rate = config.learning_rate * (1 if printed else scale)
        rest = "  no LoRA" if scale == 0 else f"  gradient x {scale:.3f}" if printed else ""
        print(f"block {block:2}  alpha {alpha:.3f}  learning rate {rate:.2e}{rest}")
    settings = {name: getattr(config, name) for name in config.__slots__}
    print(", ".join(f"{name.rstrip('_')} {value}" for name, value in settings.items()))


def _say_result(out: Path, made: dict[str, Any]) -> None:
    """The losses of the first and the last step, the validations, what each part of the change
    does, and how to load the run.
    """
    for row in (*made["losses"], *made["validation"]):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
    for row in made.get("curve", ()):
        chosen = "  <- chosen" if row["g"] == made["g"] else ""
        print(
            f"g {row['g']:.1f}  denials {row['repaired']:.3f}  loss elsewhere {row['loss']:+.3f} "
            f"(+-{row['half_width']:.3f}, at most {row['worst']:+.3f}){chosen}"
        )
    if not made.get("curve"):
        print("no validation patients with denials: the whole change is taken, g = 1")
    if made.get("warning"):
        print(f"warning: {made['warning']}")
    print(f"run:{out}")


def _reporter(
    steps: int, log: str | None, out: Path, first: bool
) -> tuple[Progress, Callable[[int, dict[str, float]], None] | None]:
    progress = Progress(1)
    if not first:
        return progress, None
    progress.step("fine-tuning", total=steps)
    send = None
    if log:
        from nast.training.sinks import open_sink

        send = open_sink(log, out.with_name(f"{out.name}-{log}"))

    def report(step: int, losses: dict[str, float]) -> None:
        if progress.count == 0 and step > 1:
            progress.resume(step - 1)
        progress.advance()
        if send:
            send(step, losses)

    return progress, report


def _train_grid(
    model: str,
    data: tuple[Path, Path, Path | None],
    grid: Path,
    out: Path,
    trace: Path | None,
    vectors: Path | None,
    fresh: bool,
    first: bool,
) -> None:
    from nast.training.grid import TABLE, read_grid, train_grid

    progress = Progress(1)
    steps = [int(cell.get("steps") or DEFAULT.steps) for cell in read_grid(grid)]
    if first:
        progress.step(f"fine-tuning {len(steps)} times", total=sum(steps))
    table = train_grid(
        model,
        *data[:2],
        grid,
        out,
        benchmark=data[2],
        trace=trace,
        vectors=vectors,
        fresh=fresh,
        report=progress.advance if first else None,
    )
    if not first:
        return
    progress.done()
    for row in table.iter_rows(named=True):
        print(
            "  ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in row.items()
            )
        )
    print(f"table: {out / TABLE}")
