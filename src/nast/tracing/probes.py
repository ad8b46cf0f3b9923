"""Caption pairs for causal tracing: equal in tokens but for the one that denies (Appendix D.2)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl
import torch

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.language.templates import finish
from nast.models.base import DualEncoder

PRESENT = "there is severe {}"
ABSENT = "there is no {}"
MIN_PAIRS = 2


class Probe(NamedTuple):
    """An ordered caption pair: `correct` is true of the images, `foil` is false.

    `subset` says where the negation stands: in the `caption` (the condition is absent) or in the
    `foil` (it is present and severe). Ids are (T,); `position` is where they differ.
    """

    condition: str
    subset: str
    correct: str
    foil: str
    correct_ids: torch.Tensor
    foil_ids: torch.Tensor
    position: int


def make_probes(
    model: DualEncoder, conditions: Sequence[str]
) -> tuple[list[Probe], dict[str, str]]:
    """Both ordered pairs of each condition, where the tokenizer allows an exact comparison.

    Args:
        model: whose tokenizer decides.
        conditions: names.

    Returns:
        Probes, and for each dropped condition the reason: unequal lengths or more than one
        differing token.

    Raises:
        InputError: fewer than two conditions are left.
    """
    probes: list[Probe] = []
    dropped: dict[str, str] = {}
    for name in conditions:
        term = CONDITIONS[name].term
        texts = (finish(ABSENT.format(term)), finish(PRESENT.format(term)))
        absent, present = (model.tokenize([t])[0][0] for t in texts)
        if len(absent) != len(present):
            dropped[name] = f"{len(absent)} against {len(present)} tokens"
            continue
        places = (absent != present).nonzero().flatten().tolist()
        if len(places) != 1:
            dropped[name] = f"{len(places)} differing tokens"
            continue
        probes.append(Probe(name, "caption", *texts, absent, present, places[0]))
        probes.append(Probe(name, "foil", *texts[::-1], present, absent, places[0]))
    if len(probes) < 2 * MIN_PAIRS:
        found = f"{len(probes) // 2} usable pairs; dropped: {dropped}"
        expected = f"at least {MIN_PAIRS} caption pairs of equal length"
        raise InputError(model.name, found=found, expected=expected)
    return probes, dropped


def probe_images(facts: pl.DataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(condition, subset) -> (subject_id, image_path) of training patients.

    A present finding must be severe (D.1); a denied one only definite, for an absence has no
    grade (design row 14).
    """
    training = facts.filter(pl.col("split") == "train")
    severe = (pl.col("existence") == "present") & (pl.col("severity") == "severe")
    images: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for subset, keep in (("caption", pl.col("existence") == "absent"), ("foil", severe)):
        rows = training.filter(keep).unique(["study_id", "condition"], maintain_order=True)
        for condition, patient, path in rows.select("condition", "subject_id", "image_path").rows():
            images.setdefault((condition, subset), []).append((patient, path))
    return images


def roles(probe: Probe, model: DualEncoder) -> list[dict[str, Any]]:
    """Token and role of each position: start, before, cue, finding, stop, end."""
    words = model.token_words(probe.correct)
    term = CONDITIONS[probe.condition].term.replace(" ", "")
    found, result = "", []
    for position, word in enumerate(words):
        if position == 0:
            role = "start"
        elif position == len(words) - 1:
            role = "end"
        elif position < probe.position:
            role = "before cue"
        elif position == probe.position:
            role = "cue"
        elif len(found) < len(term):
            found += word
            role = "finding"
        else:
            role = "full stop"
        result.append({"position": position, "token": word, "role": role})
    return result
