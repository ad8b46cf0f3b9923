"""What a recipe will do, and about how long: `nast paper --dry-run`."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from PIL import Image

from nast.items.table import FILE
from nast.models.contract import DualEncoder
from nast.models.registry import load_model
from nast.naming import split_name
from nast.paper.paper_stages import Whole, finished
from nast.paper.recipe import Recipe
from nast.paper.whole import chosen_stages
from nast.progress import Progress
from nast.sources.collect import read_facts
from nast.training.train_config import TrainConfig

SENTENCES = [f"There is no pleural effusion, and the heart has size {n}." for n in range(64)]
"""Texts of the usual length, by which a text tower is timed."""
FILMS, FILM_SIZE = 8, (2544, 3056)
"""How many films are timed, and the size of drawn ones."""
BACKWARD = 3.0
"""A step of training costs so many times its texts: forward, and backward twice that."""
CLAIMS_A_SET = 5


class Rates(NamedTuple):
    """How many texts and images a model encodes in a second on this machine."""

    texts: float
    images: float


class Planned(NamedTuple):
    """A stage, what it leaves, what is there of it, and about how many seconds it takes; None
    where that is not known yet.
    """

    name: str
    says: str
    folders: list[Path]
    state: str
    seconds: float | None


def plan_of(recipe: Recipe, out: Path, rates: dict[str, Rates] | None = None) -> list[Planned]:
    """The stages of a recipe in a folder.

    Args:
        recipe: of `read_recipe`.
        out: the folder that the recipe works in; it may not be there yet.
        rates: of `rates_of`, for the seconds of the stages whose number of texts is known.
    """
    whole = Whole(recipe, out, Progress(1))
    planned = []
    for stage in chosen_stages(recipe):
        folders = stage.leaves(whole)
        there = sum(map(finished, folders))
        state = "finished" if there == len(folders) else f"{there} of {len(folders)}"
        left = 1 - there / len(folders) if folders else 0.0
        seconds = _seconds(whole, stage.name, rates) if rates and left else 0.0 if rates else None
        planned.append(
            Planned(
                stage.name,
                stage.says,
                folders,
                state if there else "to do" if folders else "each time",
                None if seconds is None else seconds * left,
            )
        )
    return planned


def rates_of(recipe: Recipe, out: Path) -> dict[str, Rates]:
    """MODEL of the recipe -> its rates, from a short timing of each on this machine.

    The films are those of the recipe's facts where these are there, else drawn ones of the usual
    size of MIMIC-CXR-JPG: most of their time is decoding.
    """
    names = [recipe.base, *recipe.rivals.values(), *recipe.diagnose.values()]
    with tempfile.TemporaryDirectory() as folder:
        films = _films(out / "facts", Path(folder))
        return {
            name: _timed(load_model(name, device=recipe.device, precision=recipe.precision), films)
            for name in dict.fromkeys(names)
        }


def _films(facts: Path, folder: Path) -> list[Path]:
    """Some image files, as many as are timed."""
    if finished(facts):
        studies = read_facts(facts).studies.head(FILMS)
        return [Path(place) for place in studies["image_path"]]
    across, down = np.meshgrid(*(np.linspace(0, 1, size) for size in FILM_SIZE))
    for number in range(FILMS):
        grey = (127 + 120 * np.sin(9 * across + number) * np.cos(7 * down)).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{number}.jpg")
    return sorted(folder.iterdir())


def _timed(model: DualEncoder, films: list[Path]) -> Rates:
    """Encode some sentences and films, after a first few for warming up."""
    model.encode_texts(SENTENCES[:4])
    # Vectors that are ready cost nothing.
    films = [] if model.ready else films
    if films:
        model.encode_images(films[:1])
    start = time.perf_counter()
    model.encode_texts(SENTENCES)
    between = time.perf_counter()
    if not films:
        return Rates(len(SENTENCES) / (between - start), float("inf"))
    model.encode_images(films)
    return Rates(len(SENTENCES) / (between - start), len(films) / (time.perf_counter() - between))


def _seconds(whole: Whole, stage: str, rates: dict[str, Rates]) -> float | None:
    """Seconds of a stage's models; None where the stage before it has to be there to know."""
    recipe = whole.recipe
    base = rates[recipe.base]
    if stage == "train":
        texts = 0.0
        for _, row, *_ in whole.runs():
            config = TrainConfig(**recipe.settings(row))
            batch = config.batch_plan()
            a_step = batch.captions * (2 if batch.hard else 1) + batch.claims * CLAIMS_A_SET
            texts += config.steps * a_step
        return BACKWARD * texts / base.texts
    counts = _counts(whole)
    if counts is None or stage not in ("evaluate", "diagnose"):
        return None
    texts, images = counts
    used = [recipe.base, *recipe.rivals.values()] if stage == "evaluate" else []
    used += list(recipe.diagnose.values()) if stage == "diagnose" else []
    seconds = sum(texts / rates[name].texts + images / rates[name].images for name in used)
    tuned = sum(2 if recipe.protocol == "default" else 1 for _ in whole.runs())
    return seconds + (tuned * texts / base.texts if stage == "evaluate" else 0.0)


def _counts(whole: Whole) -> tuple[int, int] | None:
    """Distinct texts and images of the test items; None before they are built."""
    folders = [*(whole / name for name in whole.questions), whole / "contextual"]
    if not all(map(finished, folders)):
        return None
    texts: set[str] = set()
    images: set[str] = set()
    for folder in folders:
        items = pl.scan_parquet(folder / FILE).filter(pl.col("split") == "test")
        found = items.select("options", "image_path").collect()
        texts |= {text for options in found["options"] for text in options}
        images |= set(found["image_path"])
    captions = pl.scan_parquet(whole / "contextual" / "captions.parquet")
    found = captions.filter(pl.col("split") == "test").select("caption", "image_path").collect()
    return len(texts | set(found["caption"])), len(images | set(found["image_path"]))


def lines_of(planned: list[Planned], rates: dict[str, Rates]) -> Iterator[str]:
    """The plan in words, a line for each stage and model."""
    for number, stage in enumerate(planned, 1):
        yield f"{number}. {stage.name:11} {stage.says}"
        takes = f", {_time(stage.seconds)}" if stage.state != "finished" and stage.folders else ""
        where = "".join(f" -> {folder}" for folder in stage.folders[:1])
        where += f" and {len(stage.folders) - 1} more" if len(stage.folders) > 1 else ""
        yield f"   {'':11} {stage.state}{takes}{where}"
    for name, rate in rates.items():
        shown = split_name(name)[0] or name
        yield f"{shown}: {rate.texts:.0f} texts and {rate.images:.1f} images a second here"
    known = [stage.seconds for stage in planned if stage.seconds is not None]
    yield f"together at least {_time(sum(known))}, without reading and drawing"


def _time(seconds: float | None) -> str:
    """Seconds in words."""
    if seconds is None:
        return "time not known yet"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"
