"""Prompts as text files, each known by the hash of its words.

The wording is ours, after the specification of the paper's Appendices B (options, rewriting) and C
(claims); a folder of the user's own files takes its place. A file holds the turns of a conversation
under `[system]`, `[user]` and `[assistant]`; `$name` marks a field. All that a field can hold comes
from here: names of the table of conditions, present or absent, and attributes of closed
vocabularies. Studies and patients are not known.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any, Literal, NamedTuple

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash
from nast.language.write.templates import normal_phrase
from nast.records import Fact, Statement

PROMPTS = Path(__file__).with_name("prompts")
FIELDS = {
    "options": {"findings", "configurations"},
    "rewrite": {"statements"},
    "claims": {"facts"},
    "again": {"faults", "labels"},
}
"""The prompts, and the fields that each is given."""
Kind = Literal["options", "claims"]
Messages = tuple[Mapping[str, Any], ...]
"""A conversation: turns with `role` (system, user, assistant) and `content`: words, or a list of
parts where images belong to it."""
_TURN = re.compile(r"^\[(system|user|assistant)\]\n", re.MULTILINE)


class Prompt(NamedTuple):
    """A prompt: its turns (role, words with fields) and a hash of the file's words (12 digits)."""

    turns: tuple[tuple[str, str], ...]
    version: str

    def messages(self, **fields: str) -> Messages:
        """The conversation with its fields filled in.

        Raises:
            KeyError: a field of the prompt is not given.
        """
        return tuple(
            {"role": role, "content": Template(words).substitute(fields)}
            for role, words in self.turns
        )


def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """A prompt: `options`, `rewrite`, `claims` or `again`.

    Args:
        name: of the prompt.
        folder: the user's own; what it lacks is the package's.

    Raises:
        InputError: a file of the user's is no prompt (see `check_prompts`).
    """
    own = folder / f"{name}.txt" if folder else None
    if own is None or not own.is_file():
        return _prompt((PROMPTS / f"{name}.txt").read_text(encoding="utf-8"))
    try:
        # Editors put a mark before the first letter.
        text = own.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(own, found="other bytes", expected="a text in UTF-8") from None
    if _TURN.split(text)[0].strip():
        expected = "[system], [user] or [assistant] on its first line"
        raise InputError(own, found="words before the first turn", expected=expected)
    prompt = _prompt(text)
    _check(own, prompt, FIELDS[name])
    return prompt


@lru_cache
def _prompt(text: str) -> Prompt:
    _, *parts = _TURN.split(text)
    turns = zip(parts[::2], parts[1::2], strict=True)
    return Prompt(tuple((r, w.strip()) for r, w in turns), content_hash(text)[:12])


def check_prompts(folder: Path) -> None:
    """Look at a folder of the user's own prompts before a model is asked.

    Raises:
        InputError: it has no prompt or a file of another name, a prompt has no turn of the user,
            or it lacks a field or names one that it is not given.
    """
    known = {f"{name}.txt" for name in FIELDS}
    found = {path.name for path in folder.glob("*.txt")} if folder.is_dir() else set()
    if not found or found - known:
        raise InputError(
            folder,
            found=f"the files {', '.join(sorted(found))}" if found else "no prompt",
            expected=f"some of {', '.join(sorted(known))}; what is not there is the package's",
        )
    for name in FIELDS:
        load_prompt(name, folder)


def _check(path: Path, prompt: Prompt, fields: set[str]) -> None:
    if "user" not in {role for role, _ in prompt.turns}:
        expected = "turns under [system], [user] and [assistant], one of the user at least"
        raise InputError(path, found="no turn of the user", expected=expected)
    said = " or ".join(f"${name}" for name in sorted(fields))
    for _, words in prompt.turns:
        template = Template(words)
        unknown = set(template.get_identifiers()) - fields
        if unknown or not template.is_valid():
            found = ", ".join(f"${name}" for name in sorted(unknown)) or "a $ without a name"
            expected = f"{said}; a $ of the text is written $$"
            raise InputError(path, found=found, expected=expected)
    lacking = fields - {n for _, words in prompt.turns for n in Template(words).get_identifiers()}
    if lacking:
        found = f"no {', '.join(f'${name}' for name in sorted(lacking))}"
        raise InputError(path, found=found, expected=f"all of {', '.join(sorted(fields))}")


def version_of(names: Sequence[str], folder: Path | None = None) -> str:
    """One version for the prompts that took part in a text, 12 hexadecimal digits."""
    return content_hash([load_prompt(name, folder).version for name in names])[:12]


def labels_of(number: int) -> list[str]:
    """The labels of a set's texts: A, B, ..."""
    return [chr(ord("A") + i) for i in range(number)]


def fields_of(
    kind: Kind, statements: Sequence[Statement], conditions: Conditions = CONDITIONS
) -> dict[str, str]:
    """The fields of the first prompt of a set."""
    labels = labels_of(len(statements))
    if kind == "claims":
        rows = ("; ".join(_words(f, conditions) for f in facts) for facts in statements)
        return {"facts": _rows(labels, rows)}
    names = ", ".join(conditions[f.condition].term for f in statements[0])
    rows = (", ".join(_words(f, conditions) for f in facts) for facts in statements)
    return {"findings": names, "configurations": _rows(labels, rows)}


def rewriting(
    statements: Mapping[str, Statement],
    negated: Mapping[str, str],
    conditions: Conditions = CONDITIONS,
) -> str:
    """The field of the second prompt: each text to be rewritten, with the phrases of its denials.

    Statements and texts are found by their labels; each of the statements denies something.
    """
    rows = []
    for label, facts in statements.items():
        rows.append(f"{label}: {negated[label]}")
        rows += [
            f"   {conditions[f.condition].term} absent = {normal_phrase(f.condition, conditions)}"
            for f in facts
            if f.existence == "absent"
        ]
    return "\n".join(rows)


def _rows(labels: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join(f"{label}: {row}" for label, row in zip(labels, rows, strict=True))


def _words(fact: Fact, conditions: Conditions) -> str:
    """A fact as the prompts have it: "pleural effusion present, side left, severity small"."""
    condition = conditions[fact.condition]
    words = [f"{condition.term} {fact.existence}"]
    words += [f"side {fact.side}"] if fact.side else []
    words += [f"place {fact.zone} zone"] if fact.zone else []
    words += [f"severity {condition.grades[fact.severity]}"] if fact.severity else []
    return ", ".join(words)
