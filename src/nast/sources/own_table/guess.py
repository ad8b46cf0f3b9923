"""A first mapping for a site's own table, guessed from the names of its columns and its words."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.records import LABELS
from nast.sources.own_table.cells import CELL, guess_encoding, is_plain, scan_table, text_columns
from nast.sources.own_table.mapping import condition_words, mapping_file

MOST_WORDS = 12
"""A column with more different words is no vocabulary; none of them is written down."""
COLUMNS = {
    "subject_id": "subject id, patient id, subject, patient, mrn, person id, pid",
    "study_id": "study id, accession number, accession no, accession, study, study instance uid, "
    "study uid, exam id, exam, report id, image id, image index",
    "image_path": "image path, path, file path, file name, file, image file, image, dicom path, "
    "image index",
    "split": "split, data split, fold, subset, partition, set",
    "view": "view, view position, projection, ap pa",
}
"""Name in `studies.parquet` -> names that its column may have, the likeliest first."""
FACTS = {
    "condition": "condition, finding, finding name, observation, diagnosis, disease, pathology, "
    "abnormality, entity, label name, label",
    "existence": "existence, status, presence, assertion, certainty, polarity, present, label, "
    "value, answer, result, state",
    "side": "side, laterality",
    "zone": "zone, lung zone, location, region",
    "severity": "severity, degree, grade, level, size",
    "words": "words, text, sentence, phrase, evidence, mention, quote",
}
"""Name in `facts.parquet` -> names that its column may have, the likeliest first."""
VALUES = {
    "present": "1 yes y true t positive pos present + ja j oui o vrai si sí s sim sì vero tak "
    "prawda ano áno wahr verdadero verdadeiro waar sant sand",
    "absent": "0 no n false f negative neg absent nein non faux não nao nee nej nei falso nie "
    "fałsz ne falsch onwaar falskt falsk",
    "uncertain": "-1 uncertain u maybe possible equivocal unclear indeterminate ? fraglich unklar "
    "unsicher möglich vielleicht incertain douteux dudoso posible incierto dubbio incerto "
    "possibile duvidoso possível onzeker mogelijk osäker möjlig usikker muligt mulig niepewne "
    "możliwe",
    "not_mentioned": "nan na n/a null not_mentioned unmentioned",
}
"""Label -> words of European languages, in small letters, that most surely mean it."""
HINTS = (
    "access: open, private or credentialed",
    "images: the folder that image paths start from, seen from here; columns: image_path with it",
    "terms: may name the licence of the data, in one line",
    "site: may say whose ids these are, in one word; tables of one site are joined",
    "values: a value that is in no list stops the reading",
)
"""What is said below every first mapping."""
_LABEL_OF = {word: label for label, words in VALUES.items() for word in words.split()}
_LABEL_OF |= dict.fromkeys(("", "not mentioned"), "not_mentioned")
_AROUND = r"\b(?:labels?|finding|has|is)\b"


def write_mapping(file: Path, conditions: Conditions = CONDITIONS) -> Path:
    """Write a first mapping beside a table (`nast facts --init-mapping FILE`).

    Columns are known by their names, conditions also by their terms and synonyms, and values by
    common words. What is not known is a comment that says what to fill in.

    Args:
        file: the table.
        conditions: the table of conditions.

    Returns:
        The mapping's path.

    Raises:
        InputError: the table cannot be read.
        UsageError: there is a mapping already, or the folder cannot be written to.
    """
    file = Path(file)
    encoding = guess_encoding(file)
    table = scan_table(file, encoding)
    schema = table.collect_schema()
    cells = text_columns(table, file, [name for name, kind in schema.items() if is_plain(kind)])
    keys, asked = _guessed(cells, conditions)
    if encoding:
        keys |= {"encoding": encoding}
        asked.append("encoding: look whether letters such as ä and é are right")
    used = {c for part in ("columns", "labels", "facts") for c in keys.get(part, {}).values()}
    unused = [yaml_line(name) for name in schema if name not in used]
    asked += [f"columns that are not used: {', '.join(unused)}"] if unused else []
    text = f"# A first guess of nast at {yaml_line(file.name)}: check every line.\n"
    text += yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=10**9)
    text += "".join(f"# {line}\n" for line in (*asked, *HINTS))
    path = mapping_file(file)
    try:
        with open(path, "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; edit it, or move it away first") from None
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise UsageError(f"{path} cannot be written ({reason})") from None
    return path


def yaml_line(text: str) -> str:
    """Text as one line of YAML, in quotes where it is not plain words."""
    if re.fullmatch(r"[A-Za-z]([A-Za-z0-9_ -]*[A-Za-z0-9_])?", text):
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9).strip()


def _guessed(cells: pl.DataFrame, conditions: Conditions) -> tuple[dict[str, Any], list[str]]:
    """The keys of the mapping, and what is to be filled in or looked at."""
    columns = _columns_named(COLUMNS, cells.columns)
    facts = _columns_named(FACTS, cells.columns, once=True)
    named = {name: _column_of(conditions[name], cells) for name in conditions.labelled()}
    labels = {name: column for name, column in named.items() if column}
    keys: dict[str, Any] = {"access": "private", "columns": columns}
    ids = [key for key in ("subject_id", "study_id") if key not in columns]
    asked = [f"columns: fill in {key}, the column of that id" for key in ids]
    valued: list[str] = []
    if len(labels) < 2 and {"condition", "existence"} <= facts.keys():
        words = vocabulary(cells.get_column(facts["condition"])) or []
        meanings = {w: condition_for(w, conditions) for w in words if w}
        own = condition_words(conditions)
        known = {w: name for w, name in meanings.items() if name and w.lower() not in own}
        keys = {"layout": "long", **keys, "facts": facts, "conditions": known}
        none = ", ".join(yaml_line(w) for w, name in meanings.items() if name is None)
        asked += [f"conditions: not known, and set aside: {none}"] if none else []
        asked.append("words: may say what the words of side, zone and severity mean")
        valued = [facts["existence"]]
    elif labels:
        keys = {"layout": "wide", **keys, "labels": labels}
        valued = list(labels.values())
    else:
        asked.insert(0, "layout: fill in wide (one column per condition) or long (one per fact)")
        asked.append("labels: fill in condition: column; or facts: condition and existence")
    listed = vocabulary(*(cells.get_column(column) for column in valued))
    labelled = {word: _LABEL_OF.get(word.lower()) for word in listed or ()}
    lists = {label: [w for w, meant in labelled.items() if meant == label] for label in LABELS}
    keys["values"] = {label: words for label, words in lists.items() if words}
    unknown = ", ".join(yaml_line(word) for word, meant in labelled.items() if meant is None)
    asked += [f"values: in no list yet: {unknown}"] if unknown else []
    asked += [] if listed else [f"values: fill in lists; there are more than {MOST_WORDS} words"]
    return keys, asked


def vocabulary(*columns: pl.Series) -> list[str] | None:
    """The different words of some columns, None where they are too many."""
    words = {word for c in columns for word in c.alias(CELL).unique().head(MOST_WORDS + 1)}
    return sorted(words) if len(words) <= MOST_WORDS else None


def small_words(name: str) -> str:
    """A name in small words: `PatientID`, `patient_id` and `Patient ID` are all `patient id`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", apart.lower()))


