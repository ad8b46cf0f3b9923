"""Multi-finding reports of phantom studies, the captions that the phantom model learns from.

`negation_rate` is the only dial: the share of mentioned absences that are written as a negation
("no pneumothorax") and not in the words of Table 5 ("fully expanded lungs"). Captions of the web
deny almost nothing; a model that learns from such captions meets "no" too rarely to learn it.
"""

from dataclasses import replace

import numpy as np

from nast.facts.conditions import CONDITIONS
from nast.language.write.templates import finish, joined, noun_phrase
from nast.records import Fact

_DENIALS = ("no {}", "no sign of {}", "no evidence of {}", "without {}", "{} absent", "free of {}")
_PRESENCES = ("{}", "{}", "{} is seen", "there is {}", "{} noted", "evidence of {}", "{} present")
_NORMALS = ("{}", "{}", "{} are seen", "{} noted", "with {}")


def report_of(facts: dict[str, Fact], negation_rate: float, rng: np.random.Generator) -> str:
    """One report of two to four statements about a study, in random order and varied words.

    Args:
        facts: condition -> what is true of the study, for all 13 conditions.
        negation_rate: probability in [0, 1] that a mentioned absence is written as a negation.
        rng: source of every choice.

    Returns:
        Sentences with side, zone and grade mentioned four times in five where the study has them.
    """
    present = [f for f in facts.values() if f.existence == "present"]
    # A finding that another one implies (pneumonia: consolidation) is neither denied nor named.
    implied = {parent for f in present for parent in CONDITIONS[f.condition].parents}
    absent = [f for f in facts.values() if f.existence == "absent" and f.condition not in implied]
    number = int(rng.integers(2, 5))
    shown = min(len(present), int(rng.integers(1, number + 1)))
    chosen = [present[i] for i in rng.permutation(len(present))[:shown]]
    denied = [absent[i] for i in rng.permutation(len(absent))[: number - shown]]
    clauses = [_state(f, rng) for f in chosen]
    clauses += [_deny(f, negation_rate, rng) for f in denied]
    clauses = [clauses[i] for i in rng.permutation(len(clauses))]
    return _sentences(clauses, rng)


def _state(fact: Fact, rng: np.random.Generator) -> str:
    dropped = {name: None for name in ("side", "zone", "severity") if rng.random() < 0.2}
    noun = noun_phrase(replace(fact, **dropped))  # type: ignore[arg-type]
    return str(rng.choice(_PRESENCES)).format(noun)


def _deny(fact: Fact, negation_rate: float, rng: np.random.Generator) -> str:
    if rng.random() < negation_rate:
        return str(rng.choice(_DENIALS)).format(CONDITIONS[fact.condition].term)
    return str(rng.choice(_NORMALS)).format(CONDITIONS[fact.condition].normal)


def _sentences(clauses: list[str], rng: np.random.Generator) -> str:
    """Clauses in sentences of one to three, joined by commas, "and" or a semicolon."""
    sentences = []
    while clauses:
        size = int(rng.integers(1, 4))
        part, clauses = clauses[:size], clauses[size:]
        joint = rng.random()
        text = joined(part) if joint < 0.4 else (", " if joint < 0.8 else "; ").join(part)
        sentences.append(finish(text))
    return " ".join(sentences)
