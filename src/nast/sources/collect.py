"""One or more sources -> the two tables that every later stage reads."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.access import strictest
from nast.errors import AccessError, InputError, UsageError
from nast.facts.conditions import (
    CONDITIONS,
    TABLE,
    Conditions,
    conditions_of,
    load_conditions,
)
from nast.files import manifest_of, read_table, write_json, write_table
from nast.progress import note
from nast.records import FACTS_SCHEMA, STUDIES_SCHEMA
from nast.sources.cad_chest import DEFINITE, check_cut, read_cad_chest
from nast.sources.chexpert import read_chexpert
from nast.sources.image_paths import image_problem
from nast.sources.io.label_tables import refuse_split_patients
from nast.sources.iu_xray import read_iu_xray
from nast.sources.joins import join_studies, numbered, part_ids
from nast.sources.mimic_cxr_jpg import LABELERS, read_mimic_cxr_jpg
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.own_table.read_table import read_table_file
from nast.sources.padchest import read_padchest
from nast.sources.silence import absences, denied_facts, denied_labels
from nast.sources.source import Source, as_studies, fact_columns
from nast.stages import stage

READERS: dict[str, Callable[..., Source]] = {
    "mimic-cxr-jpg": read_mimic_cxr_jpg,
    "cad-chest": read_cad_chest,
    "chexpert": read_chexpert,
    "iu-xray": read_iu_xray,
    "nih-cxr": read_nih_cxr,
    "padchest": read_padchest,
    "table": read_table_file,
}
"""Source name -> reader. A SOURCE is written `name:path`."""
CLOSABLE = ("chexpert", "mimic-cxr-jpg", "nih-cxr")
"""Label tables that look for the same conditions in every study."""
WORLDS = ("described", "closed")
"""What silence may mean; the first is the default."""
BAD_IMAGES = "bad_images.json"
"""An unfinished facts folder lists under this name the images that are missing or broken."""


class Tables(NamedTuple):
    """Studies and facts of all sources together, and what was found on the way."""

    studies: pl.DataFrame
    facts: pl.DataFrame
    report: dict[str, Any]


def split_spec(spec: str) -> tuple[str, Path]:
    """`name:path` -> reader's name and path.

    Raises:
        UsageError: the name is not a reader's.
    """
    name, _, path = spec.partition(":")
    if name not in READERS or not path:
        raise UsageError(f"{spec!r} is not a source; write one of {', '.join(READERS)} and :PATH")
    return name, Path(path)


def build_facts(
    specs: Sequence[str],
    folder: Path,
    *,
    labeler: str = LABELERS[0],
    cut: int = DEFINITE,
    conditions: Path | None = None,
    world: str = WORLDS[0],
    max_bad: int | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Read sources and leave `studies.parquet` and `facts.parquet` in a folder.

    Args:
        specs: sources, each `name:path`.
        folder: the output folder.
        labeler: whose labels of MIMIC-CXR-JPG: `chexpert`, `negbio` or `radiologist`.
        cut: the least |score| of a fact of CAD-Chest; 3 keeps the definite ones.
        conditions: another table of conditions, in the form of `facts/conditions.yaml`; the
            folder keeps a copy, which later stages use.
        world: what silence means: `described`, an unmentioned condition is unknown, or `closed`,
            it is absent (`sources.silence`); of one label table only.
        max_bad: how many images may be missing or broken; any number where it is not given.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `annotations` says per source what became of every one of them, and
        `bad_images` lists images that are missing, cut short or no image.

    Raises:
        InputError: a source breaks its schema, or more than `max_bad` images are bad: then the
            folder stays unfinished, with a list of them.
        AccessError: phantom and real studies are mixed.
        UsageError: an unknown source or world, another source than one label table in the world
            `closed`, or the folder belongs to another configuration.

    Examples:
        >>> _ = nast.build_phantom(tmp / "tree", 3, seed=1)
        >>> made = nast.build_facts([f"mimic-cxr-jpg:{tmp / 'tree'}"], tmp / "facts")
        >>> made["access"], made["phantom"]
        ('open', True)
    """
    named = [split_spec(s) for s in specs]
    names = [name for name, _ in named]
    places = [f"{name}:{path.resolve()}" for name, path in named]
    if len(set(places)) < len(places):
        raise UsageError("a source is given twice; give each once")
    check_cut(cut)
    if world not in WORLDS:
        raise UsageError(f"--world is {world!r}; choose {' or '.join(WORLDS)}")
    if "cad-chest" in names and "mimic-cxr-jpg" not in names:
        raise UsageError(
            "CAD-Chest has neither splits nor images of its own; read it together with "
            "mimic-cxr-jpg:ROOT, or its patients would be divided unlike the benchmark's"
        )
    table = load_conditions(conditions) if conditions else CONDITIONS
    options: dict[str, dict[str, Any]] = {
        "mimic-cxr-jpg": {"labeler": labeler},
        "cad-chest": {"cut": cut},
    }
    sources = []
    for name, path in named:
        note(f"reading {name}")
        sources.append(READERS[name](path, **options.get(name, {}), conditions=table))
    note("")
    if world == "closed" and (len(sources) > 1 or not sources[0].vocabulary):
        raise UsageError(
            f"--world closed takes one label table ({', '.join(CLOSABLE)}): of the silence of "
            "others it is not known what they could have said; in the mapping of table:FILE say "
            "which word, or an empty cell, means absent"
        )
    inputs = [path for source in sources for path in source.files]
    inputs += [conditions] if conditions else []

    def make(out: Path) -> dict[str, Any]:
        if conditions:
            shutil.copyfile(conditions, out / TABLE)
        note("joining sources, looking for their images")
        tables = collect(sources, table, world)
        bad = tables.report["bad_images"]
        if max_bad is not None and len(bad) > max_bad:
            write_json(out / BAD_IMAGES, bad)
            require_images(tables.report, max_bad, out)
        write_table(out / "studies.parquet", tables.studies, STUDIES_SCHEMA)
        write_table(out / "facts.parquet", tables.facts, FACTS_SCHEMA)
        return tables.report

    chosen = {key: value for name in set(names) for key, value in options.get(name, {}).items()}
    # Image paths are made from these places, so that moved data are other inputs.
    config = {"stage": "facts", "sources": places, **chosen}
    prints = zip(numbered(sources), (s.fingerprint for s in sources), strict=True)
    config |= {f"content of {name}": found for name, found in prints if found}
    config |= {"world": world} if world != WORLDS[0] else {}
    manifest = stage(folder, config, inputs, make, fresh=fresh)
    if max_bad is not None:
        # A finished folder was made with another limit.
        require_images(manifest, max_bad, folder)
    return manifest


