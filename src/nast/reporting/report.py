"""Finished folders of the other stages -> tables, figures and one self-contained `report.html`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from nast import __version__
from nast.errors import UsageError
from nast.evaluation.metrics import by_label, difference, in_order
from nast.records import SCORES_SCHEMA
from nast.reporting.figures import figure3
from nast.reporting.tables import Table, cell, tables_of, write_tables
from nast.reporting.trace_figures import CAPTIONS, draw_trace
from nast.reporting.verdicts import verdict_table
from nast.store import manifest_of, read_json, read_table, stage, write_json, write_text

TITLES = {
    "table1": "Table 1", "table2": "Table 2", "table3": "Table 3", "table4": "Table 4",
    "questions": "Questions", "verdicts": "Claims",
}  # fmt: skip
NOTES = {
    "table4": "With equal shares the top 3 and top 5 of 12 blocks would hold 25.0 and 41.7. "
    "Parameters: norm of the change of LoRA's A and B; B A: norm of the change of the weights; "
    "gradient: norm summed over steps, after scaling and clipping.",
}
UNIFORM = "LoRA uniform"
COMPARED = (
    ("claims/accuracy", "negated"), ("claims/accuracy", "affirmative"),
    ("questions/accuracy", "negated"), ("questions/accuracy", "affirmative"),
    ("questions/accuracy", "omitted"),
)  # fmt: skip


def build_report(folders: Sequence[Path], out: Path, *, fresh: bool = False) -> dict[str, Any]:
    """Report on evaluations, traces and runs.

    Args:
        folders: finished folders of any stage; evaluations give Tables 1-3 and Figure 3, runs
            Table 4, a trace Figure 5, benchmark and contextual folders the audit.
        out: gets `report.html`, `metrics.json`, `tables/` and `figures/`.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `report` is the path of the page.

    Raises:
        UsageError: no evaluation among the folders, or one model in two of them.
    """
    found: dict[str, list[Path]] = {}
    for folder in folders:
        found.setdefault(manifest_of(folder)["config"]["stage"], []).append(Path(folder))
    if "evaluate" not in found:
        raise UsageError("nast report needs at least one folder of nast evaluate")

    def make(target: Path) -> dict[str, Any]:
        metrics: dict[str, Any] = {}
        for folder in found["evaluate"]:
            found_here = read_json(folder / "metrics.json")
            twice = sorted(set(metrics) & set(found_here) - {"blind"})
            if twice:
                raise UsageError(
                    f"{', '.join(twice)} in two evaluations: one would hide the other's figures; "
                    "report them apart, or score all models in one nast evaluate"
                )
            metrics |= found_here
        scores = pl.concat(
            read_table(f / "scores.parquet", SCORES_SCHEMA) for f in found["evaluate"]
        )
        metrics = in_order(metrics, scores)
        updates = updates_by_policy(found.get("train", []))
        tables = tables_of(metrics, updates)
        verdicts = verdict_table(metrics, scores, found)
        tables += [verdicts] if verdicts.rows else []
        write_tables(tables, target / "tables")
        write_json(target / "metrics.json", metrics)
        page = _page(metrics, tables, scores, found, target)
        write_text(target / "report.html", page)
        return {"counts": {"models": len(metrics), "tables": len(tables)},
                "report": str(target / "report.html")}  # fmt: skip

    return stage(out, {"stage": "report"}, folders, make, fresh=fresh)


def updates_by_policy(runs: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Update shares of runs, joined by policy; seeds of one policy are named `policy#0`, ..."""
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in runs:
        found.setdefault(folder.name.rpartition("#")[0] or folder.name, []).append(
            read_json(folder / "updates.json")
        )
    return found


