"""nast train."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nast.commands.arguments import loadable
from nast.commands.options import NotNegativeNumber, Seed, Whole
from nast.commands.progress import Progress

if TYPE_CHECKING:
    from nast.layers import LayerWeights
    from nast.training.config import TrainConfig


def train(
    model: str,
    facts: Path,
    contextual: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    objective: str | None = None,
    layers: str | None = None,
    trace: Path | None = None,
    mode: str | None = None,
    beta: NotNegativeNumber | None = None,
    steps: Whole | None = None,
    captions: Whole | None = None,
    claims: Whole | None = None,
    learning_rate: float | None = None,
    lambda_: Annotated[float | None, Parameter(name="--lambda")] = None,
    lora: str | None = None,
    rank: Whole | None = None,
    validate_every: Whole | None = None,
    patience: Whole | None = None,
    seed: Seed | None = None,
    protocol: str = "default",
    published: bool = False,
    sweep: Path | None = None,
    store: Path | None = None,
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
    out: Path
        Run folder; load it as run:OUT.
    objective: str
        nast, or a rival on the same data: clip, negclip, conclip, negbench.
    layers: str
        uniform; nast (the trace's choice) or another profile of the same trace: cue, scope, drop,
        input, module, attention, gradnorm; reversed, random, front-K, top-K; a layer_weights.json.
    trace: Path
        Folder of nast trace, for the policies that follow one.
    mode: str
        lr (each block its own learning rate) or gradient (the equation as printed).
    beta: float
        Sharpness of the policies that follow a trace; the trace's own if not given.
    steps: int
        Optimizer steps.
    captions: int
        Image-caption pairs a step.
    claims: int
        Groups of claim sets a step, each with all its members.
    learning_rate: float
        Of a block with scale 1.
    lambda_: float
        Weight of the caption loss.
    lora: str
        Linear layers of a block that get LoRA: attention (q, k, v, out), mlp or all.
    rank: int
        Of LoRA, whose factor alpha / rank stays 2.
    validate_every: int
        Steps between validations on the validation patients; the best weights are kept.
    patience: int
        Validations without a better one after which training ends.
    seed: int
        Of LoRA's start and of the batches.
    protocol: str
        default, or paper: every literal choice of the paper at once.
    published: bool
        Settings that the authors of negclip, conclip or negbench train all weights with.
    sweep: Path
        YAML file of settings, each one value or a list; every combination is trained.
    store: Path
        Folder for vectors, shared between runs.
    log: str
        tensorboard, wandb or trackio, where installed: numbers only.
    fresh: bool
        Start over in a folder of another configuration.
    """
    loadable(model)
    given = {
        "objective": objective,
        "mode": mode,
        "steps": steps,
        "captions": captions,
        "claims": claims,
        "learning_rate": learning_rate,
        "lambda_": lambda_,
        "lora": lora,
        "rank": rank,
        "validate_every": validate_every,
        "patience": patience,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    first = _join()
    if sweep:
        given |= {"protocol": protocol} if protocol != "default" else {}
        given |= {"published": True} if published else {}
        beside = {"layers": layers, "beta": beta, "log": log}
        given |= {name: value for name, value in beside.items() if value is not None}
        _sweep(
            given,
            model,
            facts,
            contextual,
            sweep,
            out,
            trace=trace,
            store=store,
            fresh=fresh,
            first=first,
        )
        return
    from nast.errors import UsageError
    from nast.models.registry import load_model
    from nast.training.policies import layer_policy
    from nast.training.run import build_run

    config = _config(given, protocol, published)
    if protocol == "paper" and not (trace or layers):
        raise UsageError("--protocol paper follows a trace; say --trace FOLDER of nast trace")
    base = load_model(model)
    name = layers or ("nast" if trace else "uniform")
    weights = layer_policy(
        name,
        base.text.n_layers,
        trace,
        beta=beta,
        literal=protocol == "paper",
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
        layers=name,
        beta=beta,
        literal=protocol == "paper",
        trace=trace,
        store=store,
        fresh=fresh,
        report=report,
    )
    progress.done()
    if first:
        _say_result(out, made)


def _config(given: dict[str, Any], protocol: str, published: bool) -> "TrainConfig":
    from nast.errors import UsageError
    from nast.training.config import PAPER, TrainConfig
    from nast.training.objectives import PUBLISHED

    if protocol not in ("default", "paper"):
        raise UsageError(f"--protocol {protocol}; choose default or paper")
    preset = PAPER if protocol == "paper" else {}
    if published:
        objective = given.get("objective")
        if objective not in PUBLISHED:
            raise UsageError(f"--published is for --objective {', '.join(PUBLISHED)}")
        preset = preset | PUBLISHED[objective]
    try:
        return TrainConfig(**{**preset, **given})
    except ValueError as error:
        raise UsageError(str(error)) from None


def _join() -> bool:
    """Join the other processes of torchrun, if there are any; whether this is the first one."""
    import os

    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return True
    import torch.distributed

    from nast.models.hardware import chosen_device

    device = chosen_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Vectors lie on the CPU, gradients where the model is.
    backends = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backends)
    return torch.distributed.get_rank() == 0


def _say(weights: "LayerWeights", config: "TrainConfig") -> None:
    """The table block -> alpha -> learning rate, before the first step."""
    printed = config.mode == "gradient"
    for block, (alpha, scale) in enumerate(zip(weights.alpha, weights.scale, strict=True), 1):
        rate = config.learning_rate * (1 if printed else scale)
        rest = "  no LoRA" if scale == 0 else f"  gradient x {scale:.3f}" if printed else ""
        print(f"block {block:2}  alpha {alpha:.3f}  learning rate {rate:.2e}{rest}")
    settings = {n: getattr(config, n) for n in config.__slots__} | {"alpha": config.lora_alpha}
    print(", ".join(f"{name.rstrip('_')} {value}" for name, value in settings.items()))


def _say_result(out: Path, made: dict[str, Any]) -> None:
    """The losses of the first and the last step, the validations, and how to load the run."""
    for row in (*made["losses"], *made["validation"]):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
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


def _sweep(
    given: dict[str, Any],
    model: str,
    facts: Path,
    contextual: Path,
    grid: Path,
    out: Path,
    *,
    trace: Path | None,
    store: Path | None,
    fresh: bool,
    first: bool,
) -> None:
    from nast.errors import UsageError
    from nast.training.grid import DEFAULTS, TABLE, read_grid, sweep

    if given:
        raise UsageError("with --sweep all settings stand in its file, and there is no --log")
    progress = Progress(1)
    steps = [cell.get("steps", DEFAULTS["steps"]) for cell in read_grid(grid)]
    if first:
        progress.step(f"fine-tuning {len(steps)} times", total=sum(steps))
    table = sweep(
        model,
        facts,
        contextual,
        grid,
        out,
        trace=trace,
        store=store,
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
