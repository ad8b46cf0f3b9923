"""The contextual negation set of a facts folder: claim sets and single captions (section 4.1)."""

from pathlib import Path
from typing import Any

import polars as pl

from nast.benchmark.audit import Item, audit_items, raise_on_leak
from nast.contextual.captions import make_captions
from nast.contextual.claims import make_claims, make_side_pairs
from nast.errors import InputError, UsageError
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA
from nast.sources.collect import read_facts
from nast.store import manifest_of, stage, write_json, write_table

EXPECTED = {
    "balanced": "{k} patients with {k} different joint values of two or three conditions, each "
    "with an absence",
    "sides": "{k} patients with one finding on different sides",
}
"""What a facts folder must have, by construction."""


def build_contextual(
    facts: Path,
    folder: Path,
    *,
    k: int = 5,
    groups: int = 200,
    construction: str = "balanced",
    seed: int = 0,
    fresh: bool = False,
) -> dict[str, Any]:
    """Claim sets and captions of a facts folder, with their audit, in an output folder.

    Args:
        facts: a folder of `nast facts`.
        folder: gets `claims.parquet`, `captions.parquet` and `audit.json`.
        k: claims per set, 5 to 7.
        groups: at most so many groups of claim sets per split.
        construction: `balanced` joint claims with denials, or `sides`: left against right, for
            sources without annotated absences.
        seed: of every choice.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest with counts.

    Raises:
        InputError: the facts do not allow a single group.
        UsageError: an unknown construction.
        NastError: the words of a form give the answer away.
    """
    if construction not in EXPECTED:
        raise UsageError(f"construction {construction!r}; choose one of {', '.join(EXPECTED)}")
    k = 2 if construction == "sides" else k
    config = {"stage": "contextual", "k": k, "groups": groups, "seed": seed,
              "construction": construction}  # fmt: skip

    def make(out: Path) -> dict[str, Any]:
        studies, table = read_facts(facts)
        if construction == "sides":
            claims = make_side_pairs(studies, table, seed=seed)
        else:
            claims = make_claims(studies, table, k=k, groups=groups, seed=seed)
        if not len(claims):
            raise InputError(
                facts,
                found=f"{len(table)} facts and no group of {k} studies",
                expected=EXPECTED[construction].format(k=k),
            )
        captions = make_captions(studies, table, seed=seed)
        audit = audit_claims(claims, seed)
        write_table(out / "claims.parquet", claims, CLAIMS_SCHEMA)
        write_table(out / "captions.parquet", captions, CAPTIONS_SCHEMA)
        write_json(out / "audit.json", audit)
        raise_on_leak(audit, out)
        return {"counts": _counts(claims, captions), "phantom": manifest_of(facts)["phantom"]}

    return stage(folder, config, [facts], make, fresh=fresh)


def audit_claims(claims: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """The blind audit of claim sets, each form alone."""
    result = {}
    for form in sorted(set(claims["form"])):
        rows = claims.filter(form=form).select("claims", "answer", "group_id").rows()
        result[form] = audit_items([Item(tuple(c), a, g) for c, a, g in rows], seed)
    return result


def _counts(claims: pl.DataFrame, captions: pl.DataFrame) -> dict[str, Any]:
    wrong = claims.explode("kinds").filter(pl.col("kinds") != "truth")
    return {
        "claim sets": len(claims),
        "claim sets by split and form": _by(claims, "split", "form"),
        "false claims by kind": _by(wrong, "kinds"),
        "captions": len(captions),
        "captions by split, polarity and kind": _by(captions, "split", "polarity", "kind"),
    }


def _by(table: pl.DataFrame, *columns: str) -> dict[str, int]:
    counts = table.group_by(columns).len().sort(columns).rows()
    return {" ".join(map(str, row[:-1])): row[-1] for row in counts}
