"""One or more sources -> the two tables that every later stage reads."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError, PolicyError, UsageError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.records import FACTS_SCHEMA, STUDIES_SCHEMA
from nast.sources.cad_chest import read_cad_chest
from nast.sources.chexpert import read_chexpert
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.source import Source, image_problem, refuse_split_patients
from nast.store import content_hash, manifest_of, read_table, stage, strictest, write_table

READERS = {
    "mimic-cxr-jpg": read_mimic_cxr_jpg,
    "cad-chest": read_cad_chest,
    "chexpert": read_chexpert,
    "nih-cxr": read_nih_cxr,
}
"""Source name -> reader. A SOURCE is written `name:path`."""


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


def build_facts(specs: Sequence[str], folder: Path, *, fresh: bool = False) -> dict[str, Any]:
    """Read sources and leave `studies.parquet` and `facts.parquet` in a folder.

    Args:
        specs: sources, each `name:path`.
        folder: the output folder.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `bad_images` lists images that are missing, cut short or no image.

    Raises:
        InputError: a source breaks its schema.
        PolicyError: phantom and real studies are mixed.
        UsageError: an unknown source, or the folder belongs to another configuration.
    """
    named = [split_spec(s) for s in specs]
    if [name for name, _ in named] == ["cad-chest"]:
        raise UsageError(
            "CAD-Chest has neither splits nor images of its own; read it together with "
            "mimic-cxr-jpg:ROOT, or its patients would be divided unlike the benchmark's"
        )
    sources = [READERS[name](path) for name, path in named]
    inputs = [path for source in sources for path in source.files]

    def make(out: Path) -> dict[str, Any]:
        tables = collect(sources)
        write_table(out / "studies.parquet", tables.studies, STUDIES_SCHEMA)
        write_table(out / "facts.parquet", tables.facts, FACTS_SCHEMA)
        return tables.report

    config = {"stage": "facts", "sources": list(specs)}
    return stage(folder, config, inputs, make, fresh=fresh)


def read_facts(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The studies and facts of a finished facts folder.

    Raises:
        InputError: the folder is unfinished, or a table breaks its schema.
    """
    manifest_of(folder)
    studies = read_table(Path(folder) / "studies.parquet", STUDIES_SCHEMA)
    return studies, read_table(Path(folder) / "facts.parquet", FACTS_SCHEMA)


def collect(sources: Sequence[Source]) -> Tables:
    """Join sources that speak of the same studies.

    Labels and annotated facts are not merged: facts come from the sources that annotate them,
    and from labels only where no source does. Where both speak of a condition their
    disagreements are counted.

    Raises:
        PolicyError: phantom and real studies are mixed.
    """
    if len({source.phantom for source in sources}) > 1:
        raise PolicyError(
            "phantom and real studies in one build: their tables must never mix. Build them apart"
        )
    studies = _studies(sources)
    for source in sources:
        refuse_split_patients(source.studies, Path(source.name))
    refuse_split_patients(studies, Path(sources[0].name))
    annotated = [s.facts for s in sources if s.facts is not None]
    facts = pl.concat(annotated, how="diagonal") if annotated else facts_of_labels(studies)
    keys = studies.select("study_id", "split", "image_path")
    facts = facts.join(keys, on="study_id", how="inner", maintain_order="left").sort(
        "study_id", "condition", "existence", "side", "zone", "severity", "source", nulls_last=True
    )
    facts = _distinct(facts)
    ids = [content_hash(row)[:16] for row in facts.drop("image_path").rows()]
    facts = facts.with_columns(pl.Series("fact_id", ids, dtype=pl.String))
    report: dict[str, Any] = {
        "policy": strictest(s.policy for s in sources),
        "phantom": sources[0].phantom,
        "counts": {"studies": len(studies), "patients": studies["subject_id"].n_unique(),
                   "facts": len(facts)},
        "sources": {s.name: s.counts for s in sources},
        "disagreements": disagreements(studies, facts) if annotated else 0,
        **_images(studies),
    }  # fmt: skip
    known = [NO_FINDING] if NO_FINDING in studies.columns else []
    return Tables(
        studies.select(*STUDIES_SCHEMA, *CONDITIONS, *known), facts.select(*FACTS_SCHEMA), report
    )


