"""The specification of a two-tower model: one YAML file, checked key by key."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from nast.errors import InputError, ModelError
from nast.models import bert, preprocess, ready
from nast.models.cleaning import TEXT_RULES
from nast.models.families import heads
from nast.models.weights import encoders
from nast.yaml_files import StrictModel, UnfitError, read_yaml

SPECS = Path(__file__).parent / "specs"
"""Specifications that ship with the package; their file names are those of the published files."""
PADDING = {
    "longest": "a batch is padded to its longest text",
    "fixed": "every text is padded to max_tokens",
    "own length": "no text is padded",
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_layer(value: Any) -> bool:
    if isinstance(value, str):
        return value in heads.PLAIN
    kinds = [k for k in heads.WEIGHTED if isinstance(value, dict) and k in value]
    return len(kinds) == 1 and _is_text(value[kinds[0]]) and not set(value) - {*kinds, "eps"}


def _are_sizes(value: Any) -> bool:
    return isinstance(value, dict) or _is_text(value)


def _is_scale(value: Any) -> bool:
    if isinstance(value, dict):
        known = set(value) <= {"key", "max"} and _is_number(value.get("max", 1))
        return known and _is_text(value.get("key"))
    return _is_number(value) and value > 0


def _fits(test: Callable[[Any], bool]) -> AfterValidator:
    """A test beyond a value's kind; where it fails, the description of the field is the error."""

    def checked(value: Any) -> Any:
        if not test(value):
            raise PydanticCustomError("unfit", "another value")
        return value

    return AfterValidator(checked)


def _one_of(names: Iterable[str], default: Any = ...) -> Any:
    """A field that takes one of some names."""
    known = "|".join(map(re.escape, names))
    said = f"one of {', '.join(names)}"
    return Field(default, pattern=f"^({known})$", description=said)


FILES = "a file or folder, relative to this one, or a list of them"
HEAD = (
    f"a list of layers: {', '.join(heads.PLAIN)}, or one key such as {{linear: KEY}} of "
    f"{', '.join(heads.WEIGHTED)}"
)
SIZES = "a mapping of sizes, or a config.json"
RULES = f"a list of {', '.join(map(repr, TEXT_RULES))}"
Files = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1, description=FILES),
]
Sizes = Annotated[Any, _fits(_are_sizes), Field(description=SIZES)]
Layers = Annotated[
    list[Any], _fits(lambda value: all(map(_is_layer, value))), Field(description=HEAD)
]
Prefix = Annotated[str, Field(description="the start of the encoder's keys")]
Channels = Annotated[
    list[int | float],
    _fits(lambda value: len(value) in (1, 3)),
    Field(description="a list of one number or three"),
]
YesNo = Annotated[bool, Field(description="true or false")]
MASKS = ("normal", "none")
ENCODERS = [*(k for k in encoders.CLASSES if k != "bert"), "resnet"]


class TextReading(StrictModel):
    """How a text becomes tokens, and their states one vector."""

    pooling: str = _one_of(bert.POOLING)
    layers: list[int] = Field(default=[-1], description="a list of layers, 1-based, -1 the last")
    mask: str = _one_of(MASKS, "normal")
    padding: str = _one_of(PADDING, "longest")
    max_tokens: int = Field(gt=0, description="a number of tokens")
    rules: Annotated[list[str], _fits(lambda rules: set(rules) <= TEXT_RULES.keys())] = Field(
        default=[], description=RULES
    )


class TextSection(TextReading):
    """The text tower: its files, their layout, and how it reads."""

    tokenizer: str = Field(description="a folder, relative to this file, or a hub id")
    weights: Files
    config: Sizes
    prefix: Prefix = ""
    head: Layers


class ImageSection(StrictModel):
    """The image tower: its files and their layout."""

    weights: Files
    encoder: str = _one_of(ENCODERS)
    config: Sizes = Field(default={})
    prefix: Prefix = ""
    pooling: str = _one_of(heads.IMAGE_POOLING)
    head: Layers


class ReadySection(StrictModel):
    """Vectors of images that are ready, see `nast.models.ready`, and the head on them."""

    vectors: str = Field(description="a file or folder of vectors, relative to this file")
    key: str = _one_of(ready.KEYS)
    weights: Files = Field(default=[])
    head: Layers = Field(default=[])


def _section(given: Any) -> str:
    made = isinstance(given, ReadySection) or (isinstance(given, dict) and "vectors" in given)
    return "[ready]" if made else "[encoder]"


class PixelSection(StrictModel):
    """How an image becomes pixels, see `nast.models.preprocess.to_pixels`."""

    size: int = Field(gt=0, description="a number of pixels")
    resize: int | None = Field(default=None, gt=0, description="a number of pixels")
    geometry: str = _one_of(preprocess.GEOMETRY)
    interpolation: str = _one_of(preprocess.INTERPOLATION)
    grey: YesNo = False
    stretch: YesNo = False
    range: Literal[1, 255] = Field(default=1, description="1 or 255, what white becomes")
    mean: Channels
    std: Channels


class TowerSpec(StrictModel):
    """All that a two-tower model is."""

    name: str = Field(description="a name")
    licence: str = Field(default="not stated", description="the licence of the weights")
    trained_on: list[str] = Field(default=[], description="a list of texts")
    weights: str = Field(default="not stated", description="where the files are published")
    scale: Annotated[Any, _fits(_is_scale)] = Field(
        description="a number, or {key: KEY of its logarithm, max: number}"
    )
    ignore: list[str] = Field(default=[], description="a list of texts")
    text: TextSection = Field(description="a section of keys")
    image: Annotated[
        Annotated[ImageSection, Tag("[encoder]")] | Annotated[ReadySection, Tag("[ready]")],
        Discriminator(_section),
    ] = Field(description="a section of keys")
    preprocessing: PixelSection | None = Field(default=None, description="a section of keys")

    @model_validator(mode="after")
    def _pixels_for_an_encoder(self) -> "TowerSpec":
        ready_made = isinstance(self.image, ReadySection)
        if ready_made != (self.preprocessing is None):
            found = "a section" if ready_made else "nothing"
            rule = (
                "no such key: ready vectors have no pixels" if ready_made else "a section of keys"
            )
            raise UnfitError(found, rule, "preprocessing")
        return self


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
