"""nast train."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nast.commands.progress import Progress


def train(
    model: str,
    facts: Path,
    contextual: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    layers: str = "uniform",
    mode: str | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    fresh: bool = False,
) -> None:
    """Fine-tune a model's text tower with LoRA, block by block.

    Parameters
    ----------
    model: str
        phantom or hf:FOLDER.
    facts: Path
        Folder of nast facts.
    contextual: Path
        Folder of nast contextual build on the same facts.
    out: Path
        Run folder; load it as run:OUT.
    layers: str
        uniform, or a layer_weights.json of nast trace.
    mode: str
        lr (each block its own learning rate) or gradient (the equation as printed).
    steps: int
        Optimizer steps.
    learning_rate: float
        Of a block with scale 1.
    seed: int
        Of LoRA's start and of the batches.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError
    from nast.models.registry import load_model
    from nast.training.trainer import TrainConfig, build_run
    from nast.weighting import read_layer_weights, uniform

    given = {"mode": mode, "steps": steps, "learning_rate": learning_rate, "seed": seed}
    try:
        config = TrainConfig(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(str(error)) from None
    base = load_model(model)
    if layers == "uniform":
        weights = uniform(base.text_tower().n_layers)
    else:
        weights = read_layer_weights(Path(layers))
    for block, (alpha, scale) in enumerate(zip(weights.alpha, weights.scale, strict=True), 1):
        rate = config.learning_rate * (scale if config.mode == "lr" else 1)
        print(f"block {block:2}  alpha {alpha:.3f}  learning rate {rate:.2e}")
    progress = Progress(1)
    progress.step("fine-tuning", total=config.steps)
    build_run(base, model, facts, contextual, out, weights, config, fresh=fresh,
              report=progress.advance)  # fmt: skip
    progress.done()
    print(f"run:{out}", ", ".join(f"{f.name} {getattr(config, f.name)}" for f in fields(config)))
