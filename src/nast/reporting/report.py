"""Finished folders of the other stages -> tables, figures and one self-contained `report.html`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from nast import __version__
from nast.errors import UsageError
from nast.files import manifest_of, write_json, write_text
from nast.folders import stage
from nast.measuring.metrics import by_label, difference
from nast.reporting.evaluations import Evaluations, Part, join_evaluations
from nast.reporting.figures import figure3
from nast.reporting.harm import harm_tables
from nast.reporting.scored import audits_of, claims_per_set, example_of, labels_of
from nast.reporting.tables import MEASURES, Table, cell, tables_of, write_tables
from nast.reporting.trace_figures import CAPTIONS, draw_trace
from nast.reporting.update_figures import CAPTION, by_policy, depth, draw_updates, update_shares
from nast.reporting.verdicts import verdict_table

TITLES = {
    "table1": "Table 1",
    "table2": "Table 2",
    "table3": "Table 3",
    "table4": "Table 4",
    "questions": "Questions",
    "verdicts": "Claims",
    "harm": "No harm",
    "drift": "Drift",
}
UNIFORM = "LoRA uniform"
COMPARED = (
    ("claims/accuracy", "negated"),
    ("claims/accuracy", "affirmative"),
    ("questions/accuracy", "negated"),
    ("questions/accuracy", "affirmative"),
    ("questions/accuracy", "omitted"),
)


def build_report(folders: Sequence[Path], out: Path, *, fresh: bool = False) -> dict[str, Any]:
    """Report on evaluations, traces and runs.

    Args:
        folders: finished folders of any stage; evaluations give Tables 1-3 and Figure 3, runs
            Table 4 and the shares over steps, a trace Figure 5, benchmark and contextual folders
            the audit.
        out: gets `report.html`, `metrics.json`, `tables/` and `figures/`.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `report` is the name of the page.

    Raises:
        InputError, UsageError: no evaluation among the folders, or some that cannot stand side
            by side (`evaluations.join_evaluations`).
    """
    found: dict[str, list[Path]] = {}
    once: dict[Path, Path] = {}
    for folder in folders:
        once.setdefault(Path(folder).resolve(), Path(folder))
    for folder in once.values():
        found.setdefault(manifest_of(folder)["config"].get("stage", ""), []).append(folder)
    if "evaluate" not in found:
        raise UsageError("nast report needs at least one folder of nast evaluate")

    def make(target: Path) -> dict[str, Any]:
        joined = join_evaluations(found["evaluate"])
        tables = tables_of(joined.metrics, updates_by_policy(found.get("train", [])))
        tables += [
            verdict_table(part.metrics, part.scores, found, joined.margin)._replace(data=part.data)
            for part in joined.parts
        ]
        tables = [t for t in (*tables, *harm_tables(joined.harm)) if t.rows]
        write_tables(tables, target / "tables")
        write_json(target / "metrics.json", joined.metrics)
        write_text(target / "report.html", _page(joined, tables, found, target))
        return {
            "counts": {"models": len(joined.metrics), "tables": len(tables)},
            "report": "report.html",
        }

    return stage(out, {"stage": "report"}, folders, make, fresh=fresh)


def updates_by_policy(runs: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Update shares of runs, joined by policy."""
    return {
        policy: [update_shares(folder, MEASURES) for folder in seeds]
        for policy, seeds in by_policy(runs).items()
    }


def _page(
    joined: Evaluations, tables: Sequence[Table], found: Mapping[str, Sequence[Path]], target: Path
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nast.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    manifests = {f: manifest_of(f) for folders in found.values() for f in folders}
    compared = [(part, comparisons(dict(by_label(part.scores)))) for part in joined.parts]
    changes = [_comparison_table(rows)._replace(data=part.data) for part, rows in compared]
    equal = _equal_shares(found.get("train", []))
    return environment.get_template("report.html.j2").render(
        version=__version__,
        synthetic=_synthetic(found["evaluate"]),
        reviews={
            n: r for f in found["evaluate"] for n, r in manifests[f].get("review", {}).items()
        },
        findings=[
            f"{part.data}: {said}" if part.data else said
            for part, rows in compared
            for said in findings(part.metrics, rows)
        ],
        claims=claims_per_set(pl.concat(part.scores for part in joined.parts)),
        example=example_of(found),
        tables=tables,
        titles=TITLES,
        notes={t.name: equal if t.name == "table4" else None for t in tables},
        figures=_figures(joined.parts, found, target / "figures"),
        comparisons=[t for t in changes if t.rows],
        audits=audits_of(found),
        stages=[
            {"stage": m["config"]["stage"], "folder": folder.name, "settings": _settings(m)}
            for folder, m in manifests.items()
        ],
    )


def _equal_shares(runs: Sequence[Path]) -> str:
    """What Table 4 measures, and what it would be if all blocks were updated alike."""
    equal = [
        f"the top 3 and top 5 of {blocks} blocks would hold {300 / blocks:.1f} and "
        f"{min(100, 500 / blocks):.1f}"
        for blocks in sorted({depth(run) for run in runs})
    ]
    return (
        f"With equal shares {', '.join(equal)}. Parameters: norm of the change of LoRA's A and B; "
        "B A: norm of the change of the weights; gradient: norm summed over steps, after scaling "
        "and clipping."
    )


def _settings(manifest: Mapping[str, Any]) -> str:
    keep = {k: v for k, v in manifest["config"].items() if k not in ("stage", "sources", "models")}
    return ", ".join(f"{k} {_short(v)}" for k, v in keep.items())


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(_short(v) for v in value) + "]"
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:24]


