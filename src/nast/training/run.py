"""A run folder, resumable while it is made, by one process or several."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from nast.errors import UsageError
from nast.folders import strictest_of
from nast.layers import LayerWeights
from nast.models.contract import DualEncoder
from nast.naming import split_name
from nast.processes import joint_stage
from nast.sources.collect import read_facts
from nast.training.interpolation import choose_share
from nast.training.run_files import ends, machine, validations, write_cards, write_run
from nast.training.train_config import TrainConfig
from nast.training.trainer import Report, fine_tune
from nast.training.training_data import training_data
from nast.training.validation import claim_figures
from nast.vectors import Vectors

STATE = "state.safetensors"
"""The unfinished run, in its folder until it is finished."""


def build_run(
    model: DualEncoder,
    base: str,
    facts: Path,
    contextual: Path,
    folder: Path,
    weights: LayerWeights,
    config: TrainConfig,
    *,
    benchmark: Path | None = None,
    trace: Path | None = None,
    vectors: Path | None = None,
    fresh: bool = False,
    report: Report | None = None,
) -> dict[str, Any]:
    """Train on the training split of a contextual set and leave a run folder.

    How much of the change serves best, g, is chosen on the validation patients where there are
    any (see `nast.training.interpolation`); `run:FOLDER` takes that much.

    Started again after it was killed, it goes on where it was, bit for bit on a CPU. Under
    `torchrun` all processes call it; the first one's folder is kept, and decides for all.

    Args:
        model: loaded base; it is changed.
        base: the MODEL that loads the base again.
        facts: the facts folder that the set was built from.
        contextual: a folder of `nast contextual build`.
        folder: gets `lora/` (loadable by peft; the best at validation where there was one, with
            the last in `lora-last/`), `losses.csv`, `updates.csv`, `updates.json`, `run.json`. The
            weights are whole: peft loads g = 1, and `nast models export run:FOLDER` the chosen g.
        weights: scale per block, and the name of the choice. With its beta, its protocol and the
            trace the name stands for them in the record, so that another processor, whose powers
            differ in the last digit, goes on with the run.
        config: see `TrainConfig`.
        benchmark: a folder of `nast benchmark build`, whose validation questions count, too, when g
            is chosen.
        trace: folder of `nast trace` that the weights come from.
        vectors: folder of vectors, shared between runs.
        fresh: start over in a folder of another configuration.
        report: called after each step.

    Returns:
        The manifest with the update shares, the validations, `g` and its `curve`; its `config`
        names the setting, see `nast.naming.run_name`.

    Raises:
        InputError: no training captions or claim sets, or none to validate on.
        UsageError: the weights are of a tower with another number of blocks, or the folder
            belongs to another configuration.

    Examples:
        >>> import nast
        >>> from nast.layers import uniform
        >>> model, config = nast.load_model("phantom"), nast.TrainConfig(steps=1, captions=8)
        >>> folder = tmp / "run"
        >>> made = nast.build_run(
        ...     model, "phantom", "facts", "contextual", folder, uniform(12), config
        ... )
        >>> nast.load_model(f"run:{folder}").name
        'LoRA uniform'
    """
    blocks = model.text.n_layers
    if len(weights.scale) != blocks:
        raise UsageError(f"{len(weights.scale)} layer weights for a text tower of {blocks} blocks")
    settings = {
        "stage": "train",
        "base_key": model.key,
        "precision": model.precision,
        **asdict(config),
        **asked_layers(weights, trace),
    }
    beside = [Path(folder) for folder in (benchmark, trace) if folder]
    inputs = [Path(facts), Path(contextual), *model.made_from, *beside]

    def make(out: Path) -> dict[str, Any]:
        known = Vectors(model, vectors, strictest_of(inputs))
        data = training_data(known, read_facts(facts), Path(contextual), config, benchmark)
        validate = partial(claim_figures, model, data.validation) if config.validate_every else None
        run = fine_tune(
            model, data.captions, data.claims, weights, config, report, validate, out / STATE
        )
        write_run(out, model, split_name(base)[1], run)
        chosen = choose_share(model, data.validation, config.protocol)
        write_cards(out, split_name(base)[1], inputs, chosen)
        (out / STATE).unlink(missing_ok=True)
        return {
            "g": chosen.g,
            "curve": chosen.curve,
            "warning": chosen.warning,
            "validation items": chosen.items,
            "counts": {"steps": len(run.history)},
            "update shares": run.meter.shares(),
            "losses": ends(run.history),
            "validation": validations(run.history),
            "machine": machine(model),
        }

    return joint_stage(folder, settings, inputs, make, fresh=fresh, state=STATE)


def asked_layers(weights: LayerWeights, trace: Path | None = None) -> dict[str, Any]:
    """What the record says of the layer weights: the choice, with its numbers where only they say.

    Args:
        weights: of the run.
        trace: the folder that they follow, which is an input of the run.
    """
    said = {"layers": weights.name, "beta": weights.beta, "rule": weights.protocol}
    by_name = weights.name == "uniform" or weights.name.startswith("front-")
    if by_name or (trace is not None and weights.name not in ("file", "given")):
        return said
    # A file holds the same numbers wherever it lies; further digits may be computed ones.
    return said | {"scale": [float(f"{scale:.9g}") for scale in weights.scale]}
