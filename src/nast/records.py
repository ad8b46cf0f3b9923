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
Form = Literal["negated", "affirmative", "omitted", "plain"]

LABELS: tuple[str, ...] = get_args(Label)
SIDES: tuple[str, ...] = get_args(Side)
ZONES: tuple[str, ...] = ("upper", "mid", "lower", "apical", "retrocardiac")
"""Zones of the chest; a table of conditions for another part of the body names its own."""
SEVERITIES: tuple[str, ...] = get_args(Severity)
FORMS: tuple[str, ...] = get_args(Form)
"""How an item is worded: its denials with a negator, in Table 5's words, left out; or it denies
nothing."""
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

    Examples:
        >>> nast.Fact("Pleural Effusion", "present", side="left", severity="mild").side
        'left'
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


Statement = tuple[Fact, ...]
"""What an option or a claim says: a fact about each of some conditions."""
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
ITEMS_SCHEMA: dict[str, Any] = {
    "item_id": pl.String,
    "set": pl.String,
    "pair_id": pl.String,
    "group_id": pl.String,
    "form": pl.String,
    "world": pl.String,
    **_STUDY_KEYS,
    "view": pl.String,
    "stem": pl.String,
    "conditions": pl.List(pl.String),
    "options": pl.List(pl.String),
    "facts": pl.List(pl.List(FACT_STRUCT)),
    "kinds": pl.List(pl.String),
    "answer": pl.Int64,
    "construction": pl.String,
    "realiser": pl.String,
}
"""Columns of `items.parquet`: one row per multiple-choice item and form; `pair_id` joins the forms.
`facts` are what each option says (empty lists in imported items), `kinds` what choosing it gets
wrong: `truth` for the right one."""
CAPTIONS_SCHEMA: dict[str, Any] = {
    "caption_id": pl.String,
    **_STUDY_KEYS,
    "condition": pl.String,
    "kind": pl.String,
    "polarity": pl.String,
    "caption": pl.String,
    "fact": FACT_STRUCT,
    "realiser": pl.String,
}
CANDIDATES_SCHEMA: dict[str, Any] = {
    "list_id": pl.String,
    **_STUDY_KEYS,
    "polarity": pl.String,
    "candidates": pl.List(pl.String),
    "facts": pl.List(FACT_STRUCT),
    "answer": pl.Int64,
}
"""Columns of `candidates.parquet`: a row per list of statements of one polarity, of which the one
at `answer` is true of the image and the others are contradicted."""
MODEL_KEYS: dict[str, Any] = {"model": pl.String, "seed": pl.Int64, "data": pl.String}
"""What made a score: the name of a setting, its seed (null for a model without), the data set."""
SCORES_SCHEMA: dict[str, Any] = {
    "item_id": pl.String,
    **MODEL_KEYS,
    "set": pl.String,
    "form": pl.String,
    "group_id": pl.String,
    "subject": pl.String,
    "option": pl.Int64,
    "score": pl.Float64,
    "answer": pl.Boolean,
    "tie": pl.Boolean,
    "truncated": pl.Boolean,
}
"""Columns of `scores.parquet`: a row per item and option; `subject` is a keyed hash."""
HITS_SCHEMA: dict[str, Any] = {
    "query_id": pl.String,
    "list_id": pl.String,
    **MODEL_KEYS,
    "reading": pl.String,
    "direction": pl.String,
    "polarity": pl.String,
    "subject": pl.String,
    "rank": pl.Int64,
    "ties": pl.Int64,
    "right_tied": pl.Int64,
    "right": pl.Int64,
    "size": pl.Int64,
}
"""Columns of `hits.parquet`, a row per retrieval query: `rank` of the best right candidate (1 is
the first), how many candidates have its score (`ties`) and how many of them are right
(`right_tied`), all right candidates (`right`), and the number of candidates (`size`)."""
LISTS = "lists"
"""The `reading` of candidate lists."""
PAIRS_SCHEMA: dict[str, Any] = {
    "study": pl.String,
    "subject": pl.String,
    **MODEL_KEYS,
    "prompts": pl.String,
    "side": pl.String,
    "condition": pl.String,
    "label": pl.String,
    "score": pl.Float64,
}
"""Columns of `pairs.parquet`: the score of a study's image and the prompts that state a condition
(`side` presence) or deny it (denial); `label` is the study's, `present` or `absent`."""
REPLIES_SCHEMA: dict[str, Any] = {
    "item_id": pl.String,
    "pair_id": pl.String,
    **MODEL_KEYS,
    "set": pl.String,
    "form": pl.String,
    "group_id": pl.String,
    "subject": pl.String,
    "outcome": pl.String,
}
"""Columns of `replies.parquet`, a row per item that a chat model was asked: `outcome` says how an
option was chosen, or why none was."""
NEUTRAL_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "seed": pl.Int64,
    "group": pl.String,
    "sentence": pl.String,
    "vector": pl.List(pl.Float32),
}
"""Columns of `neutral.parquet`: the vectors of sentences in which nothing is found or denied."""
SCORE_TABLES: dict[str, dict[str, Any]] = {
    "scores": SCORES_SCHEMA,
    "hits": HITS_SCHEMA,
    "pairs": PAIRS_SCHEMA,
    "controls": {**SCORES_SCHEMA, "control": pl.String},
    "neutral": NEUTRAL_SCHEMA,
    "replies": REPLIES_SCHEMA,
}
"""The tables that scoring leaves, each in a Parquet file of that name."""
METRICS_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("model", "reference"), pl.String),
    "seeds": pl.Int64,
    "seed_sd": pl.Float64,
    "g": pl.Float64,
    **dict.fromkeys(
        (
            "protocol",
            "data",
            "set",
            "world",
            "task",
            "reading",
            "direction",
            "form",
            "condition",
            "subset",
            "control",
            "statistic",
        ),
        pl.String,
    ),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "n": pl.Int64,
    "method": pl.String,
    **dict.fromkeys(("p", "p_holm", "chance", "margin"), pl.Float64),
}
"""Columns of `metrics.parquet`: every number of every table, verdict and picture is a row."""
