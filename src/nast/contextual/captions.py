"""Single captions, negated and affirmative, as columns (paper section 4.1, format ii).

Captions are drawn study by study: every true statement of a study gets a random time that is
shorter the rarer its cell (polarity, kind, condition) is, and the first ones are said. The times
depend on the seed, the study and the statement only, and studies are done in slices of a fixed
size, so that neither memory nor bytes depend on how many studies or threads there are.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.contextual.statements import KINDS, POLARITIES, Sayable, TrueStatement, sayable
from nast.facts.conditions import CONDITIONS, Conditions
from nast.hashes import content_hash, seed_of
from nast.language.write.caption_forms import (
    AFFIRMATIVE_CAPTIONS,
    NEGATED_CAPTIONS,
    caption,
    caption_forms,
)
from nast.ranges import Range
from nast.records import CAPTIONS_SCHEMA

MOST_PARAPHRASES = min(len(NEGATED_CAPTIONS), len(AFFIRMATIVE_CAPTIONS))
PARAPHRASES = Range(1, MOST_PARAPHRASES, 3)
"""How many wordings a caption may have."""
_ROWS = 100_000
_FITTED_ON = 5_000
_ROUNDS = 12


class Wordings(NamedTuple):
    """Ways of saying each statement.

    Attributes:
        texts: statement by statement, each in all of its ways.
        starts: where a statement's ways begin in `texts`.
        counts: how many ways it has.
        realisers: who wrote each text.
    """

    texts: pl.Series
    starts: np.ndarray
    counts: np.ndarray
    realisers: pl.Series


class Plan(NamedTuple):
    """All that decides the captions of a study."""

    sayable: Sayable
    about: pl.DataFrame
    weights: np.ndarray
    wordings: Wordings
    per_study: int
    paraphrases: int
    seed: int


def plan_captions(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    per_study: int = 2,
    seed: int = 0,
    *,
    paraphrases: int = 1,
    wordings: Wordings | None = None,
    conditions: Conditions = CONDITIONS,
) -> Plan:
    """What the captions of any slice of studies are made from: true statements of every study.

    A negated caption denies a condition, a side, a zone or a grade ("no large pleural effusion");
    an affirmative one states a present finding. Conditions take turns within a study.

    Args:
        studies: `STUDIES_SCHEMA`.
        facts: `FACTS_SCHEMA`.
        per_study: statements of each polarity, at most.
        seed: of choices and words.
        paraphrases: ways in which each of them is said.
        wordings: other words than the templates', in the order of `sayable`'s statements.
        conditions: that the facts are named by.

    Raises:
        ValueError: `per_study` or `paraphrases` is outside its range.
    """
    if per_study < 1 or not PARAPHRASES.holds(paraphrases):
        raise ValueError(f"at least one statement a study, in 1 to {MOST_PARAPHRASES} ways")
    said = sayable(studies, facts, conditions)
    about = _about(said.statements)
    words = wordings or template_wordings(said.statements, conditions)
    plan = Plan(said, about, np.ones(about["cell"].n_unique()), words, per_study, paraphrases, seed)
    return plan._replace(weights=_balanced(plan))


def template_wordings(
    statements: list[TrueStatement], conditions: Conditions = CONDITIONS
) -> Wordings:
    """Every statement in all template forms of its polarity."""
    facts = [statement.fact for statement in statements]
    texts = [
        [caption(fact, form, conditions) for form in caption_forms(fact.existence)]
        for fact in facts
    ]
    return wordings_of(texts, [["template"] * len(ways) for ways in texts])


def wordings_of(texts: Sequence[Sequence[str]], realisers: Sequence[Sequence[str]]) -> Wordings:
    """Wordings of the ways of saying each statement and of who wrote each."""
    counts = np.array([len(ways) for ways in texts], dtype=np.int64)
    flat = pl.Series([text for ways in texts for text in ways], dtype=pl.String)
    writers = pl.Series([writer for some in realisers for writer in some], dtype=pl.String)
    return Wordings(flat, np.cumsum(counts) - counts, counts, writers)


def _about(statements: list[TrueStatement]) -> pl.DataFrame:
    """`statement, polarity, kind, condition, cell, hash` of each statement; codes for the first."""
    rows = [
        (
            POLARITIES.index(s.polarity),
            KINDS.index(s.kind),
            s.fact.condition,
            int(content_hash(s.fact.as_dict())[:15], 16),
        )
        for s in statements
    ]
    names = {"polarity": pl.UInt8, "kind": pl.UInt8, "condition": pl.String, "hash": pl.UInt64}
    table = pl.DataFrame(rows, schema=names, orient="row").with_row_index("statement")
    cell = pl.struct("polarity", "kind", "condition").rank("dense").cast(pl.UInt32) - 1
    return table.with_columns(cell.alias("cell"))


def _balanced(plan: Plan) -> np.ndarray:
    """A weight per cell that makes kinds, and conditions within a kind, as equal as they can be.

    Fitted on a sample of studies by raising what is said too rarely and lowering the rest.
    """
    cells = plan.about.unique("cell").sort("cell")
    weights = np.ones(len(cells))
    every = max(1, len(plan.sayable.studies) // _FITTED_ON)
    sample = np.arange(0, len(plan.sayable.studies), every)
    candidates = _candidates(plan, plan.sayable.held.filter(pl.col("study").is_in(sample)))
    share = (
        1
        / cells.select(
            pl.len().over("polarity", "kind") * pl.col("kind").n_unique().over("polarity")
        )
        .to_series()
        .to_numpy()
    )
    polarity = cells["polarity"].to_numpy()
    for _ in range(_ROUNDS if len(cells) else 0):
        chosen = _chosen(candidates, weights, plan.per_study)
        used = np.bincount(chosen["cell"].to_numpy(), minlength=len(cells))
        wanted = share * np.bincount(polarity, used, minlength=len(POLARITIES))[polarity]
        weights = np.clip(weights * np.sqrt((wanted + 1) / (used + 1)), 1e-6, 1e6)
    return weights


def caption_slices(plan: Plan) -> Iterator[pl.DataFrame]:
    """The captions of all studies in `CAPTIONS_SCHEMA` tables of about equal size, by study ids."""
    number = len(plan.sayable.studies)
    size = max(1, _ROWS // (2 * plan.per_study * plan.paraphrases))
    edges = plan.sayable.held["study"].search_sorted(pl.Series(range(0, number + size, size)))
    for first, last in pairwise(edges):
        held = plan.sayable.held[int(first) : int(last)]
        chosen = _chosen(_candidates(plan, held), plan.weights, plan.per_study)
        if len(chosen):
            yield _worded(plan, chosen)


def _candidates(plan: Plan, held: pl.DataFrame) -> pl.DataFrame:
    """Every true statement of some studies, with its draw from the exponential distribution."""
    table = held.join(plan.sayable.entailed, on="annotation").join(plan.about, on="statement")
    numbers = held["study"].unique().sort()
    ids = plan.sayable.studies["study_id"][numbers]
    seeds = np.array([seed_of(plan.seed, "captions", i) for i in ids], dtype=np.uint64)
    place = numbers.search_sorted(table["study"]).to_numpy()
    bits = _mixed(seeds[place] ^ table["hash"].to_numpy())
    time = -np.log1p(-((bits >> np.uint64(11)) * 2.0**-53))
    return table.drop("annotation", "hash").with_columns(
        pl.Series("time", time), pl.Series("way", bits & np.uint64(0xFFFF))
    )


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """64 well-mixed bits of each number (the finaliser of SplitMix64)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _chosen(candidates: pl.DataFrame, weights: np.ndarray, per_study: int) -> pl.DataFrame:
    """The first statements of each study and polarity; every condition before any second one."""
    timed = candidates.with_columns(pl.col("time") / pl.Series(weights)[candidates["cell"]]).sort(
        "study", "polarity", "time", "statement"
    )
    turn = pl.int_range(pl.len()).over("study", "polarity", "condition")
    timed = timed.with_columns(turn.alias("turn")).sort(
        "study", "polarity", "turn", "time", "statement"
    )
    nth = pl.int_range(pl.len()).over("study", "polarity").alias("nth")
    return timed.with_columns(nth).filter(pl.col("nth") < per_study)


