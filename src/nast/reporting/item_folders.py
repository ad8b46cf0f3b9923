"""What the page says about the scored items: which folders they are from, and their audits."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nast.errors import InputError
from nast.files import manifest_of, read_json, read_table
from nast.folders import identity
from nast.items.table import read_items
from nast.records import SCORES_SCHEMA

SETS = {"benchmark": "questions", "contextual": "claim sets"}
"""Stage -> what its items are called."""


class Audits(NamedTuple):
    """The best blind baseline of every set and form, and the folders that were not scored."""

    rows: list[dict[str, Any]]
    left_out: list[str]


def scored_folders(
    evaluations: Iterable[Path], folders: Iterable[Path]
) -> tuple[list[Path], list[Path]]:
    """Those folders of items whose items were scored, and the others; by content, not by name.

    Args:
        evaluations: finished folders of `nast evaluate`.
        folders: finished folders of `nast benchmark` or `nast contextual`.
    """
    data = [kinds for e in evaluations for kinds in manifest_of(e)["data"].values()]
    known = {key for kinds in data for key in kinds.values()}
    every = list(folders)
    scored = [f for f in every if identity(f) in known]
    return scored, [f for f in every if f not in scored]


def audits_of(found: Mapping[str, Sequence[Path]]) -> Audits:
    """The audits of the scored items.

    Args:
        found: stage -> finished folders.
    """
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    for stage, name in SETS.items():
        scored, others = scored_folders(found["evaluate"], found.get(stage, []))
        labels = short_names(scored)
        for folder in scored:
            mark = f" of {labels[folder]}" if len(scored) > 1 else ""
            for form, best in _best(folder / "audit.json").items():
                rows.append({"set": f"{name}{mark}, {form}", **best})
        left_out += [short_names(others)[folder] for folder in others]
    return Audits(rows, left_out)


def _best(path: Path) -> dict[str, dict[str, Any]]:
    """Form -> the blind baseline that is right most often."""
    found = read_json(path)
    try:
        return {form: max(rows, key=lambda r: r["accuracy"]) for form, rows in found.items()}
    except (AttributeError, TypeError, LookupError, ValueError):
        raise InputError(
            path, found="something else", expected="rows of nast benchmark audit, by form"
        ) from None


def example_of(
    found: Mapping[str, Sequence[Path]], with_images: bool = False
) -> dict[str, str] | None:
    """One option in negated and in affirmative words, of scored questions that may be shown."""
    for folder in scored_folders(found["evaluate"], found.get("benchmark", []))[0]:
        if manifest_of(folder)["access"] != "open" and not with_images:
            continue
        items = read_items(folder).filter(set="questions")
        forms = {form: items.filter(form=form) for form in ("negated", "affirmative")}
        both = forms["negated"].join(forms["affirmative"], on="pair_id", maintain_order="left")
        columns = both.select("facts", "options", "options_right")
        for facts, negated, affirmative in columns.iter_rows():
            for said, one, other in zip(facts, negated, affirmative, strict=True):
                if len({fact["existence"] for fact in said}) == 2 and one != other:
                    return {"negated": f"“{one}”", "affirmative": f"“{other}”"}
    return None


def patients_of(evaluations: Iterable[Path], data: str | None) -> int:
    """How many patients the scored items are of, by their keyed hashes.

    Args:
        evaluations: finished folders of `nast evaluate`.
        data: of one data set; all if not given.
    """
    found: set[str] = set()
    for evaluation in evaluations:
        rows = read_table(evaluation / "scores.parquet", SCORES_SCHEMA)
        rows = rows.filter(data=data) if data else rows
        found |= set(rows["subject"].drop_nulls().unique())
    return len(found)


def short_names(folders: Sequence[Path]) -> dict[Path, str]:
    """The shortest end of each folder's path that no other one of them has."""
    parts = {folder: folder.resolve().parts for folder in folders}
    for length in range(1, max((len(p) for p in parts.values()), default=0) + 1):
        ends = {folder: "/".join(p[-length:]) for folder, p in parts.items()}
        if len(set(ends.values())) == len(ends):
            return ends
    return {folder: str(folder) for folder in folders}
