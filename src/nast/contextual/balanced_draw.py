"""Lists of one true and K-1 contradicted statements, drawn so that words give nothing away.

A list is drawn to bring two kinds of sums to zero, over all lists: how often a statement is the
truth, K times, minus how often it is shown; and the same for what words alone show of a candidate
beside the others (how many speak of its condition, how much it has in common with them). Where
all these sums are zero, no conditional logit in them is better than a guess: the gradient of its
likelihood at zero is that vector of sums, and the likelihood is concave.

All sums are whole numbers of a unit, so that they are exact and the lists the same on every
processor.
"""

from typing import NamedTuple

import numpy as np

TRIES = 64
"""Ways of filling a list that are compared."""
MOST_USES = 8
"""Lists of one polarity that one image serves in."""
ROUNDS = 4
"""How often lists are taken away and foils exchanged at the end."""
EXCHANGE = 10
"""What the sums of statements weigh beside those of context when foils are exchanged."""
UNIT = 2520
"""What a statement counts: a multiple of every number of candidates up to ten, that ties share."""
WORDS = 60
"""The unit of `alike`."""
_SIBLINGS, _KINDS = 3, 3
_CONTEXT = _SIBLINGS * _KINDS + 4


class Stated(NamedTuple):
    """What is known of the statements of one polarity in one split.

    Attributes:
        verdicts: (images, statements), int8: 1 true, -1 contradicted, 0 of no use.
        together: (statements, statements), whether two may stand in one list: neither follows from
            the other.
        condition: (statements,), a number for the condition that each is about.
        kind: (statements,), 0 existence, 1 location, 2 severity.
        alike: (statements, statements), share of words in common in parts of `WORDS`, a whole
            number; `WORDS` of a statement with itself.
    """

    verdicts: np.ndarray
    together: np.ndarray
    condition: np.ndarray
    kind: np.ndarray
    alike: np.ndarray


class Lists(NamedTuple):
    """Drawn lists.

    Attributes:
        images: (n,), the image of each.
        statements: (n, K), the truth first.
    """

    images: np.ndarray
    statements: np.ndarray


