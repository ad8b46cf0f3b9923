"""Finished folders of the other stages -> tables, figures and one self-contained `report.html`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nast.errors import UsageError
from nast.files import manifest_of, write_table, write_text
from nast.records import METRICS_SCHEMA
from nast.reporting.checklist import checklist, checklist_text
from nast.reporting.harm import harm_tables
from nast.reporting.item_folders import short_names
from nast.reporting.joined import data_sets, join_evaluations, of_data
from nast.reporting.printed import beside_printed
from nast.reporting.report_page import page_of
from nast.reporting.runs import by_setting, traced_order, update_shares
from nast.reporting.tables import tables_of
from nast.reporting.trace_figures import trace_counts
from nast.reporting.verdicts import verdict_table
from nast.reporting.written import write_tables
from nast.stages import stage


def build_report(
    folders: Sequence[Path],
    out: Path,
    *,
    printed: Path | None = None,
    with_images: bool = False,
    fresh: bool = False,
) -> dict[str, Any]:
    """Report on evaluations, traces and runs.

    Args:
        folders: finished folders of any stage; evaluations give Tables 1-3 and Figure 3, runs
            Table 4 and the shares over steps, a trace Figure 5, benchmark and contextual folders
            the audit.
        out: gets `report.html`, `metrics.parquet`, `checklist.md`, `tables/` and `figures/`.
        printed: numbers that a paper printed, to stand beside the own ones in Tables 1-3; a file
            for `printed.read_printed`.
        with_images: the user's word that films and texts of data which are not open may be on the
            page; else of those there are counts alone.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `report` is the name of the page.

    Raises:
        InputError, UsageError: no evaluation among the folders, or some that cannot stand side
            by side (`joined.join_evaluations`); or a file of printed numbers that does not fit.

    Examples:
        >>> model = nast.load_model("phantom")
        >>> _ = nast.evaluate([model], ["benchmark"], tmp / "scores")
        >>> nast.build_report([tmp / "scores", "benchmark"], tmp / "report")["report"]
        'report.html'
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
        items = [*found.get("benchmark", []), *found.get("contextual", [])]
        items += [*found.get("import", []), *found.get("facts", [])]
        joined = join_evaluations(found["evaluate"], items)
        runs = by_setting(found.get("train", []), joined.runs)
        updates = {name: [update_shares(run) for run in seeds] for name, seeds in runs.items()}
        order = traced_order(found.get("trace", []), found.get("train", []))
        tables = tables_of(joined, updates, order)
        for data in data_sets(joined.metrics):
            part = of_data(joined.metrics, data)
            made = verdict_table(joined, part, found.get("trace", []), updates, order)
            tables.append(made._replace(data=data or ""))
        traces = short_names(found.get("trace", []))
        several = len(traces) > 1
        counted = [
            trace_counts(place)._replace(data=name.replace("/", "-") if several else "")
            for place, name in traces.items()
        ]
        tables = [t for t in (*tables, *harm_tables(joined), *counted) if t.rows]
        if printed:
            tables = beside_printed(tables, printed)
        write_tables(tables, target / "tables")
        write_table(target / "metrics.parquet", joined.metrics, METRICS_SCHEMA)
        write_text(target / "checklist.md", checklist_text(checklist(joined, found)))
        page = page_of(joined, tables, runs, found, target, with_images)
        write_text(target / "report.html", page)
        return {
            "counts": {"models": len(joined.models), "tables": len(tables)},
            "report": "report.html",
        }

    config = {"stage": "report", **({"images": True} if with_images else {})}
    inputs = [*folders, *([printed] if printed else [])]
    return stage(out, config, inputs, make, fresh=fresh)
