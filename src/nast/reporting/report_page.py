"""The page `report.html`: what its template is filled with, and the pictures on it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from nast import __version__
from nast.access import strictest
from nast.files import manifest_of
from nast.records import LISTS
from nast.reporting.answer import answers, repair_of
from nast.reporting.answer_figures import CAPTION as GLANCE
from nast.reporting.answer_figures import draw_answer
from nast.reporting.browser import browsed_items
from nast.reporting.checklist import BLANK, checklist
from nast.reporting.example_figures import CAPTION as EXAMPLE
from nast.reporting.example_figures import draw_example
from nast.reporting.explorer import explored_traces
from nast.reporting.figures import figure3
from nast.reporting.findings import comparison_table, findings
from nast.reporting.glossary import glossary_of
from nast.reporting.harm_figures import CAPTION as GAIN
from nast.reporting.harm_figures import draw_gain
from nast.reporting.item_folders import audits_of, example_of, patients_of, short_names
from nast.reporting.joined import Joined, data_sets, of_data
from nast.reporting.printed import BEGINS
from nast.reporting.runs import depth, even_steps
from nast.reporting.share_figures import CURVES_CAPTION, draw_curves
from nast.reporting.shown import shown_rows
from nast.reporting.tables import Table, silence_said
from nast.reporting.trace_figures import CAPTIONS, draw_trace
from nast.reporting.update_figures import CAPTION, draw_updates

TITLES = {
    "table1": "Table 1",
    "table2": "Table 2",
    "table3": "Table 3",
    "table4": "Table 4",
    "questions": "Questions",
    "imported": "Imported items",
    "verdicts": "Verdicts",
    "harm": "No harm",
    "drift": "Drift",
    "trace": "Samples",
}


def page_of(
    joined: Joined,
    tables: Sequence[Table],
    runs: Mapping[str, Sequence[Path]],
    found: Mapping[str, Sequence[Path]],
    target: Path,
    with_images: bool,
) -> str:
    """The page, whose every statement is computed from manifests and the table of metrics.

    Args:
        joined: what was scored.
        tables: as they are written beside the page.
        runs: of Table 4, by the name of their setting.
        found: stage -> its folders.
        target: gets the pictures.
        with_images: the user's word that films and texts which are not open may be shown.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nast.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    manifests = {f: manifest_of(f) for folders in found.values() for f in folders}
    parts = [(data, of_data(joined.metrics, data)) for data in data_sets(joined.metrics)]
    changes = [comparison_table(joined, part)._replace(data=data or "") for data, part in parts]
    equal = _equal_shares(found.get("train", []))
    # Another share of a run is no model of its own to look at.
    models = joined.settings
    repair = next((r for _, part in parts if (r := repair_of(joined, part))), None)
    items = browsed_items(found["evaluate"], found, models, repair, with_images)
    traces = explored_traces(found.get("trace", []), runs)
    return environment.get_template("report.html.j2").render(
        version=__version__,
        style=Markup(_part("report.css")),
        script=Markup(_part("browser.js")),
        items=_values(items) if items else "",
        explorer=Markup(_part("explorer.js")),
        traces=_values(traces) if traces else "",
        measured=any(trace["measured"] for trace in traces),
        shown=shown_rows,
        glossary=glossary_of(joined, _lists(joined.metrics)),
        answers=[
            (data, said)
            for data, part in parts
            if (said := answers(joined, part, patients_of(found["evaluate"], data)))
        ],
        first=_first(joined, parts, found, target / "figures", with_images),
        closed=_closed(manifests.values()) if with_images else "",
        synthetic=_synthetic(found["evaluate"]),
        reviews={
            n: r for f in found["evaluate"] for n, r in manifests[f].get("review", {}).items()
        },
        findings=[
            f"{data}: {said}" if data else said
            for data, part in parts
            for said in findings(joined, part)
        ],
        example=example_of(found, with_images),
        tables=tables,
        printed=any(BEGINS in cell for t in tables for row in t.rows for cell in row[1:]),
        begins=BEGINS,
        titles=TITLES,
        notes={t.name: equal if t.name == "table4" else None for t in tables},
        figures=_figures(joined, parts, runs, found, target / "figures"),
        checklist=checklist(joined, found),
        blank=BLANK,
        comparisons=[t for t in changes if t.rows],
        audits=audits_of(found),
        silence=silence_said(joined.metrics).lstrip("; "),
        protocols=joined.metrics["protocol"].drop_nulls().unique(maintain_order=True).to_list(),
        stages=[
            {"stage": m["config"]["stage"], "folder": folder.name, "settings": _settings(m)}
            for folder, m in manifests.items()
        ],
    )


