"""What the formats for chat models share."""

from nast.errors import UsageError
from nast.exchange.documents import Document, item_documents
from nast.exchange.material import Material, evaluated
from nast.language.write.templates import FORMS


def evaluated_documents(material: Material, seed: int) -> dict[str, list[Document]]:
    """The documents of the split to evaluate, by set.

    Raises:
        UsageError: the folder has no multiple-choice items.
    """
    if not material.items:
        raise UsageError("chat models take questions or claim sets; this folder has captions only")
    return {n: item_documents(material.items[n], seed) for n in evaluated(material.items)}


def common_forms(documents: list[Document]) -> list[str]:
    """The forms that every document has."""
    return [form for form in FORMS if all(d[form] for d in documents)]


def chat_notes(material: Material) -> list[str]:
    """What a reader of a chat model's numbers must know."""
    notes = [
        "Every task asks the same questions about the same images in another form: compare "
        "`negated` with `affirmative`. `omitted` leaves the denied findings out, so that "
        "several options may read alike: its chance is higher.",
        "A reply without 'ANSWER: LETTER' counts as wrong.",
    ]
    if material.access != "open":
        notes.append("The command runs a model on this machine. An online service may not be used.")
    return notes
