"""nast benchmark build, nast contextual build, and the audit of either."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from nast.commands.options import Count, Seed
from nast.language.write.writer import TEMPLATES, WriterOptions

Protocol = Literal["default", "paper"]
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Written = Annotated[WriterOptions, Parameter(name="*")]


def facts_folder(inputs: tuple[str, ...], out: Path, fresh: bool) -> Path:
    """A facts folder from what the user gave: the folder itself, or sources read beside `out`."""
    from nast.errors import UsageError
    from nast.files import MANIFEST
    from nast.sources.collect import build_facts

    if len(inputs) == 1 and (Path(inputs[0]) / MANIFEST).is_file():
        return Path(inputs[0])
    if not inputs or any(":" not in i for i in inputs):
        raise UsageError("give a folder of nast facts, or sources such as chexpert:train.csv")
    folder = out.with_name(out.name + "-facts")
    bad = len(build_facts(inputs, folder, fresh=fresh)["bad_images"])
    if bad:
        print(
            f"{bad:,} images are missing or broken ({folder / MANIFEST}): what is built from "
            "their studies cannot be scored"
        )
    return folder


def benchmark_build(
    *inputs: str,
    out: Out,
    sampler: str | None = None,
    distractors: str | None = None,
    uses: Count = 4,
    per_study: Count = 1,
    protocol: Protocol = "default",
    allow_leaks: bool = False,
    writer: Written = TEMPLATES,
    seed: Seed = 0,
    limit: Count | None = None,
    fresh: bool = False,
) -> None:
    """Build MedNega-CXR questions, in balanced groups unless another construction is named.

    Parameters
    ----------
    inputs: str
        A folder of nast facts, or sources as nast facts takes them.
    out: Path
        Output folder.
    sampler: str
        Which three conditions: all_triples (balanced groups), two_plus_one (section 3.2) or
        appendix_b.
    distractors: str
        The wrong options: balanced, uniform or single_flip.
    uses: int
        In how many groups one study may serve, where they are balanced.
    per_study: int
        How many questions a study gives where groups are not balanced.
    protocol: str
        paper builds the paper's set: one question a study, uniform wrong options, conflicts
        allowed; it leaks, and says so.
    allow_leaks: bool
        Keep a set that words alone solve above chance.
    seed: int
        Of groups, words and the order of options.
    limit: int
        At most so many groups per split; sides have as many as the studies give.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.benchmark.build import build_benchmark
    from nast.benchmark.construction import construction_of

    base = construction_of(protocol)
    how = replace(
        base,
        sampler=sampler or base.sampler,
        distractors=distractors or base.distractors,
        uses=uses,
        per_study=per_study,
    )
    folder = facts_folder(inputs, out, fresh)
    manifest = build_benchmark(
        folder,
        out,
        construction=how,
        protocol=protocol,
        seed=seed,
        limit=limit,
        model=writer.model([folder]),
        cache=writer.answers(out),
        allow_leaks=allow_leaks,
        fresh=fresh,
    )
    _print(out, manifest)


def contextual_build(
    *inputs: str,
    out: Out,
    k: Count | None = None,
    groups: Count | None = None,
    construction: str | None = None,
    per_study: Count = 2,
    paraphrases: Count = 1,
    lists: Count = 1_000,
    candidates: Count | None = None,
    protocol: Protocol = "default",
    allow_leaks: bool = False,
    writer: Written = TEMPLATES,
    seed: Seed = 0,
    fresh: bool = False,
) -> None:
    """Build claim sets, in balanced groups unless another construction is named, captions and
    candidate lists.

    Parameters
    ----------
    inputs: str
        A folder of nast facts, or sources as nast facts takes them.
    out: Path
        Output folder.
    k: int
        Claims per set: 5 to 7; for single, single_flip and matched 3 to 7; sides have 2 always.
        5 if not given; the paper's own sets mix 5 to 7.
    groups: int
        At most so many groups per split; 200 if not given, and for the paper's protocol all.
    construction: str
        balanced (joint claims that deny something), single (one condition), single_flip (the
        paper's: one attribute altered), matched (training, for small sources) or sides (left
        against right, for sources without annotated absences).
    per_study: int
        At most so many captions of each polarity a study.
    paraphrases: int
        Wordings of each caption; a language model also writes so many of each set of claims.
    lists: int
        At most so many candidate lists of each polarity per evaluation split.
    candidates: int
        Statements of a list; the largest of 10, 8, 6 and 4 that leaves 200 lists of denials in
        the test split if not given.
    protocol: str
        paper builds the paper's set: claims with one attribute altered, and no candidate lists; it
        leaks, and says so.
    allow_leaks: bool
        Keep claim sets and lists that words alone solve above chance.
    seed: int
        Of every choice.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.contextual.build import build_contextual, check_options, construction_for

    how = construction or construction_for(protocol)
    numbers: dict[str, Any] = {"k": k, "groups": groups, "paraphrases": paraphrases, "seed": seed}
    numbers |= {"lists": lists, "candidates": candidates}
    check_options(how, per_study=per_study, **numbers)
    folder = facts_folder(inputs, out, fresh)
    manifest = build_contextual(
        folder,
        out,
        construction=how,
        protocol=protocol,
        per_study=per_study,
        **numbers,
        model=writer.model([folder]),
        cache=writer.answers(out),
        allow_leaks=allow_leaks,
        fresh=fresh,
    )
    _print(out, manifest)


def audit(folder: Path) -> None:
    """Print what baselines that see no image get right.

    Parameters
    ----------
    folder: Path
        A folder of nast benchmark build or nast contextual build.
    """
    from nast.files import manifest_of, read_json

    manifest_of(folder)
    for form, rows in read_json(folder / "audit.json").items():
        for row in rows:
            mark = "  LEAKS" if row["leaks"] else ""
            print(
                f"{form:12} {row['baseline']:22} {row['accuracy']:.3f}  chance "
                f"{row['chance']:.3f}  n {row['n']}{mark}"
            )


def _print(out: Path, manifest: dict[str, Any]) -> None:
    for name, value in manifest["counts"].items():
        print(f"{name}: {_said(value)}")
    for leak in manifest.get("leaks", []):
        print(f"warning: words alone solve {leak}")
    if not manifest.get("leaks"):
        print("words alone are at chance (audit.json)")
    print(f"{out}: access class {manifest['access']}")


def _said(value: Any) -> str:
    """A count, or named counts, as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
