"""The recipe of `nast paper`: one YAML file for the whole paper, on your own data and models.

Nothing here loads a model, so that a mistake in the file is named at once.
"""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import BeforeValidator, Field, create_model, field_validator, model_validator

from nast.benchmark.build import build_benchmark
from nast.benchmark.construction import Construction, construction_of
from nast.contextual.build import build_contextual, check_options, construction_for
from nast.errors import InputError, UsageError
from nast.files import atomic
from nast.language.write.writer import WriterOptions
from nast.naming import split_name
from nast.sources.collect import build_facts
from nast.tracing.trace_config import TraceConfig
from nast.training.train_config import TrainConfig
from nast.yaml_files import StrictModel, UnfitError, fitted, line_of, load_yaml

RECIPES = Path(__file__).parent / "recipes"
"""Recipes of the package: `recipe.yaml` is written by `--init`, `demo.yaml` is the demo."""
GIVEN_OTHERWISE = {"folder", "facts", "cache", "model", "fresh", "specs", "protocol"}
"""Arguments of the stages that are no keys of a section."""
OneOrMore = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
FILES = {"conditions", "override", "prompts"}
"""Options that name a file."""


def options_of(name: str, *makers: Callable[..., Any], without: Collection[str] = ()) -> Any:
    """A section whose keys are the options of some stage, by their own names.

    Args:
        name: of the section.
        makers: functions and dataclasses that take the options.
        without: options that are no keys of the section.
    """
    fields: dict[str, Any] = {}
    for maker in makers:
        hints = get_type_hints(maker.__init__ if inspect.isclass(maker) else maker)
        for option in inspect.signature(maker).parameters:
            if option not in GIVEN_OTHERWISE and option not in without:
                hint = str if option in FILES else hints[option]
                hint = OneOrMore if hint == list[str] else hint
                fields[option.rstrip("_")] = (hint | None, None)
    return create_model(name, __base__=Section, **fields)


def as_folder(name: str) -> str:
    """A name of a row as the name of a folder: `NAST (lr)` -> `nast-lr`."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") or "row"


class Section(StrictModel):
    """Options of a stage; those that are left out have the stage's own defaults."""

    def given(self) -> dict[str, Any]:
        """The options that stand in the file, as the stage's arguments."""
        found = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        found |= {name: Path(found[name]) for name in FILES & found.keys()}
        return {"lambda_" if name == "lambda" else name: v for name, v in found.items()}


class Drawn(StrictModel):
    """Drawn patients in place of sources."""

    patients: int = Field(gt=0, description="how many patients are drawn, 1 or more")
    seed: int = Field(default=0, ge=0, description="a whole number")


if TYPE_CHECKING:
    Facts = Section
    Questions = Section
    Contextual = Section
    Trace = Section
    Training = Section
    Writer = Section
else:
    Facts = options_of("Facts", build_facts)
    Questions = options_of("Questions", Construction, build_benchmark, without={"construction"})
    Contextual = options_of("Contextual", build_contextual)
    Trace = options_of("Trace", TraceConfig)
    Training = options_of("Training", TrainConfig, without={"seed"})
    Writer = options_of("Writer", WriterOptions)


class TrainedRow(Training):
    """A row of the tables that is trained: what it changes of `train`, and its layers."""

    layers: str = Field(default="nast", description="uniform, nast or another choice of layers")
    beta: float | None = Field(default=None, ge=0, description="0 or more")
    rule: Literal["default", "paper"] | None = Field(default=None, description="default or paper")

    def given(self) -> dict[str, Any]:
        """The settings of its runs, without what chooses the layers."""
        return {k: v for k, v in super().given().items() if k not in ("layers", "beta", "rule")}


class Scores(Section):
    """Options of the evaluation."""

    limit: int | None = Field(default=None, gt=0, description="1 or more")
    max_bad: int = Field(default=0, ge=0, description="0 or more")
    gallery: str = "unique"
    ties: str = "default"
    controls: bool = False
    margin: float = Field(default=0.01, ge=0, lt=1, description="a share below 1")
    seed: int = Field(default=0, ge=0, description="0 or more")


ROWS: dict[str, dict[str, Any]] = {
    "LoRA uniform": {"layers": "uniform"},
    "NAST (lr)": {"layers": "nast", "mode": "lr"},
    "NAST (as printed)": {"layers": "nast", "mode": "gradient", "rule": "paper"},
}
"""The rows that are trained where a recipe names none."""


