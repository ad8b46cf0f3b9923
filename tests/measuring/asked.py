"""Eight questions of two groups, whose answers are worked out by hand."""

from made_up import item

from nast.items.table import missed
from nast.records import Fact

ASKED = ("Edema", "Cardiomegaly", "Fracture")
OPTIONS = [[0, 1, 1], [1, 1, 1], [0, 0, 1], [1, 0, 0]]
WORDS = ["B and C, no A", "A, B, and C", "C, without A or B", "A, no B or C"]


def said(option, conditions=ASKED):
    """What an option says of three conditions."""
    known = zip(conditions, option, strict=True)
    return [Fact(name, "present" if there else "absent") for name, there in known]


def question(number, answer=None, conditions=ASKED, view="AP", words=None):
    """Question `number` of its group of four, in three forms; its own number is right."""
    right = number % 4 if answer is None else answer
    facts = [said(option, conditions) for option in OPTIONS]
    texts = {"negated": words or WORDS, "affirmative": list("wxyz"), "omitted": list("wxyz")}
    return [
        item(
            f"q{number}",
            form,
            answer=right,
            options=options,
            facts=[[fact.as_dict() for fact in some] for some in facts],
            kinds=[missed(facts[right], some) for some in facts],
            conditions=list(conditions),
            view=view,
            group_id=f"g{number // 4}",
            subject_id=f"p{number}",
        )
        for form, options in texts.items()
    ]


def picks(chosen):
    """Item id -> the option that is chosen, from form -> an option for each question."""
    return {
        f"q{number}-{form}": option
        for form, some in chosen.items()
        for number, option in enumerate(some)
    }


def claim(number, form, answer=0):
    """A claim set of two: "no edema or fracture", or "fracture, no edema"."""
    facts = [said(option, ("Edema", "Fracture")) for option in ([0, 0], [0, 1])]
    options = ["no edema or fracture", "fracture, no edema"]
    if form != "negated":
        options = ["clear", "fracture and clear"]
    return item(
        f"c{number}",
        form,
        "claims",
        answer,
        options,
        facts=[[fact.as_dict() for fact in some] for some in facts],
        conditions=["Edema", "Fracture"],
    )