def _worded(plan: Plan, chosen: pl.DataFrame) -> pl.DataFrame:
    """Rows in words: each statement in as many different ways as there are paraphrases."""
    ways = plan.paraphrases
    rows = chosen.select(pl.all().repeat_by(ways).explode()) if ways > 1 else chosen
    again = np.tile(np.arange(ways), len(chosen))
    statement = rows["statement"].to_numpy()
    words, counts = plan.wordings, plan.wordings.counts[statement]
    # Evenly spaced ways are all different and rarely neighbours in the grammar.
    way = (rows["way"].to_numpy().astype(np.int64) + again * counts // ways) % counts
    at = words.starts[statement] + way
    facts = _fact_table(plan.sayable.statements)[statement]
    number = pl.Series("number", rows["nth"].to_numpy() * ways + again + 1)
    polarity = _names(POLARITIES, rows["polarity"]).alias("polarity")
    studies = plan.sayable.studies[rows["study"]]
    return studies.select(
        _caption_ids(studies["study_id"], polarity, number),
        "subject_id",
        "study_id",
        "split",
        "image_path",
        rows["condition"],
        _names(KINDS, rows["kind"]).alias("kind"),
        polarity,
        words.texts[at].alias("caption"),
        facts.to_struct("fact"),
        words.realisers[at].alias("realiser"),
    )


def _caption_ids(*parts: pl.Series) -> pl.Series:
    """The first 16 hexadecimal digits of the hash of each study, polarity and number.

    Items are named in results and reports, where no study is.
    """
    keys = zip(*parts, strict=True)
    made = [sha256("\x1f".join(map(str, ("caption", *key))).encode()).hexdigest() for key in keys]
    return pl.Series("caption_id", [text[:16] for text in made], pl.String)


def _names(names: tuple[str, ...], codes: pl.Series) -> pl.Series:
    return pl.Series(names)[codes]


def _fact_table(statements: list[TrueStatement]) -> pl.DataFrame:
    return pl.DataFrame([s.fact.as_dict() for s in statements], schema=CAPTIONS_SCHEMA["fact"])