def draw_lists(said: Stated, k: int, limit: int, rng: np.random.Generator) -> Lists:
    """As many lists as the facts give, at most `limit`, right as often as words suggest.

    The truth of the next list is the statement that was shown too often as a foil; its foils are
    those that were right too often. What is left over at the end is taken away again.

    Args:
        said: see `Stated`.
        k: statements in a list, at least 2.
        limit: at most so many lists.
        rng: of every choice.

    Returns:
        Lists in which a statement is the truth as often as in 1/K of its showings, within one.
    """
    number = said.verdicts.shape[1]
    false, true = said.verdicts == -1, said.verdicts == 1
    serves = false.sum(axis=1) >= k - 1
    uses, said_of = np.zeros(len(false), dtype=int), np.zeros_like(true)
    balance = np.zeros(number + _CONTEXT)
    alive = true.any(axis=0) & false.any(axis=0)
    images: list[int] = []
    lists: list[np.ndarray] = []
    while len(lists) < limit and alive.any():
        turn = np.where(alive, balance[:number] + rng.integers(0, UNIT // 2, number), np.inf)
        truth = int(turn.argmin())
        free = np.flatnonzero(true[:, truth] & serves & (uses < MOST_USES) & ~said_of[:, truth])
        shown = rng.choice(free, TRIES) if len(free) else free
        filled, shown = _filled(said, false & alive, balance[:number], truth, shown, k, rng)
        if not len(filled):
            alive[truth] = False
            continue
        change = _change(said, filled)
        best = int((change * (change + 2 * balance)).sum(axis=1).argmin())
        balance += change[best]
        images.append(int(shown[best]))
        lists.append(filled[best])
        uses[images[-1]] += 1
        said_of[images[-1], truth] = True
    drawn = Lists(np.array(images, dtype=int), np.array(lists, dtype=int).reshape(-1, k))
    for _ in range(ROUNDS):
        kept = _balanced(said, drawn)
        drawn = _exchanged(said, Lists(drawn.images[kept], drawn.statements[kept]), rng)
    kept = _within(said, drawn)
    return Lists(drawn.images[kept], drawn.statements[kept])


def _filled(
    said: Stated,
    false: np.ndarray,
    owed: np.ndarray,
    truth: int,
    images: np.ndarray,
    k: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Lists of a truth and the foils that are owed most, with some chance, and their images."""
    allowed = false[images] & said.together[truth]
    chance = rng.integers(-UNIT, UNIT + 1, (2, *allowed.shape)).sum(axis=0)
    wanted = owed + chance
    lists = np.full((len(images), k), truth)
    rows, whole = np.arange(len(images)), np.ones(len(images), dtype=bool)
    for place in range(1, k):
        foil = np.where(allowed, wanted, -np.inf).argmax(axis=1)
        whole &= allowed[rows, foil]
        lists[:, place] = foil
        allowed &= said.together[foil]
        allowed[rows, foil] = False
    return lists[whole], images[whole]


def _change(said: Stated, lists: np.ndarray) -> np.ndarray:
    """What each list adds to the sums, (n, statements + context)."""
    n, k = lists.shape
    sign = np.full(k, -1.0)
    sign[0] += k
    number = said.verdicts.shape[1]
    change = np.zeros((n, number + _CONTEXT))
    rows = np.arange(n)[:, None]
    np.add.at(change, (rows, lists), UNIT * sign)
    conditions = said.condition[lists]
    siblings = (conditions[:, :, None] == conditions[:, None, :]).sum(axis=2) - 1
    cell = said.kind[lists] * _SIBLINGS + np.minimum(siblings, _SIBLINGS - 1)
    np.add.at(change, (rows, number + cell), UNIT * sign)
    common = said.alike[lists[:, :, None], lists[:, None, :]].sum(axis=2)
    most = common == common.max(axis=1, keepdims=True)
    least = common == common.min(axis=1, keepdims=True)
    # How far each stands from the mean of its list, k times, and the square of that.
    middle = k * common - common.sum(axis=1, keepdims=True)
    columns = (
        most * (UNIT // most.sum(axis=1, keepdims=True)),
        least * (UNIT // least.sum(axis=1, keepdims=True)),
        middle * max(1, UNIT // (WORDS * k)),
        middle**2 // k**2,
    )
    for place, column in enumerate(columns):
        change[:, number + _SIBLINGS * _KINDS + place] = column @ sign
    return change


def _exchanged(said: Stated, drawn: Lists, rng: np.random.Generator) -> Lists:
    """Foils that were shown too often give way to others, where that brings the sums to zero."""
    number, lists = said.verdicts.shape[1], drawn.statements.copy()
    weight = np.r_[np.full(number, EXCHANGE), np.ones(_CONTEXT)]
    balance = _change(said, lists).sum(axis=0)
    used = np.bincount(lists.ravel(), minlength=number) > 0
    for row in rng.permutation(len(lists)).tolist():
        for place in range(1, lists.shape[1]):
            others = np.delete(lists[row], place)
            allowed = (said.verdicts[drawn.images[row]] == -1) & used
            allowed &= said.together[others].all(axis=0)
            allowed[lists[row]] = False
            owed = np.where(allowed, balance[:number], -np.inf)
            better = int(owed.argmax())
            if owed[better] - UNIT <= balance[lists[row, place]]:
                continue
            both = np.stack([lists[row], lists[row]])
            both[1, place] = better
            before, after = _change(said, both)
            moved = balance - before + after
            if (weight * moved**2).sum() < (weight * balance**2).sum():
                balance, lists[row] = moved, both[1]
    return Lists(drawn.images, lists)


def _balanced(said: Stated, drawn: Lists) -> np.ndarray:
    """Which lists stay: those without which the sums would be further from zero."""
    kept = np.ones(len(drawn.images), dtype=bool)
    change = _change(said, drawn.statements)
    balance = change.sum(axis=0)
    while kept.any():
        without = (change * (change - 2 * balance)).sum(axis=1)
        out = int(np.where(kept, without, np.inf).argmin())
        if without[out] >= 0:
            break
        kept[out] = False
        balance -= change[out]
    return kept


def _within(said: Stated, drawn: Lists) -> np.ndarray:
    """Which lists stay, so that every statement is within one of its share."""
    kept = np.ones(len(drawn.images), dtype=bool)
    k, number = drawn.statements.shape[1], said.verdicts.shape[1]
    change = _change(said, drawn.statements)
    balance = change.sum(axis=0)
    while kept.any():
        worst = int(np.abs(balance[:number]).argmax())
        if abs(balance[worst]) <= k * UNIT:
            break
        helps = kept & (change[:, worst] * balance[worst] > 0)
        without = (change * (change - 2 * balance)).sum(axis=1)
        out = int(np.where(helps, without, np.inf).argmin())
        kept[out] = False
        balance -= change[out]
    return kept
