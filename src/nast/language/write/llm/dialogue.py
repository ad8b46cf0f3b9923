"""Asking, checking and asking again: one conversation for each set of texts."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nast.language.write.llm.prompts import Messages, load_prompt
from nast.language.write.llm.thoughts import spoken
from nast.language.write.llm.validate import Fault, tidy

Check = Callable[[str], Fault | None]
Ask = Callable[[Sequence[Messages]], Sequence[str | None]]
STEM = "Stem"


@dataclass(slots=True)
class Task:
    """One conversation about a set of labelled texts.

    Attributes:
        messages: so far; answers that hold a fault are answered with what is wrong in them.
        checks: label -> what its text must pass.
        stem: check of a stem, where one is wanted; a wrong stem is not asked for again.
        prompts: folder of the user's own prompts.
        found: label -> text that passed.
        faults: label -> why its last text did not.
    """

    messages: Messages
    checks: dict[str, Check]
    stem: Check | None = None
    prompts: Path | None = None
    found: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """The labels without a text."""
        return [label for label in self.checks if label not in self.found]


def converse(tasks: Sequence[Task], ask: Ask, retries: int) -> dict[str, object]:
    """Hold all conversations at once until their texts are right or the tries are used up.

    Args:
        tasks: get their texts in `found`; `faults` says what is wrong with those that lack one.
        ask: answers conversations.
        retries: how often a text may be asked for again.

    Returns:
        What became of the texts, in words, for a manifest; under `rejected` the texts of first and
        later answers that were turned down, by code of `validate.REASONS`.
    """
    texts = sum(len(task.checks) for task in tasks)
    missing, again, rejected = [texts], 0, Counter[str]()
    pending = [task for task in tasks if task.missing()]
    for number in range(retries + 1):
        again += missing[-1] if number else 0
        for task, answer in zip(pending, ask([t.messages for t in pending]), strict=True):
            _hear(task, answer, rejected)
        pending = [task for task in pending if task.missing()]
        missing.append(sum(len(task.missing()) for task in pending))
        if not pending:
            break
    return {
        "texts": texts,
        "right at once": texts - missing[1],
        "right when asked again": missing[1] - missing[-1],
        "never right": missing[-1],
        "times asked again": again,
        "rejected": dict(sorted(rejected.items())),
    }


def _hear(task: Task, answer: str | None, rejected: Counter[str]) -> None:
    """Check an answer; where something is wrong, say so in the conversation."""
    # Thoughts are no answer, and are not sent back as one.
    answer = spoken(answer or "").strip()
    if not answer:
        task.faults = dict.fromkeys(task.missing(), Fault("no answer", "has no text"))
        rejected.update(fault.code for fault in task.faults.values())
        return
    lines = labelled_lines(answer, [*task.checks, STEM])
    if task.stem and STEM in lines and STEM not in task.found and not task.stem(lines[STEM]):
        task.found[STEM] = lines[STEM]
    task.faults = {}
    for label in task.missing():
        fault = (
            task.checks[label](lines[label])
            if label in lines
            else Fault("form", f'has no line that starts with "{label}:"')
        )
        if fault is None:
            task.found[label] = lines[label]
        else:
            task.faults[label] = fault
            rejected[fault.code] += 1
    if task.faults:
        wrong = "\n".join(f"{label} {fault.detail}." for label, fault in task.faults.items())
        labels = ", ".join(task.faults)
        again = load_prompt("again", task.prompts).messages(faults=wrong, labels=labels)
        task.messages += ({"role": "assistant", "content": answer}, *again)


def labelled_lines(answer: str, labels: Sequence[str]) -> dict[str, str]:
    """The texts of an answer by label, tidied.

    A line counts where it starts with a label (A, B, Stem) and one of `: . )`; marks around them,
    code fences, other lines and the thoughts of reasoning models are passed over. The first line of
    a label counts.
    """
    names = "|".join(map(re.escape, labels))
    line = re.compile(rf"[\W_]*(?:(?:option|claim|sentence)\s+)?({names})[\"*_]*\s*[:.)](.*)", re.I)
    known = {label.lower(): label for label in labels}
    found: dict[str, str] = {}
    for row in spoken(answer).splitlines():
        match = line.fullmatch(row)
        text = tidy(match[2]) if match else ""
        if match and text:
            found.setdefault(known[match[1].lower()], text)
    return found