class Recipe(StrictModel):
    """What a recipe says; `recipes/recipe.yaml` explains each key."""

    sources: list[str] = Field(default_factory=list, description="a list of sources, NAME:PATH")
    phantom: Drawn | None = Field(default=None, description="patients and seed")
    facts: Facts = Field(default_factory=Facts, description="options of nast facts")
    base: str = Field(description="the model that is traced and fine-tuned")
    rivals: dict[str, str] = Field(default_factory=dict, description="NAME: MODEL for each")
    diagnose: dict[str, str] = Field(default_factory=dict, description="NAME: MODEL for each")
    protocol: Literal["default", "paper"] = Field(default="default", description="default or paper")
    writer: Writer = Field(default_factory=Writer, description="realiser, endpoint and the like")
    questions: Questions = Field(
        default_factory=Questions, description="options of nast benchmark build"
    )
    contextual: Contextual = Field(
        default_factory=Contextual, description="options of nast contextual build"
    )
    trace: Trace = Field(default_factory=Trace, description="options of nast trace")
    train: Training = Field(default_factory=Training, description="options of nast train")
    rows: dict[str, TrainedRow] = Field(
        default_factory=lambda: {
            name: TrainedRow.model_validate(row) for name, row in ROWS.items()
        },
        description="NAME: options for each",
    )
    seeds: int = Field(default=3, gt=0, description="how many runs each row has, 1 or more")
    evaluate: Scores = Field(default=Scores(), description="options of nast evaluate")
    printed: str | None = Field(
        default=None, description="a file of the numbers that a paper printed"
    )
    vectors: str | None = Field(default=None, description="a folder")
    launch: str | None = Field(default=None, description="a launcher such as torchrun")
    device: str | None = Field(default=None, description="cpu, cuda or cuda:N")
    precision: str | None = Field(default=None, description="float32 or bf16")

    @field_validator("rivals", "diagnose", "rows")
    @classmethod
    def _names(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in given:
            if split_name(f"{name}=x")[0] != name or name in ("blind", "chance", "base"):
                raise UnfitError(
                    "a name that tables cannot have",
                    "a name without colon, slash, dot or equals sign; not blind, chance or base",
                    name,
                )
        return given

    @model_validator(mode="after")
    def _one_origin(self) -> "Recipe":
        if bool(self.sources) == (self.phantom is not None):
            raise UnfitError(
                "both" if self.sources else "neither sources nor phantom",
                "sources (your data) or phantom (drawn patients), one of the two",
                "sources",
            )
        base = split_name(self.base)[0] or "base"
        names = Counter([base, *self.rivals, *self.diagnose, *self.rows])
        if twice := [name for name, times in names.items() if times > 1]:
            raise UnfitError(
                f"the name {twice[0]!r} twice",
                "one name for each model and row, the base's included",
                "base",
            )
        places = Counter(map(as_folder, self.rows))
        if max(places.values(), default=0) > 1:
            raise UnfitError(
                "two rows whose runs would lie in one folder",
                "names that differ in more than marks and capitals",
                "rows",
            )
        return self

    @property
    def construction(self) -> Construction:
        """How questions are made: the protocol's way, with what is given beside it."""
        usual = construction_of(self.protocol)
        given = self.questions.given()
        own = {name: given[name] for name in Construction.__slots__ if name in given}
        return Construction(**{n: own.get(n, getattr(usual, n)) for n in Construction.__slots__})

    def settings(self, row: TrainedRow) -> dict[str, Any]:
        """The settings of a row's runs, all but the seed."""
        return {"protocol": self.protocol, **self.train.given(), **row.given()}


def write_recipe(path: Path) -> None:
    """Write a recipe with every key explained.

    Raises:
        UsageError: there is a file already.
    """
    if path.exists():
        raise UsageError(f"{path} is there already; name another file")
    with atomic(path) as temporary:
        temporary.write_bytes((RECIPES / "recipe.yaml").read_bytes())


def read_recipe(path: Path) -> Recipe:
    """A recipe, checked as far as it can be without its data and its models.

    Raises:
        InputError: no YAML, an unknown key, a value of another kind or out of its range; with the
            line.
    """
    expected = "a recipe; nast paper --init writes one"
    recipe = fitted(load_yaml(path, expected), Recipe, path, expected=expected)
    how = recipe.contextual.given()
    checks: list[tuple[tuple[str, ...], Callable[[], object]]] = [
        (("questions",), lambda: recipe.construction),
        (("contextual",), lambda: _check_contextual(recipe.protocol, how)),
        (("trace",), lambda: TraceConfig(protocol=recipe.protocol, **recipe.trace.given())),
        *(
            (("rows", name), partial(_check_training, recipe, row))
            for name, row in recipe.rows.items()
        ),
    ]
    for keys, check in checks:
        try:
            check()
        except UsageError as error:
            said = re.sub(r"^--?", "", str(error))
            raise InputError(
                path,
                found=said,
                expected="options that the stage takes",
                line=line_of(path, keys),
                key=".".join(keys),
            ) from None
    return recipe


def _check_training(recipe: Recipe, row: TrainedRow) -> None:
    """Refuse settings that no run can have."""
    TrainConfig(**recipe.settings(row))


def _check_contextual(protocol: str, given: Mapping[str, Any]) -> None:
    """Refuse options of the contextual set that are out of range."""
    construction = given.get("construction", construction_for(protocol))
    numbers = {k: v for k, v in given.items() if k in inspect.signature(check_options).parameters}
    check_options(**{**numbers, "construction": construction})
