"""nast benchmark build, nast contextual build, and the audit of either."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Out = Annotated[Path, Parameter(name=["--out", "-o"])]


def facts_folder(inputs: tuple[str, ...], out: Path, fresh: bool) -> Path:
    """A facts folder from what the user gave: the folder itself, or sources read beside `out`."""
    from nast.errors import UsageError
    from nast.sources.collect import build_facts
    from nast.store import MANIFEST

    if len(inputs) == 1 and (Path(inputs[0]) / MANIFEST).is_file():
        return Path(inputs[0])
    if not inputs or any(":" not in i for i in inputs):
        raise UsageError("give a folder of nast facts, or sources such as chexpert:train.csv")
    folder = out.with_name(out.name + "-facts")
    build_facts(inputs, folder, fresh=fresh)
    return folder


def benchmark_build(
    *inputs: str,
    out: Out,
    seed: int = 0,
    uses: int = 4,
    limit: int | None = None,
    fresh: bool = False,
) -> None:
    """Build MedNega-CXR questions in balanced groups.

    Parameters
    ----------
    inputs: str
        A folder of nast facts, or sources as nast facts takes them.
    out: Path
        Output folder.
    seed: int
        Of groups, words and the order of options.
    uses: int
        In how many groups one study may serve.
    limit: int
        At most so many groups per split.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.benchmark.questions import build_benchmark

    folder = facts_folder(inputs, out, fresh)
    manifest = build_benchmark(folder, out, seed=seed, uses=uses, limit=limit, fresh=fresh)
    _print(out, manifest)


def contextual_build(
    *inputs: str,
    out: Out,
    k: int = 5,
    groups: int = 200,
    construction: str = "balanced",
    seed: int = 0,
    fresh: bool = False,
) -> None:
    """Build claim sets in balanced groups, and single captions.

    Parameters
    ----------
    inputs: str
        A folder of nast facts, or sources as nast facts takes them.
    out: Path
        Output folder.
    k: int
        Claims per set, 5 to 7.
    groups: int
        At most so many groups per split.
    construction: str
        balanced (joint claims that deny something) or sides (left against right, for sources
        without annotated absences).
    seed: int
        Of every choice.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.contextual.build import build_contextual
    from nast.errors import UsageError

    if not 5 <= k <= 7:
        raise UsageError(f"--k is {k}; a claim set has 5 to 7 claims")
    folder = facts_folder(inputs, out, fresh)
    manifest = build_contextual(
        folder, out, k=k, groups=groups, construction=construction, seed=seed, fresh=fresh
    )
    _print(out, manifest)


def audit(folder: Path) -> None:
    """Print what baselines that see no image get right.

    Parameters
    ----------
    folder: Path
        A folder of nast benchmark build or nast contextual build.
    """
    from nast.store import manifest_of, read_json

    manifest_of(folder)
    for form, rows in read_json(folder / "audit.json").items():
        for row in rows:
            mark = "  LEAKS" if row["leaks"] else ""
            print(f"{form:12} {row['baseline']:22} {row['accuracy']:.3f}  chance "
                  f"{row['chance']:.3f}  n {row['n']}{mark}")  # fmt: skip


def _print(out: Path, manifest: dict[str, Any]) -> None:
    for name, value in manifest["counts"].items():
        text = (
            ", ".join(f"{k} {v:,}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        print(f"{name}: {text}")
    print(f"{out}: words alone are at chance (audit.json); data policy {manifest['policy']}")
