"""Single captions: one statement in one sentence (paper section 4.1, format ii).

The forms are a small grammar: ways of denying or stating times the frames that take them. A form
has three fields: `{noun}` (the finding with its attributes), `{a}` (the same with its article)
and `{is}` (its verb), so that each is correct English for every condition.
"""

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.write.templates import article, finish, noun_phrase
from nast.records import Fact

_SEEN = (
    "seen",
    "identified",
    "present",
    "noted",
    "visible",
    "detected",
    "evident",
    "observed",
    "found",
    "demonstrated",
)
_IMAGES = ("chest radiograph", "image", "examination", "study", "chest x-ray", "film")
_SHOWS = ("shows", "demonstrates", "reveals", "depicts")
_LEADS = (
    "no evidence of",
    "no sign of",
    "no signs of",
    "negative for",
    "free of",
    "without",
    "without evidence of",
)

NEGATED_CAPTIONS: tuple[str, ...] = (
    "no {noun}",
    "there {is} no {noun}",
    "{noun} {is} absent",
    "there is no evidence of {noun}",
    "there is no sign of {noun}",
    "there are no signs of {noun}",
    "no evidence of {noun} is seen",
    "the chest is free of {noun}",
    "the chest radiograph is negative for {noun}",
    *(f"{lead} {{noun}}" for lead in _LEADS),
    *(f"no {{noun}} {{is}} {seen}" for seen in _SEEN),
    *(f"{{a}} {{is}} not {seen}" for seen in _SEEN),
    *(f"the {image} shows no {{noun}}" for image in _IMAGES),
    *(f"no {{noun}} on this {image}" for image in _IMAGES),
)
"""Forms that deny a finding, or its side, zone or grade."""
AFFIRMATIVE_CAPTIONS: tuple[str, ...] = (
    "{noun}",
    "there {is} {a}",
    "evidence of {noun}",
    "findings show {a}",
    "there is evidence of {noun}",
    "there are signs of {noun}",
    "evidence of {noun} is seen",
    "chest with {a}",
    "chest radiograph with {a}",
    *(f"{{a}} {{is}} {seen}" for seen in _SEEN),
    *(f"the {image} shows {{a}}" for image in _IMAGES),
    *(f"the image {shows} {{a}}" for shows in _SHOWS[1:]),
    *(f"{{noun}} on this {image}" for image in _IMAGES),
    *(f"this is {image} with {{a}}" for image in ("a chest radiograph", "a chest x-ray")),
)
"""Forms that state a finding with its side, zone and grade."""


def caption_forms(existence: str) -> tuple[str, ...]:
    """The forms that say `present`, or those that say `absent`."""
    return AFFIRMATIVE_CAPTIONS if existence == "present" else NEGATED_CAPTIONS


def caption(statement: Fact, form: str, conditions: Conditions = CONDITIONS) -> str:
    """A single caption (paper section 4.1, format ii).

    Args:
        statement: what the caption says; an absent one may have attributes: "no large pleural
            effusion", "no consolidation in the right lower zone".
        form: an entry of `AFFIRMATIVE_CAPTIONS` or `NEGATED_CAPTIONS`, as the statement's
            existence demands.
        conditions: the table of conditions.

    Raises:
        ValueError: the form's polarity is not the statement's.

    Examples:
        >>> nast.caption(nast.Fact("Edema", "absent"), "no {noun}")
        'No pulmonary edema.'
    """
    if form not in caption_forms(statement.existence):
        raise ValueError(f"form {form!r} does not say {statement.existence!r}")
    noun = noun_phrase(statement, conditions)
    verb = "are" if conditions[statement.condition].plural else "is"
    words = {"noun": noun, "a": article(statement, conditions) + noun, "is": verb}
    return finish(form.format(**words))
