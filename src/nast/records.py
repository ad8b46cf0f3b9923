"""The records that cross the borders of stages, and the columns of the files they live in.

A study and a fact carry everything; questions, claim sets and captions are words around facts
and keep the facts they came from. Bulk work is columnar: the `*_SCHEMA` tables give the columns
of each Parquet file, and `files.read_table` checks them.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import polars as pl

Label = Literal["present", "absent", "uncertain", "not_mentioned"]
Existence = Literal["present", "absent"]
Side = Literal["left", "right", "bilateral"]
Zone = str
Severity = Literal["mild", "moderate", "severe"]
Polarity = Literal["negated", "affirmative"]

LABELS: tuple[str, ...] = get_args(Label)
SIDES: tuple[str, ...] = get_args(Side)
ZONES: tuple[str, ...] = ("upper", "mid", "lower", "apical", "retrocardiac")
"""Zones of the chest; a table of conditions for another part of the body names its own."""
SEVERITIES: tuple[str, ...] = get_args(Severity)
SPLITS: tuple[str, ...] = ("train", "validate", "test")


def _check(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(allowed)} or None")


@dataclass(frozen=True, slots=True)
class Fact:
    """A condition with its existence, location and severity (paper section 4.1).

    As an annotation it says what a study shows. As a statement it is what a sentence says, and
    then attributes of an absent condition limit the denial: `Fact("Pleural Effusion", "absent",
    severity="severe")` is "no large pleural effusion".

    Raises:
        ValueError: an attribute is outside its vocabulary.
    """

    condition: str
    existence: Existence
    side: Side | None = None
    zone: Zone | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        _check("existence", self.existence, get_args(Existence))
        _check("side", self.side, SIDES)
        if self.zone is not None and not (self.zone and self.zone.islower()):
            raise ValueError(f"zone is {self.zone!r}; it must be in small letters or None")
        _check("severity", self.severity, SEVERITIES)

    def as_dict(self) -> dict[str, Any]:
        """The fact as a plain dictionary, the struct of the Parquet files."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question in three forms over the same options (paper section 3, App. B).

    `options[i]` gives the labels (1 present, 0 absent) of `conditions` that option i states;
    `negated`, `affirmative` and `omitted` are its words in the three forms; `answer` is the index
    of the option that holds for the study.
    """

    question_id: str
    group_id: str
    conditions: tuple[str, ...]
    options: tuple[tuple[int, ...], ...]
    negated: tuple[str, ...]
    affirmative: tuple[str, ...]
    omitted: tuple[str, ...]
    answer: int

    def __post_init__(self) -> None:
        n = len(self.options)
        if not (len(self.negated) == len(self.affirmative) == len(self.omitted) == n):
            raise ValueError(f"question {self.question_id}: the three forms need {n} texts each")
        if len(set(self.options)) != n:
            raise ValueError(f"question {self.question_id}: two options state the same labels")
        if not 0 <= self.answer < n:
            raise ValueError(f"question {self.question_id}: answer {self.answer} of {n} options")


@dataclass(frozen=True, slots=True)
class ClaimSet:
    """One true claim and K-1 false ones about a study (paper section 4.1, format i)."""

    set_id: str
    group_id: str
    form: Polarity
    claims: tuple[str, ...]
    kinds: tuple[str, ...]
    facts: tuple[tuple[Fact, ...], ...]
    answer: int

    def __post_init__(self) -> None:
        if not len(self.claims) == len(self.kinds) == len(self.facts):
            raise ValueError(f"claim set {self.set_id}: claims, kinds and facts differ in number")
        if len(set(self.claims)) != len(self.claims):
            raise ValueError(f"claim set {self.set_id}: two claims have the same words")
        if not 0 <= self.answer < len(self.claims):
            raise ValueError(f"claim set {self.set_id}: answer {self.answer} of {len(self.claims)}")
        if self.kinds[self.answer] != "truth":
            raise ValueError(f"claim set {self.set_id}: kind of the answer is not 'truth'")


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence that is true of a study (paper section 4.1, format ii)."""

    caption_id: str
    polarity: Polarity
    kind: Literal["existence", "location", "severity"]
    caption: str
    fact: Fact


FACT_STRUCT = pl.Struct(
    {
        "condition": pl.String,
        "existence": pl.String,
        "side": pl.String,
        "zone": pl.String,
        "severity": pl.String,
    }
)
_STUDY_KEYS: dict[str, Any] = {
    "subject_id": pl.String,
    "study_id": pl.String,
    "split": pl.String,
    "image_path": pl.String,
}
STUDIES_SCHEMA: dict[str, Any] = {**_STUDY_KEYS, "view": pl.String}
"""Columns of `studies.parquet`; one column of labels per condition follows."""
FACTS_SCHEMA: dict[str, Any] = {
    "fact_id": pl.String,
    **_STUDY_KEYS,
    "condition": pl.String,
    "existence": pl.String,
    "side": pl.String,
    "zone": pl.String,
    "severity": pl.String,
    "source": pl.String,
    "words": pl.String,
}
QUESTIONS_SCHEMA: dict[str, Any] = {
    "question_id": pl.String,
    "group_id": pl.String,
    **_STUDY_KEYS,
    "view": pl.String,
    "stem": pl.String,
    "conditions": pl.List(pl.String),
    "options": pl.List(pl.List(pl.Int64)),
    "negated": pl.List(pl.String),
    "affirmative": pl.List(pl.String),
    "omitted": pl.List(pl.String),
    "answer": pl.Int64,
    "sampler": pl.String,
    "construction": pl.String,
    "realiser": pl.String,
}
CLAIMS_SCHEMA: dict[str, Any] = {
    "set_id": pl.String,
    "group_id": pl.String,
    "form": pl.String,
    **_STUDY_KEYS,
    "conditions": pl.List(pl.String),
    "kinds": pl.List(pl.String),
    "claims": pl.List(pl.String),
    "facts": pl.List(pl.List(FACT_STRUCT)),
    "answer": pl.Int64,
    "construction": pl.String,
    "realiser": pl.String,
}
CAPTIONS_SCHEMA: dict[str, Any] = {
    "caption_id": pl.String,
    **_STUDY_KEYS,
    "condition": pl.String,
    "kind": pl.String,
    "polarity": pl.String,
    "caption": pl.String,
    "fact": FACT_STRUCT,
}
SCORES_SCHEMA: dict[str, Any] = {
    "item_id": pl.String,
    "model": pl.String,
    "data": pl.String,
    "task": pl.String,
    "polarity": pl.String,
    "form": pl.String,
    "group_id": pl.String,
    "subject": pl.String,
    "option": pl.Int64,
    "score": pl.Float64,
    "rank": pl.Float64,
    "answer": pl.Boolean,
    "tie": pl.Boolean,
    "truncated": pl.Boolean,
    "gallery": pl.Int64,
    "top": pl.List(pl.Int64),
}
"""`gallery` and `top` (the best ten candidates, by their place among the distinct images or texts
of the scored captions) are those of retrieval queries, null elsewhere."""
