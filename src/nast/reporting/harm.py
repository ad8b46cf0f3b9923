"""What a model may have lost against the first one: tables from `no_harm.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from nast.reporting.tables import Table, cell
from nast.scoring.datasets import data_name, split_label
from nast.scoring.neutral import neutral_sentences

LOST = {
    "claims/accuracy/affirmative": "Affirmative claims",
    "questions/accuracy/affirmative": "Affirmative questions",
    "retrieval image to text/R@1/affirmative": "R@1, affirmative",
    "retrieval image to text/R@5/affirmative": "R@5, affirmative",
    "prompt pairs/mean/POS": "AUC of “There is X”",
    "CheXzero prompts/mean/PNC": "AUC, CheXzero prompts",
    "BioViL prompts/mean/PNC": "AUC, BioViL prompts",
}
MOVED = {"cosine": "cosine", "cosine, 5th percentile": "5th percentile", "geometry": "geometry"}
Rows = Sequence[Mapping[str, Any]]


def harm_tables(rows: Rows) -> list[Table]:
    """The table of losses, one per data set, and that of neutral sentences.

    Args:
        rows: of `no_harm.json`.
    """
    labels = sorted({split_label(r["figure"])[0] for r in rows if "verdict" in r})
    lost = [_lost([r for r in rows if split_label(r["figure"])[0] == s], s) for s in labels]
    return [t for t in (*lost, _moved(rows)) if t.rows]


def _lost(rows: Rows, label: str) -> Table:
    by_pair = _by_pair([r for r in rows if "verdict" in r], label, "minus")
    known = [f for f in LOST if any(f in figures for figures in by_pair.values())]
    body = [
        (
            pair,
            *(
                f"{cell(r, sign=True)}, {r['verdict']}" if (r := figures.get(f)) else "-"
                for f in known
            ),
        )
        for pair, figures in by_pair.items()
        if any(f in figures for f in known)
    ]
    margins = sorted({r["margin"] for r in rows if "verdict" in r})
    caption = (
        "Change in affirmative words; not inferior: the interval stays above minus "
        f"{' or '.join(f'{m:g}' for m in margins)}"
    )
    header = ("Difference", *(LOST[f] for f in known))
    return Table("harm", caption, header, body, data_name(label))


def _moved(rows: Rows) -> Table:
    by_pair = _by_pair([r for r in rows if r["figure"].startswith("neutral ")], "", "against")
    names = [f"neutral {group}/{figure}" for group in neutral_sentences() for figure in MOVED]
    header = (
        "Models",
        *(f"{group}: {title}" for group in neutral_sentences() for title in MOVED.values()),
    )
    body = [(pair, *(cell(figures.get(n)) for n in names)) for pair, figures in by_pair.items()]
    caption = (
        "Sentences that find and deny nothing: cosine of each before and after, and rank "
        "correlation of the cosines between them"
    )
    return Table("drift", caption, header, body)


def _by_pair(rows: Rows, label: str, word: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        name = row["figure"].removeprefix(label)
        found.setdefault(f"{row['model']} {word} {row['reference']}", {})[name] = row
    return found
