"""The data card of a contextual set: what a reviewer asks before training on it."""

from typing import Any

import polars as pl

from nast.contextual.claims import CONSTRUCTIONS
from nast.contextual.statements import KINDS, POLARITIES
from nast.facts.conditions import CONDITIONS, Conditions
from nast.items.card import audit_parts, card_text, markdown_table

WORLDS = {
    "described": "what a source says of a finding is all there is of it, and a condition that it "
    "does not mention is unknown: no claim speaks of one",
    "closed": "as `described`, and a condition that the source neither mentions nor is uncertain "
    "of is absent",
}


def contextual_card(
    claims: pl.DataFrame,
    cells: pl.DataFrame,
    lists: pl.DataFrame,
    counts: dict[str, Any],
    audit: dict[str, list[dict[str, Any]]],
    source: dict[str, Any],
    config: dict[str, Any],
    conditions: Conditions = CONDITIONS,
) -> str:
    """The card as Markdown.

    Args:
        claims: `ITEMS_SCHEMA`.
        cells: captions by split, polarity, kind and condition.
        lists: `CANDIDATES_SCHEMA`.
        counts: of `counts_of`, and of the language model where one wrote.
        audit: of `audit_table`.
        source: manifest of the facts folder.
        config: how the set was made.
        conditions: that it is about.
    """
    parts = [
        "## Splits",
        "By patient, as in the facts folder that the benchmark is built from: no patient of an "
        "evaluation set is in training (checked when this folder was built).",
        _splits(claims, cells),
        "## Claim sets",
        _how(config, claims),
        _asked(counts["claim sets by form and condition"], claims, conditions),
        "Wrong claims by what choosing them gets wrong: " + _list(counts["false claims by kind"]),
        "## Single captions",
        f"Up to {config['per_study']} statements of each polarity a study, "
        f"{config['paraphrases']} wording(s) of each; rarer cells are said first. What a source "
        "does not mention is not said.",
        *(
            f"**{polarity}**\n\n{_cells(cells.filter(polarity=polarity), conditions)}"
            for polarity in POLARITIES
        ),
        _shortfalls(counts["captions below half of an even share"]),
        f"Conditions without a caption: {counts['conditions without a caption']}.",
        "## Candidate lists",
        _lists(lists),
        "## Words",
        _words(claims, counts),
        *audit_parts(
            audit,
            "Single captions cannot be blind-proof: their retrieval carries the value of one "
            "ranking for all images. Lists are balanced within each half of the patients: what is "
            "fitted on one half is scored on the other. Fitted on some lists of a half, a baseline "
            "scores below chance on the rest of it.",
        ),
    ]
    note = f"Protocol: `{config['protocol']}`."
    return card_text("Contextual negation set", source, parts, note, len(claims))


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items()) + "."


def _splits(claims: pl.DataFrame, cells: pl.DataFrame) -> str:
    rows = []
    for split in sorted({*claims["split"], *cells["split"]}):
        part = claims.filter(split=split)
        said = cells.filter(split=split)["len"].sum()
        patients = part["subject_id"].n_unique()
        forms = [f"{len(part.filter(form=f)):,}" for f in ("negated", "affirmative", "plain")]
        rows.append([split, *forms, f"{patients:,}", f"{said:,}"])
    return markdown_table(
        [
            "split",
            "negated sets",
            "affirmative sets",
            "plain sets",
            "patients of the sets",
            "captions",
        ],
        rows,
    )


def _how(config: dict[str, Any], claims: pl.DataFrame) -> str:
    name = config["construction"]
    worlds = claims["world"].unique().sort(descending=True)
    what = {
        "single_flip": "Each set is about one study; every false claim alters one attribute of "
        "the true one. **The true claim is the one closest to the others: see the audit.**",
        "sides": "Two studies of two patients, a finding on the left and on the right.",
        "matched": "Evaluation splits: as `balanced`. Training split: the claims of a group speak "
        "of different conditions; each is right for one of its studies and false of the others.",
    }.get(
        name,
        f"{config['k']} studies of as many patients show the same {config['k']} claims, and each "
        "claim is right exactly once: whatever words alone suggest is right once in "
        f"{config['k']}.",
    )
    silence = " ".join(f"`{w}`: {WORLDS[w]}." for w in worlds)
    return (
        f"`{name}`: {CONSTRUCTIONS[name][1]}; {config['k']} claims a set. {what} The affirmative "
        "form replaces every absence by its Table 5 phrase and nothing else. Sets in "
        "the form `plain` deny nothing and are about the same conditions as far as the data go; "
        "evaluation splits only. Every false claim was checked against all facts of its study. "
        f"Silence: {silence}"
    )


def _asked(counts: dict[str, int], claims: pl.DataFrame, conditions: Conditions) -> str:
    forms = [f for f in ("negated", "affirmative", "plain") if f in set(claims["form"])]
    names = [n for n in conditions if any(f"{f} {n}" in counts for f in forms)]
    totals = {f: max(1, sum(counts.get(f"{f} {n}", 0) for n in names)) for f in forms}
    cells = [
        [name] + [f"{(n := counts.get(f'{f} {name}', 0)):,} ({n / totals[f]:.0%})" for f in forms]
        for name in names
    ]
    return markdown_table(["condition", *forms], cells)


def _cells(cells: pl.DataFrame, conditions: Conditions) -> str:
    """Captions per condition, kind and split."""
    splits = sorted(set(cells["split"]))
    have = {
        (s, k, c): n
        for s, _, k, c, n in cells.select("split", "polarity", "kind", "condition", "len").rows()
    }
    header = ["condition", *(f"{kind}, {split}" for kind in KINDS for split in splits)]
    said = set(cells["condition"])
    rows = [
        [name, *(f"{have.get((split, kind, name), 0):,}" for kind in KINDS for split in splits)]
        for name in conditions
        if name in said
    ]
    return markdown_table(header, rows)


def _shortfalls(short: dict[str, int]) -> str:
    if not short:
        return "Every kind and condition has at least half of an even share."
    return (
        "Below half of an even share between kinds and conditions, because the facts hold no "
        f"more: {_list(short)}"
    )


def _lists(lists: pl.DataFrame) -> str:
    if not len(lists):
        return "None: the facts contradict too few statements, or the protocol is the paper's."
    k = int(lists["candidates"].list.len().max())  # type: ignore[arg-type]
    said = (
        f"{k} statements of one polarity, one of them true of the image and the others "
        "contradicted by its facts; each statement in one wording (a template) and right in one "
        f"of {k} of its showings. None follows from another of its list. "
        f"Blind rankings have R@1 {1 / k:.3f}"
    )
    said += f" and R@5 {5 / k:.3f}." if k > 5 else "; R@5 is no measure of so few."
    rows = [
        [*key, f"{len(part):,}", f"{part['study_id'].n_unique():,}"]
        for key, part in sorted(lists.group_by("split", "polarity"))
    ]
    return f"{said}\n\n{markdown_table(['split', 'polarity', 'lists', 'images'], rows)}"


def _words(claims: pl.DataFrame, counts: dict[str, Any]) -> str:
    templates = claims["realiser"].str.starts_with("template").sum()
    told = f"{templates:,} claim sets by templates, {len(claims) - templates:,} by a language model"
    model = counts.get("language model")
    if model:
        said = model["captions"]
        told += (
            f" (`{said['realiser']}`). Captions: {said['statements']:,} statements, "
            f"{said['wordings replaced by templates']:,} wordings replaced by templates"
        )
    return told + ". Every text reads back to its facts by rules."
