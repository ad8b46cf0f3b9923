"""A head from ready image vectors to a frozen text tower: a dual encoder of two real encoders.

Neither encoder moves. The vectors of all captions are made once, so that a step costs
milliseconds (`head_fit`).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from nast.errors import InputError
from nast.files import read_table, write_text
from nast.folders import strictest_of
from nast.hashes import seed_of
from nast.models.contract import DualEncoder
from nast.models.families.heads import describe_head
from nast.models.families.spec import ReadySection, read_spec
from nast.models.families.two_tower import load_two_tower, tokenizer_here
from nast.models.model_export import weights_card
from nast.models.weights.checkpoints import write_safetensors
from nast.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SEED
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import Facts, read_facts
from nast.stages import stage
from nast.training.batches import CaptionData, caption_data
from nast.training.head_fit import Fitted, fit_to_captions, new_head
from nast.vectors import Vectors

SPEC, HEAD = "model.yaml", "head.safetensors"


class RawImages:
    """Ready vectors as they are, before any head.

    Args:
        model: with ready vectors.
    """

    def __init__(self, model: DualEncoder) -> None:
        self.model = model

    def images(self, paths: Sequence[str | Path]) -> torch.Tensor:
        """Vectors (n, d)."""
        assert self.model.ready
        return torch.cat([self.model.ready(Path(path)) for path in paths])


def fit_image_head(
    spec: Path,
    facts: Path,
    contextual: Path,
    folder: Path,
    *,
    hidden: int = 0,
    steps: int = 2000,
    captions: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
    fresh: bool = False,
) -> dict[str, Any]:
    """Train a head on the captions of training patients and leave a model.

    Args:
        spec: a specification with ready image vectors; a head that it has is replaced.
        facts: the facts folder that the captions were built from.
        contextual: a folder of `nast contextual build`.
        folder: gets `model.yaml`, for `two-tower:FOLDER/model.yaml`, and `head.safetensors`.
        hidden: width of one hidden layer; a linear head if 0.
        steps: at most; it ends before where the captions of the validation patients are fitted
            no better for 200 steps, and the best look is kept.
        captions: of a step.
        learning_rate: of AdamW, constant.
        seed: of the first weights and the batches.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest, with the `best` step and its losses.

    Raises:
        UsageError: a number out of its range.
        InputError: a specification without ready vectors, or no captions of the training or of
            the validation patients.
        ImageError: an image has no vector.

    Examples:
        >>> nast.fit_image_head(  # doctest: +SKIP
        ...     "films.yaml", "facts", "contextual", "head"
        ... )
    """
    NOT_NEGATIVE.check("--hidden", hidden)
    COUNT.check("--steps", steps)
    COUNT.check("--captions", captions)
    SEED.check("--seed", seed)
    POSITIVE.check("--learning-rate", learning_rate)
    spec, said = Path(spec), read_spec(Path(spec))
    if not isinstance(said.image, ReadySection):
        raise InputError(
            spec,
            found="an image encoder",
            expected="ready vectors, image.vectors (docs/models.md); an encoder brings its head",
        )
    torch.manual_seed(seed_of(seed, "image head"))
    model = load_two_tower(str(spec), said.name, lambda width, out: new_head(width, out, hidden))
    settings = {
        "stage": "fit-head",
        "base_key": model.key,
        "hidden": hidden,
        "steps": steps,
        "captions": captions,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    inputs = [Path(facts), Path(contextual)]

    def make(out: Path) -> dict[str, Any]:
        known = read_facts(facts)
        data = {split: _captions(model, known, contextual, split, seed) for split in SPLITS}
        texts = {split: _texts(model, part.texts) for split, part in data.items()}
        head = model.network["image"].head
        found = fit_to_captions(head, data, texts, steps, captions, learning_rate, seed)
        write_safetensors(out / HEAD, {f"head.{k}": v for k, v in found.head.state_dict().items()})
        write_text(out / SPEC, yaml.safe_dump(_spec(spec, folder, found), sort_keys=False))
        write_text(out / "curve.csv", found.curve.write_csv())
        how = f"`two-tower:FOLDER/{SPEC}` in nast, as long as the vectors stay where they are."
        write_text(out / "README.md", weights_card(f"{said.name}: head", str(spec), how, inputs))
        at = found.curve.filter(step=found.best).row(0, named=True)
        counts = {f"{split} captions": len(part.rows) for split, part in data.items()}
        return {"counts": counts, "best": at, "access": strictest_of(inputs)}

    return stage(folder, settings, inputs, make, fresh=fresh)


SPLITS = ("train", "validate")


def _captions(
    model: DualEncoder, facts: Facts, contextual: Path, split: str, seed: int
) -> CaptionData:
    captions = read_table(contextual / "captions.parquet", CAPTIONS_SCHEMA).filter(split=split)
    if len(captions) < 2:
        raise InputError(
            contextual,
            found=f"{len(captions)} captions of the {split} split",
            expected="some, by which the head is fitted or its best step chosen",
        )
    return caption_data(RawImages(model), captions, facts.facts, seed, facts.conditions)


def _texts(model: DualEncoder, texts: Sequence[str]) -> torch.Tensor:
    return Vectors(model).texts(texts)


def _spec(spec: Path, folder: Path, found: Fitted) -> dict[str, Any]:
    """The specification with the new head, its files named as seen from the new folder."""
    given = yaml.safe_load(spec.read_text(encoding="utf-8"))

    def moved(entry: Any) -> Any:
        if isinstance(entry, list):
            return [moved(one) for one in entry]
        here = spec.parent / entry if isinstance(entry, str) else None
        return os.path.relpath(here, folder) if here and here.exists() else entry

    text = given["text"] | {k: moved(given["text"][k]) for k in ("tokenizer", "weights", "config")}
    # A hub's tokenizer whose folder lies beside the specification is found there, and only there.
    if beside := tokenizer_here(spec, read_spec(spec)):
        text["tokenizer"] = os.path.relpath(beside, folder)
    image = {
        "vectors": moved(given["image"]["vectors"]),
        "key": given["image"]["key"],
        "weights": HEAD,
        "head": describe_head(found.head, "head"),
    }
    return given | {"scale": found.scale, "text": text, "image": image}
