"""The data card of a question set: what a reviewer asks before believing a number."""

import math
import re
from collections import Counter
from typing import Any

import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.items.card import NOT_REVIEWED, audit_parts, card_text, markdown_table
from nast.language.write.templates import WRITTEN_FORMS

PUBLISHED_F1 = {
    "Atelectasis": (0.462, 0.429),
    "Cardiomegaly": (0.781, 0.781),
    "Consolidation": (0.936, 0.936),
    "Edema": (0.774, 0.765),
    "Enlarged Cardiomediastinum": (0.630, 0.630),
    "Fracture": (0.462, 0.0),
    "Lung Lesion": (0.50, 0.50),
    "Lung Opacity": (0.409, 0.421),
    "Pleural Effusion": (0.922, 0.940),
    "Pleural Other": (0.0, 0.0),
    "Pneumonia": (0.782, 0.781),
    "Pneumothorax": (0.937, 0.918),
    "Support Devices": (0.267, 0.0),
}
"""Negation F1 of the NegBio and CheXpert labelers against 687 radiologist-read reports of
MIMIC-CXR, as the data set's authors published it."""
_LABELED = ("mimic-cxr-jpg", "chexpert")


def data_card(
    questions: pl.DataFrame,
    counts: dict[str, Any],
    audit: dict[str, list[dict[str, Any]]],
    source: dict[str, Any],
    config: dict[str, Any],
    status: str = NOT_REVIEWED,
    conditions: Conditions = CONDITIONS,
) -> str:
    """The card as Markdown.

    Args:
        questions: `ITEMS_SCHEMA`.
        counts: of `make_questions`.
        audit: of `audit_table`.
        source: manifest of the facts folder.
        config: how the questions were made.
        status: of the review, as the manifest has it.
        conditions: that the questions are about.
    """
    plain = {name: n for name, n in counts.items() if not isinstance(n, dict)}
    parts = [
        "## From labels to questions",
        markdown_table(["", "number"], [[name, f"{n:,}"] for name, n in plain.items()]),
        _how(config),
        markdown_table(["split", "questions"], list(counts["questions by split"].items())),
        "## Conditions",
        "How often each is asked about. The labels decide: a condition that is rarely denied "
        "cannot be asked about more often.",
        _conditions(counts["questions by condition"], source, conditions),
        "## Words",
        _realisers(questions) + " Every option is stored in three forms: negated, affirmative "
        "(each denial replaced by Table 5's phrase, nothing else changed) and omitted (the "
        "denials left out).",
        _words_table(questions),
        "Rarity is the mean of -log2 of a word's share of all words of both forms.",
        *audit_parts(audit, "Chance is one in four."),
    ]
    note = f"Protocol: `{config['protocol']}`. Review of the phrases and questions by experts: "
    return card_text("MedNega-CXR", source, parts, f"{note}**{status}**.", len(questions))


def _how(config: dict[str, Any]) -> str:
    kept = "kept" if config["conflicts"] else "left out"
    passes = (
        "A study passes with at least two conditions present, at least three absent and no "
        '"No Finding" (section 3.2). Studies whose labels contradict CheXpert\'s hierarchy (a '
        f"parent absent, its child present) are {kept}."
    )
    if config["distractors"] == "balanced":
        return passes + (
            " Four studies of four patients with four different configurations of the same three "
            "conditions form a group; all show the same four options, each right once. A study "
            f"serves in at most {config['uses']} groups."
        )
    return passes + (
        f" Each study gives {config['per_study']} question(s); conditions by "
        f"`{config['sampler']}`, wrong options by `{config['distractors']}`."
    )


def _realisers(questions: pl.DataFrame) -> str:
    realisers = questions.filter(form=WRITTEN_FORMS[0])["realiser"]
    kinds = Counter(r if r.startswith("llm:") else "templates" for r in realisers)
    parts = [f"{number:,} questions by {name}" for name, number in sorted(kinds.items())]
    return f"{realisers.n_unique()} ways of saying an option; {', '.join(parts)}."


def _conditions(asked: dict[str, int], source: dict[str, Any], conditions: Conditions) -> str:
    labelers = any(name in _LABELED for name in source.get("sources", {}))
    header = ["condition", "questions", "affirmative phrase", "class"]
    header += ["negation F1, NegBio / CheXpert"] if labelers else []
    rows = []
    for name, number in asked.items():
        known = conditions[name]
        row = [name, f"{number:,}", known.normal or "–", known.phrase_class or "–"]
        if labelers:
            both = PUBLISHED_F1.get(name)
            row.append(f"{both[0]:.3f} / {both[1]:.3f}" if both else "not published")
        rows.append(row)
    return markdown_table(header, rows)


def _words_table(questions: pl.DataFrame) -> str:
    """Length and rarity of the words of each form."""
    forms = {form: _tokens(questions, form) for form in WRITTEN_FORMS}
    pooled = Counter(w for form in ("negated", "affirmative") for o in forms[form] for w in o)
    total = pooled.total()
    rows = []
    for form, options in forms.items():
        words = [w for option in options for w in option]
        rarity = sum(math.log2(total / pooled.get(w, 1)) for w in words) / max(1, len(words))
        rows.append(
            [form, f"{len(words) / len(options):.2f}", f"{len(set(words)):,}", f"{rarity:.2f}"]
        )
    return markdown_table(["form", "words per option", "different words", "rarity"], rows)


def _tokens(questions: pl.DataFrame, form: str) -> list[list[str]]:
    texts = questions.filter(form=form)["options"].explode().unique().sort()
    return [re.findall(r"[a-z-]+", text.lower()) for text in texts]