@dataclass(frozen=True)
class Facts:
    """A finished folder of `nast facts`; it unpacks as `studies, facts`.

    Attributes:
        studies: `STUDIES_SCHEMA` with a column of labels per condition.
        facts: `FACTS_SCHEMA`.
        conditions: the table that both are named by.
        folder: where they lie.
        world: what silence means in them: `described`, or `closed` where that was asked for.

    Examples:
        >>> studies, facts = nast.read_facts("facts")
        >>> "condition" in facts.columns
        True
    """

    studies: pl.DataFrame
    facts: pl.DataFrame
    conditions: Conditions
    folder: Path
    world: str = WORLDS[0]

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return iter((self.studies, self.facts))


def read_facts(folder: Path) -> Facts:
    """The studies and facts of a finished facts folder, with its table of conditions.

    Raises:
        InputError: the folder is unfinished, or a table breaks its schema.

    Examples:
        >>> facts = nast.read_facts("facts")
        >>> facts.facts.columns[:3]
        ['fact_id', 'subject_id', 'study_id']
    """
    folder = Path(folder)
    world = manifest_of(folder)["config"].get("world", WORLDS[0])
    return Facts(
        read_table(folder / "studies.parquet", STUDIES_SCHEMA),
        read_table(folder / "facts.parquet", FACTS_SCHEMA),
        conditions_of(folder),
        folder,
        world,
    )


def collect(
    sources: Sequence[Source], conditions: Conditions = CONDITIONS, world: str = WORLDS[0]
) -> Tables:
    """Join the sources that share their ids, and put the others beside them.

    Labels and annotated facts are not merged: facts come from the sources that annotate them,
    and from labels only where no source does. Where both speak of a condition their
    disagreements are counted.

    Args:
        sources: as read.
        conditions: the table of conditions.
        world: see `build_facts`.

    Raises:
        InputError: a patient is in two splits, or a study of joined sources has two patients.
        AccessError: phantom and real studies are mixed.
    """
    if len({source.phantom for source in sources}) > 1:
        raise AccessError(
            "phantom and real studies in one build: their tables must never mix. Build them apart"
        )
    sources, apart = part_ids(sources)
    for source in sources:
        refuse_split_patients(source.studies, source.name)
    studies, torn_labels = join_studies(sources, conditions)
    refuse_split_patients(studies, sources[0].name)
    annotated = [s for s in sources if s.facts is not None]
    known = {study for s in annotated for study in s.studies["study_id"]}
    silent = studies.filter(~pl.col("study_id").is_in(list(known)))
    tables = [s.facts for s in annotated if s.facts is not None]
    read = pl.concat([*tables, facts_of_labels(silent, conditions)], how="diagonal")
    closed = {}
    if world == "closed":
        affirmed = pl.col("existence").n_unique().over("study_id", "condition")
        torn_facts = read.filter(affirmed > 1)
        absent = absences(studies, read, torn_facts, conditions, sources[0].vocabulary)
        studies = denied_labels(studies, absent, conditions)
        read = pl.concat([read, denied_facts(absent)], how="diagonal")
        closed = {"absences read from silence": len(absent)}
    keys = studies.select("study_id", "split", "image_path")
    facts = _distinct(
        read.join(keys, on="study_id", how="inner", maintain_order="left"), conditions
    )
    existences = pl.col("existence").n_unique().over("study_id", "condition")
    facts, torn = facts.filter(existences == 1), len(facts.filter(existences > 1))
    facts = facts.sort([c for c in fact_columns() if c != "subject_id"], nulls_last=True)
    facts = facts.with_columns(pl.Series("fact_id", fact_ids(facts), dtype=pl.String))
    named = dict(zip(numbered(sources), sources, strict=True))
    report: dict[str, Any] = {
        "access": strictest(s.access for s in sources),
        "phantom": sources[0].phantom,
        "terms": [f"{s.name}: {s.terms}" for s in sources],
        "counts": {
            "studies": len(studies),
            "patients": studies["subject_id"].n_unique(),
            "facts": len(facts),
            "facts both affirmed and denied": torn,
            "facts said twice": len(read) - len(facts) - torn,
            **closed,
        },
        "annotations": {name: dict(s.annotations) for name, s in named.items()},
        "sources": {name: s.counts for name, s in named.items()},
        "conflicts": {**apart, "labels on which joined sources disagree": torn_labels},
        "disagreements": disagreements(studies, facts, conditions) if annotated else 0,
        **({"world": world} if world != WORLDS[0] else {}),
        **_images(studies),
    }
    return Tables(as_studies(studies, conditions), facts.select(*FACTS_SCHEMA), report)


