"""Caption pairs for causal tracing: equal in tokens but for the one that denies (Appendix D.2)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
import torch

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import finish
from nast.models.cleaning import apply_rules
from nast.models.contract import DualEncoder
from nast.tracing.trace_config import TEMPLATES
from nast.vectors import Vectors

MIN_PAIRS = 2


class Probe(NamedTuple):
    """An ordered caption pair: `correct` is true of the images, `foil` is false.

    `subset` says where the negation stands: in the `caption` (the condition is absent) or in the
    `foil` (it is present and severe). `term` is the condition's word in both. Ids and mask are
    (T,), the mask 0 at padding; `position` is where the ids differ, `template` the name of the
    sentences.
    """

    condition: str
    term: str
    subset: str
    correct: str
    foil: str
    correct_ids: torch.Tensor
    foil_ids: torch.Tensor
    mask: torch.Tensor
    position: int
    template: str = "severe"


class Sample(NamedTuple):
    """An ordered caption pair and the unit vectors (n, D) of the images it is tried on."""

    probe: Probe
    images: torch.Tensor


def make_probes(
    model: DualEncoder,
    names: Sequence[str],
    template: str = "severe",
    conditions: Conditions = CONDITIONS,
) -> tuple[list[Probe], dict[str, str]]:
    """Both ordered pairs of each condition, where the tokenizer allows an exact comparison.

    Args:
        model: whose tokenizer decides.
        names: of conditions.
        template: a name of `TEMPLATES`.
        conditions: the table that has the names.

    Returns:
        Probes, and for each dropped condition the reason: unequal lengths or more than one
        differing token.

    Raises:
        InputError: fewer than two conditions are left.

    Examples:
        >>> import nast
        >>> probes, dropped = nast.make_probes(nast.load_model("phantom"), ["Edema", "Pneumonia"])
        >>> probes[2].correct, probes[2].foil, probes[2].position
        ('There is no pneumonia.', 'There is severe pneumonia.', 3)
    """
    probes: list[Probe] = []
    dropped: dict[str, str] = {}
    for name in names:
        term = conditions[name].term
        sentences = TEMPLATES[template]
        no, yes = (finish(s.format(term)) for s in (sentences.negated, sentences.affirmative))
        (absent, mask), (present, other) = (_tokens(model, t) for t in (no, yes))
        if int(mask.sum()) != int(other.sum()):
            dropped[name] = f"{int(mask.sum())} against {int(other.sum())} tokens"
            continue
        places = (absent != present).nonzero().flatten().tolist()
        if len(places) != 1:
            dropped[name] = f"{len(places)} differing tokens"
            continue
        probe = Probe(name, term, "caption", no, yes, absent, present, mask, places[0], template)
        probes.append(probe)
        probes.append(
            probe._replace(
                subset="foil", correct=yes, foil=no, correct_ids=present, foil_ids=absent
            )
        )
    if len(probes) < 2 * MIN_PAIRS:
        found = f"{len(probes) // 2} usable pairs; dropped: {dropped}"
        expected = f"at least {MIN_PAIRS} caption pairs of equal length; try another template: "
        raise InputError(model.name, found=found, expected=expected + ", ".join(TEMPLATES))
    return probes, dropped


def _tokens(model: DualEncoder, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = model.tokenize([text])
    return ids[0], mask[0]


def make_samples(
    vectors: Vectors,
    facts: pl.DataFrame,
    template: str = "severe",
    conditions: Conditions = CONDITIONS,
) -> tuple[list[Sample], dict[str, str]]:
    """The caption pairs that training images can be found for, and the pairs that were dropped.

    Args:
        vectors: of the model.
        facts: `FACTS_SCHEMA`; only the training split is used.
        template: a name of `TEMPLATES`.
        conditions: the table that the facts are named by.

    Raises:
        InputError: no usable pair, or no training sample.
    """
    images = probe_images(facts)
    names = sorted({condition for condition, _ in images})
    probes, dropped = make_probes(vectors.model, names, template, conditions)
    used = [p for p in probes if images.get((p.condition, p.subset))]
    if not used:
        raise InputError(
            vectors.model.name,
            found="no severe or absent fact of a training patient",
            expected="facts of the train split",
        )
    paths = [[path for _, path in images[p.condition, p.subset]] for p in used]
    return [Sample(p, vectors.images(i)) for p, i in zip(used, paths, strict=True)], dropped


def probe_images(facts: pl.DataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(condition, subset) -> (subject_id, image_path) of training patients.

    A present finding must be severe (D.1); a denied one only definite, for an absence has no
    grade (decision 14).
    """
    training = facts.filter(pl.col("split") == "train")
    severe = (pl.col("existence") == "present") & (pl.col("severity") == "severe")
    images: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for subset, keep in (("caption", pl.col("existence") == "absent"), ("foil", severe)):
        rows = training.filter(keep).unique(["study_id", "condition"], maintain_order=True)
        for condition, patient, path in rows.select("condition", "subject_id", "image_path").rows():
            images.setdefault((condition, subset), []).append((patient, path))
    return images


class TokenRole(NamedTuple):
    """A position of a caption, the token there, and what it does in the sentence."""

    position: int
    token: str
    role: str


def roles(probe: Probe, model: DualEncoder) -> list[TokenRole]:
    """Token and role of each position.

    Roles: start, before cue, cue, finding, other (words that are none of these), full stop, end,
    padding. The cue is every token of the words that deny, found by the tokenizer's character
    offsets in the negated caption; the other caption has its counterpart at the same positions.
    Where the vector is read from a padding position (SigLIP), that position is the end, and the
    token that closes the text is padding like those behind it.

    Raises:
        InputError: the tokenizer gives no character offsets.
    """
    text, offsets = _offsets(probe, model)
    special = set(model.tokenizer.all_special_tokens)
    words = iter(model.token_words(probe.correct))
    read = model.text.pooled_row(probe.correct_ids[None], probe.mask[None])
    in_padding = read is not None and not probe.mask[read]
    cue = _span(text, TEMPLATES[probe.template].cue)
    finding = _span(text, probe.term)
    result = []
    for position, real in enumerate(probe.mask.tolist()):
        word = next(words) if real else "(padding)"
        begin, end = offsets[position] if real else (0, 0)
        if word in special and position < probe.position:
            role = "start"
        elif not real or word in special:
            at_end = position == int(read) if in_padding else bool(real)
            role = "end" if at_end else "padding"
        elif begin < cue[1] and end > cue[0]:
            role = "cue"
        elif begin < finding[1] and end > finding[0]:
            role = "finding"
        elif end <= cue[0]:
            role = "before cue"
        else:
            role = "full stop" if not any(c.isalnum() for c in text[begin:end]) else "other"
        result.append(TokenRole(position, word, role))
    return result


def _offsets(probe: Probe, model: DualEncoder) -> tuple[str, list[tuple[int, int]]]:
    """The negated caption as the tokenizer sees it, and where each token stands in it."""
    negated = probe.correct if probe.subset == "caption" else probe.foil
    text = apply_rules(negated, model.text_rules)
    try:
        return text, model.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    except (NotImplementedError, KeyError):
        found = f"{type(model.tokenizer).__name__}, which gives no character offsets"
        expected = "a fast tokenizer (a tokenizer.json in the model's folder)"
        raise InputError(model.name, found=found, expected=expected) from None


def _span(text: str, words: str) -> tuple[int, int]:
    found = re.search(rf"\b{re.escape(words)}\b", text, re.IGNORECASE)
    assert found, f"{words!r} is not in its own template"
    return found.span()
