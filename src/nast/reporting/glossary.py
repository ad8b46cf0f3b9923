"""What the words of a report mean; each is shown where a reader points at it, and at the end."""

from nast.reporting.joined import Joined


def glossary_of(joined: Joined, lists: str) -> dict[str, str]:
    """Word -> its meaning, with the numbers of what was scored.

    Args:
        joined: what was scored.
        lists: how many candidates the lists have; empty where there are none.
    """
    # The paper's own items are solved by words alone to a large part (decision 9).
    literal = (joined.metrics["protocol"] == "paper").any()
    blind = "Words alone may do better than chance here: see the audit."
    words = {
        "Negated": "In denying words, such as “no pneumothorax”.",
        "Affirmative": "The same items with each absence said in affirmative words, such as “fully "
        "expanded lungs”.",
        "Omitted": "The same items with their absences left out.",
        "Plain": "Items that deny nothing.",
        "Question": "Four options about three conditions of one radiograph. "
        + (blind if literal else "Words alone are right once in four."),
    }
    if joined.claims:
        words["Claim accuracy"] = (
            f"Claim sets: {joined.claims} claims, one of them true, the others wrong in existence, "
            "side or grade. "
            + (blind if literal else f"Words alone are right once in {joined.claims}.")
        )
    words |= _recall(joined, lists)
    return words | {
        "Gap": "Affirmative minus negated, on the same items; of R@1 on different lists, for a "
        "list of presences has no denial. Above 0 the model does better when it need not hear a "
        "denial.",
        "blind": "Nobody looks at the image: one ranking of the texts for every image, by how "
        "often they are said in training.",
        "chance": "One over the number of options.",
        "base": "The model before any fine-tuning; the first of the models.",
        "LoRA uniform": "Fine-tuning with LoRA in which all blocks of the text tower have the same "
        "step.",
        "NAST": "Negation-aware selective training: the same fine-tuning, in which the blocks have "
        "steps that follow the causal trace of training patients: as learning rates (lr), or as "
        "factors on the gradient (as printed in the paper).",
        "seed": "The number that a training starts from. Several show how much of a difference is "
        "luck of the training; an interval “over seeds” is about a seed that was not trained.",
        "@1": "The whole change of a fine-tuned model. Without it, as much of the change is taken "
        "as does no harm on the validation patients.",
        "[low, high]": "A 95 % interval: bootstrap over patients, and over groups of items where "
        "that is wider. A number of several seeds is their mean.",
        "not inferior": f"A loss of more than {100 * joined.margin:g} points is outside the "
        "interval.",
        "CTE": "Causal tracing effect: how much of the preference for the true caption moves when "
        "the states of one block and position are replaced by those of its counterpart.",
        "p": "Corrected for all pairs of models (Holm).",
    }


def _recall(joined: Joined, lists: str) -> dict[str, str]:
    """What R@1 and R@5 are of."""
    if not lists:
        gallery = "all distinct captions, of both polarities, of the scored patients"
        if joined.reading != "unique":
            gallery = f"the gallery {joined.reading}"
        said = "Whether one of the image’s own captions is among the first {} of " + gallery + "."
        return {f"R@{k}": said.format(k) for k in (1, 5)}
    said = (
        f"Candidate lists: {lists} statements of one polarity, one true of the image, the others "
        "contradicted by its facts. Whether the true one is among the first {0}. Words alone are "
        f"right {{0}} times in {lists}."
    )
    longer = lists not in ("4", "5")
    return {f"R@{k}": said.format(k) for k in ((1, 5) if longer else (1,))}