def fact_ids(facts: pl.DataFrame) -> list[str]:
    """The first 16 hexadecimal digits of the hash of each fact and where it comes from."""
    rows = facts.select(
        pl.concat_str(pl.all().exclude("image_path").fill_null("\0"), separator="\x1f")
    ).to_series()
    return [sha256(row.encode()).hexdigest()[:16] for row in rows]


def _distinct(facts: pl.DataFrame, conditions: Conditions) -> pl.DataFrame:
    """Each fact once, and without bare presences of which another source says more.

    Within one source, a bare presence beside one with a side is a second finding, unless the
    condition has no sides: then there is only one of it.
    """
    place = ["side", "zone", "severity"]
    key = ["study_id", "condition", "existence"]
    facts = facts.unique([*key, *place], keep="first", maintain_order=True)
    bare = pl.all_horizontal(pl.col(place).is_null())
    single = pl.col("condition").is_in([n for n, c in conditions.items() if not c.sided])
    more = facts.filter(~bare).group_by(key).agg(pl.col("source").unique().alias("more"))
    facts = facts.join(more, on=key, how="left", maintain_order="left")
    own = pl.col("more").list.contains(pl.col("source")).cast(pl.UInt32)
    others = pl.col("more").list.len() > own
    redundant = bare & (others | (single & pl.col("more").is_not_null()))
    return facts.filter(~redundant.fill_null(False)).drop("more")


def facts_of_labels(studies: pl.DataFrame, conditions: Conditions = CONDITIONS) -> pl.DataFrame:
    """Definite labels as facts without side, zone and severity."""
    long = studies.unpivot(
        conditions.labelled(),
        index=["subject_id", "study_id"],
        variable_name="condition",
        value_name="existence",
    )
    empty = [pl.lit(None, pl.String).alias(name) for name in ("side", "zone", "severity")]
    return long.filter(pl.col("existence").is_in(["present", "absent"])).with_columns(
        *empty, source=pl.lit("labels"), words=pl.col("condition")
    )


def disagreements(
    studies: pl.DataFrame, facts: pl.DataFrame, conditions: Conditions = CONDITIONS
) -> int:
    """How many (study, condition) have a label and a fact of opposite existence."""
    labels = facts_of_labels(studies, conditions).select("study_id", "condition", label="existence")
    pairs = facts.select("study_id", "condition", "existence").unique()
    both = labels.join(pairs, on=["study_id", "condition"])
    return len(both.filter(pl.col("label") != pl.col("existence")))


def _images(studies: pl.DataFrame) -> dict[str, Any]:
    """Looks at the images where a source has any; labels alone need none."""
    rows = studies.select("image_path").filter(pl.col("image_path").str.starts_with("/"))
    problems = {p: image_problem(Path(p)) for p in rows["image_path"]}
    bad = {path: reason for path, reason in problems.items() if reason}
    return {"images": len(problems) - len(bad), "bad_images": bad}


def require_images(manifest: dict[str, Any], max_bad: int, folder: Path | None = None) -> None:
    """Fail when more than `max_bad` images of a manifest cannot be read; `folder` lists them.

    Raises:
        InputError: with the number and what is wrong with them.
    """
    bad = manifest["bad_images"]
    if len(bad) > max_bad:
        reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(bad.values()).items())
        names = [BAD_IMAGES, "manifest.json"]
        place = next((n for n in names if folder and (folder / n).is_file()), names[-1])
        raise InputError(
            folder or "images",
            found=f"{reasons}; {len(bad)} bad images in all (listed in its {place})",
            expected=f"at most {max_bad}; mend them and run it again (with --fresh if the folder "
            f"is finished), or say --max-bad {len(bad)}",
        )
