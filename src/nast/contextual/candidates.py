"""Candidate lists: what R@1 and R@5 of Tables 1-3 choose between (decision 8).

For an image and a polarity, one statement that its facts entail and K-1 of the same polarity that
they contradict, each statement in one wording. None follows from another of its list, and each is
right in one of K of its showings, so that whoever ignores the image has R@1 = 1/K and R@5 = 5/K.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.contextual.balanced_draw import WORDS, Stated, draw_lists
from nast.contextual.joint import study_facts
from nast.contextual.statements import KINDS, POLARITIES, Sayable, TrueStatement
from nast.facts.conditions import CONDITIONS, Conditions
from nast.facts.entailment import truth
from nast.facts.truths import annotations, truth_table
from nast.hashes import content_hash, seed_of
from nast.language.write.caption_forms import caption, caption_forms
from nast.progress import counted
from nast.ranges import Range
from nast.records import CANDIDATES_SCHEMA, Fact

SIZES = (10, 8, 6, 4)
"""How many candidates a list may have; one number serves a whole file."""
CANDIDATES = Range(2, 100, 8)
"""How many candidates a list may be asked to have."""
LISTS = 1_000
"""Lists of a polarity and split that are asked for, where nothing else is said."""
ENOUGH = 200
"""Lists of denials that decide between the sizes, where more are asked for."""
MOST_STUDIES = 2_000
"""Studies of a half that lists are drawn from; a sample where there are more."""


class Half(NamedTuple):
    """A half of the patients of a split, whose lists are balanced by themselves.

    Balanced lists tell something about each other: what was rarely right in some is right more
    often in the rest. A baseline that is fitted on one half learns nothing about the other.
    """

    split: str
    half: int


def halves(patients: pl.Series) -> pl.Series:
    """Which half each patient is in, by the hash of the id."""
    ids = patients.unique().to_list()
    half = {i: seed_of(0, "half", i) % 2 for i in ids}
    return patients.replace_strict(half, return_dtype=pl.Int64)


class Spoken(NamedTuple):
    """The statements of one polarity that studies of a part entail and others contradict.

    Attributes:
        studies: of the part, by id.
        texts: one wording of each statement.
        facts: what each says.
        said: what the draw needs of them.
    """

    studies: pl.DataFrame
    texts: list[str]
    facts: list[Fact]
    said: Stated


def spoken_of(
    said: Sayable, facts: pl.DataFrame, part: Half, polarity: str, conditions: Conditions
) -> Spoken:
    """Look up every statement of a polarity in the facts of the studies of a part."""
    studies = said.studies.with_row_index("study").filter(split=part.split)
    studies = studies.filter(halves(studies["subject_id"]) == part.half)
    if len(studies) > MOST_STUDIES:
        rng = np.random.default_rng(seed_of(0, *part))
        studies = studies.sort("study_id")[rng.permutation(len(studies))[:MOST_STUDIES]]
    studies = studies.sort("study_id")
    # Two statements in the same words would be one to a reader.
    texts: dict[str, int] = {}
    for place, statement in enumerate(said.statements):
        if statement.polarity == polarity:
            texts.setdefault(worded(statement.fact, conditions), place)
    places = np.array(list(texts.values()), dtype=int)
    stated = [said.statements[p] for p in places]
    here = facts.filter(pl.col("study_id").is_in(studies["study_id"].to_list()))
    table = truth_table(annotations(here), studies["study_id"].to_list(), [s.fact for s in stated])
    verdicts = table.of(np.arange(len(studies)), np.arange(len(stated)))
    # True is what a caption may say: no limited denial of what is absent.
    verdicts[verdicts == 1] = 0
    rows = studies.select("study").with_row_index("at")
    columns = pl.DataFrame({"statement": places}, schema={"statement": pl.UInt32})
    held = said.held.join(rows, on="study").join(said.entailed, on="annotation")
    true = held.join(columns.with_row_index("column"), on="statement")
    verdicts[true["at"].to_numpy(), true["column"].to_numpy()] = 1
    _drop_conflicts(verdicts, studies, here, [s.fact.condition for s in stated], conditions)
    used = np.flatnonzero((verdicts == 1).any(axis=0) & (verdicts == -1).any(axis=0))
    words, known = list(texts), [stated[u] for u in used]
    return Spoken(
        studies,
        [words[u] for u in used],
        [s.fact for s in known],
        _said(known, [words[u] for u in used], verdicts[:, used], conditions),
    )


def _drop_conflicts(
    verdicts: np.ndarray,
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    names: Sequence[str],
    conditions: Conditions,
) -> None:
    """Make no use of an absence that another finding of the study contradicts."""
    columns: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        columns.setdefault(name, []).append(place)
    at = {study: row for row, study in enumerate(studies["study_id"])}
    for study in study_facts(studies.drop("study"), facts, conditions):
        for name in study.undeniable & columns.keys():
            if study.labels.get(name) != "present":
                verdicts[at[study.study_id], columns[name]] = 0


def _said(
    stated: Sequence[TrueStatement],
    texts: Sequence[str],
    verdicts: np.ndarray,
    conditions: Conditions,
) -> Stated:
    """Statements as the draw sees them."""
    facts = [s.fact for s in stated]
    names = sorted({f.condition for f in facts})
    words = [frozenset(text.lower().strip(".").split()) for text in texts]
    alike = [[WORDS * len(a & b) // len(a | b) for b in words] for a in words]
    together = [[may_stand_together(a, b, conditions) for b in facts] for a in facts]
    size = len(facts)
    return Stated(
        verdicts,
        np.array(together, dtype=bool).reshape(size, size),
        np.array([names.index(f.condition) for f in facts], dtype=int),
        np.array([KINDS.index(s.kind) for s in stated], dtype=int),
        np.array(alike, dtype=int).reshape(size, size),
    )


def worded(fact: Fact, conditions: Conditions = CONDITIONS) -> str:
    """The one wording of a statement, a template chosen by what it says."""
    forms = caption_forms(fact.existence)
    return caption(fact, forms[int(content_hash(fact.as_dict())[:8], 16) % len(forms)], conditions)


def may_stand_together(first: Fact, second: Fact, conditions: Conditions = CONDITIONS) -> bool:
    """Whether neither of two statements follows from the other.

    "No effusion" cannot be the true one beside "no left effusion": words alone would tell.
    """
    a, b = (replace(fact, existence="present") for fact in (first, second))
    return not _follows(a, b, conditions) and not _follows(b, a, conditions)


def _follows(wide: Fact, narrow: Fact, conditions: Conditions) -> bool:
    """Whether a finding is there wherever another one is: the same or a kind of it, as limited."""
    if narrow.condition != wide.condition:
        if narrow.condition not in conditions.contradicting(wide.condition):
            return False
        narrow = replace(narrow, condition=wide.condition)
    return truth(wide, [narrow]) is True


def candidate_lists(
    said: Sayable,
    facts: pl.DataFrame,
    limit: int = LISTS,
    seed: int = 0,
    *,
    size: int | None = None,
    conditions: Conditions = CONDITIONS,
) -> pl.DataFrame:
    """The lists of every evaluation split, of both polarities.

    K is the largest of `SIZES` that leaves `ENOUGH` lists of denials (or most of `limit`) in the
    test split, or in the validation split where there is no other; the smallest where none does.

    Args:
        said: of `sayable`, for all studies.
        facts: `FACTS_SCHEMA`.
        limit: at most so many lists of a polarity in a split.
        seed: of every choice.
        size: K, where it is not to be chosen.
        conditions: that the facts are named by.

    Returns:
        `CANDIDATES_SCHEMA` rows; no row where nothing can be contradicted.
    """
    if not limit:
        return pl.DataFrame(schema=CANDIDATES_SCHEMA)
    names = [name for name in ("test", "validate") if name in set(said.studies["split"])]
    spoken = {
        (split, polarity): [
            spoken_of(said, facts, Half(split, half), polarity, conditions) for half in (0, 1)
        ]
        for split in names
        for polarity in POLARITIES
    }
    drawn: list[pl.DataFrame] = []
    for (split, polarity), parts in counted(list(spoken.items()), "candidate lists, by split"):
        sizes = (size,) if size else SIZES
        for k in sizes:
            found = [_drawn(part, polarity, k, limit // 2, seed) for part in parts]
            if sum(map(len, found)) >= min(ENOUGH, limit * 3 // 4) or k == sizes[-1]:
                break
        size = k
        drawn += found
    return pl.concat([pl.DataFrame(schema=CANDIDATES_SCHEMA), *drawn])


def _drawn(spoken: Spoken, polarity: str, k: int, limit: int, seed: int) -> pl.DataFrame:
    """Lists of one part, in order of studies; the truth stands in each place equally often."""
    split = spoken.studies["split"].first()
    half = spoken.studies["subject_id"].first()
    rng = np.random.default_rng(seed_of(seed, "candidates", split, half, polarity, k))
    found = draw_lists(spoken.said, k, limit, rng)
    keys = spoken.studies.select("subject_id", "study_id", "split", "image_path").to_dicts()
    places = rng.permutation(len(found.images)) % k
    rows = []
    for number in np.lexsort((found.statements[:, 0], found.images)).tolist():
        right, *foils = found.statements[number].tolist()
        shown = [foils[i] for i in rng.permutation(len(foils))]
        shown.insert(int(places[number]), right)
        study = keys[int(found.images[number])]
        key = ["candidates", study["study_id"], polarity, spoken.texts[right]]
        rows.append(
            {
                "list_id": content_hash(key)[:16],
                **study,
                "polarity": polarity,
                "candidates": [spoken.texts[s] for s in shown],
                "facts": [spoken.facts[s].as_dict() for s in shown],
                "answer": int(places[number]),
            }
        )
    return pl.DataFrame(rows, schema=CANDIDATES_SCHEMA)
