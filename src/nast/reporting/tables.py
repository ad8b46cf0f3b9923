"""Tables 1-4 of the paper, and the accuracies behind Figure 3, from `metrics.json` files.

Table 1: negated queries and claims. Table 2: the same in affirmative words. Table 3: affirmative
minus negated. Table 4: share of the update in the most updated blocks.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from nast.files import write_text
from nast.scoring.datasets import by_data, data_name

Metrics = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Model -> figure's name -> value, interval, n, method."""


class Table(NamedTuple):
    """A table ready to be written: name, caption, header, rows of text, and the data set that it
    is about where there are several.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    data: str = ""

    @property
    def title(self) -> str:
        """The caption with the data set."""
        return f"{self.caption} ({self.data})" if self.data else self.caption


RETRIEVAL = "retrieval image to text"
_COLUMNS = {
    "R@1": f"{RETRIEVAL}/R@1",
    "R@5": f"{RETRIEVAL}/R@5",
    "Claim accuracy": "claims/accuracy",
}


def tables_of(metrics: Metrics, updates: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Table]:
    """All tables that the figures allow; of several data sets each has its own.

    Args:
        metrics: of every model, in the order of the rows.
        updates: policy -> the update shares of its seeds (`updates.json`).
    """
    made = [
        table._replace(data=data_name(label))
        for label, figures in by_data(metrics).items()
        for table in (
            _metric_table(
                "table1", f"Negated captions and claims{_items(figures)}", figures, "negated"
            ),
            _metric_table(
                "table2", f"The same in affirmative words{_items(figures)}", figures, "affirmative"
            ),
            _metric_table("table3", "Polarity gap: affirmative minus negated", figures, "gap"),
            _question_table(figures),
        )
    ]
    made += [_update_table(updates)] if updates else []
    # Tables 1-4, each for every data set, then the questions.
    made.sort(key=lambda t: (t.name == "questions", t.name))
    return [t for t in made if t.rows]


def cell(figure: Mapping[str, Any] | None, sign: bool = False) -> str:
    """A value with its interval, "0.412 [0.380, 0.447]", or a dash."""
    if not figure or figure["n"] == 0:
        return "-"
    low, high = figure["interval"]
    shape = "+.3f" if sign else ".3f"
    return f"{figure['value']:{shape}} [{low:{shape}}, {high:{shape}}]"


def _items(metrics: Metrics) -> str:
    for figures in metrics.values():
        claims = figures.get("claims/accuracy/negated")
        if claims:
            return f" ({claims['n']} claim sets)"
    return ""


def _metric_table(name: str, caption: str, metrics: Metrics, form: str) -> Table:
    rows = []
    for model, figures in metrics.items():
        cells = [cell(figures.get(f"{m}/{form}"), form == "gap") for m in _COLUMNS.values()]
        if any(c != "-" for c in cells):
            rows.append((model, *cells))
    names = [f"claims/accuracy/{f}" for f in ("negated", "affirmative")]
    chance = next((f[n] for f in metrics.values() for n in names if n in f), None)
    if chance and form != "gap":
        rows.append(("chance", "-", "-", f"{chance['chance']:.3f}"))
    return Table(name, caption, ("Model", *_COLUMNS), rows)


def _question_table(metrics: Metrics) -> Table:
    forms = ("negated", "affirmative", "omitted", "gap")
    rows = []
    for model, figures in metrics.items():
        cells = [cell(figures.get(f"questions/accuracy/{f}"), f == "gap") for f in forms]
        if any(c != "-" for c in cells):
            rows.append((model, *cells))
    header = ("Model", "Negated", "Affirmative", "Omitted", "Gap")
    return Table("questions", "Question accuracy (Figure 3), chance 0.250", header, rows)


MEASURES = {"parameters": "parameters", "product": "B A", "gradient": "gradient"}


def _update_table(updates: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    rows = []
    for policy, seeds in updates.items():
        cells = []
        for measure in MEASURES:
            for k in (3, 5):
                values = [100 * sum(sorted(s[measure], reverse=True)[:k]) for s in seeds]
                spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
                cells.append(f"{mean(values):.1f}{spread}")
        rows.append((policy, *cells))
    header = ["Policy", *(f"{title}, top {k}" for title in MEASURES.values() for k in (3, 5))]
    caption = "Share of the update in the most updated blocks, per cent (± sd over seeds)"
    return Table("table4", caption, tuple(header), rows)


def write_tables(tables: Sequence[Table], folder: Path) -> None:
    """Each table as `NAME.csv`, `.md` and `.tex`; of several data sets `NAME-DATA`."""
    for table in tables:
        name = f"{table.name}-{table.data}" if table.data else table.name
        lines = [table.header, *table.rows]
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
        write_text(folder / f"{name}.csv", text.getvalue())
        write_text(folder / f"{name}.md", markdown(table))
        write_text(folder / f"{name}.tex", latex(table))


def markdown(table: Table) -> str:
    """The table in Markdown, with its caption."""
    rows = [table.header, ("---",) * len(table.header), *table.rows]
    body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"**{table.title}**\n\n{body}\n"


_LATEX = str.maketrans({"±": r"$\pm$", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#"})


def latex(table: Table) -> str:
    """The table as a LaTeX `table` (booktabs)."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(cell.translate(_LATEX) for cell in cells) + r" \\"

    body = "\n".join(line(row) for row in table.rows)
    columns = "l" + "r" * (len(table.header) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{table.title.translate(_LATEX)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            line(table.header),
            r"\midrule",
            body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
