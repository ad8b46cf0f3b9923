"""The specification of a two-tower model: one YAML file, checked key by key."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nast.errors import InputError, ModelError
from nast.models import bert, preprocess
from nast.models.cleaning import TEXT_RULES
from nast.models.families import heads
from nast.models.weights import encoders
from nast.yaml_files import StrictModel, read_yaml

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


def _are_files(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, list) and value != [] and all(map(_is_text, value))
    )


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


def _one_of(names: Any) -> str:
    return f"one of {', '.join(map(str, names))}"


def _fits(test: Callable[[Any], bool]) -> AfterValidator:
    """A test beyond a value's kind; where it fails, the description of the field is the error."""

    def checked(value: Any) -> Any:
        if not test(value):
            raise PydanticCustomError("unfit", "another value")
        return value

    return AfterValidator(checked)


_Files = Annotated[Any, _fits(_are_files)]
_Sizes = Annotated[Any, _fits(_are_sizes)]
_Layers = Annotated[list[Any], _fits(lambda value: all(map(_is_layer, value)))]
_Channels = Annotated[list[int | float], _fits(lambda value: len(value) in (1, 3))]
FILES = "a file or folder, relative to this one, or a list of them"
HEAD = (
    f"a list of layers: {', '.join(heads.PLAIN)}, or one key such as {{linear: KEY}} of "
    f"{', '.join(heads.WEIGHTED)}"
)
SIZES = "a mapping of sizes, or a config.json"
PREFIX = "the start of the encoder's keys"
MASKS = ("normal", "none")
ENCODERS = [*(k for k in encoders.CLASSES if k != "bert"), "resnet"]


class TextReading(StrictModel):
    """How a text becomes tokens, and their states one vector."""

    pooling: Annotated[str, _fits(bert.POOLING.__contains__)] = Field(
        description=_one_of(bert.POOLING)
    )
    layers: list[int] = Field(default=[-1], description="a list of layers, 1-based, -1 the last")
    mask: Annotated[str, _fits(MASKS.__contains__)] = Field(
        default="normal", description=_one_of(MASKS)
    )
    padding: Annotated[str, _fits(PADDING.__contains__)] = Field(
        default="longest", description=_one_of(PADDING)
    )
    max_tokens: int = Field(gt=0, description="a number of tokens")
    rules: Annotated[list[str], _fits(lambda rules: set(rules) <= TEXT_RULES.keys())] = Field(
        default=[], description=f"a list of {', '.join(map(repr, TEXT_RULES))}"
    )


class TextSection(TextReading):
    """The text tower: its files, their layout, and how it reads."""

    tokenizer: str = Field(description="a folder, relative to this file, or a hub id")
    weights: _Files = Field(description=FILES)
    config: _Sizes = Field(description=SIZES)
    prefix: str = Field(default="", description=PREFIX)
    head: _Layers = Field(description=HEAD)


class ImageSection(StrictModel):
    """The image tower: its files and their layout."""

    weights: _Files = Field(description=FILES)
    encoder: Annotated[str, _fits(ENCODERS.__contains__)] = Field(description=_one_of(ENCODERS))
    config: _Sizes = Field(default={}, description=SIZES)
    prefix: str = Field(default="", description=PREFIX)
    pooling: Annotated[str, _fits(heads.IMAGE_POOLING.__contains__)] = Field(
        description=_one_of(heads.IMAGE_POOLING)
    )
    head: _Layers = Field(description=HEAD)


class PixelSection(StrictModel):
    """How an image becomes pixels, see `nast.models.preprocess.to_pixels`."""

    size: int = Field(gt=0, description="a number of pixels")
    resize: int | None = Field(default=None, gt=0, description="a number of pixels")
    geometry: Annotated[str, _fits(preprocess.GEOMETRY.__contains__)] = Field(
        description=_one_of(preprocess.GEOMETRY)
    )
    interpolation: Annotated[str, _fits(preprocess.INTERPOLATION.__contains__)] = Field(
        description=_one_of(preprocess.INTERPOLATION)
    )
    grey: bool = Field(default=False, description="true or false")
    stretch: bool = Field(default=False, description="true or false")
    range: Literal[1, 255] = Field(default=1, description="1 or 255, what white becomes")
    mean: _Channels = Field(description="a list of one number or three")
    std: _Channels = Field(description="a list of one number or three")


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
