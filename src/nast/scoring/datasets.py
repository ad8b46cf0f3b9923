"""Data sets side by side: their figures never meet in one number.

Where each kind of table occurs once, a figure's name says all: `claims/accuracy/negated`. Where
two data sets have tables of one kind, the figures of every data set stand under its own name:
`data=NAME/claims/accuracy/negated`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from nast.errors import UsageError

MARK = "data="
CHOICE_KINDS = ("questions", "claims")


def labels_of(tables: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """How the figures of each data set begin.

    Args:
        tables: data set's name, kind of table, and where it lies or what it is.

    Returns:
        Name -> `data=NAME/` if two data sets have tables of one kind, else an empty text.

    Raises:
        UsageError: two different places have one name and one kind.
    """
    places: dict[tuple[str, str], str] = {}
    for name, kind, place in tables:
        if (name, kind) in places:
            raise UsageError(
                f"two data sets with {kind} are called {name!r} ({places[name, kind]} and "
                f"{place}): results tell them apart by the name of the folder; rename one of them"
            )
        places[name, kind] = place
    kinds = [kind for _, kind in places]
    several = len(kinds) > len(set(kinds))
    return {name: f"{MARK}{name}/" if several else "" for name, _ in places}


def labelled(label: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures with a label before their names."""
    return {f"{label}{name}": figure for name, figure in figures.items()}


def split_label(name: str) -> tuple[str, str]:
    """The label of a figure's name, empty where it has none, and the rest of the name."""
    if not name.startswith(MARK):
        return "", name
    head, _, rest = name.partition("/")
    return f"{head}/", rest


def data_name(label: str) -> str:
    """The data set that a label names; empty for no label."""
    return label.removeprefix(MARK).removesuffix("/")


def by_data(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Label -> model -> its figures under that label, by their plain names; labels as they come.

    Models without a figure of a data set are not among those of the data set.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for model, figures in metrics.items():
        for name, figure in figures.items():
            label, plain = split_label(name)
            found.setdefault(label, {}).setdefault(model, {})[plain] = figure
    return found


def kind_of(figure: str) -> str:
    """The kind of table that a task, or a figure by its plain name, belongs to."""
    task = figure.partition("/")[0]
    if task in CHOICE_KINDS:
        return task
    return "captions" if task.startswith("retrieval") else "studies"
