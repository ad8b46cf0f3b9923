"""The contextual negation set of a facts folder: claim sets, captions, candidate lists (4.1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from nast.contextual.by_model import write_captions, write_claims
from nast.contextual.candidates import CANDIDATES, LISTS, SIZES, candidate_lists
from nast.contextual.captions import PARAPHRASES, Plan, caption_slices, plan_captions
from nast.contextual.card import contextual_card
from nast.contextual.claims import CONSTRUCTIONS, claims_table, find_groups, said_range
from nast.contextual.counts import CELLS, caption_cells, counts_of
from nast.contextual.list_audit import audit_lists, said_in_training
from nast.contextual.own import MIXED
from nast.contextual.statements import sayable
from nast.errors import InputError, UsageError
from nast.facts.conditions import copy_conditions
from nast.files import atomic, manifest_of, write_json, write_table, write_text
from nast.items.audit import audit_table, leaks_of, raise_on_leak
from nast.items.table import FILE, in_world
from nast.language.write.llm.backends import LanguageModel
from nast.progress import note
from nast.ranges import COUNT, SEED, Range
from nast.records import CANDIDATES_SCHEMA, CAPTIONS_SCHEMA, ITEMS_SCHEMA
from nast.sources.collect import read_facts
from nast.sources.io.label_tables import refuse_split_patients
from nast.stages import stage

USUAL_K, USUAL_GROUPS = 5, 200
"""Claims per set and groups per split, where nothing else is said."""


def build_contextual(
    facts: Path,
    folder: Path,
    *,
    k: int | None = None,
    groups: int | None = None,
    construction: str | None = None,
    protocol: str = "default",
    per_study: int = 2,
    paraphrases: int = 1,
    lists: int = LISTS,
    candidates: int | None = None,
    seed: int = 0,
    allow_leaks: bool = False,
    model: LanguageModel | None = None,
    cache: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Claim sets, captions and candidate lists of a facts folder, with their audit and card.

    Args:
        facts: a folder of `nast facts`.
        folder: gets `items.parquet`, `captions.parquet`, `candidates.parquet`, `audit.json` and
            `README.md`; and the table of conditions, where the facts have their own.
        k: claims per set; 2 for `sides`. If not given, 5; the paper's own sets have 5 to 7, each
            a number of its own.
        groups: at most so many groups of claim sets per split; 200 if not given, and under the
            paper's protocol as many as there are.
        construction: a key of `CONSTRUCTIONS`; the protocol's where it is not given.
        protocol: `paper` for the paper's own claim sets (`single_flip`), which may leak; else
            `default` (`balanced`).
        per_study: captions of each polarity a study, at most.
        paraphrases: wordings of each caption; a language model also writes so many of each set of
            claims.
        lists: at most so many candidate lists of each polarity per evaluation split, and at least
            2 K: each half of the patients has lists of its own, K at a time. The paper's protocol
            has none: there the gallery is all captions.
        candidates: K, the statements of a list; the largest of 10, 8, 6 and 4 that leaves enough
            lists of denials, where it is not given.
        seed: of every choice.
        allow_leaks: keep items and lists that words alone solve above chance; the card says so.
        model: writes instead of templates; every text is read back (see `nast.language.write.llm`).
        cache: file of the model's answers, outside `folder`.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest with counts and what the audit found.

    Raises:
        InputError: the facts do not allow a single group, or a patient is in two splits.
        UsageError: an unknown construction, or a number of claims that it does not take.
        NastError: the words of a form give the answer away, and `allow_leaks` is not set.

    Examples:
        >>> made = nast.build_contextual("facts", tmp / "claims", groups=2)
        >>> made["counts"]["captions"] > 0
        True
    """
    numbers: dict[str, Any] = {"per_study": per_study, "paraphrases": paraphrases, "seed": seed}
    how = construction or construction_for(protocol)
    k = check_options(how, k=k, groups=groups, lists=lists, candidates=candidates, **numbers)
    mixed = how == "single_flip" and protocol == "paper" and k is None
    k = None if mixed else (k or USUAL_K)
    most = groups or (None if protocol == "paper" else USUAL_GROUPS)
    config: dict[str, Any] = {
        "stage": "contextual",
        "protocol": protocol,
        "k": f"{MIXED[0]} to {MIXED[-1]}" if mixed else k,
        "groups": most,
        "seed": seed,
        "construction": how,
        "per_study": per_study,
        "paraphrases": paraphrases,
        "lists": lists if protocol == "default" else 0,
        "candidates": candidates,
    }
    if model:
        config |= model.record()

    def make(out: Path) -> dict[str, Any]:
        known = read_facts(facts)
        studies, table, conditions = known.studies, known.facts, known.conditions
        refuse_split_patients(studies, facts)
        copy_conditions(facts, out)
        note("groups of claim sets")
        found = find_groups(
            studies,
            table,
            k,
            most or len(studies),
            seed=seed,
            construction=how,
            conditions=conditions,
        )
        if not found:
            raise InputError(
                facts,
                found=f"{len(table)} facts and no group of {config['k']} studies",
                expected=CONSTRUCTIONS[how][1],
            )
        written, wordings, told = None, None, {}
        if model:
            said = sayable(studies, table, conditions).statements
            settings: dict[str, Any] = {
                "paraphrases": paraphrases,
                "cache": cache,
                "conditions": conditions,
            }
            written, of_claims = write_claims(found, model, seed=seed, **settings)
            wordings, of_captions = write_captions(said, model, **settings)
            told = {"language model": {"claims": of_claims, "captions": of_captions}}
        claims = claims_table(found, studies, seed, written, conditions)
        claims = in_world(claims, known.world)
        note("what words alone can solve")
        audit = audit_table(claims, seed, conditions)
        note("captions")
        plan = plan_captions(
            studies,
            table,
            per_study,
            seed,
            paraphrases=paraphrases,
            wordings=wordings,
            conditions=conditions,
        )
        cells = write_slices(out / "captions.parquet", plan)
        write_table(out / FILE, claims, ITEMS_SCHEMA)
        limit = lists if protocol == "default" else 0
        note("candidate lists")
        shown = candidate_lists(
            plan.sayable, table, limit, seed, size=candidates, conditions=conditions
        )
        write_table(out / "candidates.parquet", shown, CANDIDATES_SCHEMA)
        note("what words alone can solve of the lists")
        training = said_in_training(shown, out / "captions.parquet")
        audit |= audit_lists(shown, training, seed, conditions)
        write_json(out / "audit.json", audit)
        origin = manifest_of(facts)
        counts = counts_of(claims, cells, shown, conditions) | told
        card = contextual_card(claims, cells, shown, counts, audit, origin, config, conditions)
        write_text(out / "README.md", card)
        if not allow_leaks and protocol != "paper":
            raise_on_leak(audit, out)
        return {
            "counts": counts,
            "phantom": origin["phantom"],
            **({"world": origin["world"]} if "world" in origin else {}),
            "leaks": leaks_of(audit),
        }

    return stage(folder, config, [facts], make, fresh=fresh)


