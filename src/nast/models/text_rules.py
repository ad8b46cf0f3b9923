"""What some models do to a text before their tokenizer sees it."""

from collections.abc import Sequence

TEXT_RULES = {
    "lower": str.lower,
    "no end marks": lambda text: text.rstrip("!?."),
}
"""Names that a specification may list under `text rules`, in the order they apply."""


def apply_rules(text: str, rules: Sequence[str]) -> str:
    """The text after each of `rules`, which are names of `TEXT_RULES`."""
    for rule in rules:
        text = TEXT_RULES[rule](text)
    return text
