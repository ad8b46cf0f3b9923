"""Sentences for and against a condition: the field's prompt sets, and slices of clinical negation.

"No Finding" is in none of them: its pair would be ("No Finding", "no No Finding"), whose AUC in
CheXzero's own notebook is 0.07, an inverted detector made by the wording.
"""

from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import finish


class PromptSet(NamedTuple):
    """Sentences with `{term}`, `{name}` (of the label) and `{be}` (is or are).

    Attributes:
        present: say that the condition is there; their vectors are averaged.
        absent: say that it is not, or what the slice sets against the former.
        without: a condition that the sentences deny beside the one that is asked for; studies
            in which it is present, and the condition itself, are left out.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]
    without: str | None = None


SETS = {
    "prompt pairs": PromptSet(("there is {term}",), ("there is no {term}",)),
    "CheXzero prompts": PromptSet(("{name}",), ("no {name}",)),
    "BioViL prompts": PromptSet(
        (
            "Findings consistent with {term}",
            "Findings suggesting {term}",
            "This opacity can represent {term}",
            "Findings are most compatible with {term}",
        ),
        (
            "There is no {term}",
            "No evidence of {term}",
            "No evidence of acute {term}",
            "No signs of {term}",
        ),
    ),
    "slice post-position": PromptSet(("{term} {be} present",), ("{term} {be} absent",)),
    "slice double negation": PromptSet(
        ("the chest is not without {term}",), ("the chest is without {term}",)
    ),
    "slice pseudo-negation": PromptSet(("no change in {term}",), ("no {term}",)),
    "slice not only": PromptSet(("there {be} not only {term}",), ("there {be} no {term}",)),
    "slice uncertain": PromptSet(("{term} cannot be excluded",), ("{term} can be excluded",)),
    "slice scope": PromptSet(
        ("no fracture, {term} {be} present",), ("no fracture or {term}",), without="Fracture"
    ),
}
"""Name -> sentences. CheXzero: label names as they are (Tiu et al. 2022). BioViL: the sentences of
hi-ml's zero-shot pneumonia example with other terms; we average unit vectors, they do not
normalise first."""
AS_WRITTEN = ("CheXzero prompts", "BioViL prompts")
"""Sets whose sentences are not finished with a capital letter and a full stop."""


def prompts_of(
    set_name: str, condition: str, conditions: Conditions = CONDITIONS
) -> tuple[list[str], list[str]]:
    """The sentences of one set about one condition: those for it, and those against it."""
    known = conditions[condition]
    words = {"term": known.term, "name": condition, "be": "are" if known.plural else "is"}
    sides = (SETS[set_name].present, SETS[set_name].absent)
    finished = str if set_name in AS_WRITTEN else finish
    return tuple([finished(p.format(**words)) for p in side] for side in sides)  # type: ignore[return-value]
