"""What writing some sets will cost, before anything is sent (`--dry-run`)."""

from collections.abc import Iterable, Sequence
from typing import Any

from nast.language.write.llm.prompts import Messages, load_prompt
from nast.language.write.llm.sets import (
    Kind,
    Statement,
    claim_key,
    fields_of,
    labels_of,
    option_key,
    rewriting,
    statements_of,
)
from nast.language.write.templates import STYLES, sentence

CHARACTERS = 4
"""Characters of English per token, roughly; chat templates add a little."""


def estimate_options(
    sets: Iterable[tuple[Sequence[str], Sequence[Sequence[int]]]],
    *,
    price: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Prompts, tokens and cost of `realise_options`.

    Args:
        sets: as for `realise_options`.
        price: of a million tokens in and of a million tokens out, in any currency.

    Returns:
        `sets` (distinct), `prompts`, `tokens in`, `tokens out`, `cost` (None without a price) and
        `assumes`. Nothing is counted for texts that are asked for again, or are in the cache.
    """
    keys = dict.fromkeys(option_key(*one) for one in sets)
    return _estimate([statements_of(key) for key in keys], "options", price)


def estimate_claims(
    sets: Iterable[Iterable[Statement]], *, price: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Prompts, tokens and cost of `realise_claims`; see `estimate_options`."""
    return _estimate(list(dict.fromkeys(map(claim_key, sets))), "claims", price)


def _estimate(
    sets: Sequence[Sequence[Statement]], kind: Kind, price: tuple[float, float] | None
) -> dict[str, Any]:
    prompts = given = taken = 0
    for statements in sets:
        for messages, answer in _exchanges(statements, kind):
            prompts += 1
            given += sum(len(turn["content"]) for turn in messages)
            taken += len(answer)
    tokens = (-(-given // CHARACTERS), -(-taken // CHARACTERS))
    cost = sum(t * p for t, p in zip(tokens, price, strict=True)) / 1e6 if price else None
    return {
        "sets": len(sets),
        "prompts": prompts,
        "tokens in": tokens[0],
        "tokens out": tokens[1],
        "cost": cost,
        "assumes": f"{CHARACTERS} characters a token, every text right at once, an empty cache",
    }


def _exchanges(statements: Sequence[Statement], kind: Kind) -> list[tuple[Messages, str]]:
    """The prompts of a set with answers of a usual length: those of a template."""
    style = next(iter(STYLES))
    labels = labels_of(len(statements))
    facts = dict(zip(labels, statements, strict=True))
    texts = {label: sentence(f, style, "negated") for label, f in facts.items()}
    denying = {k: f for k, f in facts.items() if any(x.existence == "absent" for x in f)}
    first = load_prompt(kind).messages(**fields_of(kind, statements))
    found = [(first, "".join(f"{k}: {t}\n" for k, t in texts.items()))]
    if denying:
        second = load_prompt("rewrite").messages(statements=rewriting(denying, texts))
        words = (f"{k}: {sentence(f, style, 'affirmative')}\n" for k, f in denying.items())
        found.append((second, "".join(words)))
    return found
