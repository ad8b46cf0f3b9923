"""The specification of a two-tower model: one YAML file, checked key by key."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nast.errors import ModelError
from nast.models import bert, preprocess, text_rules
from nast.models.families import heads, image_towers
from nast.models.weights import encoders

SPECS = Path(__file__).parent / "specs"
"""Specifications that ship with the package; their file names are those of the published files."""
PADDING = {
    "longest": "a batch is padded to its longest text",
    "fixed": "every text is padded to max_tokens",
    "own length": "no text is padded",
}


class Rule(NamedTuple):
    """What a value must be, in words and as a test; `default` is used where the key is absent."""

    expected: str
    fits: Callable[[Any], bool]
    default: Any = ...


def _one_of(names: Any, default: Any = ...) -> Rule:
    return Rule(f"one of {', '.join(names)}", lambda v: isinstance(v, str) and v in names, default)


def _all(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, list) and all(map(fits, v))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_layer(value: Any) -> bool:
    if isinstance(value, str):
        return value in heads.PLAIN
    kinds = [k for k in heads.WEIGHTED if isinstance(value, dict) and k in value]
    return len(kinds) == 1 and _is_text(value[kinds[0]]) and not set(value) - {*kinds, "eps"}


def _is_scale(value: Any) -> bool:
    if isinstance(value, dict):
        numbers = [value[k] for k in ("max",) if k in value]
        return (
            set(value) <= {"key", "max"}
            and _is_text(value.get("key"))
            and all(map(_is_number, numbers))
        )
    return _is_number(value) and value > 0


_FILE = Rule(
    "a file or folder, relative to this one, or a list of them",
    lambda v: _is_text(v) or (bool(v) and _all(_is_text)(v)),
)
_TEXTS = Rule("a list of texts", _all(_is_text), [])
_HEAD = Rule(
    f"a list of layers: {', '.join(heads.PLAIN)}, or one key such as {{linear: KEY}} of "
    f"{', '.join(heads.WEIGHTED)}",
    _all(_is_layer),
)
_CONFIG = Rule("a mapping of sizes, or a config.json", lambda v: isinstance(v, dict) or _is_text(v))
_LIST3 = Rule("a list of one number or three", lambda v: _all(_is_number)(v) and len(v) in (1, 3))
_PREFIX = Rule("the start of the encoder's keys", lambda v: isinstance(v, str), "")
_FLAG = Rule("true or false", lambda v: isinstance(v, bool), False)
RULES: dict[str, Rule] = {
    "name": Rule("a name", _is_text),
    "licence": Rule("the licence of the weights", _is_text, "not stated"),
    "trained_on": _TEXTS,
    "weights": Rule("where the files are published", _is_text, "not stated"),
    "scale": Rule("a number, or {key: KEY of its logarithm, max: number}", _is_scale),
    "ignore": _TEXTS,
    "text.tokenizer": Rule("a folder, relative to this file, or a hub id", _is_text),
    "text.weights": _FILE,
    "text.config": _CONFIG,
    "text.prefix": _PREFIX,
    "text.pooling": _one_of(bert.POOLING),
    "text.layers": Rule(
        "a list of layers, 1-based, -1 the last", _all(lambda v: type(v) is int), [-1]
    ),
    "text.mask": _one_of(("normal", "none"), "normal"),
    "text.padding": _one_of(PADDING, "longest"),
    "text.max_tokens": Rule("a number of tokens", _is_count),
    "text.rules": Rule(
        f"a list of {', '.join(map(repr, text_rules.TEXT_RULES))}",
        _all(lambda v: v in text_rules.TEXT_RULES),
        [],
    ),
    "text.head": _HEAD,
    "image.weights": _FILE,
    "image.encoder": _one_of([k for k in encoders.CLASSES if k != "bert"] + ["resnet"]),
    "image.config": Rule(_CONFIG.expected, _CONFIG.fits, {}),
    "image.prefix": _PREFIX,
    "image.pooling": _one_of(image_towers.POOLING),
    "image.head": _HEAD,
    "preprocessing.size": Rule("a number of pixels", _is_count),
    "preprocessing.resize": Rule("a number of pixels", lambda v: v is None or _is_count(v), None),
    "preprocessing.geometry": _one_of(preprocess.GEOMETRY),
    "preprocessing.interpolation": _one_of(preprocess.INTERPOLATION),
    "preprocessing.grey": _FLAG,
    "preprocessing.stretch": _FLAG,
    "preprocessing.range": Rule("1 or 255, what white becomes", lambda v: v in (1, 255), 1),
    "preprocessing.mean": _LIST3,
    "preprocessing.std": _LIST3,
}
"""Every key of a specification, sections by dot."""


def read_spec(path: Path) -> dict[str, Any]:
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
        given = yaml.safe_load((path if path.is_file() else shipped).read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no YAML: {' '.join(str(error).split())}") from None
    flat = _flat(given if isinstance(given, dict) else {})
    for key in flat:
        if key not in RULES:
            near = get_close_matches(key, RULES, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(RULES)}"
            raise ModelError(f"{path}: {key}: no such key; {hint}")
    spec: dict[str, Any] = {}
    for key, rule in RULES.items():
        value = flat.get(key, rule.default)
        if value is ...:
            raise ModelError(f"{path}: {key}: missing, expected {rule.expected}")
        if not rule.fits(value):
            raise ModelError(f"{path}: {key}: found {value!r}, expected {rule.expected}")
        section, _, name = key.rpartition(".")
        (spec.setdefault(section, {}) if section else spec)[name] = value
    _check_padding(path, spec["text"])
    return spec


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    sections = {key.split(".")[0] for key in RULES if "." in key}
    flat: dict[str, Any] = {}
    for key, value in given.items():
        if key in sections and isinstance(value, dict):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            flat[str(key)] = value
    return flat


def _check_padding(path: Path, text: Mapping[str, Any]) -> None:
    """A vector must not depend on which texts share its batch."""
    sees_padding = text["mask"] == "none" or text["pooling"] in ("last", "mean_unmasked")
    if sees_padding and text["padding"] == "longest":
        raise ModelError(
            f"{path}: text.padding: found 'longest', expected 'fixed' or 'own length', because "
            f"pooling {text['pooling']!r} with mask {text['mask']!r} sees the padding: the vector "
            "of a text would change with the others of its batch"
        )