def construction_for(protocol: str) -> str:
    """The construction of a protocol's claim sets.

    Raises:
        UsageError: no such protocol.
    """
    known = {"default": "balanced", "paper": "single_flip"}
    if protocol not in known:
        raise UsageError(f"protocol {protocol!r}; choose one of {', '.join(known)}")
    return known[protocol]


def check_options(
    construction: str,
    *,
    k: int | None = None,
    groups: int | None = None,
    per_study: int = 1,
    paraphrases: int = 1,
    lists: int = LISTS,
    candidates: int | None = None,
    seed: int = 0,
) -> int | None:
    """Refuse options of `build_contextual` that are outside their ranges.

    Returns:
        The number of claims that the construction makes of what was asked for; None where
        nothing was.

    Raises:
        UsageError: an unknown construction, or a number outside its range.
    """
    if construction not in CONSTRUCTIONS:
        raise UsageError(f"construction {construction!r}; choose one of {', '.join(CONSTRUCTIONS)}")
    COUNT.check("groups", groups)
    COUNT.check("per_study", per_study)
    PARAPHRASES.check("paraphrases", paraphrases)
    CANDIDATES.check("candidates", candidates)
    size = min(SIZES) if candidates is None else candidates
    Range(2 * size, None, LISTS).check("lists", lists)
    SEED.check("seed", seed)
    k = 2 if construction == "sides" else k
    if k is not None and k not in CONSTRUCTIONS[construction][0]:
        raise UsageError(f"k is {k}; {construction} sets have {said_range(construction)} claims")
    return k


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