def _figures(
    parts: Sequence[Part], found: Mapping[str, Sequence[Path]], folder: Path
) -> list[dict[str, Any]]:
    drawn = []
    for part in parts:
        path = figure3(part.metrics, folder, part.data)
        if path:
            title = f"Figure 3 ({part.data})" if part.data else "Figure 3"
            drawn.append((title, "Question accuracy by form, with 95 % intervals.", path))
    traces = labels_of(found.get("trace", []))
    for number, (place, name) in enumerate(traces.items(), 1):
        several = len(traces) > 1
        target = folder / f"trace-{number}" if several else folder
        for figure, path in draw_trace(place, target).items():
            title, text = CAPTIONS[figure]
            drawn.append((f"{title} ({name})" if several else title, text, path))
    if "train" in found:
        drawn.append((*CAPTION, draw_updates(found["train"], folder)))
    return [{"title": t, "text": x, "svg": Markup(_inline(p))} for t, x, p in drawn]


def _synthetic(evaluations: Sequence[Path]) -> str:
    """Which results are of drawn patients: `all`, or the names of the evaluations."""
    drawn = [e for e in evaluations if manifest_of(e).get("phantom")]
    if len(drawn) == len(evaluations):
        return "all"
    names = labels_of(evaluations)
    return ", ".join(names[e] for e in drawn)


def _inline(path: Path) -> str:
    svg = path.read_text(encoding="utf-8")
    return svg[svg.index("<svg") :]


def comparisons(scores: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, dict[str, Any]]]:
    """Fine-tuned models minus the base, and NAST minus uniform LoRA, paired by item.

    Args:
        scores: model -> its scores, the base first.

    Returns:
        "model minus reference" -> figure's name -> difference with its interval.
    """
    base = next(iter(scores), "")
    names = [n for n in scores if n != base]
    pairs = [(n, base) for n in names if n != base]
    pairs += [(n, UNIFORM) for n in names if n != UNIFORM and UNIFORM in scores]
    return {
        f"{model} minus {reference}": {
            f"{metric}/{form}": difference(scores[reference], scores[model], metric, form)
            for metric, form in COMPARED
        }
        for model, reference in pairs
    }


def _comparison_table(compared: Mapping[str, Mapping[str, Any]]) -> Table:
    header = ("Difference", *(f"{m.split('/')[0]}, {form}" for m, form in COMPARED))
    rows = [(n, *(cell(f, sign=True) for f in figures.values())) for n, figures in compared.items()]
    return Table("comparison", "Differences of accuracy, paired by item", header, rows)


def findings(metrics: Mapping[str, Any], compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the run shows, in sentences; a verdict is given only where an interval excludes 0."""
    said = []
    base_name = next(iter(metrics), "")
    base = metrics.get(base_name, {})
    for task, what in (("claims", "claim sets"), ("questions", "questions")):
        gap, negated = base.get(f"{task}/accuracy/gap"), base.get(f"{task}/accuracy/negated")
        if gap and negated:
            affirmative = base[f"{task}/accuracy/affirmative"]["value"]
            verdict = verdict_of(
                gap, "an affirmative bias", "the opposite of an affirmative bias", "no clear bias"
            )
            said.append(
                f"{base_name}, {what}: {affirmative:.3f} right in affirmative words and "
                f"{negated['value']:.3f} with negations (chance {negated['chance']:.3f}), gap "
                f"{cell(gap, sign=True)}: {verdict}."
            )
    for name, figures in compared.items():
        parts = []
        for form in ("negated", "affirmative"):
            change = figures[f"claims/accuracy/{form}"]
            if not change["n"]:
                continue
            verdict = verdict_of(change, "better", "worse", "no difference that this data can show")
            if metrics[name.split(" minus ")[0]][f"claims/accuracy/{form}"].get("seeds", 1) < 3:
                verdict = "not judged on fewer than three seeds"
            parts.append(f"{form} claims {cell(change, sign=True)}: {verdict}")
        said += [f"{name}: {'; '.join(parts)}."] if parts else []
    return said


def verdict_of(figure: Mapping[str, Any], above: str, below: str, neither: str) -> str:
    """Words for an interval that lies above 0, below 0, or includes it."""
    if figure.get("n") == 0:
        return "not comparable, no common items"
    low, high = figure["interval"]
    return above if low > 0 else below if high < 0 else neither
