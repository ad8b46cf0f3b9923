"""The specification of a two-tower model: one YAML file, checked key by key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from nast.errors import InputError, ModelError
from nast.models import bert, preprocess, text_rules
from nast.models.families import heads, image_towers
from nast.models.weights import encoders
from nast.yaml_files import StrictModel, UnfitError, as_found, read_yaml

SPECS = Path(__file__).parent / "specs"
"""Specifications that ship with the package; their file names are those of the published files."""
PADDING = {
    "longest": "a batch is padded to its longest text",
    "fixed": "every text is padded to max_tokens",
    "own length": "no text is padded",
}
Number = int | float


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _are_files(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, list) and value != [] and all(map(_is_text, value))
    )


def _is_layer(value: Any) -> bool:
    if isinstance(value, str):
        return value in heads.PLAIN
    kinds = [k for k in heads.WEIGHTED if isinstance(value, dict) and k in value]
    return len(kinds) == 1 and _is_text(value[kinds[0]]) and not set(value) - {*kinds, "eps"}


def _are_layers(value: list[Any]) -> bool:
    return all(map(_is_layer, value))


def _are_sizes(value: Any) -> bool:
    return isinstance(value, dict) or _is_text(value)


def _is_scale(value: Any) -> bool:
    if isinstance(value, dict):
        known = set(value) <= {"key", "max"} and _is_number(value.get("max", 1))
        return known and _is_text(value.get("key"))
    return _is_number(value) and value > 0


def _one_of(names: Any) -> str:
    return f"one of {', '.join(map(str, names))}"


class Section(StrictModel):
    """A part of a specification; `tests` are what a value must pass beyond its kind."""

    tests: ClassVar[dict[str, Callable[[Any], bool]]] = {}

    @field_validator("*")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        if name in cls.tests and not cls.tests[name](value):
            raise UnfitError(as_found(value), cls.model_fields[name].description or "another value")
        return value


FILES = "a file or folder, relative to this one, or a list of them"
HEAD = (
    f"a list of layers: {', '.join(heads.PLAIN)}, or one key such as {{linear: KEY}} of "
    f"{', '.join(heads.WEIGHTED)}"
)
SIZES = "a mapping of sizes, or a config.json"
PREFIX = "the start of the encoder's keys"
MASKS = ("normal", "none")
ENCODERS = [*(k for k in encoders.CLASSES if k != "bert"), "resnet"]


class TextReading(Section):
    """How a text becomes tokens, and their states one vector."""

    tests: ClassVar = {
        "pooling": bert.POOLING.__contains__,
        "mask": MASKS.__contains__,
        "padding": PADDING.__contains__,
        "rules": lambda rules: all(rule in text_rules.TEXT_RULES for rule in rules),
    }
    pooling: str = Field(description=_one_of(bert.POOLING))
    layers: list[int] = Field(default=[-1], description="a list of layers, 1-based, -1 the last")
    mask: str = Field(default="normal", description=_one_of(MASKS))
    padding: str = Field(default="longest", description=_one_of(PADDING))
    max_tokens: int = Field(gt=0, description="a number of tokens")
    rules: list[str] = Field(
        default=[], description=f"a list of {', '.join(map(repr, text_rules.TEXT_RULES))}"
    )


class TextSection(TextReading):
    """The text tower: its files, their layout, and how it reads."""

    tests: ClassVar = TextReading.tests | {
        "weights": _are_files,
        "config": _are_sizes,
        "head": _are_layers,
    }
    tokenizer: str = Field(description="a folder, relative to this file, or a hub id")
    weights: Any = Field(description=FILES)
    config: Any = Field(description=SIZES)
    prefix: str = Field(default="", description=PREFIX)
    head: list[Any] = Field(description=HEAD)


class ImageSection(Section):
    """The image tower: its files and their layout."""

    tests: ClassVar = {
        "weights": _are_files,
        "encoder": ENCODERS.__contains__,
        "config": _are_sizes,
        "pooling": image_towers.POOLING.__contains__,
        "head": _are_layers,
    }
    weights: Any = Field(description=FILES)
    encoder: str = Field(description=_one_of(ENCODERS))
    config: Any = Field(default={}, description=SIZES)
    prefix: str = Field(default="", description=PREFIX)
    pooling: str = Field(description=_one_of(image_towers.POOLING))
    head: list[Any] = Field(description=HEAD)


class PixelSection(Section):
    """How an image becomes pixels, see `nast.models.preprocess.to_pixels`."""

    tests: ClassVar = {
        "geometry": preprocess.GEOMETRY.__contains__,
        "interpolation": preprocess.INTERPOLATION.__contains__,
        "range": (1, 255).__contains__,
        "mean": lambda numbers: len(numbers) in (1, 3),
        "std": lambda numbers: len(numbers) in (1, 3),
    }
    size: int = Field(gt=0, description="a number of pixels")
    resize: int | None = Field(default=None, gt=0, description="a number of pixels")
    geometry: str = Field(description=_one_of(preprocess.GEOMETRY))
    interpolation: str = Field(description=_one_of(preprocess.INTERPOLATION))
    grey: bool = Field(default=False, description="true or false")
    stretch: bool = Field(default=False, description="true or false")
    range: int = Field(default=1, description="1 or 255, what white becomes")
    mean: list[Number] = Field(description="a list of one number or three")
    std: list[Number] = Field(description="a list of one number or three")


class TowerSpec(Section):
    """All that a two-tower model is."""

    tests: ClassVar = {"scale": _is_scale}
    name: str = Field(description="a name")
    licence: str = Field(default="not stated", description="the licence of the weights")
    trained_on: list[str] = Field(default=[], description="a list of texts")
    weights: str = Field(default="not stated", description="where the files are published")
    scale: Any = Field(description="a number, or {key: KEY of its logarithm, max: number}")
    ignore: list[str] = Field(default=[], description="a list of texts")
    text: TextSection = Field(description="a section of keys")
    image: ImageSection = Field(description="a section of keys")
    preprocessing: PixelSection = Field(description="a section of keys")


def read_spec(path: Path) -> TowerSpec:
    """A checked specification with its defaults filled in.

    Args:
        path: a YAML file. Where there is none, a specification of `SPECS` of that name is used, so
            that weights are looked for in the folder of `path`.

    Raises:
        ModelError: no such file, no YAML, an unknown or missing key, a value of the wrong kind, or
            a padding on which vectors would depend.
    """
    shipped = SPECS / path.name
    if not path.is_file() and not shipped.is_file():
        known = ", ".join(sorted(p.name for p in SPECS.glob("*.yaml")))
        raise ModelError(f"{path}: no such specification; shipped with nast: {known}")
    try:
        spec = read_yaml(path if path.is_file() else shipped, TowerSpec)
    except InputError as error:
        raise ModelError(str(error)) from None
    _check_padding(path, spec.text)
    return spec


def _check_padding(path: Path, text: TextReading) -> None:
    """A vector must not depend on which texts share its batch."""
    sees_padding = text.mask == "none" or text.pooling in ("last", "mean_unmasked")
    if sees_padding and text.padding == "longest":
        raise ModelError(
            f"{path}: text.padding: found 'longest', expected 'fixed' or 'own length', because "
            f"pooling {text.pooling!r} with mask {text.mask!r} sees the padding: the vector "
            "of a text would change with the others of its batch"
        )
