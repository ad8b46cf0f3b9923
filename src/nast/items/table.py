"""Groups of multiple-choice items as rows of `items.parquet`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.facts.entailment import World
from nast.files import read_table
from nast.records import ITEMS_SCHEMA, Fact

FILE = "items.parquet"
KEYS = ("subject_id", "study_id", "split", "image_path", "view")
"""What an item takes over from its study."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""How options are called, in order."""
Statement = tuple[Fact, ...]
"""What an option says."""


@dataclass(frozen=True)
class Group:
    """Options that one or several studies choose between, each study's own being another one.

    Attributes:
        set: `questions` or `claims`.
        construction: how the options were found.
        options: what each says.
        members: a study's key (see `rows_of`) and the place of its right option.
        forms: in which the options are worded.
        world: what silence means where wrong options were checked.
    """

    set: str
    construction: str
    options: tuple[Statement, ...]
    members: tuple[tuple[Any, int], ...]
    forms: tuple[str, ...]
    world: World

    @property
    def conditions(self) -> list[str]:
        """What the options speak of, in order of first mention."""
        return list(dict.fromkeys(f.condition for said in self.options for f in said))


def rows_of(
    group: Group,
    group_id: str,
    order: Sequence[int],
    words: Mapping[str, Sequence[str]],
    studies: Mapping[Any, Mapping[str, Any]],
    kind_of: Callable[[Statement, Statement], str],
    *,
    stem: str,
    realiser: str,
) -> Iterator[dict[str, Any]]:
    """The rows of a group, one for each form and member.

    Args:
        group: what is said, and who chooses.
        group_id: of the group; an item's id adds the member's place and the form.
        order: places of the options in the order in which they are shown.
        words: form -> a text per option, in the order of `group.options`.
        studies: a member's key -> at least the columns `KEYS`.
        kind_of: the true statement and another -> what choosing the other gets wrong.
        stem: the question in words.
        realiser: who wrote the words.

    Raises:
        ValueError: two options say the same, or read alike in a form that does not leave words out.
    """
    if len(set(group.options)) < len(group.options):
        raise ValueError(f"group {group_id}: two options say the same")
    shared = {
        "set": group.set,
        "group_id": group_id,
        "world": group.world,
        "stem": stem,
        "conditions": group.conditions,
        "facts": [[f.as_dict() for f in group.options[i]] for i in order],
        "construction": group.construction,
        "realiser": realiser,
    }
    for form in group.forms:
        texts = [words[form][i] for i in order]
        if form != "omitted" and len(set(texts)) < len(texts):
            raise ValueError(f"group {group_id}: two options have the same words ({form})")
        for place, (member, answer) in enumerate(group.members):
            pair_id = f"{group_id}-{place}"
            yield {
                **{name: studies[member].get(name) for name in KEYS},
                **shared,
                "item_id": f"{pair_id}-{form}",
                "pair_id": pair_id,
                "form": form,
                "options": texts,
                "kinds": [kind_of(group.options[answer], group.options[i]) for i in order],
                "answer": order.index(answer),
            }


def read_items(folder: Path) -> pl.DataFrame:
    """The items of a finished folder.

    Raises:
        InputError: there is no such table, it was changed, or an id stands twice.
    """
    path = Path(folder) / FILE
    rows = read_table(path, ITEMS_SCHEMA)
    if rows["item_id"].is_duplicated().any():
        raise InputError(path, found="an item twice", expected="each item_id once")
    return rows
