"""Sources beside each other: whose ids are whose, and studies of which several sources speak.

An id is one of a data set or of a site. Sources that share their ids (`Source.ids`) are joined;
equal ids of others are different patients and studies, and a prefix tells them apart. Two sources
of one public data set are parts of it, such as CheXpert's train and valid tables; where they have a
study in common, the second is another site's in the data set's form.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.sources.io.label_tables import refuse_split_patients
from nast.sources.source import DATA_SETS, Source


def numbered(sources: Sequence[Source]) -> list[str]:
    """A name for each source: that of its reader, the second one of a reader with #2."""
    names = [source.name for source in sources]
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name} #{n + 1}" if n else name for n, name in zip(before, names, strict=True)]


def part_ids(sources: Sequence[Source]) -> tuple[list[Source], dict[str, int]]:
    """Sources in which no two patients and no two studies have one id.

    The ids of a source stay as they are, unless an earlier source that does not share them has one
    of them too: then all ids of the later source begin with its name, for example `table#2:`.

    Returns:
        The sources, and how many ids of patients and of studies stood in two of them.
    """
    result = list(sources)
    counts = {"patient ids kept apart": 0, "study ids kept apart": 0}
    taken: dict[str, set[str]] = {"subject_id": set(), "study_id": set()}
    names = numbered(sources)
    spaces = _spaces(sources)
    for space in dict.fromkeys(spaces):
        places = [n for n, other in enumerate(spaces) if other == space]
        own = {key: {i for n in places for i in sources[n].studies[key]} for key in taken}
        own["subject_id"] |= {patient for n in places for patient in sources[n].splits}
        equal = [len(own[key] & taken[key]) for key in taken]
        if any(equal):
            counts = {what: n + more for (what, n), more in zip(counts.items(), equal, strict=True)}
            prefix = names[places[0]].replace(" ", "") + ":"
            # A table of ids that were told apart before may hold this prefix already.
            while any(i.startswith(prefix) for found in taken.values() for i in found):
                prefix = "+" + prefix
            own = {key: {prefix + i for i in found} for key, found in own.items()}
            for n in places:
                result[n] = prefixed(sources[n], prefix)
        for key, found in own.items():
            taken[key] |= found
    return result, counts


def _spaces(sources: Sequence[Source]) -> list[str]:
    """For each source, whose ids it has."""
    spaces = [source.ids for source in sources]
    names = numbered(sources)
    for n, source in enumerate(sources):
        earlier = [s for s in sources[:n] if s.name == source.name and s.ids == source.ids]
        known = {study for other in earlier for study in other.studies["study_id"]}
        if source.name in DATA_SETS and not known.isdisjoint(source.studies["study_id"]):
            # What lies in the folder of a second MIMIC tree speaks of that tree.
            folders = {file.parent for file in source.files}
            for place, other in enumerate(sources):
                beside = other.name != source.name and other.ids == source.ids
                if place == n or (beside and folders & {file.parent for file in other.files}):
                    spaces[place] = names[n]
    return spaces


def prefixed(source: Source, prefix: str) -> Source:
    """The source with a prefix before every id of a patient or study."""
    ids = pl.format("{}{}", pl.lit(prefix), pl.col("subject_id", "study_id")).name.keep()
    return replace(
        source,
        studies=source.studies.with_columns(ids),
        facts=None if source.facts is None else source.facts.with_columns(ids),
        splits={prefix + patient: split for patient, split in source.splits.items()},
    )


def join_studies(
    sources: Sequence[Source], conditions: Conditions = CONDITIONS
) -> tuple[pl.DataFrame, int]:
    """One row per study.

    Where several sources have a study, its labels are those of the sources that have labels only,
    if there is one. A condition that they label differently is uncertain. The image is the
    first that is there. A split that a source states goes before one that was drawn.

    Args:
        sources: with ids that have been told apart.
        conditions: the table of conditions.

    Returns:
        The studies, sorted, and how many of their labels the sources disagree on.

    Raises:
        InputError: a study has two patients, or a patient two stated splits.
    """
    frames = [
        s.studies.with_columns(_absolute(s), annotated=pl.lit(s.facts is not None)) for s in sources
    ]
    rows = pl.concat(frames, how="diagonal_relaxed")
    _refuse_two_patients(rows, sources)
    path = pl.col("image_path")
    first = rows.sort(
        path == "", ~path.str.starts_with("/"), "annotated", maintain_order=True
    ).unique("study_id", keep="first", maintain_order=True)
    told = _stated_splits(sources)
    own = pl.col("subject_id").replace_strict(told, default=None, return_dtype=pl.String)
    first = first.with_columns(pl.coalesce(own, "split").alias("split"))
    names = [name for name in (*conditions.labelled(), NO_FINDING) if name in rows.columns]
    labels, torn = _labels(rows, names)
    studies = first.drop("annotated", *names).join(labels, on="study_id", how="left")
    return studies.select(c for c in rows.columns if c != "annotated").sort("study_id"), torn


def _labels(rows: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, int]:
    """The labels of each study, and how many of them its sources disagree on."""
    speaks = pl.col("annotated") == pl.col("annotated").min().over("study_id")
    rows = rows.filter(speaks).select("study_id", *names)
    several = pl.col("study_id").is_duplicated()
    single, rows = rows.filter(~several), rows.filter(several)
    said = {name: pl.col(name).filter(pl.col(name) != "not_mentioned") for name in names}
    kinds = rows.group_by("study_id").agg(s.n_unique().alias(n) for n, s in said.items())
    merged = rows.group_by("study_id").agg(
        pl.when(s.n_unique() > 1)
        .then(pl.lit("uncertain"))
        .otherwise(pl.coalesce(s.first(), pl.col(name).drop_nulls().first()))
        .alias(name)
        for name, s in said.items()
    )
    torn = kinds.select(pl.sum_horizontal((pl.col(names) > 1).sum())).item() if names else 0
    return pl.concat([single, merged]), int(torn)


def _stated_splits(sources: Iterable[Source]) -> dict[str, str]:
    """Patient -> the split that a source states."""
    pairs = [pair for source in sources for pair in source.splits.items()]
    names = {"subject_id": pl.String, "split": pl.String}
    stated = pl.DataFrame(pairs, schema=names, orient="row").unique()
    refuse_split_patients(stated, "the sources")
    return dict(stated.iter_rows())


def _refuse_two_patients(rows: pl.DataFrame, sources: Sequence[Source]) -> None:
    patients = rows.group_by("study_id").agg(pl.col("subject_id").n_unique().alias("patients"))
    torn = int((patients["patients"] > 1).sum())
    if torn:
        raise InputError(
            " and ".join(dict.fromkeys(numbered(sources))),
            found=f"{torn} studies with another patient in a second source",
            expected="one patient for each study of sources that share their ids",
            column="subject_id",
        )


def _absolute(source: Source) -> pl.Expr:
    path = pl.col("image_path")
    if source.root is None:
        return path
    absolute = pl.format("{}/{}", pl.lit(str(source.root.resolve())), path)
    return pl.when(path == "").then(path).otherwise(absolute).alias("image_path")