def _page(
    metrics: Mapping[str, Any],
    tables: Sequence[Table],
    scores: pl.DataFrame,
    found: Mapping[str, Sequence[Path]],
    target: Path,
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nast.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    manifests = {f: manifest_of(f) for folders in found.values() for f in folders}
    compared = comparisons(dict(by_label(scores)))
    return environment.get_template("report.html.j2").render(
        version=__version__,
        phantom=any(m.get("phantom") for m in manifests.values()),
        reviews={
            n: r for f in found["evaluate"] for n, r in manifests[f].get("review", {}).items()
        },
        findings=findings(metrics, compared),
        k=next((m["config"]["k"] for m in manifests.values() if "k" in m["config"]), 5),
        example=_example(found),
        tables=tables,
        titles=TITLES,
        notes={t.name: NOTES.get(t.name) for t in tables},
        figures=_figures(metrics, found, target / "figures"),
        comparisons=_comparison_table(compared),
        audits=_audits(found),
        stages=[
            {"stage": m["config"]["stage"], "folder": folder.name, "settings": _settings(m)}
            for folder, m in manifests.items()
        ],
    )


def _settings(manifest: Mapping[str, Any]) -> str:
    keep = {k: v for k, v in manifest["config"].items() if k not in ("stage", "sources", "models")}
    return ", ".join(f"{k} {_short(v)}" for k, v in keep.items())


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(_short(v) for v in value) + "]"
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:24]


def _figures(
    metrics: Mapping[str, Any], found: Mapping[str, Sequence[Path]], folder: Path
) -> list[dict[str, Any]]:
    drawn = []
    path = figure3(metrics, folder)
    if path:
        drawn.append(("Figure 3", "Question accuracy by form, with 95 % intervals.", path))
    for place in found.get("trace", [])[:1]:
        drawn += [(*CAPTIONS[name], path) for name, path in draw_trace(place, folder).items()]
    return [{"title": t, "text": x, "svg": Markup(_inline(p))} for t, x, p in drawn]


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
    base = next(iter(scores))
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


def _audits(found: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    rows = []
    for kind in ("benchmark", "contextual"):
        for folder in found.get(kind, []):
            for form, baselines in read_json(folder / "audit.json").items():
                best = max(baselines, key=lambda r: r["accuracy"])
                name = "questions" if kind == "benchmark" else "claim sets"
                rows.append({"set": f"{name}, {form}", **best})
    return rows


def _example(found: Mapping[str, Sequence[Path]]) -> dict[str, str] | None:
    for folder in found.get("benchmark", []):
        if manifest_of(folder)["policy"] != "open":
            return None
        questions = pl.read_parquet(folder / "questions.parquet").filter(
            pl.col("negated") != pl.col("affirmative")
        )
        row = questions.row(0, named=True)
        place = next(i for i, o in enumerate(row["options"]) if 0 in o and 1 in o)
        return {form: f"“{row[form][place]}”" for form in ("negated", "affirmative")}
    return None


def findings(metrics: Mapping[str, Any], compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the run shows, in sentences; a verdict is given only where an interval excludes 0."""
    said = []
    base_name, base = next(iter(metrics.items()))
    for task, what in (("claims", "claim sets"), ("questions", "questions")):
        gap, negated = base.get(f"{task}/accuracy/gap"), base.get(f"{task}/accuracy/negated")
        if gap and negated:
            affirmative = base[f"{task}/accuracy/affirmative"]["value"]
            verdict = verdict_of(gap, "an affirmative bias", "the opposite of an affirmative bias",
                                 "no clear bias")  # fmt: skip
            said.append(
                f"{base_name}, {what}: {affirmative:.3f} right in affirmative words and "
                f"{negated['value']:.3f} with negations (chance {negated['chance']:.3f}), gap "
                f"{cell(gap, sign=True)}: {verdict}."
            )
    for name, figures in compared.items():
        parts = []
        for form in ("negated", "affirmative"):
            change = figures[f"claims/accuracy/{form}"]
            verdict = verdict_of(change, "better", "worse", "no difference that this data can show")
            if metrics[name.split(" minus ")[0]]["claims/accuracy/negated"].get("seeds", 1) < 3:
                verdict = "not judged on fewer than three seeds"
            parts.append(f"{form} claims {cell(change, sign=True)}: {verdict}")
        said.append(f"{name}: {'; '.join(parts)}.")
    return said


def verdict_of(figure: Mapping[str, Any], above: str, below: str, neither: str) -> str:
    """Words for an interval that lies above 0, below 0, or includes it."""
    if figure.get("n") == 0:
        return "not comparable, no common items"
    low, high = figure["interval"]
    return above if low > 0 else below if high < 0 else neither
