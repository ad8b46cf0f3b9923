"""YAML files that a user writes: read safely, and checked against a model of pydantic.

Every error names the file, the line, the key and what was expected, and shows no value that could
be a text of the data.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from nast.errors import InputError, shown

Read = TypeVar("Read")
Keys = Sequence[int | str]
"""Where a value stands: the keys and places that lead to it from the top of the file."""
LONGEST = 2**20
"""Bytes of a file."""
MOST_NODES = 100_000
"""Keys and values of a file, those behind an alias counted wherever it stands."""
_HALF = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")


class UnfitError(ValueError):
    """What a validator of a model refuses; `fitted` says it with file, line and key.

    Args:
        found: what stands there.
        expected: the rule that it breaks, and the edit that mends it.
        key: where below the validated value it stands.
    """

    def __init__(self, found: str, expected: str, *key: int | str) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.found, self.expected, self.key = found, expected, key


class StrictModel(BaseModel):
    """A mapping whose keys are all known and whose values are of the kind that they say.

    A key that is left empty counts as not there.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, given: Any) -> dict[str, Any]:
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        if not isinstance(given, dict):
            raise UnfitError(as_found(given), "keys with values")
        for name in given:
            if name not in fields:
                raise UnfitError("an unknown key", likely(str(name), fields), name)
        filled = {name: value for name, value in given.items() if value not in (None, "")}
        for name, field in fields.items():
            if field.is_required() and name not in filled:
                raise UnfitError("nothing", field.description or "a value", name)
        return filled

    @field_validator("*", mode="wrap")
    @classmethod
    def _as_described(
        cls, value: Any, inner: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Says the description of a field whose value is wrong, unless a validator says more."""
        try:
            return inner(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == "value_error":
                raise
            rule = cls.model_fields[info.field_name or ""].description or _plain(first["msg"])
            raise UnfitError(as_found(first["input"]), rule, *first["loc"]) from None


class _Checked(yaml.composer.Composer):
    """Refuses tags, keys that stand twice, and half characters."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[attr-defined]
        halved = isinstance(event, yaml.ScalarEvent) and _HALF.search(event.value)
        if halved or getattr(event, "tag", None) is not None:
            problem = _HALVED if halved else _TAG
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            # What is merged may stand again; a key of the mapping's own would silently be lost.
            if key.tag != "tag:yaml.org,2002:merge":
                name = self.construct_object(key, deep=True)  # type: ignore[attr-defined]
                if name in seen:
                    raise yaml.MarkedYAMLError(problem=_TWICE, problem_mark=key.start_mark)
                seen.add(name)
        return super().construct_mapping(node, deep=deep)  # type: ignore[misc]


class _Loader(_Checked, yaml.SafeLoader):
    """Values as YAML reads them; 1e-3, too, is a number."""


class _TextLoader(_Checked, yaml.BaseLoader):
    """Every value is text."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+0123456789"))
_TAG, _TWICE, _HALVED = "a tag", "a key twice", "half a character"
_NO_YAML = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    yaml.YAMLError,
)
"""The library's constructors let several of Python's own errors through."""


def load_yaml(file: Path, expected: str, *, texts: bool = False) -> Any:
    """The plain values of a YAML file.

    Args:
        file: one document in UTF-8, of at most 1 MiB, without tags.
        expected: what it should hold, for the error.
        texts: every value is text as it is written: `yes`, `1` and `1.0` stay what they are.

    Raises:
        InputError: there is no such file, it is no YAML, or a key stands twice.
    """
    try:
        with open(file, "rb") as opened:
            data = opened.read(LONGEST + 1)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else "no readable file"
        raise InputError(file, found=found, expected=expected) from None
    if len(data) > LONGEST:
        raise InputError(file, found="more than 1 MiB", expected=expected)
    try:
        loader = (_TextLoader if texts else _Loader)(data.decode("utf-8-sig"))
        root = loader.get_single_node()
        if root is not None and _size(root, {}) > MOST_NODES:
            raise InputError(file, found=f"more than {MOST_NODES:,} values", expected=expected)
        return None if root is None else loader.construct_document(root)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        utf8 = f"{expected}; save the file as UTF-8"
        raise InputError(file, found="bytes that are not UTF-8", expected=utf8, line=row) from None
    except _NO_YAML as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        found = problem if problem in (_TAG, _TWICE, _HALVED) else "no YAML"
        line = mark.line + 1 if mark else None
        raise InputError(file, found=found, expected=expected, line=line) from None


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes a node is, with those behind aliases; one that holds itself is endless."""
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1
        parts = [] if isinstance(node, yaml.ScalarNode) else node.value
        flat = [n for part in parts for n in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in flat)
    return known[id(node)]


def read_yaml(
    file: Path,
    model: type[Read],
    expected: str = "a mapping of keys to values",
    *,
    texts: bool = False,
    context: Any = None,
) -> Read:
    """What a YAML file says, as a model of pydantic or any other type that pydantic checks.

    Args:
        file: see `load_yaml`.
        model: for example a `StrictModel`, or `dict[str, StrictModel]`. The description of a field
            is what an error says that its value should be; a validator raises `UnfitError`.
        expected: what the file should hold, where it is no YAML at all.
        texts: see `load_yaml`.
        context: what validators of the model get as `info.context`.

    Raises:
        InputError: no such file, no YAML, a key that is unknown, missing or twice, or a value of
            another kind; the first of them.
    """
    found = load_yaml(file, expected, texts=texts)
    return fitted(found, model, file, expected=expected, context=context)


def fitted(
    value: Any,
    model: type[Read],
    file: Path,
    at: Keys = (),
    *,
    expected: str = "",
    context: Any = None,
) -> Read:
    """Plain values of a file as a model of pydantic.

    Args:
        value: as `load_yaml` gives it.
        model: see `read_yaml`.
        file: that it comes from, for the error.
        at: where the value stands in the file.
        expected: what it should hold, where it is of another kind altogether.
        context: see `read_yaml`.

    Raises:
        InputError: see `read_yaml`.
    """
    try:
        return TypeAdapter(model).validate_python(value, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    keys = [*at, *first["loc"]]
    found, rule = as_found(first["input"]), _plain(first["msg"])
    if isinstance(own, UnfitError):
        found, rule, keys = own.found, own.expected, [*keys, *own.key]
    elif first["type"] == "missing":
        found, rule = "nothing", "a value"
    # Pydantic names in brackets which key of a mapping, or which kind of section, it speaks of.
    keys = [key for key in keys if not (isinstance(key, str) and re.fullmatch(r"\[\w+\]", key))]
    raise InputError(
        file,
        found=found,
        expected=rule if keys or not expected else expected,
        line=line_of(file, keys),
        key=".".join(map(str, keys)) or None,
    ) from None


def likely(word: str, known: Iterable[str]) -> str:
    """The end of "expected ...": the word that was meant, or all of them."""
    names = list(known)
    near = get_close_matches(word, names, 1, 0.6)
    return f"{near[0]!r}, perhaps" if near else f"one of {', '.join(names)}"


def _plain(said: str) -> str:
    """A message of pydantic as the end of "expected ..."."""
    for start in ("Input should be ", "Value error, "):
        said = said.removeprefix(start)
    kind = re.match(r"a valid (\w+)", said)
    return _PLAIN.get(kind.group(1), said) if kind else said[:1].lower() + said[1:]


_PLAIN = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "dictionary": "keys with values",
    "list": "a list",
    "tuple": "a list",
}
"""Kinds of values as pydantic names them -> as we do."""


def as_found(value: Any) -> str:
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


def line_of(file: Path, keys: Keys) -> int | None:
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