def _values(values: Any) -> Markup:
    """Values for a script of the page; a `<` could end the element that holds them."""
    return Markup(json.dumps(values).replace("<", "\\u003c"))


def _part(name: str) -> str:
    """A file of the page."""
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _lists(metrics: pl.DataFrame) -> str:
    """How many candidates the lists have: `4`, or `4 to 6` of several data sets."""
    found = metrics.filter(reading=LISTS, statistic="candidates")
    if not len(found):
        return ""
    low, high = int(found["low"].min()), int(found["high"].max())  # type: ignore[arg-type]
    return str(low) if low == high else f"{low} to {high}"


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


def _first(
    joined: Joined,
    parts: Sequence[tuple[str | None, pl.DataFrame]],
    found: Mapping[str, Sequence[Path]],
    folder: Path,
    with_images: bool,
) -> list[dict[str, Any]]:
    """The pictures of the answer: the models at a glance, and an example with its film."""
    drawn = []
    for data, part in parts:
        path = draw_answer(joined, part, folder, data or "")
        title = f"{GLANCE[0]} ({data})" if data else GLANCE[0]
        drawn += [(title, GLANCE[1], path)] if path else []
    benchmarks = found.get("benchmark", [])
    # Of data that are not open, a picture without the page's warning must not lie about.
    with TemporaryDirectory() as apart:
        place = Path(apart) if with_images else folder
        example = draw_example(found["evaluate"], benchmarks, joined.models, place, with_images)
        drawn += [(*EXAMPLE, example)] if example else []
        return [{"title": t, "text": x, "svg": Markup(_inline(p))} for t, x, p in drawn]


def _figures(
    joined: Joined,
    parts: Sequence[tuple[str | None, pl.DataFrame]],
    runs: Mapping[str, Sequence[Path]],
    found: Mapping[str, Sequence[Path]],
    folder: Path,
) -> list[dict[str, Any]]:
    drawn = []
    for data, part in parts:
        path = figure3(joined, part, folder, data or "")
        if path:
            title = f"Figure 3 ({data})" if data else "Figure 3"
            drawn.append((title, "Question accuracy by form, with 95 % intervals.", path))
        path = draw_gain(joined, part, folder, data or "")
        if path:
            title = f"{GAIN[0]} ({data})" if data else GAIN[0]
            drawn.append((title, GAIN[1], path))
    traces = short_names(found.get("trace", []))
    for number, (place, name) in enumerate(traces.items(), 1):
        several = len(traces) > 1
        target = folder / f"trace-{number}" if several else folder
        for figure, path in draw_trace(place, target).items():
            title, text = CAPTIONS[figure]
            drawn.append((f"{title} ({name})" if several else title, text, path))
    if runs:
        curves = draw_curves(runs, folder, joined.models)
        drawn += [(*CURVES_CAPTION, curves)] if curves else []
        drawn.append((*CAPTION, draw_updates(runs, folder, even_steps(runs), joined.models)))
    return [{"title": t, "text": x, "svg": Markup(_inline(p))} for t, x, p in drawn]


def _closed(manifests: Iterable[Mapping[str, Any]]) -> str:
    """The access class of data that are shown though they are not open; empty for none."""
    access = strictest(m.get("access", "open") for m in manifests)
    return access if access != "open" else ""


def _synthetic(evaluations: Sequence[Path]) -> str:
    """Which results are of drawn patients: `all`, or the names of the evaluations."""
    drawn = [e for e in evaluations if manifest_of(e).get("phantom")]
    if len(drawn) == len(evaluations):
        return "all"
    names = short_names(evaluations)
    return ", ".join(names[e] for e in drawn)


def _inline(path: Path) -> str:
    svg = path.read_text(encoding="utf-8")
    return svg[svg.index("<svg") :]
