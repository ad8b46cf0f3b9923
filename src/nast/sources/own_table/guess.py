"""A first mapping for a site's own table, guessed from the names of its columns and its words."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.records import LABELS
from nast.sources.cad_words import GRADES, SIDES, ZONES
from nast.sources.image_paths import is_inside, slashes
from nast.sources.own_table.cells import CELL, guess_encoding, is_plain, scan_table, text_columns
from nast.sources.own_table.mapping import mapping_file
from nast.sources.own_table.words import ATTRIBUTES, SPLIT_WORDS, condition_words

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
    "terms: may name the licence of the data, in one line",
    "site: may say whose ids these are, in one word; tables of one site are joined",
    "values: a value that is in no list stops the reading",
)
"""What is said below every first mapping."""
_LABEL_OF = {word: label for label, words in VALUES.items() for word in words.split()}
_LABEL_OF |= dict.fromkeys(("", "not mentioned"), "not_mentioned")
_AROUND = {"label", "labels", "finding", "has", "is"}


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
    keys, asked = _guessed(file, cells, conditions)
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


def _guessed(
    file: Path, cells: pl.DataFrame, conditions: Conditions
) -> tuple[dict[str, Any], list[str]]:
    """The keys of the mapping, and what is to be filled in or looked at."""
    columns, images, asked = _columns(file, cells)
    labels, facts = _labels(cells, conditions), _facts(cells)
    keys: dict[str, Any] = {"access": "private", **images, "columns": columns}
    valued: list[str] = []
    if len(labels) < 2 and {"condition", "existence"} <= facts.keys():
        keys = {"layout": "long", **keys, "facts": facts, **_words(cells, facts, conditions, asked)}
        valued = [facts["existence"]]
    elif labels:
        keys = {"layout": "wide", **keys, "labels": labels}
        valued = list(labels.values())
    else:
        asked.insert(0, "layout: fill in wide (one column per condition) or long (one per fact)")
        asked.append("labels: fill in condition: column; or facts: condition and existence")
    listed = vocabulary([cells.get_column(column) for column in valued])
    known = {word: _LABEL_OF.get(word.lower()) for word in listed or ()}
    lists = {label: [w for w, meant in known.items() if meant == label] for label in LABELS}
    keys["values"] = {label: words for label, words in lists.items() if words}
    unknown = ", ".join(yaml_line(word) for word, meant in known.items() if meant is None)
    asked += [f"values: in no list yet: {unknown}"] if unknown else []
    asked += [] if listed else [f"values: fill in lists; there are more than {MOST_WORDS} words"]
    return keys, asked


def _columns(file: Path, cells: pl.DataFrame) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Columns of the studies; the folder of the images; what is to be filled in."""
    named = {key: column_for(likely, cells.columns) for key, likely in COLUMNS.items()}
    found = {key: column for key, column in named.items() if column}
    missing = [key for key in ("subject_id", "study_id") if key not in found]
    asked = [f"columns: fill in {key}, the column of that id" for key in missing]
    split = found.get("split", "")
    words = vocabulary([cells.get_column(split)]) if split else []
    if words is None or any(word.lower() not in SPLIT_WORDS for word in words):
        del found["split"]
        asked.append(f"columns: split: {yaml_line(split)}, once splits explains its words")
    images: dict[str, str] = {}
    image = found.get("image_path")
    paths: list[str] = cells.get_column(image).to_list() if image else []
    if not all(map(is_inside, paths)):
        column = yaml_line(found.pop("image_path"))
        asked.append(f"columns: image_path: {column}, once it has no full paths and no '..'")
    elif any((file.parent / slashes(path)).is_file() for path in paths[:1000] if path):
        images = {"images": "."}
    elif image:
        asked.append("images: fill in the folder that image paths start from")
    return found, images, asked


def _labels(cells: pl.DataFrame, conditions: Conditions) -> dict[str, str]:
    """Condition -> the column that most surely is its own, if that holds a vocabulary."""
    named = [(*match, c) for c in cells.columns if (match := condition_for(c, conditions))]
    found: dict[str, str] = {}
    for _, condition, column in sorted(named, key=lambda match: match[0]):
        if condition in conditions.labelled() and vocabulary([cells.get_column(column)]):
            found.setdefault(condition, column)
    return {name: found[name] for name in conditions if name in found}


def _facts(cells: pl.DataFrame) -> dict[str, str]:
    """Name in `facts.parquet` -> the column that is likely to be it; no column twice."""
    found: dict[str, str] = {}
    for key, likely in FACTS.items():
        column = column_for(likely, [c for c in cells.columns if c not in found.values()])
        found |= {key: column} if column else {}
    return found


def _words(
    cells: pl.DataFrame, facts: Mapping[str, str], conditions: Conditions, asked: list[str]
) -> dict[str, Any]:
    """`conditions` and `words` of a long table: words that the package does not know by itself."""
    grades = {word: grade for c in conditions.values() for grade, word in c.grades.items()}
    known = {
        "side": SIDES | dict(l="left", r="right", lt="left", rt="right", both="bilateral"),
        "zone": ZONES | dict(apex="apical", base="lower"),
        "severity": GRADES | grades,
    }
    found: dict[str, dict[str, str]] = {}
    for key in ("condition", *ATTRIBUTES):
        words = vocabulary([cells.get_column(facts[key])]) if key in facts else []
        if words is None:
            asked.append(
                f"{key}: the column has more than {MOST_WORDS} words; explain those that count"
            )
        for word in filter(None, words or []):
            if key == "condition":
                meaning = (condition_for(word, conditions) or (0, ""))[1]
                own = word.lower() in condition_words(conditions)
            else:
                meaning = known[key].get(word.lower(), "")
                own = word.lower() in known[key].values()
            if meaning and not own:
                found.setdefault(key, {})[word] = meaning
            elif not own:
                asked.append(f"{key}: {yaml_line(word)} is not known, and set aside")
    named = found.pop("condition", {})
    return ({"conditions": named} if named else {}) | ({"words": found} if found else {})


def vocabulary(cells: Iterable[pl.Series]) -> list[str] | None:
    """The different words of some columns, None where they are too many."""
    words = {word for column in cells for word in column.alias(CELL).unique().head(MOST_WORDS + 1)}
    return sorted(words) if len(words) <= MOST_WORDS else None


def small_words(name: str) -> str:
    """A name in small words: `PatientID`, `patient_id` and `Patient ID` are all `patient id`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", apart.lower()))


def column_for(likely: str, columns: Iterable[str]) -> str | None:
    """The column whose name is one of the likely ones, which are parted by commas."""
    names = {small_words(column).replace(" ", ""): column for column in reversed(list(columns))}
    found = (names.get(name.replace(" ", "")) for name in likely.split(", "))
    return next((column for column in found if column), None)


def condition_for(name: str, conditions: Conditions = CONDITIONS) -> tuple[int, str] | None:
    """The condition that a column or word names, after how surely it does.

    Returns:
        0 (its name), 1 (its term) or 2 (a synonym), and the condition; None for none.
    """
    words = " ".join(w for w in small_words(name).split() if w not in _AROUND)
    for sure in range(3):
        for known in conditions.values():
            if any(re.fullmatch(pattern, words) for pattern in _patterns(known)[sure]):
                return sure, known.name
    return None


def _patterns(known: Condition) -> tuple[list[str], list[str], list[str]]:
    """A condition's name, term and synonyms in small words."""
    synonyms = [small_words(s) + ("[a-z]*" if s.endswith("*") else "") for s in known.synonyms]
    return [small_words(known.name)], [small_words(known.term)], synonyms
