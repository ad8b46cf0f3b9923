"""The first page of a review file: who fills it in, whose terms bind it, what is to be done."""

from typing import Any, NamedTuple

from nast.access import RULES
from nast.items.review.sheets import CHECKS, OPTION_SETS, PHRASES, QUESTIONS

FIRST = "Read me first"
NAME = "Your name"
BUILD, DRAWN, SEED = "Build", "Questions drawn", "Seed"


class Origin(NamedTuple):
    """What a review file was made from.

    Attributes:
        build: see `sheets.build_id`.
        number: questions drawn.
        seed: of the draw.
    """

    build: str
    number: int
    seed: int


HOW = f"""
Fill in the yellow cells only; everything else is locked or checked when the file comes back. No \
other program than your spreadsheet is needed, and nothing is sent anywhere.
Write your name above. Every reviewer fills in a file of his or her own; please do not confer.
Rows may be left empty, and count as not reviewed. A row that you begin needs an answer to every \
check and a verdict. Rows come in an order in which the first ones cover the most: work from the \
top, and stop where you must.
Save as .xlsx under a name of your own, and give it back to whoever gave it to you.
THE FOUR CHECKS (yes or no)
{CHECKS["faithful"]}: the words say what the labels (column "Must say") say, no more and no less.
{CHECKS["polarity"]}: the negated and the affirmative form mean the same, and differ only in how \
the absence is said.
{CHECKS["natural"]}: a radiologist could write this.
{CHECKS["one right"]}: whatever the image shows, no two of the options are right of it; for a \
Table 5 phrase: where it stands in one option, no other option can be right as well.
THE VERDICT
accept: use it as it is. edit: use it with your correction. reject: every question that is built \
on it is left out.
Reviewers are combined row by row: verdicts are ordered accept, edit, reject, and the middle one \
counts; of two middle ones the stricter. A "no" in a check is reported even where the row stays.
SHEET "{PHRASES}"
Table 5 phrase: stands for the absence of a condition in affirmative words. Class: equivalent \
(says just that absence), broader (denies other conditions too) or view-dependent (cannot be told \
on every view). To edit, give a better phrase in small letters without full stop, a better class, \
or both. A correction changes every question that holds the phrase.
name: what a condition is called. sentence form: one way of building a sentence, with an example. \
Both can be accepted or rejected; say in the comment what you would write.
SHEET "{OPTION_SETS}"
Four options, A to D, in two forms. To edit, write the whole corrected sentence into the column of \
its letter and form; leave the others empty. Both forms must say the labels; the affirmative form \
must hold no negation (no, without, free of, absent ...), and outside the denial both must have \
the same words.
SHEET "{QUESTIONS}"
Look at the image, then judge: do the labels fit the image, and is the option named as right the \
only right one? A question can be accepted or rejected; a rejected one goes with its group of \
four. Correct words in the sheet "{OPTION_SETS}".
""".strip().split("\n")


def first_page(manifest: dict[str, Any], status: str, origin: Origin) -> list[tuple[str, str]]:
    """The page as (label, text) lines.

    Args:
        manifest: of the folder of questions.
        status: of its review so far.
        origin: what the file is made from.
    """
    access = manifest["access"]
    rule = RULES.get(access, "they may be passed on under their terms")
    return [
        ("Review of MedNega-CXR questions", ""),
        (NAME, ""),
        ("Access class", f"{access}: {rule}"),
        *(("Terms", terms) for terms in manifest.get("terms", [])),
        (
            "Who may see it",
            f'The sheet "{QUESTIONS}" names images by their path, which may hold '
            "ids of the source, and says what is on them: only people who may see the data may "
            f'have this file. "{PHRASES}" and "{OPTION_SETS}" hold no reference to any patient.',
        ),
        ("Review so far", status),
        ("What to do", HOW[0]),
        *(("", line) for line in HOW[1:]),
        (BUILD, origin.build),
        (DRAWN, str(origin.number)),
        (SEED, str(origin.seed)),
    ]
