"""The contextual negation set of a facts folder: claim sets and single captions (section 4.1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from nast.contextual.captions import PARAPHRASES, Plan, caption_slices, plan_captions
from nast.contextual.card import contextual_card
from nast.contextual.claims import CONSTRUCTIONS, claims_table, find_groups, said_range
from nast.contextual.counts import CELLS, caption_cells, counts_of
from nast.contextual.statements import sayable
from nast.contextual.wording import estimate, write_captions, write_claims
from nast.errors import InputError, UsageError
from nast.files import atomic, manifest_of, write_json, write_table, write_text
from nast.folders import stage
from nast.items.audit import audit_table, leaks_of, raise_on_leak
from nast.items.table import FILE
from nast.language.write.llm.backends import LanguageModel
from nast.ranges import COUNT, SEED
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA
from nast.sources.collect import read_facts
from nast.sources.io.label_tables import refuse_split_patients


def build_contextual(
    facts: Path,
    folder: Path,
    *,
    k: int = 5,
    groups: int = 200,
    construction: str = "balanced",
    per_study: int = 2,
    paraphrases: int = 1,
    seed: int = 0,
    allow_leaks: bool = False,
    model: LanguageModel | None = None,
    cache: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Claim sets and captions of a facts folder, with their audit and card, in an output folder.

    Args:
        facts: a folder of `nast facts`.
        folder: gets `items.parquet`, `captions.parquet`, `audit.json` and `README.md`.
        k: claims per set; 2 for `sides`.
        groups: at most so many groups of claim sets per split.
        construction: a key of `CONSTRUCTIONS`; `single_flip` is the paper's.
        per_study: captions of each polarity a study, at most.
        paraphrases: wordings of each caption; a language model also writes so many of each set of
            claims.
        seed: of every choice.
        allow_leaks: keep claim sets that words alone solve above chance, and say so in the card.
        model: writes instead of templates; every text is read back (see `nast.language.write.llm`).
        cache: file of the model's answers, outside `folder`.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest with counts and what the audit found.

    Raises:
        InputError: the facts do not allow a single group, or a patient is in two splits.
        UsageError: an unknown construction, or a number of claims that it does not take.
        NastError: the words of a form give the answer away, and `allow_leaks` is not set.
    """
    numbers = {"groups": groups, "per_study": per_study, "paraphrases": paraphrases, "seed": seed}
    k = check_options(construction, k=k, **numbers)
    config = {
        "stage": "contextual",
        "k": k,
        "groups": groups,
        "seed": seed,
        "construction": construction,
        "per_study": per_study,
        "paraphrases": paraphrases,
    }
    if model:
        config |= {"model": model.name, "decoding": dict(model.decoding), **model.allowed}

    def make(out: Path) -> dict[str, Any]:
        studies, table = read_facts(facts)
        refuse_split_patients(studies, facts)
        found = find_groups(studies, table, k, groups, seed=seed, construction=construction)
        if not found:
            raise InputError(
                facts,
                found=f"{len(table)} facts and no group of {k} studies",
                expected=CONSTRUCTIONS[construction][1],
            )
        written, wordings, told = None, None, {}
        if model:
            said = sayable(studies, table).statements
            written, of_claims = write_claims(
                found, model, paraphrases=paraphrases, seed=seed, cache=cache
            )
            wordings, of_captions = write_captions(
                said, model, paraphrases=paraphrases, cache=cache
            )
            told = {"language model": {"claims": of_claims, "captions": of_captions}}
        claims = claims_table(found, studies, seed, written)
        audit = audit_table(claims, seed)
        plan = plan_captions(
            studies, table, per_study, seed, paraphrases=paraphrases, wordings=wordings
        )
        cells = write_slices(out / "captions.parquet", plan)
        write_table(out / FILE, claims, ITEMS_SCHEMA)
        write_json(out / "audit.json", audit)
        origin = manifest_of(facts)
        counts = counts_of(claims, cells) | told
        card = contextual_card(claims, cells, counts, audit, origin, config)
        write_text(out / "README.md", card)
        if not allow_leaks:
            raise_on_leak(audit, out)
        return {"counts": counts, "phantom": origin["phantom"], "leaks": leaks_of(audit)}

    return stage(folder, config, [facts], make, fresh=fresh)


def check_options(
    construction: str,
    *,
    k: int,
    groups: int = 1,
    per_study: int = 1,
    paraphrases: int = 1,
    seed: int = 0,
) -> int:
    """Refuse options of `build_contextual` that are outside their ranges.

    Returns:
        The number of claims that the construction makes of what was asked for.

    Raises:
        UsageError: an unknown construction, or a number outside its range.
    """
    if construction not in CONSTRUCTIONS:
        raise UsageError(f"construction {construction!r}; choose one of {', '.join(CONSTRUCTIONS)}")
    COUNT.check("groups", groups)
    COUNT.check("per_study", per_study)
    PARAPHRASES.check("paraphrases", paraphrases)
    SEED.check("seed", seed)
    k = 2 if construction == "sides" else k
    if k not in CONSTRUCTIONS[construction][0]:
        raise UsageError(f"k is {k}; {construction} sets have {said_range(construction)} claims")
    return k


def estimate_contextual(
    facts: Path,
    *,
    k: int = 5,
    groups: int = 200,
    construction: str = "balanced",
    paraphrases: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """What a language model would be asked for; see `build_contextual` and `wording.estimate`."""
    k = check_options(construction, k=k, groups=groups, paraphrases=paraphrases, seed=seed)
    studies, table = read_facts(facts)
    found = find_groups(studies, table, k, groups, seed=seed, construction=construction)
    return estimate(found, sayable(studies, table).statements, paraphrases)


def write_slices(path: Path, plan: Plan) -> pl.DataFrame:
    """Write captions as they are made, a row group at a time; returns how many each cell has."""
    cells = [pl.DataFrame(schema=dict.fromkeys(CELLS, pl.String) | {"len": pl.UInt32})]

    def rows(*_: object) -> Iterator[pl.DataFrame]:
        for part in caption_slices(plan):
            cells.append(caption_cells(part))
            yield part.cast(CAPTIONS_SCHEMA)  # type: ignore[arg-type]

    with atomic(path) as temporary:
        register_io_source(rows, schema=CAPTIONS_SCHEMA).sink_parquet(temporary, compression="zstd")
    return pl.concat(cells).group_by(CELLS).agg(pl.col("len").sum()).sort(CELLS)