def _columns_named(
    likely: dict[str, str], columns: Iterable[str], once: bool = False
) -> dict[str, str]:
    """Name of the package -> the column that is likely to be it; with `once` no column twice."""
    found: dict[str, str] = {}
    for key, names in likely.items():
        left = {small_words(c).replace(" ", ""): c for c in reversed(list(columns))}
        for name in names.replace(" ", "").split(","):
            if name in left and not (once and left[name] in found.values()):
                found.setdefault(key, left[name])
    return found


def condition_for(name: str, conditions: Conditions = CONDITIONS) -> str | None:
    """The condition that a column or word names: by its name, its term or a synonym."""
    return next((known.name for known in conditions.values() if _names(known, name)), None)


def _column_of(known: Condition, cells: pl.DataFrame) -> str | None:
    """The first column that names a condition and holds a vocabulary; its own name goes first."""
    columns = [c for c in cells.columns if _names(known, c) and vocabulary(cells.get_column(c))]
    return min(columns, key=lambda c: small_words(c) != small_words(known.name), default=None)


def _names(known: Condition, name: str) -> bool:
    """Whether a name or word stands for a condition."""
    words = " ".join(re.sub(_AROUND, " ", small_words(name)).split())
    said = (known.name, known.term, *known.synonyms)
    patterns = (small_words(s) + ("[a-z]*" if s.endswith("*") else "") for s in said)
    return any(re.fullmatch(pattern, words) for pattern in patterns)