def _distinct(facts: pl.DataFrame) -> pl.DataFrame:
    """Each fact once; a bare presence is dropped where the same study says more of it."""
    place = ["side", "zone", "severity"]
    key = ["study_id", "condition", "existence"]
    facts = facts.unique([*key, *place], keep="first", maintain_order=True)
    bare = pl.all_horizontal(pl.col(place).is_null())
    return facts.filter(~bare | bare.all().over(key))


def _studies(sources: Sequence[Source]) -> pl.DataFrame:
    """Studies of all sources; a source with labels goes before one that only has facts."""
    frames = [s.studies.with_columns(_absolute(s.root)) for s in sources]
    order = sorted(range(len(sources)), key=lambda i: sources[i].name == "cad-chest")
    studies = pl.concat([frames[i] for i in order], how="diagonal_relaxed")
    studies = studies.unique("study_id", keep="first", maintain_order=True)
    if len(sources) > 1:
        # MIMIC has studies without a label row that CAD-Chest knows; they follow their patient.
        first = frames[order[0]].unique("subject_id", keep="first")
        known = dict(first.select("subject_id", "split").iter_rows())
        own = pl.col("subject_id").replace_strict(known, default=None, return_dtype=pl.String)
        studies = studies.with_columns(pl.coalesce(own, "split").alias("split"))
    return studies.sort("study_id")


def _absolute(root: Path | None) -> pl.Expr:
    path = pl.col("image_path")
    absolute = pl.format("{}/{}", pl.lit(str(root.resolve())), path) if root else path
    return absolute.alias("image_path")


def facts_of_labels(studies: pl.DataFrame) -> pl.DataFrame:
    """Definite labels as facts without side, zone and severity."""
    long = studies.unpivot(
        list(CONDITIONS), index=["subject_id", "study_id"], variable_name="condition",
        value_name="existence",
    )  # fmt: skip
    empty = [pl.lit(None, pl.String).alias(name) for name in ("side", "zone", "severity")]
    return long.filter(pl.col("existence").is_in(["present", "absent"])).with_columns(
        *empty, source=pl.lit("labels"), words=pl.col("condition")
    )


def disagreements(studies: pl.DataFrame, facts: pl.DataFrame) -> int:
    """How many (study, condition) have a label and a fact of opposite existence."""
    labels = facts_of_labels(studies).select("study_id", "condition", label="existence")
    pairs = facts.select("study_id", "condition", "existence").unique()
    both = labels.join(pairs, on=["study_id", "condition"])
    return len(both.filter(pl.col("label") != pl.col("existence")))


def _images(studies: pl.DataFrame) -> dict[str, Any]:
    """Looks at the images where a source has any; labels alone need none."""
    rows = studies.select("image_path").filter(pl.col("image_path").str.starts_with("/"))
    problems = {p: image_problem(Path(p)) for p in rows["image_path"]}
    bad = {path: reason for path, reason in problems.items() if reason}
    return {"images": len(problems) - len(bad), "bad_images": bad}


def require_images(manifest: dict[str, Any], max_bad: int) -> None:
    """Fail when more than `max_bad` images cannot be read.

    Raises:
        InputError: with the number and the first file.
    """
    bad = manifest["bad_images"]
    if len(bad) > max_bad:
        reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(bad.values()).items())
        raise InputError(
            "images",
            found=f"{reasons}; {len(bad)} bad images in all (listed in manifest.json)",
            expected=f"at most {max_bad} (--max-bad); mend them and say --fresh to look again",
        )
