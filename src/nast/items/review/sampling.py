"""An order in which the first rows cover the most: who stops early has still seen every kind."""

from collections.abc import Hashable, Sequence

import numpy as np

from nast.hashes import seed_of

SPLITS = ("test", "validate", "train")
"""The split that models are evaluated on comes first."""
Kind = tuple[Sequence[str], ...]
"""Per factor (conditions, number of denials, surface form) the levels that an item has."""


def spread(
    kinds: Sequence[Kind],
    splits: Sequence[str],
    groups: Sequence[Hashable],
    seed: int,
    number: int | None = None,
) -> list[int]:
    """A stratified order: each step takes an item whose levels have been taken least so far.

    All factors count equally. An item of a group that has served comes after those of groups that
    have not.

    Args:
        kinds: of each item.
        splits: of each item; test before validate before train.
        groups: of each item.
        seed: decides between equals.
        number: how many items; all if not given.

    Returns:
        Places of the items, without repeats.
    """
    order: list[int] = []
    for split in SPLITS:
        places = [i for i, s in enumerate(splits) if s == split]
        left = len(places) if number is None else min(len(places), number - len(order))
        if left > 0:
            rng = np.random.default_rng(seed_of(seed, "review", split))
            places = [places[i] for i in rng.permutation(len(places))]
            chosen = _spread([kinds[i] for i in places], [groups[i] for i in places], left)
            order += [places[i] for i in chosen]
    return order


def _spread(kinds: Sequence[Kind], groups: Sequence[Hashable], number: int) -> list[int]:
    """Greedy choice; of equals the first."""
    shares, weights = zip(*(_shares(factor) for factor in zip(*kinds, strict=True)), strict=True)
    own, weight = np.hstack(shares), np.concatenate(weights)
    known = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    group = np.array([known[g] for g in groups])
    used, taken = np.zeros(len(known)), np.zeros(own.shape[1])
    open_ = np.ones(len(kinds), dtype=bool)
    order = []
    for _ in range(number):
        # A group that has served outweighs any imbalance of levels.
        score = np.round(own @ (weight * taken), 6) + used[group] * (weight.sum() * len(kinds))
        best = int(np.argmin(np.where(open_, score, np.inf)))
        order.append(best)
        open_[best] = False
        taken += own[best]
        used[group[best]] += 1
    return order


def _shares(levels: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Per item the share of each level of one factor, and the weight of each level."""
    names = {name: i for i, name in enumerate(sorted({n for own in levels for n in own}))}
    shares = np.zeros((len(levels), len(names)))
    for row, own in enumerate(levels):
        for name in own:
            shares[row, names[name]] += 1 / len(own)
    return shares, np.full(len(names), float(len(names)))
