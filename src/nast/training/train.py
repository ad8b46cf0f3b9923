"""Fine-tuning from Python: a model, facts and a contextual set in, a trained model out."""

import warnings
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import UsageError
from nast.folders import strictest_of
from nast.hashes import content_hash
from nast.layers import LayerWeights, uniform
from nast.models.contract import DualEncoder
from nast.models.registry import take_share
from nast.naming import run_name, run_setting
from nast.sources.collect import Facts, read_facts
from nast.training.interpolation import choose_share
from nast.training.lora import lora_parameters
from nast.training.run import asked_layers
from nast.training.run_files import by_step, put_best
from nast.training.train_config import TrainConfig
from nast.training.trainer import Report, fine_tune
from nast.training.training_data import training_data
from nast.training.validation import claim_figures
from nast.vectors import Vectors


@dataclass(frozen=True)
class TrainedModel:
    """What `train` leaves.

    Attributes:
        model: a copy of the base with the LoRA weights, named by its setting; the best ones at
            validation where there was one, and as much of their change as serves best.
        losses: per step, with the validations' figures.
        updates: per step and block, the norm of the change of LoRA's parameters and of B A, and of
            the scaled gradient.
        shares: of each block in the whole update (Table 4), by three measures.
        curve: what each part of the change, g, does on the validation patients; the model has
            the chosen one. Empty where there are none.

    Examples:
        >>> import nast
        >>> model = nast.load_model("phantom")
        >>> run = nast.train(model, "facts", "contextual", steps=1, captions=8, claims=2, seed=3)
        >>> run.model.seed, sorted(run.shares)
        (3, ['gradient', 'parameters', 'product'])
    """

    model: DualEncoder
    losses: pl.DataFrame
    updates: pl.DataFrame
    shares: dict[str, list[float]]
    curve: pl.DataFrame

    def __repr__(self) -> str:
        first, last = self.losses["loss"][0], self.losses["loss"][-1]
        return (
            f"{self.model.name}, seed {self.model.seed}: {self.losses.height} steps, loss "
            f"{first:.4g} -> {last:.4g}, g {self.model.g:g}\n"
            "  .model, .losses, .updates, .shares, .curve"
        )


def train(
    model: DualEncoder,
    facts: str | Path | Facts,
    contextual: str | Path,
    *,
    benchmark: str | Path | None = None,
    weights: LayerWeights | None = None,
    report: Report | None = None,
    **settings: Any,
) -> TrainedModel:
    """Fine-tune a copy of a model's text tower with LoRA, in memory (paper section 4.3).

    `nast train` and `build_run` do the same with a folder that can be resumed.

    Args:
        model: the base; it stays as it is.
        facts: a folder of `nast facts`, or what `read_facts` gives.
        contextual: a folder of `nast contextual build` on the same facts.
        benchmark: a folder of `nast benchmark build`, whose validation questions count when g is
            chosen.
        weights: the step of each block, for example of `layer_weights`; equal steps if not given.
        report: called after each step with (step, losses).
        settings: fields of `TrainConfig`, such as `steps`, `objective`, `mode` and `seed`.

    Raises:
        UsageError: no such setting, a value out of its range, or weights of a tower with another
            number of blocks.
        InputError: no training captions or claim sets.

    Examples:
        >>> import nast
        >>> model = nast.load_model("phantom")
        >>> run = nast.train(model, "facts", "contextual", steps=2, captions=8, claims=2)
        >>> run.model.name, run.losses.height
        ('LoRA uniform', 2)
    """
    unknown = sorted(settings.keys() - TrainConfig.__dataclass_fields__.keys())
    if unknown:
        known = ", ".join(TrainConfig.__dataclass_fields__)
        raise UsageError(f"{unknown[0]} is no setting of a run; choose from {known}")
    config = TrainConfig(**settings)
    known_facts = facts if isinstance(facts, Facts) else read_facts(Path(facts))
    weights = uniform(model.text.n_layers) if weights is None else weights
    beside = [Path(benchmark)] if benchmark else []
    inputs = [*model.made_from, known_facts.folder, Path(contextual), *beside]
    tuned = deepcopy(model)
    data = training_data(
        Vectors(tuned, None, strictest_of(inputs)), known_facts, Path(contextual), config, *beside
    )
    validate = partial(claim_figures, tuned, data.validation) if config.validate_every else None
    run = fine_tune(tuned, data.captions, data.claims, weights, config, report, validate)
    put_best(run)
    chosen = choose_share(tuned, data.validation, config.protocol)
    take_share(tuned.network, chosen.g)
    if chosen.warning:
        warnings.warn(chosen.warning, stacklevel=2)
    setting = {"stage": "train", **asdict(config), **asked_layers(weights)}
    tuned.name, tuned.run = run_name({"config": setting}), run_setting({"config": setting})
    tuned.seed, tuned.g = config.seed, chosen.g
    tuned.made_from = inputs
    digest = sha256()
    parameters = lora_parameters(tuned.network)
    for name in sorted(parameters):
        digest.update(parameters[name].detach().cpu().contiguous().numpy().tobytes())
    tuned.key = content_hash([model.key, digest.hexdigest()])
    tables = by_step(run.history), by_step(run.meter.steps)
    return TrainedModel(tuned, *tables, run.meter.shares(), pl.DataFrame(chosen.curve))
