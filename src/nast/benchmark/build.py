"""A folder of MedNega-CXR: questions, their audit and their data card (paper section 3)."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from nast.benchmark.card import data_card
from nast.benchmark.construction import PAPER_COUNT, Construction, construction_of
from nast.benchmark.questions import make_questions
from nast.errors import InputError
from nast.facts.conditions import copy_conditions
from nast.files import manifest_of, write_json, write_table, write_text
from nast.items.audit import audit_table, leaks_of, raise_on_leak
from nast.items.card import NOT_REVIEWED
from nast.items.table import FILE, in_world
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.realise import realise
from nast.progress import note
from nast.ranges import COUNT, SEED
from nast.records import ITEMS_SCHEMA
from nast.sources.collect import read_facts
from nast.stages import stage


def build_benchmark(
    facts: Path,
    folder: Path,
    *,
    construction: Construction | None = None,
    protocol: str = "default",
    seed: int = 0,
    limit: int | None = None,
    allow_leaks: bool = False,
    model: LanguageModel | None = None,
    cache: Path | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Questions of a facts folder, with their audit and data card, in an output folder.

    Args:
        facts: a folder of `nast facts`.
        folder: gets `items.parquet`, `audit.json` and `README.md`, the data card; and the table of
            conditions, where the facts have their own.
        construction: see `Construction`; the protocol's where it is not given.
        protocol: `paper` for the paper's own set, which may leak; else `default`.
        seed: of the conditions, the words and the order of options.
        limit: at most so many groups per split.
        model: writes the options instead of templates; every text is read back (see
            `nast.language.write.llm`).
        cache: file of the model's answers, outside `folder`.
        allow_leaks: keep a set that words alone solve above chance, and say so in the card.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest, with counts and what the audit found.

    Raises:
        InputError: the labels do not allow a single question.
        UsageError: the limit or the seed is outside its range, or no such protocol.
        NastError: words alone give the answers away, and `allow_leaks` is not set.

    Examples:
        >>> made = nast.build_benchmark("facts", tmp / "questions", limit=2)
        >>> made["counts"]["questions"] > 0, made["leaks"]
        (True, [])
    """
    COUNT.check("limit", limit)
    SEED.check("seed", seed)
    how = construction or construction_of(protocol)
    config = {"stage": "benchmark", "protocol": protocol, "seed": seed, "limit": limit}
    config |= asdict(how)
    if model:
        config |= model.record()

    def make(out: Path) -> dict[str, Any]:
        known = read_facts(facts)
        copy_conditions(facts, out)
        writer = None
        if model:
            writer = partial(
                realise,
                kind="options",
                model=model,
                seed=seed,
                cache=cache,
                conditions=known.conditions,
            )
        note("groups of questions")
        questions, counts = make_questions(
            known.studies, how, seed, limit, writer, known.conditions
        )
        if not len(questions):
            raise InputError(
                facts,
                found=f"{counts['eligible studies']} studies that pass the filter and no question",
                expected="for balanced groups, four "
                "studies of four patients with different labels for three "
                "conditions",
            )
        questions = in_world(questions, known.world)
        note("what words alone can solve")
        audit = audit_table(questions, seed, known.conditions)
        write_table(out / FILE, questions, ITEMS_SCHEMA)
        write_json(out / "audit.json", audit)
        origin = manifest_of(facts)
        for name in set(PAPER_COUNT) & set(() if origin["phantom"] else origin["sources"]):
            counts[f"eligible studies of the paper ({name})"] = PAPER_COUNT[name]
        card = data_card(questions, counts, audit, origin, config, conditions=known.conditions)
        write_text(out / "README.md", card)
        if not allow_leaks and protocol != "paper":
            raise_on_leak(audit, out)
        return {
            "counts": counts,
            "phantom": origin["phantom"],
            **({"world": origin["world"]} if "world" in origin else {}),
            "leaks": leaks_of(audit),
            "review": NOT_REVIEWED,
        }

    return stage(folder, config, [facts], make, fresh=fresh)
