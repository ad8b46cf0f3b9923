"""YAML files that a user writes: read safely, and checked against a model of pydantic.

Every error names the file, the line, the key and what was expected, and shows no value that could
be a text of the data.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from nast.errors import InputError, shown

Read = TypeVar("Read")
Keys = Sequence[int | str]
"""Where a value stands: the keys and places that lead to it from the top of the file."""


class StrictModel(BaseModel):
    """A mapping whose keys are all known and whose values are of the kind that they say."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True, frozen=True)


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return found


def load_yaml(file: Path, expected: str) -> Any:
    """The plain values of a YAML file.

    Args:
        file: in UTF-8.
        expected: what it should hold, for the error.

    Raises:
        InputError: there is no such file, it is no YAML, or a key stands twice.
    """
    try:
        return yaml.load(Path(file).read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError:
        raise InputError(file, found="no such file", expected=expected) from None
    except _NO_YAML as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InputError(file, found="no YAML", expected=expected, line=line) from None


_NO_YAML = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    yaml.YAMLError,
)
"""The library's constructors let several of Python's own errors through."""


def read_yaml(file: Path, model: type[Read], expected: str = "a mapping of keys to values") -> Read:
    """What a YAML file says, as a model of pydantic or any other type that pydantic checks.

    Args:
        file: in UTF-8.
        model: for example a `StrictModel`, or `dict[str, StrictModel]`. The description of a field
            is what an error says that its value should be.
        expected: what the file should hold, where it is no YAML at all.

    Raises:
        InputError: no such file, no YAML, a key that is unknown, missing or twice, or a value of
            another kind; the first of them.
    """
    return fitted(load_yaml(file, expected), model, file)


def fitted(value: Any, model: type[Read], file: Path, at: Keys = ()) -> Read:
    """Plain values of a file as a model of pydantic.

    Args:
        value: as `load_yaml` gives it.
        model: see `read_yaml`.
        file: that it comes from, for the error.
        at: where the value stands in the file.

    Raises:
        InputError: see `read_yaml`.
    """
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
    loc, kind, said = first["loc"], first["type"], first["msg"]
    described = _described(model, loc)
    known = _fields(model, loc[:-1])
    found, expected = _kind(first["input"]), described or _plain(said)
    if kind == "missing":
        found, expected = "nothing", described or "a value"
    elif kind == "extra_forbidden":
        near = get_close_matches(str(loc[-1]), map(str, known), 1, 0.5)
        found = "an unknown key"
        expected = f"{near[0]!r}, perhaps" if near else f"one of {', '.join(map(str, known))}"
    elif kind == "value_error":
        # What a validator of ours says is the whole rule.
        expected = _plain(said)
    keys = [*at, *loc]
    raise InputError(
        file,
        found=found,
        expected=expected,
        line=_line(file, keys),
        key=".".join(map(str, keys)) or None,
    ) from None


def _plain(said: str) -> str:
    """A message of pydantic as the end of "expected ..."."""
    for start in ("Input should be ", "Value error, "):
        said = said.removeprefix(start)
    return said[:1].lower() + said[1:]


def _kind(value: Any) -> str:
    """What a value is, without saying a text of more than three characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return str(value) if isinstance(value, int | float) else shown(value)


def _at(model: Any, loc: Keys) -> Any:
    """The type that stands at some keys of a model; None where it cannot be told."""
    for key in loc:
        fields = getattr(model, "model_fields", None)
        if fields is not None:
            model = _names(fields)[key].annotation if key in _names(fields) else None
        else:
            model = next(reversed(_inner(model)), None)
        if get_origin(model) in (Union, UnionType):
            model = next(iter(_inner(model)), None)
    return model


def _inner(model: Any) -> list[Any]:
    """The types within dict[str, X], list[X] or X | None that have fields of their own."""
    return [a for a in get_args(model) if hasattr(a, "model_fields") or get_args(a)]


def _names(fields: Mapping[str, Any]) -> dict[int | str, Any]:
    """Fields of a model by the name that they have in a file."""
    return {field.alias or name: field for name, field in fields.items()}


def _fields(model: Any, loc: Keys) -> dict[int | str, Any]:
    return _names(getattr(_at(model, loc), "model_fields", {}))


def _described(model: Any, loc: Keys) -> str | None:
    """The description of the deepest field on the way to a value that has one."""
    for end in range(len(loc), 0, -1):
        field = _fields(model, loc[: end - 1]).get(loc[end - 1])
        if field is not None and field.description:
            return str(field.description)
    return None


def _line(file: Path, keys: Keys) -> int | None:
    """The line of a file where a key stands, or the last of its parents that is there."""
    try:
        node = yaml.compose(Path(file).read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, *_NO_YAML):
        return None
    line = None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pairs = {str(name.value): (name, value) for name, value in node.value}
            if str(key) not in pairs:
                break
            name, node = pairs[str(key)]
            line = name.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line
