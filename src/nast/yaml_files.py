"""YAML files that a user writes: read safely, and checked against a model of pydantic.

Every error names the file, the line, the key and what was expected, and shows no value that could
be a text of the data.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

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
    def _without_blanks(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        known = _names(cls.model_fields)
        return {k: v for k, v in given.items() if v not in (None, "") or k not in known}


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
        # A key that is written wrongly is missing, too.
        errors = error.errors(include_url=False)
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc, kind, said = first["loc"], first["type"], first["msg"]
    own = first.get("ctx", {}).get("error")
    loc = tuple(part for part in loc if part != "[key]")
    described = _described(model, loc)
    known = _fields(model, loc[:-1])
    if loc or not expected:
        expected = described or _plain(said)
    found = _kind(first["input"])
    if kind == "missing":
        found, expected = "nothing", described or "a value"
    elif kind == "extra_forbidden":
        found, expected = "an unknown key", likely(str(loc[-1]), map(str, known))
    elif isinstance(own, UnfitError):
        found, expected, loc = own.found, own.expected, (*loc, *own.key)
    elif kind == "value_error":
        # What a validator of ours says is the whole rule.
        expected = _plain(said)
    keys = [*at, *loc]
    raise InputError(
        file,
        found=found,
        expected=expected,
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
    model = _bare(model)
    for key in loc:
        fields = getattr(model, "model_fields", None)
        if fields is not None:
            model = _names(fields)[key].annotation if key in _names(fields) else None
        else:
            model = next(reversed(_inner(model)), None)
        model = _bare(model)
    return model


def _bare(model: Any) -> Any:
    """A type without what is annotated to it, and X of X | None."""
    while get_origin(model) in (Union, UnionType, Annotated):
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
